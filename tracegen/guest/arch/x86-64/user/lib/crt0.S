// Where a user program starts (rsp at the top of its stack), and the stubs of the system calls: number in rax, arguments
// where the caller put them, result in rax.
#include "abi.h"

        .section .text.entry, "ax"
        .globl  _start
_start:
        call    start

// Where a thread starts, with its struct thread in rdi.
        .globl  thread_entry
thread_entry:
        call    thread_main

        .text
        .macro  stub name, number
        .globl  \name
\name:  mov     $\number, %eax
        syscall
        ret
        .endm

#include "stubs.h"
