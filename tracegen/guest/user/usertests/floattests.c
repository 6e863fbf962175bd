// usertests of floating point: what a process has in registers is its own, over turns, fork and exec.
#include "usertests.h"

void float_fill(u64 seed); // floats.S
u64 float_differ(u64 seed);
u64 float_bits(void);
void float_round(u64 mode);

enum { NEAREST, ZERO, UP, DOWN };

static u64 bits_of(double x) {
    u64 bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static u64 third(void) {
    volatile double one = 1, three = 3; // volatile: the compiler may not divide
    return bits_of(one / three);
}

static u64 third_rounded(u64 mode) {
    float_round(mode);
    u64 bits = third();
    float_round(NEAREST);
    return bits;
}

#define THIRD 0x3fd5555555555555UL

// What the compiler computed and what the processor does are the same.
int float_arithmetic(void) {
    volatile double tenth = 0.1, fifth = 0.2, two = 2, minus = -7.75;
    volatile float single = 0.1f;
    return tenth + fifth == 0.1 + 0.2 && tenth * fifth - two == 0.1 * 0.2 - 2 && two / tenth == 2 / 0.1 &&
           bits_of(__builtin_sqrt(two)) == 0x3ff6a09e667f3bcdUL && (i64)minus == -7 && single * single == 0.1f * 0.1f &&
           single != tenth && (double)single == (double)0.1f && __builtin_fabs(minus) == 7.75 && -minus > two &&
           !(minus - minus < 0 || minus * 0 == 1);
}

int float_modes(void) {
    return third_rounded(NEAREST) == THIRD && third_rounded(ZERO) == THIRD && third_rounded(DOWN) == THIRD &&
           third_rounded(UP) == THIRD + 1;
}

// Takes turns with other processes; 1 while registers and rounding stay as they were.
static int hold(u64 seed, u64 turns) {
    u64 mode = seed % 2 ? UP : DOWN, wrong = 0;
    for (u64 i = 0; i < turns && !wrong; i++) {
        float_round(mode);
        float_fill(seed + i);
        if (i % 8 == 0)
            wrong |= !spin(100000);
        sys_yield();
        wrong |= float_differ(seed + i);
        wrong |= third() != (mode == UP ? THIRD + 1 : THIRD);
    }
    return !wrong;
}

int float_turns(void) {
    const u64 processes = 4, turns = 40;
    u64 status, failed = 0;
    for (u64 i = 0; i < processes; i++)
        if (sys_fork() == 0)
            sys_exit(hold(i << 32 | i, turns) ? EXIT_OK : EXIT_WRONG);
    for (u64 i = 0; i < processes; i++)
        failed += sys_wait(&status) < 0 || status != EXIT_OK;
    return !failed;
}

// A child has what its parent had, and neither sees what the other does then.
int float_forks(void) {
    float_round(UP);
    float_fill(1000);
    i64 child = sys_fork();
    if (child == 0) {
        u64 differ = float_differ(1000);
        int up = third() == THIRD + 1;
        float_round(DOWN);
        float_fill(2000);
        sys_yield();
        sys_exit(!differ && up && float_differ(2000) == 0 ? EXIT_OK : EXIT_WRONG);
    }
    sys_yield();
    int kept = float_differ(1000) == 0 && third() == THIRD + 1;
    return reap(child) == EXIT_OK && kept;
}

// A program begins with zeroes and rounding to nearest, whatever ran before.
int float_programs(void) {
    i64 child = sys_fork();
    if (child == 0) {
        float_round(UP);
        float_fill(~0UL << 32);
        sys_exec("usertests fresh");
        sys_exit(EXIT_WRONG);
    }
    return reap(child) == EXIT_OK;
}

void fatal_fresh(void) {
    u64 bits = float_bits();
    sys_exit(bits == 0 && third() == THIRD ? EXIT_OK : EXIT_WRONG);
}
