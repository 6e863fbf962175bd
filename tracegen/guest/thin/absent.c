// What the thin guest has not, for those who ask: a disk, pages that somebody could give up,
// signals, a network.
#include "proc.h"

int disk_owes_answer(void) {
    return 0;
}

void disk_interrupt(void) {
}

int buffer_give_back(void) {
    return 0;
}

u64 page_out(void) {
    return 0;
}

int signal_waits(const struct proc *) {
    return 0;
}

void signal_take(struct trapframe *) {
}

int signal_fault(struct trapframe *, u64, u64) {
    return 0;
}

int net_may_wake(void) {
    return 0;
}

void net_tick(u64) {
}

void net_interrupt(void) {
}
