// Doubles and singles as a compiler makes them: sums, products, roots, comparisons, choices and conversions.
typedef unsigned long long u64;
typedef long long i64;

struct vector {
    double x, y, z;
};

static u64 bits(double x) {
    union {
        double number;
        u64 bits;
    } both = {x};
    return both.bits;
}

static double dot(struct vector a, struct vector b) {
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static struct vector scaled(struct vector a, double by) {
    return (struct vector){a.x * by, a.y * by, a.z * by};
}

// Where a ray from the origin meets a ball, or a negative number.
static double meets(struct vector direction, struct vector centre, double radius) {
    double along = dot(direction, centre), rest = along * along - dot(centre, centre) + radius * radius;
    return rest < 0 ? -1 : along - __builtin_sqrt(rest);
}

static struct vector points[64];
static float table[64];

u64 main(void) {
    u64 state = 88172645463325252ULL, digest = 0;
    for (int i = 0; i < 64; i++) {
        state ^= state << 13; state ^= state >> 7; state ^= state << 17;
        points[i] = (struct vector){(double)(i64)state * 0x1p-60, (double)(int)state / 7, (double)(state >> 40) * 0.25};
        table[i] = (float)(int)(state >> 33) * 1e-3f;
    }
    for (int turn = 0; turn < 120; turn++)
        for (int i = 0; i < 64; i++) {
            struct vector p = points[i], q = points[(i * 7 + turn) & 63];
            double length = __builtin_sqrt(dot(p, p)), cosine = dot(p, q) / (length * __builtin_sqrt(dot(q, q)) + 1e-9);
            float single = table[i] * (float)cosine + table[turn & 63] / 3;
            double hit = meets(scaled(p, 1 / (length + 1)), q, 2.5 + turn);
            table[(i + turn) & 63] = single < 0 ? -single * 0.5f : __builtin_sqrtf(single);
            points[i].x = hit > 0 ? p.x + hit * 1e-3 : p.x - __builtin_fabs(cosine);
            points[i].y = p.y > 1e6 ? p.y * 0.125 : p.y + (double)single;
            points[i].z = __builtin_copysign(p.z, cosine) * 1.0009765625;
            digest = digest * 31 + bits(hit) + bits(cosine) + (u64)(i64)(hit * 100) + (u64)(int)single;
            digest ^= (u64)(unsigned)(single * single) + (cosine != cosine) + (u64)(length * 0x1p40);
            digest += bits((double)digest) + bits((float)digest);
        }
    return digest;
}
