// usertests [NAME]: the guest's own tests.
//
// Without a name, all of them, each in a process of its own, whose status is the verdict; then no page may be missing.
// With a name, one test that is fatal, in this process; with `remote`, those of other machines' files.
#include "addresses.h"
#include "usertests.h"

u64 store_again(u64 *at, u64 value);
void reserved_instruction(void);
void privileged_instruction(void);
void break_instruction(void);
void arithmetic(void);
i64 unknown_call(void);
u64 spin(u64 turns);

#define KERNEL_ADDRESS ((char *)KERNEL_BASE)
#define HOLE ((char *)0x70000000) // between heap and stack
#define BEYOND (1UL << 32) // the refill hardware drops this bit: an alias of a good address must still fault

static u64 initialised = 0x123456789abcdef0;
static u64 untouched[PAGE_BYTES / 8] __attribute__((aligned(PAGE_BYTES))) = {7};
static u64 zeroed[3 * PAGE_BYTES / 8];

static int data(void) {
    for (u64 i = 0; i < sizeof zeroed / 8; i++)
        if (zeroed[i])
            return 0;
    initialised++;
    return initialised == 0x123456789abcdef1;
}

// A page of the file: the first load is a soft reference fault, the first store a soft dirty one.
static int soft_bits(void) {
    volatile u64 *page = untouched;
    u64 loaded = page[0];
    page[1] = loaded + 1;
    return page[0] == 7 && page[1] == 8;
}

static int heap(void) {
    u64 *first = allocate(5 * PAGE_BYTES), *second = allocate(1);
    if ((u64)first % PAGE_BYTES || second != first + 5 * PAGE_BYTES / 8)
        return 0;
    for (u64 i = 0; i < 5 * PAGE_BYTES / 8; i++)
        if (first[i])
            return 0;
    return sys_sbrk(USER_TOP) == -1 && sys_sbrk((u64)-PAGE_BYTES) == -1;
}

// More pages than the TLB and one table page can map, in an order that reaches each pair's halves far apart.
static int sweep(void) {
    const u64 pages = 1500;
    u8 *block = allocate(pages * PAGE_BYTES);
    for (u64 i = 0; i < pages; i++)
        *(u64 *)(block + (i * 7 % pages) * PAGE_BYTES) = i;
    for (u64 i = 0; i < pages; i++)
        if (*(u64 *)(block + (i * 7 % pages) * PAGE_BYTES) != i)
            return 0;
    return 1;
}

static int restart(void) {
    u64 *pages = allocate(3 * PAGE_BYTES);
    return store_again(pages, 42) && pages[0] == 42;
}

static u64 depth(u64 n) {
    volatile u64 frame[64];
    frame[0] = n;
    return n ? depth(n - 1) + frame[0] - n + 1 : 0;
}

static int stack(void) {
    return depth(1000) == 1000; // about half a megabyte
}

static int interrupts(void) {
    u64 before = sys_time();
    if (!spin(3000000))
        return 0;
    return sys_time() - before >= 20000000; // 6 million instructions at 200 MHz are 30 ms: two ticks or three
}

// What the kernel must refuse, without harm to itself; and what it must bring in for itself.
static int refusals(void) {
    char text[8];
    return sys_write(2, "x", 1) == -1 && sys_read(1, text, 1) == -1 && sys_write(1, KERNEL_ADDRESS, 1) == -1 &&
           sys_write(1, HOLE, 1) == -1 &&
           sys_write(1, (char *)USER_TOP - 1, 2) == -1 && sys_write(1, text + BEYOND, 1) == -1 &&
           sys_getarg(0, KERNEL_ADDRESS, 8) == -1 && sys_getarg(0, (char *)main, 8) == -1 &&
           sys_getarg(9, text, 8) == -1 && sys_getarg(0, text, 8) == 9 && unknown_call() == -1 && sys_yield() == 0;
}

