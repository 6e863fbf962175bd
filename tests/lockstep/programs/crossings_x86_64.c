// Instructions and accesses that cross lines and pages, locked accesses, stack and string instructions.
typedef unsigned long long u64;
__attribute__((aligned(4096))) char area[3 * 4096];
u64 walk(char *middle, u64 x);
__asm__(
    ".text\n .balign 4096\n .skip 4090\n"
    "walk:\n"
    " movabs $0x123456789abcdef0, %rax\n"  // in both pages
    " add %rax, %rsi\n"
    " mov %rsi, -3(%rdi)\n"
    " mov -5(%rdi), %rdx\n"
    " add %esi, -2(%rdi)\n"
    " addw $77, -1(%rdi)\n"
    " lock xadd %rdx, -4(%rdi)\n"
    " xchg %rdx, 64(%rdi)\n"
    " lock incl -1(%rdi)\n"
    " push %rdx\n push -7(%rdi)\n pop -6(%rdi)\n pop %rcx\n"
    " lea 32(%rdi), %rsi\n push %rdi\n mov $70, %ecx\n rep movsb\n pop %rdi\n"
    " mov $9, %ecx\n rep stosq\n sub $72, %rdi\n"
    " jmp 1f\n .balign 64\n .skip 61\n"
    "1: add $0x12345678, %rdx\n"  // in two lines
    " mov %rdx, %rax\n"
    " test %al, %al\n"
    " .balign 64\n .skip 62, 0x90\n"
    " cmp $0x40, %rax\n"  // two instructions that run as one, in two lines
    " jb 2f\n"
    " add -3(%rdi), %rax\n"
    "2: ret\n"
);
u64 main(void) {
    u64 x = 1;
    for (int i = 0; i < 300; i++) {
        x = walk(area + 4096, x);
        area[4096 + (x & 1023)] += (char)x;
    }
    return x;
}
