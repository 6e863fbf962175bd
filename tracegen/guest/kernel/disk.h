// The disk driver: blocks are of the size of a page.
#pragma once
#include "kernel.h"

u64 disk_blocks(void);
void disk_read(u64 block, u64 page);
void disk_write(u64 block, u64 page);
