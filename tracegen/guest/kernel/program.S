// The programs' ELF files, page-aligned, so that their text can be mapped where it lies.  exec.c names them.

        .section .rodata.program, "a"
        .macro  program name
        .balign 4096
        .globl  program_\name, program_\name\()_end
program_\name:
        .incbin "\name"
program_\name\()_end:
        .endm

        program gups
        program radix
        program usertests
        program echo
        .balign 4096
