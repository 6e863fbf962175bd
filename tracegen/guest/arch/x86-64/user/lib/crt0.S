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

        stub    sys_exit, SYS_EXIT
        stub    sys_write, SYS_WRITE
        stub    sys_sbrk, SYS_SBRK
        stub    sys_time, SYS_TIME
        stub    sys_yield, SYS_YIELD
        stub    sys_getarg, SYS_GETARG
        stub    sys_fork, SYS_FORK
        stub    sys_exec, SYS_EXEC
        stub    sys_wait, SYS_WAIT
        stub    sys_getpid, SYS_GETPID
        stub    sys_kill, SYS_KILL
        stub    sys_sleep, SYS_SLEEP
        stub    sys_pipe, SYS_PIPE
        stub    sys_read, SYS_READ
        stub    sys_close, SYS_CLOSE
        stub    sys_dup, SYS_DUP
        stub    sys_freepages, SYS_FREEPAGES
        stub    sys_open, SYS_OPEN
        stub    sys_unlink, SYS_UNLINK
        stub    sys_stat, SYS_STAT
        stub    sys_seek, SYS_SEEK
        stub    sys_sync, SYS_SYNC
        stub    sys_rename, SYS_RENAME
        stub    sys_dup2, SYS_DUP2
        stub    sys_freeblocks, SYS_FREEBLOCKS
        stub    sys_getppid, SYS_GETPPID
        stub    sys_thread_create, SYS_THREAD_CREATE
        stub    sys_thread_exit, SYS_THREAD_EXIT
        stub    sys_thread_join, SYS_THREAD_JOIN
        stub    sys_futex_wait, SYS_FUTEX_WAIT
        stub    sys_futex_wake, SYS_FUTEX_WAKE
        stub    sys_cpus, SYS_CPUS
        stub    sys_mmap, SYS_MMAP
        stub    sys_munmap, SYS_MUNMAP
        stub    sys_mprotect, SYS_MPROTECT
        stub    sys_msync, SYS_MSYNC
        stub    sys_mkdir, SYS_MKDIR
        stub    sys_rmdir, SYS_RMDIR
        stub    sys_chdir, SYS_CHDIR
        stub    sys_fstat, SYS_FSTAT
        stub    sys_link, SYS_LINK
        stub    sys_sigaction, SYS_SIGACTION
        stub    sys_sigreturn, SYS_SIGRETURN
        stub    sys_select, SYS_SELECT
