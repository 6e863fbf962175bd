// Where the machine starts: 64-bit mode, ring 0, interrupts off, paging on with tables that map memory at KERNEL_BASE,
// rdi = physical address of the boot argument string, rsi = bytes of RAM.  RAM outside the image reads zero, so the bss
// needs no clearing.
#include "param.h"

        .section .text.entry, "ax"
        .globl  _start
_start:
        lea     boot_stack_top(%rip), %rsp
        call    start

// Where another CPU starts, with rsp on the idle thread's stack and rdi = its struct cpu.
        .globl  cpu_entry
cpu_entry:
        call    cpu_main

        .section .bss
        .balign 16
        .globl  boot_stack_top
        .space  BOOT_STACK_BYTES
boot_stack_top:
