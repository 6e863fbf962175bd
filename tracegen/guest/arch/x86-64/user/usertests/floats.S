// Every vector register at once, which C cannot name.
        .text

// void float_fill(u64 seed): both words of register n become seed + n.
        .globl  float_fill
float_fill:
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
        lea     \n(%rdi), %rax
        movq    %rax, %xmm\n
        punpcklqdq %xmm\n, %xmm\n
        .endr
        ret

// u64 float_differ(u64 seed): 0 if they are so.  The upper words come down for it.
        .globl  float_differ
float_differ:
        xor     %eax, %eax
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
        lea     \n(%rdi), %rdx
        movq    %xmm\n, %rcx
        xor     %rdx, %rcx
        or      %rcx, %rax
        movups  %xmm\n, -24(%rsp)
        xor     -16(%rsp), %rdx
        or      %rdx, %rax
        .endr
        ret

// u64 float_bits(void): the bits that are set in any of them.
        .globl  float_bits
float_bits:
        xor     %eax, %eax
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
        movups  %xmm\n, -24(%rsp)
        or      -24(%rsp), %rax
        or      -16(%rsp), %rax
        .endr
        ret

// void float_round(u64 mode): from here on to nearest (0), to zero (1), up (2) or down (3).  MXCSR counts otherwise.
        .globl  float_round
float_round:
        neg     %edi
        and     $3, %edi
        shl     $13, %edi
        or      $0x1f80, %edi
        mov     %edi, -8(%rsp)
        ldmxcsr -8(%rsp)
        ret
