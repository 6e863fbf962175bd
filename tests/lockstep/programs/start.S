# A flat program in kernel mode: stack, coprocessor 1, main, then its result to the exit register.
.set noreorder
.section .text.start, "ax"
.globl _start
_start:
    lui   $sp, 0x8040
    lui   $t0, 0x2400
    ori   $t0, $t0, 0xe0
    mtc0  $t0, $12
    jal   main
    nop
    lui   $t0, 0xbf00
finish:
    sd    $v0, 8($t0)
    b     finish
    nop
