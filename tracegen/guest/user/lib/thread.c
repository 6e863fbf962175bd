// Threads, and what they wait for each other with.  The recorder is told of each lock and barrier by its address.
#include "user.h"

#define STACK_BYTES (64 * 1024)

extern void thread_entry(void); // crt0.S

[[noreturn]] void thread_main(struct thread *thread) {
    thread->run(thread->argument);
    sys_thread_exit();
}

void thread_start(struct thread *thread, void (*run)(void *), void *argument) {
    if (!thread->stack)
        thread->stack = allocate(STACK_BYTES);
    thread->run = run;
    thread->argument = argument;
    thread->id = sys_thread_create(thread_entry, (u8 *)thread->stack + STACK_BYTES, thread);
    if (thread->id < 0)
        stop("too many threads", STATUS_NO_MEMORY);
}

void thread_join(struct thread *thread) {
    if (sys_thread_join(thread->id))
        stop("no thread to join", EXIT_WRONG);
}

static u32 exchange_if(u32 *word, u32 expected, u32 value) {
    __atomic_compare_exchange_n(word, &expected, value, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
    return expected;
}

// Who must wait says so in the word, and takes the lock in that state: it cannot know whether others wait, too.
void mutex_lock(struct mutex *mutex) {
    ANNOUNCE2(ANNOUNCE_LOCK_TRY, mutex, 0);
    if (exchange_if(&mutex->state, 0, 1) != 0)
        while (__atomic_exchange_n(&mutex->state, 2, __ATOMIC_ACQUIRE) != 0)
            sys_futex_wait(&mutex->state, 2);
    ANNOUNCE1(ANNOUNCE_LOCK_ACQUIRE, mutex);
}

void mutex_unlock(struct mutex *mutex) {
    ANNOUNCE1(ANNOUNCE_LOCK_RELEASE, mutex);
    if (__atomic_exchange_n(&mutex->state, 0, __ATOMIC_RELEASE) == 2)
        sys_futex_wake(&mutex->state, 1);
}

// Returns when all have come.
void barrier_wait(struct barrier *barrier) {
    ANNOUNCE1(ANNOUNCE_BARRIER_ARRIVE, barrier);
    u32 round = __atomic_load_n(&barrier->round, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&barrier->arrived, 1, __ATOMIC_ACQ_REL) == barrier->threads) {
        barrier->arrived = 0;
        __atomic_store_n(&barrier->round, round + 1, __ATOMIC_RELEASE);
        if (barrier->threads > 1)
            sys_futex_wake(&barrier->round, barrier->threads);
    } else {
        while (__atomic_load_n(&barrier->round, __ATOMIC_ACQUIRE) == round)
            sys_futex_wait(&barrier->round, round);
    }
    ANNOUNCE1(ANNOUNCE_BARRIER_LEAVE, barrier);
}
