// The kernel's functions, by the file that has them.
#pragma once
#include "lib.h"
#include "memlayout.h"
#include "trapframe.h"

typedef u64 pte_t;
struct space;
struct proc;
struct file;

// console.c
void print_byte(u8 byte);

// power.c
[[noreturn]] void power_off(u64 status);
[[noreturn]] void panic(const char *why, const struct trapframe *frame);

// page.c
void page_init(u64 from, u64 end);
u64 page_take(u64 keep);
int page_available(void);
u64 page_alloc(void);
u64 page_alloc_zeroed(void);
u64 page_alloc_copy(u64 from);
void page_share(u64 page);
int page_is_shared(u64 page);
void page_free(u64 page);
void page_zero(u64 page);
u64 page_free_count(void);

// space.c
struct space *space_create(void);
struct space *space_fork(const struct space *from);
void space_destroy(struct space *space);
void space_use(struct space *space);

// vm.c
enum fault { FAULT_RESOLVED, FAULT_REFUSED, FAULT_NO_MEMORY };
pte_t *vm_table_create(struct space *space, u64 i);
void vm_table_destroy(struct space *space, u64 i);
void vm_refresh(const struct space *space, u64 va, const pte_t *entry);
int vm_map(struct space *space, u64 va, u64 page, u64 flags);
enum fault vm_fault(struct space *space, u64 va, int store);

// sched.c
void sleep(const void *channel);
void wake(const void *channel);

// disk.c, buffer.c
int disk_owes_answer(void);
void disk_interrupt(void);
void buffer_init(void);
int buffer_give_back(void);
u64 buffer_idle_pages(void);
u64 buffer_pages(void);
void buffer_throttle(void);
void buffer_sync(void);

// proc.c
[[noreturn]] void proc_start(const char *line);
i64 proc_fork(void);
i64 proc_exec(u64 line);
i64 proc_wait(u64 status);
[[noreturn]] void proc_exit(u64 status);
i64 proc_kill(u64 id);
i64 proc_grow(i64 bytes);
i64 proc_argument(u64 index, u64 to, u64 bytes);
i64 copy_text(char *to, u64 from, u64 bytes);
void proc_print_name(void);

// file.c, names.c
void file_console(struct file **descriptors);
struct file *file_share(struct file *file);
void file_close(struct file *file);
i64 file_read(u64 descriptor, u64 to, u64 bytes);
i64 file_write(u64 descriptor, u64 from, u64 bytes);
i64 file_drop(u64 descriptor);
i64 file_dup(u64 descriptor);
i64 file_dup2(u64 descriptor, u64 to);
i64 file_pipe(u64 descriptors);
i64 file_open(u64 name, u64 flags);
i64 file_seek(u64 descriptor, u64 offset);
i64 file_stat(u64 name, u64 to);
i64 file_unlink(u64 name);
i64 file_rename(u64 from, u64 to);

// timer.c
void timer_init(void);
void timer_interrupt(void);
u64 timer_now(void);
u64 timer_ticks(void);

// syscall.c
i64 syscall(u64 number, const u64 *arguments);

// vectors.S, tlb.S, copy.S
extern pte_t *page_root;    // the current space's root, as the nested-refill path reads it
extern u64 kernel_stack;    // where trap_save starts a trap frame for an exception from user mode
void trap_return(void);
void idle_wait(void);
void tlb_init(void);
void tlb_flush(void);
void tlb_use(u64 asid);
void tlb_update(u64 pair_and_asid, pte_t even, pte_t odd);
i64 user_copy(void *to, const void *from, u64 bytes);
void thread_first(void);
extern const char user_copy_failed[];

// Whether `bytes` from `va` on may be the user's; user_copy finds out whether they are.
static inline int in_user(u64 va, u64 bytes) {
    return va < USER_TOP && bytes <= USER_TOP - va;
}
