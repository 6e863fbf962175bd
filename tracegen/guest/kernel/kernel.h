// The kernel's functions, by the file that has them.
#pragma once
#include "lib.h"
#include "memlayout.h"
#include "trapframe.h"

typedef u64 pte_t;

// console.c
void print(const char *text);
void print_decimal(u64 value);
void print_hex(u64 value);
void print_byte(u8 byte);

// power.c
[[noreturn]] void power_off(u64 status);
[[noreturn]] void panic(const char *why, const struct trapframe *frame);

// page.c
void page_init(u64 first, u64 end);
u64 page_alloc(void);
u64 page_alloc_zeroed(void);
u64 page_free_count(void);

// vm.c
enum fault { FAULT_RESOLVED, FAULT_REFUSED, FAULT_NO_MEMORY };
void vm_init(void);
int vm_map(u64 va, u64 frame, u64 flags);
enum fault vm_fault(u64 va, int store);

// exec.c
u64 exec_load(const u8 *image, u64 bytes, u64 *data_end, u64 *program_end);

// proc.c
void proc_start(const char *arguments);
int proc_owns_zeroed(u64 va);
i64 proc_grow(i64 bytes);
i64 proc_argument(u64 index, u64 to, u64 bytes);
const char *proc_name(void);

// timer.c
void timer_init(void);
void timer_interrupt(void);
u64 timer_now(void);

// syscall.c
i64 syscall(u64 number, const u64 *arguments);

// vectors.S, tlb.S, copy.S
extern pte_t *page_root; // the current space's root, as the nested-refill path reads it
[[noreturn]] void user_enter(const struct trapframe *frame);
void tlb_init(void);
void tlb_use(u64 asid);
void tlb_update(u64 pair_and_asid, pte_t even, pte_t odd);
i64 user_copy(void *to, const void *from, u64 bytes);
extern const char user_copy_failed[];
