// Every spelling of the source once: names are equal if their pointers are.
#include "cc.h"

#define BUCKETS 512

static struct name *bucket[BUCKETS];

static u64 hash_of(const u8 *text, u64 length) {
    u64 hash = 5381;
    for (u64 i = 0; i < length; i++)
        hash = hash * 33 ^ text[i];
    return hash;
}

static u64 spelled(const struct name *name, const u8 *text, u64 length) {
    if (name->length != length)
        return 0;
    for (u64 i = 0; i < length; i++)
        if ((u8)name->text[i] != text[i])
            return 0;
    return 1;
}

struct name *intern(const u8 *text, u64 length) {
    u64 hash = hash_of(text, length);
    struct name **head = bucket + hash % BUCKETS;
    for (struct name *name = *head; name; name = name->next)
        if (name->hash == hash && spelled(name, text, length))
            return name;
    char *copy = take(length + 1);
    memcpy(copy, text, length);
    struct name *name = take(sizeof *name);
    *name = (struct name){.next = *head, .text = copy, .length = length, .hash = hash};
    return *head = name;
}

struct name *intern_text(const char *text) {
    return intern((const u8 *)text, strlen(text));
}
