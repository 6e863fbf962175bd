// A circuit by chance, in levels: a gate takes two thirds of its inputs from places near its own one level up, which
// keeps wires short, and the others from anywhere before it.
#include "engineering.h"

#define NEAR 32

u64 gate_output(u32 kind, u64 a, u64 b, u64 c) {
    switch (kind) {
    case AND:
        return a & b;
    case OR:
        return a | b;
    case XOR:
        return a ^ b;
    case NAND:
        return ~(a & b);
    case NOR:
        return ~(a | b);
    default: // SELECT
        return (c & a) | (~c & b);
    }
}

// A signal of an earlier level for the gate at `index`; `width` signals make a level.
static u32 earlier(u64 *random, u64 index, u64 width) {
    u64 level = index / width * width, near = index - width + below(random, NEAR);
    return (u32)(below(random, 3) && near < level ? near : below(random, level));
}

static void make_gates(struct circuit *circuit, u64 *random, u64 first, u64 width) {
    for (u64 i = first; i < circuit->signals; i++) {
        struct signal *gate = &circuit->signal[i];
        gate->kind = (u8)below(random, KINDS);
        gate->delay = (u8)(1 + below(random, MAX_DELAY));
        for (u64 k = 0; k < 3; k++)
            gate->input[k] = earlier(random, i, width);
    }
    for (u64 i = circuit->inputs; i < first; i++)
        circuit->signal[i].input[0] = (u32)(first + below(random, circuit->signals - first));
}

static u64 inputs_of(const struct signal *gate) {
    return gate->kind == SELECT ? 3 : 2;
}

// Turns the lists of inputs around: count, add up, fill.
static void connect(struct circuit *circuit, u64 first) {
    struct signal *signal = circuit->signal;
    u64 wires = 0;
    for (u64 i = first; i < circuit->signals; i++)
        for (u64 k = 0; k < inputs_of(&signal[i]); k++, wires++)
            signal[signal[i].input[k]].fanout++;
    u32 end = 0;
    for (u64 i = 0; i <= circuit->signals; i++)
        signal[i].fanout = end += signal[i].fanout;
    circuit->fanout = allocate(wires * sizeof *circuit->fanout);
    for (u64 i = circuit->signals; i-- > first;)
        for (u64 k = inputs_of(&signal[i]); k-- > 0;)
            circuit->fanout[--signal[signal[i].input[k]].fanout] = (u32)i;
}

// The state in which nothing is on its way, with inputs and registers at 0.
static void settle(struct circuit *circuit, u64 first) {
    struct signal *signal = circuit->signal;
    for (u64 i = first; i < circuit->signals; i++) {
        const u32 *in = signal[i].input;
        u64 value = gate_output(signal[i].kind, signal[in[0]].value, signal[in[1]].value, signal[in[2]].value) & 1;
        signal[i].value = signal[i].next = (u8)value;
    }
}

struct circuit make_circuit(u64 gates, u64 seed) {
    u64 width = gates / LEVELS, random = seeded(seed); // of a level; the first has inputs and registers
    struct circuit circuit = {.inputs = (u32)(width / 4), .registers = (u32)(width - width / 4)};
    circuit.signals = (u32)(width * (1 + LEVELS));
    circuit.signal = allocate((circuit.signals + 1) * sizeof *circuit.signal);
    make_gates(&circuit, &random, width, width);
    connect(&circuit, width);
    settle(&circuit, width);
    circuit.random = random;
    return circuit;
}
