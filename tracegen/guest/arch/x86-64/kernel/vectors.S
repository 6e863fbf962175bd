// Exception vectors and the system call: every way into the kernel, and the way out.
//
// From user mode, hardware takes the stack from the task state; it saves pc, flags and the stack pointer there, and for
// some exceptions an error code.  syscall saves nothing but pc in rcx and flags in r11.  gs points to the CPU's area while
// the kernel runs, and is the user's otherwise.
#include "cpu.h"
#include "trapframe.h"

#define HAS_ERROR 0x60227d00 // vectors 8, 10 to 14, 17, 21, 29, 30

        .text
        .balign 16
        .globl  vectors
vectors:
        .set    vector, 0
        .rept   VECTORS
        .balign 16
        .if     !(HAS_ERROR >> vector & 1)
        pushq   $0
        .endif
        pushq   $vector
        jmp     trap_save
        .set    vector, vector + 1
        .endr

// Interrupts are off from the first instruction on, so nothing comes between.
        .balign 16
        .globl  syscall_entry
syscall_entry:
        swapgs
        mov     %rsp, %gs:CPU_USER_STACK
        mov     %gs:CPU_KERNEL_STACK, %rsp
        pushq   $USER_DATA
        pushq   %gs:CPU_USER_STACK
        pushq   %r11
        pushq   $USER_CODE
        pushq   %rcx
        pushq   $0
        pushq   $CAUSE_CALL
        jmp     save

// Saves a trap frame on the kernel stack (from user mode, the process's; from the kernel, where it is) and calls
// trap(frame) with interrupts off.
        .globl  trap_save
trap_save:
        testb   $3, TF_CS - TF_CAUSE(%rsp)
        jz      1f
        swapgs
1:      cld
save:   sub     $TF_CAUSE, %rsp
        mov     %rdi, TF_RDI(%rsp)
        mov     %rsi, TF_RSI(%rsp)
        mov     %rdx, TF_RDX(%rsp)
        mov     %rax, TF_RAX(%rsp)
        mov     %rcx, TF_RCX(%rsp)
        mov     %rbx, TF_RBX(%rsp)
        mov     %rbp, TF_RBP(%rsp)
        .irp    n, 8,9,10,11,12,13,14,15
        mov     %r\n, TF_R(\n)(%rsp)
        .endr
        cmpl    $CAUSE_PAGE_FAULT, TF_CAUSE(%rsp)
        jne     2f
        mov     %cr2, %rax
        mov     %rax, TF_ADDRESS(%rsp)
2:      mov     %rsp, %rdi
        call    trap

// Returns to whatever the frame at rsp describes: behind a system call by sysret, which has room for neither rcx nor r11,
// else by iretq.  A new process enters user mode through here, too.
        .globl  trap_return
trap_return:
        mov     TF_RDI(%rsp), %rdi
        mov     TF_RSI(%rsp), %rsi
        mov     TF_RDX(%rsp), %rdx
        mov     TF_RAX(%rsp), %rax
        mov     TF_RBX(%rsp), %rbx
        mov     TF_RBP(%rsp), %rbp
        .irp    n, 8,9,10,12,13,14,15
        mov     TF_R(\n)(%rsp), %r\n
        .endr
        cmpl    $CAUSE_CALL, TF_CAUSE(%rsp)
        je      2f
        mov     TF_RCX(%rsp), %rcx
        mov     TF_R(11)(%rsp), %r11
        testb   $3, TF_CS(%rsp)
        jz      1f
        swapgs
1:      add     $TF_PC, %rsp
        iretq
2:      mov     TF_PC(%rsp), %rcx
        mov     TF_FLAGS(%rsp), %r11
        mov     TF_SP(%rsp), %rsp
        swapgs
        sysretq

// void idle_wait(): waits for an interrupt and takes it; the kernel runs with interrupts off otherwise.  sti takes effect
// behind the next instruction: one that comes just before ends the wait at once, instead of being taken and then waited
// for.
        .globl  idle_wait
idle_wait:
        sti
        hlt
        cli
        ret
