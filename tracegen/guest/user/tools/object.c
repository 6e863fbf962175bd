// Objects in files: a header of words, then the parts in its order.
#include "object.h"

enum { MAGIC, CODE, DATA, ZERO, SYMBOLS, RELOCATIONS, NAMES, ENTRY, HEADER_WORDS };

#define ROW_BYTES 16 // of a symbol, and of a relocation

void object_write(const struct object *from, u64 magic, struct bytes *to) {
    const u64 header[HEADER_WORDS] = {magic,
                                      from->code.used,
                                      from->data.used,
                                      from->zero_bytes,
                                      from->symbol_count,
                                      from->relocation_count,
                                      from->names.used,
                                      from->entry};
    for (u64 i = 0; i < HEADER_WORDS; i++)
        put_32(to, header[i]);
    put_block(to, from->code.at, from->code.used);
    put_block(to, from->data.at, from->data.used);
    for (u64 i = 0; i < from->symbol_count; i++) {
        const struct object_symbol *symbol = from->symbols + i;
        put_32(to, symbol->name);
        put_32(to, symbol->section);
        put_32(to, symbol->value);
        put_32(to, symbol->global);
    }
    for (u64 i = 0; i < from->relocation_count; i++) {
        const struct relocation *place = from->relocations + i;
        put_32(to, place->section);
        put_32(to, place->offset);
        put_32(to, place->symbol);
        put_32(to, (u64)place->addend);
    }
    put_block(to, from->names.at, from->names.used);
}

static const u8 *part(struct bytes *to, const u8 *from, u64 bytes) {
    put_block(to, from, bytes);
    return from + bytes;
}

static void read_symbols(struct object *to, const u8 *from) {
    to->symbols = take(to->symbol_count * sizeof *to->symbols);
    for (u64 i = 0; i < to->symbol_count; i++, from += ROW_BYTES)
        to->symbols[i] = (struct object_symbol){(u32)get_32(from), (u32)get_32(from + 4), (u32)get_32(from + 8),
                                                (u32)get_32(from + 12)};
}

static void read_relocations(struct object *to, const u8 *from) {
    to->relocations = take(to->relocation_count * sizeof *to->relocations);
    for (u64 i = 0; i < to->relocation_count; i++, from += ROW_BYTES)
        to->relocations[i] = (struct relocation){(u32)get_32(from), (u32)get_32(from + 4), (u32)get_32(from + 8),
                                                 (i32)get_32(from + 12)};
}

// Every symbol and place lies where it says; names end with a NUL.
static int consistent(const struct object *object) {
    const u64 size[SECTIONS] = {~0UL >> 1, object->code.used, object->data.used, object->zero_bytes};
    if (object->names.used && object->names.at[object->names.used - 1])
        return 0;
    for (u64 i = 0; i < object->symbol_count; i++) {
        const struct object_symbol *s = object->symbols + i;
        if (s->section >= SECTIONS || s->value > size[s->section] || s->name >= object->names.used)
            return 0;
    }
    for (u64 i = 0; i < object->relocation_count; i++) {
        const struct relocation *r = object->relocations + i;
        u64 bytes = r->section == SECTION_CODE ? 4 : 8;
        if ((r->section != SECTION_CODE && r->section != SECTION_DATA) || r->symbol >= object->symbol_count ||
            r->offset + bytes > size[r->section])
            return 0;
    }
    return 1;
}

const char *object_read(const struct bytes *from, u64 magic, struct object *to) {
    u64 header[HEADER_WORDS], rows = 0;
    memset(to, 0, sizeof *to);
    if (from->used < 4 * HEADER_WORDS || get_32(from->at) != magic)
        return magic == OBJECT_MAGIC ? "not an object" : "not an executable";
    for (u64 i = 0; i < HEADER_WORDS; i++)
        header[i] = get_32(from->at + 4 * i);
    rows = (header[SYMBOLS] + header[RELOCATIONS]) * ROW_BYTES;
    if (4 * HEADER_WORDS + header[CODE] + header[DATA] + rows + header[NAMES] != from->used)
        return "cut short or damaged";
    const u8 *at = part(&to->code, from->at + 4 * HEADER_WORDS, header[CODE]);
    at = part(&to->data, at, header[DATA]);
    part(&to->names, at + rows, header[NAMES]);
    to->zero_bytes = header[ZERO];
    to->entry = header[ENTRY];
    to->symbol_count = header[SYMBOLS];
    to->relocation_count = header[RELOCATIONS];
    read_symbols(to, at);
    read_relocations(to, at + to->symbol_count * ROW_BYTES);
    return consistent(to) ? 0 : "damaged";
}

const char *symbol_name(const struct object *object, u64 index) {
    return (const char *)object->names.at + object->symbols[index].name;
}
