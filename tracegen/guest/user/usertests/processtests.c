// usertests of processes: fork, exec, wait, kill, turns, and what happens when something is out.
#include "usertests.h"

#define TICK_NS 10000000UL // the kernel's timer period

i64 reap(i64 child) {
    u64 status;
    return sys_wait(&status) == child ? (i64)status : -1;
}

static volatile u64 shared = 1;

// Parent and child store to the same page, and neither sees the other's value; nor does a grandchild's reach them.
int isolation(void) {
    volatile u64 local = 1;
    i64 child = sys_fork();
    if (child == 0) {
        shared = local = 2;
        i64 grandchild = sys_fork();
        if (grandchild == 0) {
            shared += 10;
            sys_exit(shared);
        }
        i64 status = reap(grandchild);
        sys_exit(shared == 2 && local == 2 ? (u64)status : 0);
    }
    shared = local = 3;
    return reap(child) == 12 && shared == 3 && local == 3;
}

// A fork takes no more than tables, a stack and what is then stored to; a page comes back when its last user ends.
int shared_pages(void) {
    const u64 pages = 100;
    u64 *block = allocate(pages * PAGE_BYTES);
    for (u64 i = 0; i < pages; i++)
        block[i * PAGE_BYTES / 8] = i;
    u64 before = sys_freepages();
    i64 child = sys_fork();
    if (child == 0) {
        u64 wrong = 0;
        for (u64 i = 0; i < pages; i++)
            wrong += block[i * PAGE_BYTES / 8] != i;
        sys_exit(wrong || before - sys_freepages() > pages / 4);
    }
    if (reap(child))
        return 0;
    for (u64 i = 0; i < pages; i++)
        block[i * PAGE_BYTES / 8]++; // nobody else's any more: no copies
    return before - sys_freepages() <= 1;
}

int statuses(void) {
    u64 seen = 0, status = 99;
    for (u64 i = 0; i < 5; i++)
        if (sys_fork() == 0)
            sys_exit(i + 256); // a status is a byte
    for (u64 i = 0; i < 5; i++) {
        if (sys_wait(&status) < 0)
            return 0;
        seen |= 1UL << status;
    }
    if (seen != 31 || sys_wait(&status) != -1)
        return 0;
    i64 child = sys_fork();
    if (child == 0)
        sys_exit(7);
    return sys_wait((u64 *)KERNEL_BASE) == -1 && reap(child) == 7; // a refused wait loses nothing
}

// A child whose parent ends first becomes the first process's, which usertests itself is.
int orphans(void) {
    i64 child = sys_fork();
    if (child == 0) {
        if (sys_fork() == 0) {
            sys_sleep(2);
            sys_exit(5);
        }
        sys_exit(0);
    }
    return reap(child) == 0 && sys_wait(0) == -1;
}

// A process that cannot go on ends alone.
int faults(void) {
    i64 child = sys_fork();
    if (child == 0)
        *(volatile u64 *)0 = 1;
    return reap(child) == STATUS_FAULT;
}

int execution(void) {
    if (sys_exec("nonesuch") != -1 || sys_exec("") != -1 || sys_exec((char *)KERNEL_BASE) != -1)
        return 0;
    i64 child = sys_fork();
    if (child == 0) {
        sys_exec("echo  hello from exec");
        sys_exit(EXIT_WRONG);
    }
    if (reap(child) != EXIT_OK)
        return 0;
    child = sys_fork();
    if (child == 0) {
        sys_exec("gups 512 100");
        sys_exit(EXIT_WRONG);
    }
    return reap(child) == EXIT_OK;
}

// Two children that never give up the processor both get on: each takes turns with the other, a tick at a time.
int preemption(void) {
    u64 before = sys_time();
    i64 first = sys_fork();
    if (first == 0)
        sys_exit(spin(4000000) ? 3 : 0);
    i64 second = sys_fork();
    if (second == 0)
        sys_exit(spin(1500000) ? 4 : 0);
    u64 status;
    // The second is shorter than the first and started after it, so it can end first only by preemption.
    i64 ended = sys_wait(&status);
    u64 least = sys_cpus() > 1 ? 3 : 5; // ticks: the longer one's, or both
    return first > 0 && ended == second && status == 4 && reap(first) == 3 && sys_time() - before >= least * TICK_NS;
}

