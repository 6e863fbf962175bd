// Coprocessor 0: registers and bits.
//
// The R10000 interlocks CP0 hazards in hardware, so no instruction here waits for another.
#pragma once
#include "abi.h"

#define CP0_INDEX $0
#define CP0_ENTRYLO0 $2
#define CP0_ENTRYLO1 $3
#define CP0_CONTEXT $4
#define CP0_PAGEMASK $5
#define CP0_WIRED $6
#define CP0_BADVADDR $8
#define CP0_COUNT $9
#define CP0_ENTRYHI $10
#define CP0_COMPARE $11
#define CP0_STATUS $12
#define CP0_CAUSE $13
#define CP0_EPC $14
#define CP0_ERROREPC $30 // used by no exception of this machine: the address of the CPU's struct cpu

#define STATUS_IE 0x00000001   // interrupts enabled (while EXL is clear)
#define STATUS_EXL 0x00000002  // exception level: kernel mode, no interrupts, misses go to the general vector
#define STATUS_USER 0x00000010 // KSU = user
#define STATUS_KSU 0x00000018
#define STATUS_KX 0x00000080   // 64-bit kernel segments: all of physical memory, unmapped
#define STATUS_UX 0x00000020   // 64-bit user segment: 64-bit instructions in user mode, misses go to 0x080
#define STATUS_TIMER 0x00008000 // IM7, the Count/Compare interrupt
#define STATUS_DISK 0x00000400  // IM2
#define STATUS_CU1 0x20000000 // coprocessor 1 may be used, in any mode
#define STATUS_IPI 0x00000800   // IM3
#define STATUS_NET 0x00001000   // IM4
#define STATUS_LINES (STATUS_TIMER | STATUS_DISK | STATUS_IPI | STATUS_NET)
#define STATUS_XX 0x80000000   // MIPS IV instructions in user mode

#define CAUSE_CODE 0x7c
#define CAUSE_CODE_SHIFT 2
#define CAUSE_TIMER 0x00008000 // IP7
#define CAUSE_DISK 0x00000400  // IP2
#define CAUSE_UNIT 0x30000000 // number of an unusable coprocessor
#define CAUSE_UNIT_1 0x10000000
#define CAUSE_IPI 0x00000800   // IP3
#define CAUSE_NET 0x00001000   // IP4
#define CAUSE_BD 0x80000000    // the exception is in a branch's delay slot; EPC is the branch

#define EXC_INTERRUPT 0
#define EXC_MODIFIED 1 // store to an entry without D
#define EXC_LOAD 2     // TLB miss or invalid entry, load or fetch
#define EXC_STORE 3    // TLB miss or invalid entry, store
#define EXC_ADDRESS_LOAD 4
#define EXC_ADDRESS_STORE 5
#define EXC_SYSCALL 8
#define EXC_BREAK 9
#define EXC_RESERVED 10
#define EXC_COPROCESSOR 11
#define EXC_OVERFLOW 12
#define EXC_TRAP 13

// Places in struct cpu (arch.h).
#define CPU_STACK 0
#define CPU_ROOT 8

#ifndef __ASSEMBLER__
#include "types.h"

static_assert(STATUS_DISK == 0x100 << DISK_LINE && CAUSE_DISK == STATUS_DISK, "the disk's line is as abi.py says");
static_assert(STATUS_IPI == 0x100 << IPI_LINE && CAUSE_IPI == STATUS_IPI, "the IPIs' line is as abi.py says");
static_assert(STATUS_NET == 0x100 << NET_LINE && CAUSE_NET == STATUS_NET, "the card's line is as abi_net.py says");
#endif
