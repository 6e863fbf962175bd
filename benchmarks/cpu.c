// User code for benchmarks/cpu.py: quicksort, sieve, chained hash table, linked list, bitwise CRC, 64-bit multiply and divide.
typedef unsigned long long u64;
#define N 20000
struct node { struct node *next; u64 key; long value; };
static struct node nodes[N], *buckets[4096];
static int data[N];
static unsigned char sieve[4 * N];

static void quicksort(int *a, long low, long high) {
    while (low < high) {
        int pivot = a[(low + high) / 2];
        long i = low, j = high;
        while (i <= j) {
            while (a[i] < pivot) i++;
            while (a[j] > pivot) j--;
            if (i <= j) { int t = a[i]; a[i++] = a[j]; a[j--] = t; }
        }
        if (j - low < high - i) { quicksort(a, low, j); low = i; }
        else { quicksort(a, i, high); high = j; }
    }
}

static u64 hash(u64 x) { return x * 0x9E3779B97F4A7C15ULL >> 52; }

static u64 round_of_work(u64 seed) {
    u64 sum = 0, x = seed;
    for (int i = 0; i < N; i++) { x = x * 6364136223846793005ULL + 1442695040888963407ULL; data[i] = (int)(x >> 33); }
    quicksort(data, 0, N - 1);
    for (int i = 0; i < 4 * N; i++) sieve[i] = 1;
    for (int i = 2; i * i < 4 * N; i++) if (sieve[i]) for (int j = i * i; j < 4 * N; j += i) sieve[j] = 0;
    for (int i = 2; i < 4 * N; i++) sum += sieve[i];
    for (int i = 0; i < 4096; i++) buckets[i] = 0;
    for (int i = 0; i < N; i++) {
        nodes[i].key = (u64)data[i] + i; nodes[i].value = i;
        nodes[i].next = buckets[hash(nodes[i].key)]; buckets[hash(nodes[i].key)] = &nodes[i];
    }
    for (int i = 0; i < N; i++)
        for (struct node *n = buckets[hash((u64)data[i] + i)]; n; n = n->next) if (n->key == (u64)data[i] + i) sum += n->value;
    struct node *head = 0;
    for (int i = 0; i < N; i++) { nodes[i].next = head; head = &nodes[i]; }
    for (struct node *n = head; n; n = n->next) sum = sum * 3 + n->key;
    unsigned crc = ~0u;
    for (int i = 0; i < 2 * N; i++) { crc ^= sieve[i]; for (int k = 0; k < 8; k++) crc = crc & 1 ? crc >> 1 ^ 0xEDB88320u : crc >> 1; }
    for (int i = 1; i < N; i++) sum += x / ((u64)data[i] | 1) + (x * i >> 17);
    return sum ^ crc;
}

u64 main(void) {
    u64 sum = 0;
    for (int i = 0; i < 6; i++) sum += round_of_work(sum + i);
    return sum;
}
