// usertests of threads, and of processes on several CPUs: what they share, what they do not, and their ends.
#include "usertests.h"

#define THREADS 8
#define ROUNDS 200

static struct thread threads[THREADS];
static struct mutex lock;
static struct barrier meeting = {.threads = THREADS};
static volatile u64 counter, slots[THREADS], wrong;

static void run_all(void (*run)(void *)) {
    for (u64 i = 0; i < THREADS; i++)
        thread_start(threads + i, run, (void *)i);
    for (u64 i = 0; i < THREADS; i++)
        thread_join(threads + i);
}

static void store_own(void *mine) {
    u64 local = (u64)mine;
    slots[local] = local + 1;
    sys_yield();
    if (slots[local] != local + 1 || local != (u64)mine)
        wrong++;
}

// Threads see each other's stores and have stacks of their own; one that was joined is gone, and so is its id.
int threads_share(void) {
    u64 sum = 0;
    run_all(store_own);
    for (u64 i = 0; i < THREADS; i++)
        sum += slots[i];
    return sum == THREADS * (THREADS + 1) / 2 && !wrong && sys_thread_join(threads[0].id) == -1 &&
           sys_thread_join(sys_getpid()) == -1 && sys_cpus() >= 1;
}

static void count_locked(void *) {
    for (u64 i = 0; i < ROUNDS; i++) {
        mutex_lock(&lock);
        u64 seen = counter;
        if (i % 50 == 0)
            sys_yield(); // inside: others come and must wait
        counter = seen + 1;
        mutex_unlock(&lock);
    }
}

// What is counted inside a lock is exact.
int locked_counter(void) {
    run_all(count_locked);
    return counter == THREADS * ROUNDS;
}

static void count_atomically(void *) {
    for (u64 i = 0; i < 20 * ROUNDS; i++)
        __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
}

int atomic_counter(void) {
    run_all(count_atomically);
    return counter == THREADS * 20 * ROUNDS;
}

static void meet(void *mine) {
    for (u64 round = 1; round <= 20; round++) {
        slots[(u64)mine] = round;
        barrier_wait(&meeting);
        for (u64 i = 0; i < THREADS; i++)
            if (slots[i] != round)
                __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
        barrier_wait(&meeting);
    }
}

// Nobody is past a barrier before all have come.
int barriers(void) {
    run_all(meet);
    return !wrong;
}

static volatile u32 flag;

static void wait_for_flag(void *) {
    while (!flag)
        sys_futex_wait((const u32 *)&flag, 0);
    __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
}

int futexes(void) {
    if (sys_futex_wait((const u32 *)&flag, 1) != -1 || sys_futex_wake((const u32 *)&flag, 1) != 0 ||
        sys_futex_wait((const u32 *)KERNEL_BASE, 0) != -1 || sys_futex_wait((const u32 *)((u64)&flag + 1), 0) != -1)
        return 0;
    for (u64 i = 0; i < THREADS; i++)
        thread_start(threads + i, wait_for_flag, 0);
    sys_sleep(1);
    u64 before = counter;
    flag = 1;
    i64 woken = sys_futex_wake((const u32 *)&flag, THREADS);
    for (u64 i = 0; i < THREADS; i++)
        thread_join(threads + i);
    return before == 0 && woken == THREADS && counter == THREADS;
}

static volatile int stop_storing;

static void store_on(void *word) {
    for (u64 i = 0; !stop_storing; i++)
        *(volatile u64 *)word = i;
}

// After a fork no store of a thread that never stopped reaches the child, whatever CPU it ran on.
int fork_of_threads(void) {
    volatile u64 *words = allocate(PAGE_BYTES);
    u64 failures = 0;
    for (u64 i = 0; i < 4; i++)
        thread_start(threads + i, store_on, (void *)(words + i));
    for (u64 round = 0; round < 8; round++) {
        i64 child = sys_fork();
        if (child == 0) {
            u64 seen[4], changed = 0;
            for (u64 i = 0; i < 4; i++)
                seen[i] = words[i];
            for (u64 turn = 0; turn < 2000; turn++)
                for (u64 i = 0; i < 4; i++)
                    changed += words[i] != seen[i];
            sys_exit(changed ? EXIT_WRONG : EXIT_OK); // the child has the one thread that forked
        }
        failures += child < 0 || reap(child) != EXIT_OK;
    }
    stop_storing = 1;
    for (u64 i = 0; i < 4; i++)
        thread_join(threads + i);
    return !failures;
}

