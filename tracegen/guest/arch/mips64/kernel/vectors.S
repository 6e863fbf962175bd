// Exception vectors: every way into the kernel, and the way out.
//
// Hardware sets EPC, Cause and Status.EXL, and on a TLB exception BadVAddr, Context and EntryHi; it saves nothing
// else.  k0 and k1 are the kernel's: user code knows that they change at any moment.
#include "cp0.h"
#include "memlayout.h"
#include "trapframe.h"

        .set    noreorder
        .set    noat

        .section .vectors, "ax"

// 0x000: refill of an address in a 32-bit segment.  User space is a 64-bit segment and the kernel reads the window
// in handlers only, with EXL set, which is the general vector.  So this is a kernel error: report it.
        .globl  vectors
vectors:
        j       trap_save
        nop

// 0x080: refill of a user address.  Context holds the address of the entry pair in the window, made by hardware.
// The first load may itself miss: then EPC still names the user instruction, because EXL is set, and the general
// vector maps the window and returns there, to miss again and come here again.
        .org    0x80
        .globl  utlb_refill
utlb_refill:
        dmfc0   $k0, CP0_BADVADDR
        dsrl    $k0, $k0, 31            // Context drops the bits from 32 up: beyond USER_TOP is an error
        bnez    $k0, utlb_beyond
        dmfc0   $k0, CP0_CONTEXT
        ld      $k1, 0($k0)
        ld      $k0, 8($k0)
        dsrl    $k1, $k1, PTE_ENTRYLO_SHIFT
        dmtc0   $k1, CP0_ENTRYLO0
        dsrl    $k0, $k0, PTE_ENTRYLO_SHIFT
        dmtc0   $k0, CP0_ENTRYLO1
        tlbwr
        eret
utlb_beyond:
        j       trap_save
        nop

// 0x180: everything else.  First the one case that must be fast: a load that missed in the window, that is, a
// nested refill.  The root's entries are always valid (an absent table is a shared page of zeroes), so this never
// sees the same miss twice.
        .org    0x180
        .globl  general_vector
general_vector:
        mfc0    $k0, CP0_CAUSE
        dmfc0   $k1, CP0_BADVADDR
        andi    $k0, $k0, CAUSE_CODE
        xori    $k0, $k0, EXC_LOAD << CAUSE_CODE_SHIFT
        bnez    $k0, general_slow
        dsra    $k1, $k1, 22            // the window is the 4 MiB at WINDOW, the only ones with these bits
        daddiu  $k1, $k1, 256
        bnez    $k1, general_slow
        dmfc0   $k0, CP0_CONTEXT        // bits 4-12: which pair of window pages, times 16
        dmfc0   $k1, CP0_ERROREPC
        ld      $k1, CPU_ROOT($k1)
        andi    $k0, $k0, TABLES * PTE_BYTES - 16
        daddu   $k0, $k0, $k1
        ld      $k1, 0($k0)
        ld      $k0, 8($k0)
        dsrl    $k1, $k1, PTE_ENTRYLO_SHIFT
        dmtc0   $k1, CP0_ENTRYLO0
        dsrl    $k0, $k0, PTE_ENTRYLO_SHIFT
        dmtc0   $k0, CP0_ENTRYLO1
        tlbwr
        eret
general_slow:
        j       trap_save
        nop

        .text

// Saves a trap frame on the kernel stack (from user mode, the process's; from the kernel, where it is), leaves
// exception level, so that the kernel can miss on user addresses itself, and calls trap(frame) with interrupts off.
        .globl  trap_save
trap_save:
        mfc0    $k0, CP0_STATUS
        move    $k1, $sp
        andi    $k0, $k0, STATUS_USER
        beqz    $k0, 1f
        nop
        dmfc0   $k0, CP0_ERROREPC
        ld      $sp, CPU_STACK($k0)
1:      daddiu  $sp, $sp, -TF_BYTES
        sd      $k1, TF_REG(29)($sp)
        sd      $1, TF_REG(1)($sp)
        .irp    n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,28,30,31
        sd      $\n, TF_REG(\n)($sp)
        .endr
        movn    $gp, $k0, $k0           // from user mode, k0 points to the CPU's area; else it is 0
        mfhi    $t0
        mflo    $t1
        sd      $t0, TF_HI($sp)
        sd      $t1, TF_LO($sp)
        mfc0    $t0, CP0_STATUS
        mfc0    $t1, CP0_CAUSE
        dmfc0   $t2, CP0_EPC
        dmfc0   $t3, CP0_BADVADDR
        sd      $t0, TF_STATUS($sp)
        sd      $t1, TF_CAUSE($sp)
        sd      $t2, TF_PC($sp)
        sd      $t3, TF_ADDRESS($sp)
        li      $t1, ~(STATUS_EXL | STATUS_IE | STATUS_KSU)
        and     $t0, $t0, $t1
        mtc0    $t0, CP0_STATUS
        jal     trap
        move    $a0, $sp

// Returns to whatever the frame at sp describes.  Its Status has EXL set: from the mtc0 on, nothing can interrupt
// until eret clears it.  A new process enters user mode through here, too.
        .globl  trap_return
trap_return:
        ld      $t0, TF_STATUS($sp)
        ld      $t2, TF_PC($sp)
        andi    $t1, $t0, STATUS_USER
        bnez    $t1, 1f
        nop
        sd      $gp, TF_REG(28)($sp)    // the kernel goes on as this CPU, even if a sleep began on another
1:      mtc0    $t0, CP0_STATUS
        dmtc0   $t2, CP0_EPC
        ld      $t0, TF_HI($sp)
        ld      $t1, TF_LO($sp)
        mthi    $t0
        mtlo    $t1
        .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,28,30,31
        ld      $\n, TF_REG(\n)($sp)
        .endr
        ld      $sp, TF_REG(29)($sp)
        eret

// void idle_wait(): waits for an interrupt, then takes it; the kernel runs with interrupts off otherwise.  They are off
// while it waits, too: one that comes just before ends the wait at once, instead of being taken and then waited for.
        .globl  idle_wait
idle_wait:
        wait
        mfc0    $t0, CP0_STATUS
        ori     $t1, $t0, STATUS_IE
        mtc0    $t1, CP0_STATUS
        mtc0    $t0, CP0_STATUS
        jr      $ra
        nop
