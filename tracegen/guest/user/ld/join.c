// Objects into one: sections behind each other, global symbols of one name made one.
#include "ld.h"

#define BUCKETS 1024

struct object joined;

static u32 bucket[BUCKETS]; // symbol number + 1, of the first with this hash
static u32 next_of[MAX_SYMBOLS];
static const char *file_of[MAX_SYMBOLS]; // that defines it, or first asked for it

static u64 hash_of(const char *text) {
    u64 hash = 5381;
    for (; *text; text++)
        hash = hash * 33 ^ (u8)*text;
    return hash % BUCKETS;
}

static u64 append(const struct object_symbol *symbol, const char *name, const char *file) {
    if (!joined.symbols) {
        joined.symbols = take(MAX_SYMBOLS * sizeof *joined.symbols);
        joined.relocations = take(MAX_RELOCATIONS * sizeof *joined.relocations);
    }
    if (joined.symbol_count == MAX_SYMBOLS)
        fail("%s: more than %d symbols", file, (i64)MAX_SYMBOLS);
    u64 number = joined.symbol_count++;
    joined.symbols[number] = *symbol;
    joined.symbols[number].name = (u32)joined.names.used;
    file_of[number] = file;
    put_text(&joined.names, name);
    put_byte(&joined.names, 0);
    return number;
}

static u32 *find(const char *name) {
    u32 *link = bucket + hash_of(name);
    while (*link && strcmp(symbol_name(&joined, *link - 1), name) != 0)
        link = next_of + *link - 1;
    return link;
}

static u64 bind(const struct object_symbol *symbol, const char *name, const char *file) {
    if (!symbol->global)
        return append(symbol, name, file);
    u32 *link = find(name);
    if (!*link) {
        u64 number = append(symbol, name, file);
        *link = (u32)number + 1;
        return number;
    }
    u64 number = *link - 1;
    struct object_symbol *known = joined.symbols + number;
    if (symbol->section != SECTION_NONE) {
        if (known->section != SECTION_NONE)
            fail("%s: '%s' is defined in %s, too", file, name, file_of[number]);
        known->section = symbol->section;
        known->value = symbol->value;
        file_of[number] = file;
    }
    return number;
}

static void move_symbols(const struct object *part, const u64 *base, u32 *number, const char *file) {
    for (u64 i = 0; i < part->symbol_count; i++) {
        struct object_symbol moved = part->symbols[i];
        moved.value += (u32)base[moved.section];
        number[i] = (u32)bind(&moved, symbol_name(part, i), file);
    }
}

static void move_relocations(const struct object *part, const u64 *base, const u32 *number, const char *file) {
    for (u64 i = 0; i < part->relocation_count; i++) {
        struct relocation moved = part->relocations[i];
        moved.offset += (u32)base[moved.section];
        moved.symbol = number[moved.symbol];
        if (joined.relocation_count == MAX_RELOCATIONS)
            fail("%s: more than %d addresses to correct", file, (i64)MAX_RELOCATIONS);
        joined.relocations[joined.relocation_count++] = moved;
    }
}

void join(const char *file) {
    struct bytes text = {0};
    struct object part;
    if (read_whole(file, &text))
        fail("cannot read %s", file);
    const char *wrong = object_read(&text, OBJECT_MAGIC, &part);
    if (wrong)
        fail("%s: %s", file, wrong);
    const u64 base[SECTIONS] = {0, joined.code.used, joined.data.used, joined.zero_bytes};
    u32 *number = take((part.symbol_count + 1) * sizeof *number);
    move_symbols(&part, base, number, file);
    move_relocations(&part, base, number, file);
    put_block(&joined.code, part.code.at, part.code.used);
    put_block(&joined.data, part.data.at, part.data.used);
    put_zeroes(&joined.data, -joined.data.used & 7);
    joined.zero_bytes += (part.zero_bytes + 7) & ~7UL;
}

u64 require(const char *name) {
    u32 *link = find(name);
    if (!*link || joined.symbols[*link - 1].section != SECTION_CODE)
        fail("no function '%s'", name);
    return *link - 1;
}

void refuse_undefined(void) {
    u64 missing = 0;
    for (u64 i = 0; i < joined.symbol_count; i++)
        if (joined.symbols[i].section == SECTION_NONE && joined.symbols[i].value == 0) {
            complain("ld: %s: '%s' is not defined", file_of[i], symbol_name(&joined, i));
            missing++;
        }
    if (missing)
        sys_exit(EXIT_FAILED);
}
