// Every limit and rate of the kernel.
#pragma once

#define TICK_COUNTS 1000000     // timer period in Count units: 10 ms
#define COUNT_NS 10             // one Count unit: two cycles at the nominal 200 MHz
#define KERNEL_STACK_BYTES 8192
#define ARGUMENT_BYTES 256      // boot argument string, with its NUL
#define MAX_ARGUMENTS 8
#define WRITE_CHUNK 128         // bytes of a write() that pass through the kernel's stack at a time
#define TLB_ENTRIES 64
#define INIT_SPACE 1            // the one address space, its ASID and its thread
#define INIT_ASID 1
#define INIT_THREAD 1
