// engineering: simulators of circuits and of memory systems, as the designers of a machine run them side by side.
#pragma once
#include "workload.h"

// netlist.c: signals 0 to inputs - 1 come from outside, the next ones are registers, the rest are gates, in an order in
// which each depends on earlier signals only.
#define LEVELS 16      // gates deep
#define MAX_DELAY 4    // time units that a gate takes; 1 is the least
enum kind { AND, OR, XOR, NAND, NOR, SELECT, KINDS };

struct signal {
    u32 input[3]; // of a gate: the signals it computes; of a register: input[0] is what it takes over
    u32 fanout;   // first of the gates that take this signal, in circuit.fanout; they end where the next signal's begin
    u8 kind, delay;
    u8 value; // now
    u8 next;  // after all changes that are on their way
};

struct circuit {
    u32 inputs, registers, signals;
    struct signal *signal; // one more than there are, for the end of the last one's fan-out
    u32 *fanout;
    u64 random; // for the inputs of each cycle
};

struct circuit make_circuit(u64 gates, u64 seed);
u64 gate_output(u32 kind, u64 a, u64 b, u64 c); // bit by bit

// circuit.c and memory.c: what a process does, each under its mark
enum mark { CIRCUIT = 1, MEMORY };
void simulate_circuit(u64 gates, u64 cycles, u64 seed, struct outcome *outcome);
void simulate_memory(u64 lines, u64 accesses, u64 seed, struct outcome *outcome);
