// The TLB, from C: 64 entries, each mapping an even and an odd page of one address space.
#include "cp0.h"
#include "memlayout.h"
#include "tlb.h"

        .set    noreorder
        .text

// void tlb_init(): no entry matches anything, and Context will point into the window.
        .globl  tlb_init
tlb_init:
        mtc0    $zero, CP0_WIRED
        mtc0    $zero, CP0_PAGEMASK
        lui     $t0, (WINDOW >> 16) & 0xffff
        dmtc0   $t0, CP0_CONTEXT

// void tlb_flush(): no entry matches anything.
// Every entry gets an address of its own in kseg0, which is never looked up: two equal entries would be an error.
        .globl  tlb_flush
tlb_flush:
        dmtc0   $zero, CP0_ENTRYLO0
        dmtc0   $zero, CP0_ENTRYLO1
        lui     $t0, 0x8000
        li      $t1, TLB_ENTRIES - 1
1:      dmtc0   $t0, CP0_ENTRYHI
        mtc0    $t1, CP0_INDEX
        daddiu  $t0, $t0, 2 * PAGE_BYTES
        tlbwi
        bnez    $t1, 1b
        addiu   $t1, $t1, -1
        jr      $ra
        nop

// void tlb_use(asid): entries with this ASID match from here on.
        .globl  tlb_use
tlb_use:
        jr      $ra
        dmtc0   $a0, CP0_ENTRYHI

// void tlb_update(page_pair | asid, even_entry, odd_entry): if the TLB holds the pair, replaces it in place by
// these page-table entries; otherwise the refill handler will load them when they are needed.
        .globl  tlb_update
tlb_update:
        dmtc0   $a0, CP0_ENTRYHI
        dsrl    $a1, $a1, PTE_ENTRYLO_SHIFT
        tlbp
        mfc0    $t0, CP0_INDEX
        bltz    $t0, 1f                 // bit 31 set: not found
        dsrl    $a2, $a2, PTE_ENTRYLO_SHIFT
        dmtc0   $a1, CP0_ENTRYLO0
        dmtc0   $a2, CP0_ENTRYLO1
        tlbwi
1:      jr      $ra
        nop
