// Accesses that C cannot express, for usertests.
        .text

// u64 store_again(u64 *at, u64 value): the store faults where more than the pc must be right for it to run again: within
// a repeated instruction, which counts down as it goes, and across the border of two pages.  1 if it did.
        .globl  store_again
store_again:
        mov     %rdi, %rdx
        mov     %rsi, %rax
        mov     $513, %ecx
        rep stosq
        mov     %rax, 8188(%rdx)
        cmp     %rax, 4096(%rdx)
        jne     1f
        cmp     %rax, 8188(%rdx)
        jne     1f
        lea     513 * 8(%rdx), %rdx
        cmp     %rdi, %rdx
        jne     1f
        mov     $1, %eax
        ret
1:      xor     %eax, %eax
        ret

        .globl  reserved_instruction
reserved_instruction:
        ud2
        ret

        .globl  privileged_instruction
privileged_instruction:
        cli
        ret

        .globl  break_instruction
break_instruction:
        int3
        ret

        .globl  unknown_call
unknown_call:
        mov     $1000, %eax
        syscall
        ret

        .globl  arithmetic
arithmetic:
        xor     %ecx, %ecx
        xor     %edx, %edx
        mov     $1, %eax
        div     %rcx
        ret

// u64 spin(u64 turns): counts down with values in every register a handler could spoil; 0 where one changed.
        .globl  spin
spin:   push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        push    %rdi
        lea     1(%rdi), %rax
        .irp    register, rbx, rcx, rdx, rsi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
        lea     1(%rax), %\register
        mov     %\register, %rax
        .endr
        mov     (%rsp), %rax
1:      dec     %rdi
        jnz     1b
        cmp     (%rsp), %rax
        jne     2f
        inc     %rax
        .irp    register, rbx, rcx, rdx, rsi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
        inc     %rax
        cmp     %rax, %\register
        jne     2f
        .endr
        mov     $1, %edi
2:      mov     %rdi, %rax
        pop     %rcx
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret
