// The kernel's functions, by the file that has them.
#pragma once
#include "lib.h"
#include "memlayout.h"

typedef u64 pte_t;
struct space;
struct proc;
struct file;
struct trapframe;
struct cpu;

// console.c
void print_byte(u8 byte);
i64 console_write(u64 from, u64 bytes);

// balloon.c
void balloon_demands(const char *text);
void balloon_tick(u64 tick);

// options.c
const char *options_find(const char *line);

// power.c
[[noreturn]] void power_off(u64 status);
[[noreturn]] void panic(const char *why, const struct trapframe *frame);

// page.c
void page_init(u64 from, u64 end);
extern int pages_are_large; // where a process has all of one, without a file
u64 page_take(u64 keep);
u64 page_alloc(void);
u64 page_alloc_zeroed(void);
u64 page_alloc_copy(u64 from);
void page_share(u64 page);
int page_is_shared(u64 page);
void page_free(u64 page);
u64 page_alloc_large(void);
void page_free_large(u64 page);
void page_zero(u64 page);
u64 page_free_count(u64 more);
void page_tie(u64 page, u64 note);
u64 page_tied(u64 page);

// space.c
struct space *space_create(void);
struct space *space_fork(struct space *from);
void space_destroy(struct space *space);

// vm.c
enum fault { FAULT_RESOLVED, FAULT_REFUSED, FAULT_NO_MEMORY, FAULT_WAITS };
enum fault vm_fault(struct space *space, u64 va, u64 needs, int wait);
int user_bring(u64 va, u64 bytes, u64 needs);
int copy_out(u64 to, const void *from, u64 bytes);
int copy_in(void *to, u64 from, u64 bytes);

// map.c
i64 map_create(u64 bytes, u64 flags, u64 where);
i64 map_remove(u64 from, u64 bytes);
i64 map_protect(u64 from, u64 bytes, u64 rights);
i64 map_sync(u64 from, u64 bytes);
i64 map_grow(i64 bytes);
void map_harvest(void);
int memory_can_be(u64 bytes);

// pageout.c
u64 page_out(void);

// sched.c
void sleep(const void *channel);
void sleep_up_to(const void *channel, u64 tick);
void wake(const void *channel);
u64 wake_some(const void *channel, u64 most);
void wake_sleepers(u64 tick);
[[noreturn]] void idle(void);

// disk.c, buffer.c
int disk_owes_answer(void);
void disk_interrupt(void);
u64 buffer_init(u64 from, u64 end);
int buffer_give_back(void);
u64 buffer_clean_pages(void);
u64 buffer_pages(void);
void buffer_throttle(void);
int buffer_write_oldest(void);
void buffer_sync(void);

// proc.c
[[noreturn]] void proc_start(const char *line);
i64 proc_fork(void);
i64 proc_exec(u64 line);
i64 proc_wait(u64 status);
[[noreturn]] void proc_exit(u64 status);
i64 proc_kill(u64 id, u64 signal);
i64 proc_argument(u64 index, u64 to, u64 bytes);
i64 copy_text(char *to, u64 from, u64 bytes);
void proc_print_name(void);

// file.c, names.c
void file_console(struct proc *p);
struct file *file_share(struct file *file);
i64 file_close(struct file *file);
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
i64 file_fstat(u64 descriptor, u64 to);
i64 file_link(u64 from, u64 to);
i64 file_mkdir(u64 name);
i64 file_rmdir(u64 name);
i64 file_chdir(u64 name);
i64 file_mount(u64 station, u64 name);

// select.c
void select_wake(void);
i64 file_select(u64 at, i64 ticks);

// net.c
void net_init(void);
void net_finish(void);
void net_interrupt(void);
void net_tick(u64 tick);
int net_may_wake(void);
u32 net_station(void);
u32 net_stations(void);

// socket.c
i64 socket_create(u64 kind, u64 most);
i64 socket_bind(u64 descriptor, u64 port);
i64 socket_listen(u64 descriptor, u64 backlog);
i64 socket_accept(u64 descriptor, u64 to);
i64 socket_connect(u64 descriptor, u64 station, u64 port);
i64 socket_send(u64 descriptor, u64 message);
i64 socket_receive(u64 descriptor, u64 message);
i64 socket_shut(u64 descriptor);

// timer.c
void timer_init(void);
void timer_interrupt(void);
u64 timer_now(void);
u64 timer_ticks(void);

// float.c
void float_use(struct trapframe *frame);
void float_leave(struct proc *p);
void float_switch(struct proc *next);
void float_fork(struct proc *child);
void float_begin(struct proc *p);
void float_drop(struct proc *p);

// call.c
i64 syscall(u64 number, const u64 *arguments);

// Of the CPU: what it needs before anything else, how it starts, enters and leaves user mode, waits and changes spaces.
void arch_init(u64 memory_bytes);
void cpu_init(struct cpu *cpu);
void cpu_entry(void);
void trap_return(void);
void thread_begin(void);
void thread_first(void);
void idle_wait(void);
void space_use(struct space *space);
i64 user_copy(void *to, const void *from, u64 bytes);
extern const char user_copy_failed[];

// Whether `bytes` from `va` on may be the user's; user_copy finds out whether they are.
static inline int in_user(u64 va, u64 bytes) {
    return va < USER_TOP && bytes <= USER_TOP - va;
}
