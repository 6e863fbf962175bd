// From one kernel thread to another.
        .set    noreorder
        .text

        .macro  exchange register, offset
        sd      $\register, \offset($a0)
        ld      $\register, \offset($a1)
        .endm

// void context_switch(struct context *from, const struct context *to): returns on the other stack, in the caller of
// the context_switch that left it; or, the first time, in trap_return with sp at its trap frame.
        .globl  context_switch
context_switch:
        exchange 16, 0
        exchange 17, 8
        exchange 18, 16
        exchange 19, 24
        exchange 20, 32
        exchange 21, 40
        exchange 22, 48
        exchange 23, 56
        exchange 28, 64
        exchange 29, 72
        exchange 30, 80
        exchange 31, 88
        jr      $ra
        nop

// Where the first process begins, with sp at its trap frame: in C, then to user mode like every other.
        .globl  thread_first
thread_first:
        jal     proc_first
        nop
        j       trap_return
        nop
