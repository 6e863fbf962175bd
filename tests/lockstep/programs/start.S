# A flat program in kernel mode: stack, main, then its result to the exit register.
.set noreorder
.section .text.start, "ax"
.globl _start
_start:
    lui   $sp, 0x8040
    jal   main
    nop
    lui   $t0, 0xbf00
finish:
    sd    $v0, 8($t0)
    b     finish
    nop
