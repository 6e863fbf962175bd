// What workloads share: numbers by chance, digests, reports, processes that work beside each other.
#pragma once
#include "user.h"

// chance.c: xorshift64*; the state is never 0.
u64 seeded(u64 seed);
u64 chance(u64 *state);
u64 below(u64 *state, u64 limit); // one of `limit` numbers, at most 2^32

// digest.c: of numbers in their order
#define DIGEST 0xcbf29ce484222325
u64 mix(u64 digest, u64 value);

// report.c: a line of text with %d (decimal), %x (hexadecimal) and %s
void report(const char *format, ...);

// streams.c: of packets of `mtu` bytes; a server that does not answer ends the program
i64 listen_at(u64 port, u64 mtu, u64 backlog); // a descriptor that listens
i64 call_server(u64 station, u64 port, u64 mtu); // one that is connected
int read_all(i64 from, void *to, u64 bytes); // whether there were so many

// served.c
#define SERVED 8
extern const char *const served[SERVED];

// workers.c: what a worker tells the process that made it
struct outcome {
    u64 digest; // of its answer
    u64 work;   // how much it did, in the workload's unit
    u64 wrong;  // how often the answer was not what it should be
};

// Runs job(0, ...) to job(count - 1, ...), each in a process of its own; all must end well.  `outcome` gets theirs.
void run_workers(u64 count, void (*job)(u64 index, struct outcome *), struct outcome *outcome);