static int copies(void) {
    char *page = allocate(3 * PAGE_BYTES), *straddling = page + PAGE_BYTES - 4;
    return sys_getarg(0, straddling, 64) == 9 && strcmp(straddling, "usertests") == 0 &&
           sys_write(1, page + 2 * PAGE_BYTES, 0) == 0;
}

static void fatal_null(void) {
    *(volatile u64 *)0 = 1;
}

static void fatal_misaligned(void) {
    char *volatile odd = (char *)&initialised + 1; // volatile: the compiler may not see that it is odd
    (void)*(volatile u64 *)odd;
}

static void fatal_kernel(void) {
    (void)*(volatile u64 *)KERNEL_ADDRESS;
}

static void fatal_forbidden(void) {
    (void)*(volatile u64 *)FORBIDDEN;
}

static void fatal_text(void) {
    *(volatile u32 *)main = 0;
}

static void fatal_beyond(void) {
    (void)*(volatile u64 *)((char *)&initialised + BEYOND);
}

static void fatal_jump(void) {
    ((void (*)(void))HOLE)();
}

// Zeroes are instructions to some CPUs: those run to the page's end.
static void fatal_data(void) {
    ((void (*)(void))allocate(PAGE_BYTES))();
}

static void fatal_stack(void) {
    depth(1000000);
}

// Promises exceed memory as long as nothing is touched; then everything is.
static void fatal_memory(void) {
    const u64 step = 4 << 20;
    u8 *first = allocate(step);
    u64 bytes = step;
    while (bytes < 1UL << 30 && sys_sbrk(step) != -1)
        bytes += step;
    for (u64 at = 0; at < bytes; at += PAGE_BYTES)
        first[at] = 1;
}

static const struct test tests[] = {
    {"data", data},
    {"soft_bits", soft_bits},
    {"heap", heap},
    {"sweep", sweep},
    {"restart", restart},
    {"stack", stack},
    {"copies", copies},
    {"interrupts", interrupts},
    {"refusals", refusals},
    {"isolation", isolation},
    {"shared_pages", shared_pages},
    {"statuses", statuses},
    {"orphans", orphans},
    {"faults", faults},
    {"execution", execution},
    {"preemption", preemption},
    {"sleeping", sleeping},
    {"killing", killing},
    {"pipe_order", pipe_order},
    {"half_read", half_read},
    {"pipe_ends", pipe_ends},
    {"descriptors", descriptors},
    {"files", files},
    {"refused_names", refused_names},
    {"big_file", big_file},
    {"names", names},
    {"many_files", many_files},
    {"directories", directories},
    {"refused_directories", refused_directories},
    {"links", links},
    {"listing", listing},
    {"disk_full", disk_full},
    {"modification", modification},
    {"appenders", appenders},
    {"redirection", redirection},
    {"damaged_programs", damaged_programs},
    {"command_lines", command_lines},
    {"running_program", running_program},
    {"reading_without_memory", reading_without_memory},
    {"float_arithmetic", float_arithmetic},
    {"float_modes", float_modes},
    {"float_turns", float_turns},
    {"float_forks", float_forks},
    {"float_programs", float_programs},
    {"threads_share", threads_share},
    {"locked_counter", locked_counter},
    {"atomic_counter", atomic_counter},
    {"barriers", barriers},
    {"futexes", futexes},
    {"fork_of_threads", fork_of_threads},
    {"unmap_of_threads", unmap_of_threads},
    {"thread_ends", thread_ends},
    {"thread_chains", thread_chains},
    {"fork_storm", fork_storm},
    {"signals", signals},
    {"fault_signals", fault_signals},
    {"interruptions", interruptions},
    {"woken", woken},
    {"signals_of_programs", signals_of_programs},
    {"selection", selection},
    {"datagrams", datagrams},
    {"refused_sockets", refused_sockets},
    {"streams", streams},
    {"stream_ends", stream_ends},
    {"many_connections", many_connections},
    {"sockets_out", sockets_out},
    {"socket_selection", socket_selection},
    {"memory_map", memory_map},
    {"protection", protection},
    {"shared_memory", shared_memory},
    {"private_file", private_file},
    {"shared_file", shared_file},
    {"refused_maps", refused_maps},
    {"copies_of_maps", copies_of_maps},
    {"pages_out", pages_out},
    {"many", many},
    {"processes_out", processes_out},
    {"refusals_for_memory", refusals_for_memory},
    {"memory_out", memory_out},
};

