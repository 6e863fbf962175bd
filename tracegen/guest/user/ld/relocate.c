// Addresses, once every section has its place.
#include "ld.h"

// A builtin has no section; its value is its address.
void bind_builtins(void) {
#define NAME(name) #name,
    static const char *const builtins[] = {BUILTINS(NAME)};
#undef NAME
    for (u64 i = 0; i < joined.symbol_count; i++)
        for (u64 k = 0; k < sizeof builtins / sizeof *builtins; k++)
            if (joined.symbols[i].section == SECTION_NONE && strcmp(symbol_name(&joined, i), builtins[k]) == 0)
                joined.symbols[i].value = (u32)(BUILTIN_BASE + k);
}

static u64 address_of(const struct object_symbol *symbol) {
    switch (symbol->section) {
    case SECTION_DATA:
        return DATA_START + symbol->value;
    case SECTION_ZERO:
        return DATA_START + joined.data.used + symbol->value;
    default:
        return symbol->value;
    }
}

void relocate(void) {
    for (u64 i = 0; i < joined.relocation_count; i++) {
        const struct relocation *place = joined.relocations + i;
        u64 address = address_of(joined.symbols + place->symbol) + (u64)(i64)place->addend;
        if (place->section == SECTION_CODE)
            set_32(joined.code.at + place->offset, address);
        else
            set_64(joined.data.at + place->offset, address);
    }
    joined.relocation_count = 0;
}
