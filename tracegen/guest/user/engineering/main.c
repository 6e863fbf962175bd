// engineering CIRCUITS GATES CYCLES MEMORIES LINES ACCESSES: so many simulations of circuits, and of memory systems, each in a
// process of its own and all at once.
#include "memory.h"

#define MOST 14 // of a kind

MARKS("circuit", "memory");

static u64 circuits, gates, cycles, memories, lines, accesses;

static void job(u64 index, struct outcome *outcome) {
    if (index < circuits)
        simulate_circuit(gates, cycles, index, outcome);
    else
        simulate_memory(lines, accesses, index - circuits, outcome);
}

static struct outcome sum(const struct outcome *of, u64 count) {
    struct outcome all = {.digest = DIGEST};
    for (u64 i = 0; i < count; i++) {
        all.digest = mix(all.digest, of[i].digest);
        all.work += of[i].work;
        all.wrong += of[i].wrong;
    }
    return all;
}

int main(void) {
    circuits = number_argument(1);
    gates = number_argument(2);
    cycles = number_argument(3);
    memories = number_argument(4);
    lines = number_argument(5);
    accesses = number_argument(6);
    if (circuits > MOST || memories > MOST || gates < 16 * LEVELS || lines < 512 || accesses < NODES)
        stop("at most 14 simulations of a kind, 256 gates, 512 lines and 8 accesses at least", STATUS_USAGE);
    struct outcome outcome[2 * MOST];
    run_workers(circuits + memories, job, outcome);
    struct outcome circuit = sum(outcome, circuits), memory = sum(outcome + circuits, memories);
    report("engineering: %d circuits, %d events, digest %x, %d wrong\n", circuits, circuit.work, circuit.digest, circuit.wrong);
    report("engineering: %d memory systems, %d misses, digest %x, %d wrong\n", memories, memory.work, memory.digest, memory.wrong);
    return circuit.wrong || memory.wrong ? EXIT_WRONG : EXIT_OK;
}
