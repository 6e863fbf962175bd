// Unaligned words through packed structures, byte order, and string operations.
typedef unsigned long long u64;
struct __attribute__((packed)) odd { char a; int b; u64 c; short d; long e; };
static struct odd table[300];
static char text[2048], copy[2048];
static long length(const char *s) { long n = 0; while (s[n]) n++; return n; }
static int compare(const char *a, const char *b) { while (*a && *a == *b) a++, b++; return *a - *b; }
u64 main(void) {
    u64 digest = 7;
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < 300; i++) {
            table[i].b = (int)(digest * 3 + i); table[i].c = digest ^ (u64)i << 40;
            table[i].d = (short)(digest >> 9); table[i].e = (long)(digest - i); table[i].a = (char)digest;
            digest = digest * 6364136223846793005ULL + table[(i * 7) % 300].b + table[(i * 11) % 300].c;
        }
        for (int i = 0; i < 2000; i++) text[i] = (char)('a' + (digest >> (i & 31)) % 26);
        text[2000 - round] = 0;
        for (long i = 0; i <= length(text) && i < 2047; i += 370) copy[i] = text[i];
        for (long i = 0; i < 2001; i++) copy[i] = text[i];
        digest += length(text) + compare(text, copy) + (u64)table[round].e + table[round].d;
    }
    return digest;
}
