# Runs the cases of a table: 16 words of input each (rax rcx rdx rbx rbp rsi rdi r8-r14, flags, address of the code).
# What the registers and flags then are goes to the same place of the output table.
.set INPUT, 0x800000
.set OUTPUT, 0x900000
.set MSR_FS_BASE, 0xC0000100
.text
.globl _start
_start:
    mov   $0x7F0000, %esp
    mov   %cr4, %rax
    or    $0x200, %rax
    mov   %rax, %cr4
    mov   $MSR_FS_BASE, %ecx
    mov   $0x1000, %eax
    xor   %edx, %edx
    wrmsr
    inc   %ecx
    mov   $0x2000, %eax
    wrmsr
    mov   $INPUT, %r15
next:
    mov   120(%r15), %rax
    test  %rax, %rax
    jz    done
    mov   %rax, target
    mov   (%r15), %rax
    mov   8(%r15), %rcx
    mov   16(%r15), %rdx
    mov   24(%r15), %rbx
    mov   32(%r15), %rbp
    mov   40(%r15), %rsi
    mov   48(%r15), %rdi
    mov   56(%r15), %r8
    mov   64(%r15), %r9
    mov   72(%r15), %r10
    mov   80(%r15), %r11
    mov   88(%r15), %r12
    mov   96(%r15), %r13
    mov   104(%r15), %r14
    pushq 112(%r15)
    popfq
    call  *target
    mov   %rax, OUTPUT-INPUT(%r15)
    mov   %rcx, OUTPUT-INPUT+8(%r15)
    mov   %rdx, OUTPUT-INPUT+16(%r15)
    mov   %rbx, OUTPUT-INPUT+24(%r15)
    mov   %rbp, OUTPUT-INPUT+32(%r15)
    mov   %rsi, OUTPUT-INPUT+40(%r15)
    mov   %rdi, OUTPUT-INPUT+48(%r15)
    mov   %r8, OUTPUT-INPUT+56(%r15)
    mov   %r9, OUTPUT-INPUT+64(%r15)
    mov   %r10, OUTPUT-INPUT+72(%r15)
    mov   %r11, OUTPUT-INPUT+80(%r15)
    mov   %r12, OUTPUT-INPUT+88(%r15)
    mov   %r13, OUTPUT-INPUT+96(%r15)
    mov   %r14, OUTPUT-INPUT+104(%r15)
    pushfq
    popq  OUTPUT-INPUT+112(%r15)
    mov   %rsp, OUTPUT-INPUT+120(%r15)
    lea   128(%r15), %r15
    jmp   next
.globl done
done:
    mov   $0xf4, %edx
finish:
    out   %eax, %dx
    jmp   finish
.data
.balign 8
target:
    .quad 0
