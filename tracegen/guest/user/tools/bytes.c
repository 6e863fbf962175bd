// Rows of bytes that grow by doubling.
#include "tools.h"

#define FIRST_ROOM 256

static u8 *reserve(struct bytes *to, u64 more) {
    if (to->used + more > to->room) {
        u64 room = to->room ? to->room : FIRST_ROOM;
        while (room < to->used + more)
            room *= 2;
        u8 *at = take(room);
        if (to->used)
            memcpy(at, to->at, to->used);
        to->at = at;
        to->room = room;
    }
    u8 *place = to->at + to->used;
    to->used += more;
    return place;
}

void put_byte(struct bytes *to, u64 byte) {
    *reserve(to, 1) = (u8)byte;
}

void put_32(struct bytes *to, u64 value) {
    set_32(reserve(to, 4), value);
}

void put_64(struct bytes *to, u64 value) {
    set_64(reserve(to, 8), value);
}

void put_block(struct bytes *to, const void *from, u64 bytes) {
    memcpy(reserve(to, bytes), from, bytes);
}

void put_text(struct bytes *to, const char *text) {
    put_block(to, text, strlen(text));
}

void put_zeroes(struct bytes *to, u64 bytes) {
    memset(reserve(to, bytes), 0, bytes);
}

u64 get_16(const u8 *from) {
    return (u64)from[0] << 8 | from[1];
}

u64 get_32(const u8 *from) {
    return get_16(from) << 16 | get_16(from + 2);
}

u64 get_64(const u8 *from) {
    return get_32(from) << 32 | get_32(from + 4);
}

void set_32(u8 *to, u64 value) {
    for (int i = 3; i >= 0; i--, value >>= 8)
        to[i] = (u8)value;
}

void set_64(u8 *to, u64 value) {
    set_32(to, value >> 32);
    set_32(to + 4, value);
}