static volatile u32 unmapped;

// Ends the process: by a fault, unless this CPU still has what was unmapped.
static void read_on(void *word) {
    for (;;) {
        u32 was = __atomic_load_n(&unmapped, __ATOMIC_ACQUIRE);
        (void)*(volatile u64 *)word;
        if (was)
            sys_exit(EXIT_WRONG);
        __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
    }
}

// When munmap returns, no thread reads what was there, whatever CPU it runs on.
int unmap_of_threads(void) {
    u64 failures = 0;
    for (u64 round = 0; round < 4; round++) {
        i64 child = sys_fork();
        if (child == 0) {
            void *word = map_memory(PAGE_BYTES, MAP_READ | MAP_WRITE);
            for (u64 i = 0; i < THREADS - 1; i++)
                thread_start(threads + i, read_on, word);
            while (counter < ROUNDS)
                sys_yield();
            sys_munmap(word, PAGE_BYTES);
            __atomic_store_n(&unmapped, 1, __ATOMIC_RELEASE);
            for (;;)
                sys_sleep(1000);
        }
        failures += child < 0 || reap(child) != STATUS_FAULT;
    }
    return !failures;
}

static void sleep_for_ever(void *) {
    u32 never = 0;
    for (;;)
        sys_futex_wait(&never, 0);
}

static void spin_for_ever(void *) {
    for (;;)
        counter++;
}

static void exit_from_thread(void *) {
    sys_exit(7);
}

static void fault_in_thread(void *) {
    *(volatile u64 *)0 = 1;
}

// A child with threads that spin and sleep, which ends as `run` does in one more thread: its status.
static i64 status_of(void (*run)(void *)) {
    i64 child = sys_fork();
    if (child == 0) {
        thread_start(threads, sleep_for_ever, 0);
        thread_start(threads + 1, spin_for_ever, 0);
        if (sys_exec("echo refused") != -1) // it has threads
            sys_exit(EXIT_WRONG);
        thread_start(threads + 2, run, 0);
        for (;;)
            sys_sleep(1000);
    }
    if (run == spin_for_ever) {
        sys_sleep(2);
        sys_kill(child, SIGNAL_TERM);
    }
    return reap(child);
}

// Whichever thread exits or faults ends all of its process, and so does a kill; the parent learns of it once.
int thread_ends(void) {
    return status_of(exit_from_thread) == 7 && status_of(fault_in_thread) == STATUS_FAULT &&
           status_of(spin_for_ever) == STATUS_KILLED && sys_wait(0) == -1;
}

// Threads that come and go while others do: all ids, stacks and places come back.
static void start_another(void *depth) {
    struct thread next = {.stack = 0};
    if (depth) {
        thread_start(&next, start_another, (void *)((u64)depth - 1));
        thread_join(&next);
    }
    __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
}

int thread_chains(void) {
    for (u64 i = 0; i < 4; i++)
        thread_start(threads + i, start_another, (void *)4UL);
    for (u64 i = 0; i < 4; i++)
        thread_join(threads + i);
    return counter == 20;
}

// Processes that fork, run programs and end, all at once.
int fork_storm(void) {
    u64 wrong_ends = 0, children = 0, status;
    for (; children < 6; children++)
        if (sys_fork() == 0) {
            u64 bad = 0;
            for (u64 i = 0; i < 5; i++) {
                i64 child = sys_fork();
                if (child == 0) {
                    if (i == 4)
                        sys_exec("gups 512 100");
                    sys_exit(i);
                }
                bad += child < 0 || reap(child) != (i == 4 ? EXIT_OK : (i64)i);
            }
            sys_exit(bad);
        }
    for (u64 i = 0; i < children; i++)
        wrong_ends += sys_wait(&status) < 0 || status;
    return !wrong_ends;
}
