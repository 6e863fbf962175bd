// Where the machine starts: kernel mode, no TLB entry valid, a0 = physical address of the boot argument string,
// a1 = bytes of RAM.  RAM outside the image reads zero, so the bss needs no clearing.
#include "cp0.h"
#include "memlayout.h"
#include "param.h"

        .set    noreorder

        .section .text.entry, "ax"
        .globl  __start
__start:
        // ERL, EXL, BEV and IE clear: vectors in kseg0, no interrupts, but timer and disk may end a wait.
        li      $t0, STATUS_UX | STATUS_TIMER | STATUS_DISK
        mtc0    $t0, CP0_STATUS
        lui     $sp, %hi(boot_stack_top)
        daddiu  $sp, $sp, %lo(boot_stack_top)
        jal     start
        nop

        .section .bss
        .balign 16
        .globl  boot_stack_top
        .space  BOOT_STACK_BYTES
boot_stack_top:
        .globl  kernel_stack
kernel_stack:
        .space  8
