// From one kernel thread to another.
        .set    noreorder
        .text

        .macro  exchange register, offset
        sd      $\register, \offset($a0)
        ld      $\register, \offset($a1)
        .endm

// void context_switch(struct context *from, const struct context *to): returns on the other stack, in the caller of
// the context_switch that left it; or, the first time, where context_begin says with sp at its trap frame.
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
        exchange 29, 64
        exchange 30, 72
        exchange 31, 80
        jr      $ra
        nop

// Where a thread begins, with sp at its trap frame: it ends the switch that chose it, and goes to user mode.
        .globl  thread_begin
thread_begin:
        jal     switch_end
        nop
        j       trap_return
        nop

// Where the first process begins: in C first.
        .globl  thread_first
thread_first:
        jal     switch_end
        nop
        jal     proc_first
        nop
        j       trap_return
        nop
