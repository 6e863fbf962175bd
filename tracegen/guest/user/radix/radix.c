// radix KEYS RADIX: integer radix sort of the SPLASH-2 kind, on one processor.
//
// Each pass counts the keys' current digit, turns the counts into places, and moves every key from one array to the
// other; RADIX is the number of digits, a power of two.
#include "user.h"

#define MAX_KEY (1u << 19) // SPLASH-2's default: keys are below it
#define MULTIPLIER 6364136223846793005UL
#define INCREMENT 1442695040888963407UL

static void make_keys(u32 *key, u64 keys) {
    u64 state = 1;
    for (u64 i = 0; i < keys; i++) {
        state = state * MULTIPLIER + INCREMENT;
        key[i] = (u32)(state >> 33) % MAX_KEY;
    }
}

static void pass(const u32 *from, u32 *to, u64 keys, u32 *rank, u32 radix, u32 shift) {
    for (u32 d = 0; d < radix; d++)
        rank[d] = 0;
    for (u64 i = 0; i < keys; i++)
        rank[(from[i] >> shift) & (radix - 1)]++;
    for (u32 d = 0, before = 0; d < radix; d++) {
        u32 count = rank[d];
        rank[d] = before;
        before += count;
    }
    for (u64 i = 0; i < keys; i++)
        to[rank[(from[i] >> shift) & (radix - 1)]++] = from[i];
}

// A sum over the keys that does not depend on their order, and hardly on anything else by chance.
static u64 content(const u32 *key, u64 keys) {
    u64 sum = 0;
    for (u64 i = 0; i < keys; i++)
        sum += (key[i] + INCREMENT) * MULTIPLIER ^ key[i];
    return sum;
}

static u64 checksum(const u32 *key, u64 keys) {
    u64 sum = 0;
    for (u64 i = 0; i < keys; i++)
        sum = sum * 31 + key[i];
    return sum;
}

static int sorted(const u32 *key, u64 keys) {
    for (u64 i = 1; i < keys; i++)
        if (key[i - 1] > key[i])
            return 0;
    return 1;
}

int main(void) {
    u64 keys = number_argument(1), digits = number_argument(2);
    if (keys == 0 || digits < 2 || digits > MAX_KEY || digits & (digits - 1))
        stop("keys must be positive and the radix a power of two", STATUS_USAGE);
    u32 *from = allocate(keys * sizeof *from), *to = allocate(keys * sizeof *to), *rank = allocate(digits * sizeof *rank);
    make_keys(from, keys);
    u64 before = content(from, keys), passes = 0;
    u32 bits = (u32)__builtin_ctzl(digits);
    MARK_BEGIN();
    for (u32 shift = 0; MAX_KEY >> shift > 1; shift += bits, passes++) {
        pass(from, to, keys, rank, (u32)digits, shift);
        u32 *other = from;
        from = to;
        to = other;
    }
    MARK_END();
    int right = sorted(from, keys) && content(from, keys) == before;
    print("radix: ");
    print_decimal(keys);
    print(" keys, radix ");
    print_decimal(digits);
    print(", ");
    print_decimal(passes);
    print(" passes, checksum ");
    print_hex(checksum(from, keys));
    print(right ? ", sorted\n" : ", WRONG\n");
    return right ? EXIT_OK : EXIT_WRONG;
}
