// From one kernel thread to another.
        .text

        .macro  exchange register, offset
        mov     %\register, \offset(%rdi)
        mov     \offset(%rsi), %\register
        .endm

// void context_switch(struct context *from, const struct context *to): returns on the other stack, in the caller of
// the context_switch that left it; or, the first time, where context_begin says with rsp at its trap frame.
        .globl  context_switch
context_switch:
        exchange rbx, 0
        exchange rbp, 8
        exchange r12, 16
        exchange r13, 24
        exchange r14, 32
        exchange r15, 40
        exchange rsp, 48
        ret

// Where a thread begins, with rsp at its trap frame: it ends the switch that chose it, and goes to user mode.
        .globl  thread_begin
thread_begin:
        call    switch_end
        jmp     trap_return

// Where the first process begins: in C first.
        .globl  thread_first
thread_first:
        call    switch_end
        call    proc_first
        jmp     trap_return
