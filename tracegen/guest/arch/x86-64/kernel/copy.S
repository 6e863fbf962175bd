// The only place where the kernel touches user memory, at the addresses the user gave: it misses, faults and
// demand-zeroes like the user does.  An access that cannot be satisfied resumes at user_copy_failed (trap.c).

        .text

// long user_copy(to, from, bytes): 0, or -1 where a page on the user's side is not the process's.
        .globl  user_copy
user_copy:
        mov     %rdx, %rcx
        shr     $3, %rcx
        rep movsq
        mov     %rdx, %rcx
        and     $7, %ecx
        rep movsb
        xor     %eax, %eax
        ret
        .globl  user_copy_failed
user_copy_failed:
        mov     $-1, %rax
        ret