int sleeping(void) {
    u64 before = sys_time();
    i64 child = sys_fork();
    if (child == 0)
        sys_exit(sys_sleep(5) == 0 ? 0 : 1);
    return reap(child) == 0 && sys_time() - before >= 4 * TICK_NS && sys_sleep(0) == 0;
}

// A process that spins, one that sleeps and one that waits are killed alike; nobody else is.
int killing(void) {
    i64 child[3];
    for (u64 i = 0; i < 3; i++)
        if ((child[i] = sys_fork()) == 0) {
            if (i == 1)
                sys_sleep(1000000);
            for (;;)
                if (i == 2)
                    sys_yield();
        }
    sys_sleep(1);
    for (u64 i = 0; i < 3; i++)
        if (sys_kill(child[i], SIGNAL_TERM) || reap(child[i]) != STATUS_KILLED || sys_kill(child[i], SIGNAL_TERM) != -1)
            return 0;
    return sys_kill(0, SIGNAL_TERM) == -1 && sys_kill(1 << 30, SIGNAL_TERM) == -1;
}

// More processes, one after the other, than the TLB has numbers for spaces.
int many(void) {
    static volatile u64 mine;
    for (u64 i = 0; i < 300; i++) {
        mine = i;
        i64 child = sys_fork();
        if (child == 0) {
            mine++;
            sys_exit(mine == i + 1 && sys_getpid() > 1 ? 0 : 1);
        }
        if (child < 0 || reap(child) || mine != i)
            return 0;
    }
    return 1;
}

// Forks until refused; all that were born end, and then there is place again.
int processes_out(void) {
    i64 ends[2];
    u64 children = 0;
    char byte;
    if (sys_pipe(ends))
        return 0;
    for (i64 child; (child = sys_fork()) >= 0; children++)
        if (child == 0) {
            sys_close(ends[1]);
            sys_exit(sys_read(ends[0], &byte, 1) == 0 ? 0 : 1); // until the parent closes the other end
        }
    sys_close(ends[1]);
    u64 wrong = 0, status;
    for (u64 i = 0; i < children; i++)
        wrong += sys_wait(&status) < 0 || status;
    i64 child = sys_fork();
    if (child == 0)
        sys_exit(0);
    return children > 20 && !wrong && reap(child) == 0;
}

u8 *use_up_memory(void) {
    u64 most = sys_freepages() / 4 * 3 * PAGE_BYTES, left;
    u8 *next = allocate(most);
    allocate(most); // behind it: promises are not kept apart
    while ((left = sys_freepages()) > 2) // each touch takes a page, and now and then a table
        for (u8 *end = next + (left - 1) / 2 * PAGE_BYTES; next != end; next += PAGE_BYTES)
            *next = 1;
    return next;
}

// With hardly a page left, fork is refused, takes nothing, and leaves a process that can go on; exec can always be, since
// it gives back what there was before.
int refusals_for_memory(void) {
    i64 child = sys_fork();
    if (child == 0) {
        u8 *first = allocate(0), *end = use_up_memory();
        if (sys_fork() != -1 || sys_exec("nonesuch") != -1 || sys_freepages() != 2)
            sys_exit(1);
        for (; first != end; first += PAGE_BYTES)
            ++*first; // the fork shared them for a moment
        if (sys_freepages() == 2)
            sys_exec("echo room again");
        sys_exit(2);
    }
    return reap(child) == 0;
}

// A process that touches more than there is dies of it, alone, and its memory comes back.
int memory_out(void) {
    u64 before = sys_freepages(), pages = before - before / 8;
    i64 child = sys_fork();
    if (child == 0) {
        u8 *block = allocate(pages * PAGE_BYTES);
        for (u64 i = 0; i < pages; i++)
            block[i * PAGE_BYTES] = 1;
        if (sys_fork() == 0) // shares all of it, until it stores
            for (u64 i = 0; i < pages; i++)
                block[i * PAGE_BYTES] = 2;
        u64 status;
        sys_exit(sys_wait(&status) > 0 && status == STATUS_NO_MEMORY ? 0 : 1);
    }
    return reap(child) == 0 && sys_freepages() >= before - 2; // this process's own copies after the fork
}
