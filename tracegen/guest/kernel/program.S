// The user program's ELF file, page-aligned, so that its text can be mapped where it lies.  exec.c names it.

        .section .rodata.program, "a"
        .balign 4096
        .globl  user_program, user_program_end
user_program:
        .incbin "user.elf"
user_program_end:
        .balign 4096
