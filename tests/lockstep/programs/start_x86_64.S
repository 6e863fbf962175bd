# A flat program in ring 0: stack, vector registers, main, then its result to the exit port.
.section .text.start, "ax"
.globl _start
_start:
    mov   $0x400000, %esp
    mov   $0x220, %eax
    mov   %rax, %cr4
    call  main
    mov   $0xf4, %edx
finish:
    out   %eax, %dx
    jmp   finish
