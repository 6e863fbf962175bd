// Where a user program starts (sp at the top of its stack), and the stubs of the system calls: number in v0,
// arguments where the caller put them, result in v0.
#include "abi.h"

        .set    noreorder

        .section .text.entry, "ax"
        .globl  __start
__start:
        jal     start
        daddiu  $sp, $sp, -16

        .text
        .macro  stub name, number
        .globl  \name
\name:  li      $v0, \number
        syscall
        jr      $ra
        nop
        .endm

        stub    sys_exit, SYS_EXIT
        stub    sys_write, SYS_WRITE
        stub    sys_sbrk, SYS_SBRK
        stub    sys_time, SYS_TIME
        stub    sys_yield, SYS_YIELD
        stub    sys_getarg, SYS_GETARG
