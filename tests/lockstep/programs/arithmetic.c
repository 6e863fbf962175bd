// 32- and 64-bit multiplication, division and shifts, signed and unsigned, with high halves.
typedef unsigned long long u64;
typedef long long i64;
typedef unsigned __int128 u128;
u64 main(void) {
    u64 x = 0x123456789abcdefULL, digest = 0;
    for (int i = 0; i < 9000; i++) {
        x ^= x << 13; x ^= x >> 7; x ^= x << 17;
        u64 y = (x >> (i & 31)) | 1;
        digest += x / y + x % y;
        digest ^= (u64)((i64)x / (i64)(y | 3)) * 5 + (u64)((i64)x % (i64)(y | 3));
        digest += (u64)(((u128)x * y) >> 64) ^ (u64)(((__int128)(i64)x * (i64)y) >> 64);
        digest += (unsigned)x / ((unsigned)y | 1) + (u64)((int)x / ((int)y | 1)) + (u64)((int)x % ((int)y | 1));
        digest = digest << (x & 15) | digest >> (64 - (x & 15) & 63);
        digest ^= (u64)((i64)x >> (i & 63)) + (u64)((int)x >> (i & 31)) + (x > y ? x : y) + ((i64)x < (i64)y);
    }
    return digest;
}
