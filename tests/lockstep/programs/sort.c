// Quicksort of pseudo-random words, then a check of the order and a digest.
typedef unsigned long long u64;
static int data[6000];
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
u64 main(void) {
    unsigned x = 12345;
    for (int i = 0; i < 6000; i++) { x = x * 1103515245u + 12345u; data[i] = (int)(x ^ x >> 7); }
    quicksort(data, 0, 5999);
    u64 digest = 0;
    for (int i = 0; i < 6000; i++) digest = digest * 31 + (unsigned)data[i] + (i && data[i - 1] > data[i]);
    return digest;
}
