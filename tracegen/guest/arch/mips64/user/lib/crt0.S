// Where a user program starts (sp at the top of its stack), and the stubs of the system calls: number in v0,
// arguments where the caller put them, result in v0.
#include "abi.h"

        .set    noreorder

        .section .text.entry, "ax"
        .globl  __start
__start:
        jal     start
        daddiu  $sp, $sp, -16

// Where a thread starts, with its struct thread in a0.
        .globl  thread_entry
thread_entry:
        jal     thread_main
        daddiu  $sp, $sp, -16

        .text
        .macro  stub name, number
        .globl  \name
\name:  li      $v0, \number
        syscall
        jr      $ra
        nop
        .endm

#include "stubs.h"
