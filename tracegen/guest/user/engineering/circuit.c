// An event-driven simulation of a circuit, with a time wheel; checked by another method, 64 clock cycles at once.
//
// An event is a change of one signal.  All changes of a time unit are made; then each gate that takes a changed signal is
// evaluated and, if its output is to differ from what it will be anyway, its change is put so many time units later as
// the gate's delay.  The clock ticks when the longest path has had its time.
#include "engineering.h"

#define SLOTS 8 // of the wheel: a power of two above MAX_DELAY
#define PERIOD (LEVELS * MAX_DELAY + 1)
#define LANES 64

struct simulation {
    struct circuit circuit;
    u32 *slot[SLOTS]; // the signals that change at a time; each at most once
    u64 changes[SLOTS];
    u64 *history; // of each input and register: a bit for each of the last cycles
    u64 now, events;
};

static void schedule(struct simulation *of, u32 index, u64 at) {
    of->circuit.signal[index].next ^= 1;
    of->slot[at % SLOTS][of->changes[at % SLOTS]++] = index;
}

static void evaluate(struct simulation *of, u32 index) {
    const struct signal *signal = of->circuit.signal, *gate = &signal[index];
    const u32 *in = gate->input;
    u64 output = gate_output(gate->kind, signal[in[0]].value, signal[in[1]].value, signal[in[2]].value) & 1;
    if (output != gate->next)
        schedule(of, index, of->now + gate->delay);
}

static void time_unit(struct simulation *of) {
    struct signal *signal = of->circuit.signal;
    const u32 *changed = of->slot[of->now % SLOTS];
    u64 changes = of->changes[of->now % SLOTS];
    for (u64 i = 0; i < changes; i++)
        signal[changed[i]].value ^= 1;
    for (u64 i = 0; i < changes; i++)
        for (u32 wire = signal[changed[i]].fanout; wire < signal[changed[i] + 1].fanout; wire++)
            evaluate(of, of->circuit.fanout[wire]);
    of->events += changes;
    of->changes[of->now++ % SLOTS] = 0;
}

// A clock cycle: registers take over what they see, inputs change by chance, and the circuit becomes quiet.
static void clock_cycle(struct simulation *of, u64 lane) {
    struct circuit *circuit = &of->circuit;
    struct signal *signal = circuit->signal;
    u64 bits = 0;
    for (u32 i = 0; i < circuit->inputs + circuit->registers; i++) {
        if (i % 64 == 0 && i < circuit->inputs)
            bits = chance(&circuit->random);
        u64 to = i < circuit->inputs ? bits >> i % 64 & 1 : signal[signal[i].input[0]].value;
        of->history[i] |= to << lane;
        if (to != signal[i].value)
            schedule(of, i, of->now);
    }
    for (u64 unit = 0; unit < PERIOD; unit++)
        time_unit(of);
}

// How many registers and gates are not what 64 cycles, evaluated side by side as bits of a word, make them: a register
// takes over in each cycle what the gate computed in the one before, and at the end each gate is what its inputs make it.
static u64 differences(const struct simulation *of, u64 lanes, u64 *word) {
    const struct circuit *circuit = &of->circuit;
    const struct signal *signal = circuit->signal;
    u32 first = circuit->inputs + circuit->registers;
    u64 wrong = 0, follows = lanes == LANES ? ~1UL : (1UL << lanes) - 2;
    for (u32 i = 0; i < circuit->signals; i++) {
        const u32 *in = signal[i].input;
        word[i] = i < first ? of->history[i] : gate_output(signal[i].kind, word[in[0]], word[in[1]], word[in[2]]);
        wrong += (word[i] >> (lanes - 1) & 1) != signal[i].value;
    }
    for (u32 i = circuit->inputs; i < first; i++)
        wrong += ((of->history[i] ^ word[signal[i].input[0]] << 1) & follows) != 0;
    return wrong;
}

static struct simulation *prepare(u64 gates, u64 seed) {
    struct simulation *made = allocate(sizeof *made);
    made->circuit = make_circuit(gates, seed);
    for (u64 i = 0; i < SLOTS; i++)
        made->slot[i] = allocate(made->circuit.signals * sizeof *made->slot[i]);
    made->history = allocate((made->circuit.inputs + made->circuit.registers) * sizeof *made->history);
    return made;
}

void simulate_circuit(u64 gates, u64 cycles, u64 seed, struct outcome *outcome) {
    struct simulation *simulation = prepare(gates, seed);
    u32 first = simulation->circuit.inputs + simulation->circuit.registers;
    u64 *word = allocate(simulation->circuit.signals * sizeof *word);
    outcome->digest = DIGEST;
    for (u64 done = 0; done < cycles; done += LANES) {
        u64 lanes = cycles - done < LANES ? cycles - done : LANES;
        memset(simulation->history, 0, first * sizeof *simulation->history);
        REGION_BEGIN(CIRCUIT);
        for (u64 lane = 0; lane < lanes; lane++)
            clock_cycle(simulation, lane);
        REGION_END(CIRCUIT);
        outcome->wrong += differences(simulation, lanes, word);
        for (u32 i = 0; i < first; i++)
            outcome->digest = mix(outcome->digest, simulation->history[i]);
    }
    outcome->work = simulation->events;
}
