// radix KEYS RADIX [THREADS]: integer radix sort, parallel as SPLASH-2's.
//
// Each pass counts the keys' current digit, turns the counts into places, and moves every key from one array to the
// other; RADIX is the number of digits, a power of two.  Each thread counts and moves its own part of the keys, and
// finds the places for its own part of the digits; barriers lie between.
#include "user.h"

#define MAX_THREADS 16
#define MAX_KEY (1u << 19) // SPLASH-2's default: keys are below it
#define MULTIPLIER 6364136223846793005UL
#define INCREMENT 1442695040888963407UL

static u32 *array[2];          // the keys, and where a pass moves them
static u64 keys, radix, parts; // how many there are; a part for each thread
static u32 *rank[MAX_THREADS]; // of each thread and digit: how many keys, then where its next one goes
static u32 total[MAX_THREADS]; // of each thread's digits: how many keys of all threads
static struct barrier barrier;

static void make_keys(u32 *key) {
    u64 state = 1;
    for (u64 i = 0; i < keys; i++) {
        state = state * MULTIPLIER + INCREMENT;
        key[i] = (u32)(state >> 33) % MAX_KEY;
    }
}

// Where part `i` of `all` begins.
static u64 part(u64 all, u64 i) {
    return all * i / parts;
}

static void count(const u32 *from, u64 mine, u32 shift) {
    u32 *own = rank[mine];
    for (u32 d = 0; d < radix; d++)
        own[d] = 0;
    for (u64 i = part(keys, mine); i < part(keys, mine + 1); i++)
        own[(from[i] >> shift) & (radix - 1)]++;
}

static void add_up(u64 mine) {
    u32 sum = 0;
    for (u64 t = 0; t < parts; t++)
        for (u64 d = part(radix, mine); d < part(radix, mine + 1); d++)
            sum += rank[t][d];
    total[mine] = sum;
}

// Keys of a digit lie behind those of lower digits, and of the same digit of earlier threads.
static void find_places(u64 mine) {
    u32 before = 0;
    for (u64 t = 0; t < mine; t++)
        before += total[t];
    for (u64 d = part(radix, mine); d < part(radix, mine + 1); d++)
        for (u64 t = 0; t < parts; t++) {
            u32 found = rank[t][d];
            rank[t][d] = before;
            before += found;
        }
}

static void move(const u32 *from, u32 *to, u64 mine, u32 shift) {
    u32 *own = rank[mine];
    for (u64 i = part(keys, mine); i < part(keys, mine + 1); i++)
        to[own[(from[i] >> shift) & (radix - 1)]++] = from[i];
}

// What each thread does.
static void sort(void *number) {
    u64 mine = (u64)number, passes = 0;
    for (u32 shift = 0; MAX_KEY >> shift > 1; shift += (u32)__builtin_ctzl(radix), passes++) {
        const u32 *from = array[passes % 2];
        count(from, mine, shift);
        barrier_wait(&barrier);
        add_up(mine);
        barrier_wait(&barrier);
        find_places(mine);
        barrier_wait(&barrier);
        move(from, array[1 - passes % 2], mine, shift);
        barrier_wait(&barrier);
    }
}

// A sum over the keys that does not depend on their order, and hardly on anything else by chance.
static u64 content(const u32 *key) {
    u64 sum = 0;
    for (u64 i = 0; i < keys; i++)
        sum += (key[i] + INCREMENT) * MULTIPLIER ^ key[i];
    return sum;
}

static u64 checksum(const u32 *key) {
    u64 sum = 0;
    for (u64 i = 0; i < keys; i++)
        sum = sum * 31 + key[i];
    return sum;
}

static int sorted(const u32 *key) {
    for (u64 i = 1; i < keys; i++)
        if (key[i - 1] > key[i])
            return 0;
    return 1;
}

// An argument that may be missing.
static u64 threads_argument(void) {
    char text[ARGUMENT_BYTES];
    return sys_getarg(3, text, sizeof text) < 0 ? 1 : number_argument(3);
}

static void prepare(void) {
    keys = number_argument(1);
    radix = number_argument(2);
    parts = threads_argument();
    if (keys == 0 || radix < 2 || radix > MAX_KEY || radix & (radix - 1))
        stop("keys must be positive and the radix a power of two", STATUS_USAGE);
    if (parts == 0 || parts > MAX_THREADS)
        stop("there can be 1 to 16 threads", STATUS_USAGE);
    barrier.threads = (u32)parts;
    for (u64 i = 0; i < 2; i++)
        array[i] = allocate(keys * sizeof *array[i]);
    for (u64 i = 0; i < parts; i++)
        rank[i] = allocate(radix * sizeof *rank[i]);
    make_keys(array[0]);
}

static void sort_in_parallel(void) {
    static struct thread threads[MAX_THREADS];
    for (u64 i = 1; i < parts; i++)
        thread_start(threads + i, sort, (void *)i);
    sort(0);
    for (u64 i = 1; i < parts; i++)
        thread_join(threads + i);
}

int main(void) {
    prepare();
    u64 before = content(array[0]), passes = 0;
    MARK_BEGIN();
    sort_in_parallel();
    MARK_END();
    for (u32 shift = 0; MAX_KEY >> shift > 1; shift += (u32)__builtin_ctzl(radix))
        passes++;
    const u32 *result = array[passes % 2];
    int right = sorted(result) && content(result) == before;
    print("radix: ");
    print_decimal(keys);
    print(" keys, radix ");
    print_decimal(radix);
    print(", ");
    print_decimal(passes);
    print(" passes, checksum ");
    print_hex(checksum(result));
    print(right ? ", sorted\n" : ", WRONG\n");
    return right ? EXIT_OK : EXIT_WRONG;
}
