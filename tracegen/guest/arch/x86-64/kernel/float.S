// The vector registers, to memory and back: 16 of them, then MXCSR.
        .text

        .globl  float_save
float_save:
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
        movups  %xmm\n, 16*\n(%rdi)
        .endr
        stmxcsr 256(%rdi)
        ret

        .globl  float_load
float_load:
        .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
        movups  16*\n(%rdi), %xmm\n
        .endr
        ldmxcsr 256(%rdi)
        ret