// Nobody can ever write, and nobody else is there.
static void fatal_deadlock(void) {
    i64 ends[2];
    char byte;
    sys_pipe(ends);
    sys_read(ends[0], &byte, 1);
}

// What was written is on the disk when the machine is off, whether or not it was closed.
static void fatal_exit(void) {
    write_all(sys_open("kept", OPEN_WRITE | OPEN_CREATE), "to the end", 10);
    sys_exit(EXIT_OK);
}

static const struct {
    const char *name;
    void (*run)(void);
} fatal[] = {
    {"null", fatal_null},         {"misaligned", fatal_misaligned},
    {"kernel", fatal_kernel},     {"forbidden", fatal_forbidden},
    {"text", fatal_text},         {"beyond", fatal_beyond},
    {"jump", fatal_jump},         {"stack", fatal_stack},
    {"memory", fatal_memory},     {"reserved", reserved_instruction},
    {"break", break_instruction}, {"privileged", privileged_instruction},
    {"arithmetic", arithmetic},   {"deadlock", fatal_deadlock},
    {"exit", fatal_exit},         {"data", fatal_data},
    {"fresh", fatal_fresh},
};

// What must be there again after a test.  A page of the buffer cache counts as free when the disk has it, too.
struct resources {
    u64 pages, blocks;
};

static struct resources count(void) {
    sys_sync();
    return (struct resources){sys_freepages(), sys_freeblocks()};
}

static const char *missing(struct resources before) {
    struct resources now = count();
    return now.pages != before.pages ? "LOST PAGES" : now.blocks != before.blocks ? "LOST BLOCKS" : 0;
}

static int run_one(const struct test *test) {
    struct resources before = count();
    i64 child = sys_fork();
    if (child == 0)
        sys_exit(test->holds() ? EXIT_OK : EXIT_WRONG);
    int holds = child > 0 && reap(child) == EXIT_OK;
    while (sys_wait(0) >= 0)
        ; // what it left behind
    const char *lost = missing(before);
    print(test->name);
    print(": ");
    print(!holds ? "FAILED" : lost ? lost : "ok");
    print("\n");
    return holds && !lost;
}

// The first print and fork copy pages that stay this process's own: they come before the first count.
int run_tests(const struct test *run, u64 most) {
    int failures = 0;
    i64 child = sys_fork();
    if (child == 0)
        sys_exit(EXIT_OK);
    if (reap(child) != EXIT_OK)
        return EXIT_WRONG;
    print("usertests: each in a process of its own\n");
    struct resources before = count();
    for (u64 i = 0; i < most; i++)
        failures += !run_one(run + i);
    const char *lost = missing(before);
    print("pages and blocks: ");
    print(lost ? lost : "all back");
    print("\n");
    return failures || lost ? EXIT_WRONG : EXIT_OK;
}

int main(void) {
    char name[ARGUMENT_BYTES];
    if (sys_getarg(1, name, sizeof name) < 0)
        return run_tests(tests, sizeof tests / sizeof *tests);
    if (strcmp(name, "remote") == 0)
        return run_remote();
    if (strcmp(name, "deserting") == 0)
        return run_deserting();
    for (u64 i = 0; i < sizeof fatal / sizeof *fatal; i++)
        if (strcmp(name, fatal[i].name) == 0) {
            fatal[i].run();
            stop("survived a fatal test", EXIT_WRONG);
        }
    stop("no such test", STATUS_USAGE);
}
