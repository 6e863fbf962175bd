// Maps of memory.
//
// Physical (RAM starts at 0; the machine says how much there is):
//
//   0x00000000  exception vectors: refill at 0x000 and 0x080, general at 0x180
//   0x00001000  kernel text, constants, data, boot stack   (up to `end`)
//   end         table of pages, then the pages themselves, handed out by page.c
//   last page   boot argument string, written by the loader
//   0x1f000000  device page: console, exit and disk registers
//
// Virtual, as the kernel uses it (sign-extended 32-bit compatibility space):
//
//   0x00000000 00000000  user      mapped    the process, below USER_TOP = 2 GiB
//   0xffffffff 80000000  kseg0     unmapped  all of RAM, cached: kernel, page tables, everything the kernel touches
//   0xffffffff a0000000  kseg1     unmapped  devices, uncached
//   0xffffffff c0000000  ksseg     mapped    page-table window: read by the refill handler and by nobody else
//
// A process:
//
//   0x00400000  text and constants (read-only), then data, then zeroed bss; heap from there up to HEAP_TOP
//   0x7ff00000  stack, grows down from USER_TOP on demand
//
// The page table of a space has two levels.  Its root holds one entry per *table page*; table page i holds the
// entries of the 512 pages from i << 21 up, and shows in the window at WINDOW + (i << 12).
#pragma once
#include "abi.h"

#define TABLE_SHIFT 21
#define TABLE_ENTRIES (PAGE_BYTES / PTE_BYTES)
#define ROOT_ENTRIES (USER_TOP >> TABLE_SHIFT)

#define HEAP_TOP 0x7fe00000
#define STACK_LOW 0x7ff00000

#ifndef __ASSEMBLER__
#include "types.h"

#define PHYSICAL(p) ((u64)(p)-KSEG0)
#define KERNEL(pa) ((void *)(KSEG0 + (u64)(pa)))
#define FRAME(p) (PHYSICAL(p) >> PAGE_SHIFT)
#define PAGE_DOWN(a) ((u64)(a) & ~(u64)(PAGE_BYTES - 1))
#define PAGE_UP(a) PAGE_DOWN((u64)(a) + PAGE_BYTES - 1)
#define DEVICE(offset) ((volatile u64 *)(KSEG1 + DEVICE_BASE + (offset)))
#endif
