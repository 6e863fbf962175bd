// A chained hash table, a linked list that is built, reversed and summed, and a bitwise CRC.
typedef unsigned long long u64;
struct node { struct node *next; u64 key; int value; };
static struct node nodes[2500], *buckets[512];
static u64 fold(u64 x) { return x * 0x9E3779B97F4A7C15ULL >> 55; }
static unsigned crc(const unsigned char *p, int n) {
    unsigned c = ~0u;
    while (n--) { c ^= *p++; for (int k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0xEDB88320u : c >> 1; }
    return ~c;
}
u64 main(void) {
    u64 sum = 0;
    for (int i = 0; i < 2500; i++) {
        nodes[i].key = (u64)i * i * 2654435761u; nodes[i].value = i;
        nodes[i].next = buckets[fold(nodes[i].key)]; buckets[fold(nodes[i].key)] = &nodes[i];
    }
    for (int i = 0; i < 4000; i++)
        for (struct node *n = buckets[fold((u64)i * i * 2654435761u)]; n; n = n->next)
            if (n->key == (u64)i * i * 2654435761u) sum += n->value;
    struct node *head = 0;
    for (int i = 0; i < 2500; i++) { nodes[i].next = head; head = &nodes[i]; }
    struct node *reversed = 0;
    while (head) { struct node *next = head->next; head->next = reversed; reversed = head; head = next; }
    for (struct node *n = reversed; n; n = n->next) sum = sum * 3 + n->key;
    return sum ^ (u64)crc((const unsigned char *)nodes, 6000) << 32;
}
