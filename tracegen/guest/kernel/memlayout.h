// Maps of memory.  What CPUs differ in is in their kernel.ld and pte.h.
//
// Physical: RAM starts at 0; the machine says how much there is.  First the kernel, up to `end`; then the table of pages,
// and the pages themselves, handed out by page.c; in the last page the boot argument string, written by the loader.
//
// Virtual: the kernel's image lies at physical address + KERNEL_BASE, at the top of the addresses, and it has all of RAM at
// physical address + RAM_BASE, the same on x86-64.  A process is below USER_TOP = 2 GiB:
//
//   0x00400000  text and constants (read-only), then data, then zeroed bss; heap from there up to HEAP_TOP
//   0x7ff00000  stack, grows down from USER_TOP on demand
//
// Table i of a space holds the entries of the 512 pages from i << 21 up.
#pragma once
#include "abi.h"

#define TABLE_SHIFT 21
#define TABLE_ENTRIES (PAGE_BYTES / PTE_BYTES)
#define LARGE_BYTES (1UL << TABLE_SHIFT) // what one entry above a table can map where the hardware has that (large.h)
#define LARGE_PAGES TABLE_ENTRIES
#define TABLES (USER_TOP >> TABLE_SHIFT)

#define HEAP_TOP 0x7fe00000
#define STACK_LOW 0x7ff00000

#ifndef __ASSEMBLER__
#include "types.h"

#define PHYSICAL(p) ((u64)(p) - ((u64)(p) < KERNEL_BASE ? RAM_BASE : KERNEL_BASE))
#define KERNEL(pa) ((void *)(RAM_BASE + (u64)(pa)))
#define PAGE_DOWN(a) ((u64)(a) & ~(u64)(PAGE_BYTES - 1))
#define PAGE_UP(a) PAGE_DOWN((u64)(a) + PAGE_BYTES - 1)
#endif
