// Where the machine starts: kernel mode, no TLB entry valid, a0 = physical address of the boot argument string,
// a1 = bytes of RAM.  RAM outside the image reads zero, so the bss needs no clearing.
#include "cp0.h"
#include "memlayout.h"
#include "param.h"

        .set    noreorder

        .section .text.entry, "ax"
        .globl  __start
__start:
        // ERL, EXL, BEV and IE clear: vectors in kseg0, no interrupts, but timer, disk and IPIs may end a wait.
        li      $t0, STATUS_UX | STATUS_KX | STATUS_LINES
        mtc0    $t0, CP0_STATUS
        lui     $sp, %hi(boot_stack_top)
        daddiu  $sp, $sp, %lo(boot_stack_top)
        lui     $gp, %hi(cpus)
        daddiu  $gp, $gp, %lo(cpus)
        jal     start
        dmtc0   $gp, CP0_ERROREPC

// Where another CPU starts, with sp on the idle thread's stack and a0 = its struct cpu.
        .globl  cpu_entry
cpu_entry:
        li      $t0, STATUS_UX | STATUS_KX | STATUS_LINES
        mtc0    $t0, CP0_STATUS
        move    $gp, $a0
        jal     cpu_main
        dmtc0   $gp, CP0_ERROREPC

        .section .bss
        .balign 16
        .globl  boot_stack_top
        .space  BOOT_STACK_BYTES
boot_stack_top:
