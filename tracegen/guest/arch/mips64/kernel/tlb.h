// The TLB's functions and sizes (tlb.S).
#pragma once

#define TLB_ENTRIES 64
#define ASIDS 256 // 0 belongs to no space

#ifndef __ASSEMBLER__
#include "kernel.h"

void tlb_init(void);
void tlb_flush(void);
void tlb_use(u64 asid);
void tlb_update(u64 pair_and_asid, pte_t even, pte_t odd);
#endif
