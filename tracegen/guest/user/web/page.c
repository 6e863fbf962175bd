// Pages that are made when they are asked for: a table of numbers by chance, with sums.
#include "web.h"

#define ROWS_OF(n) (20 + (n) % 7 * 20)

static char *append(char *to, const char *text) {
    while (*text)
        *to++ = *text++;
    return to;
}

static char *cell(char *to, u64 value) {
    return append(format_number(append(to, "<td>"), value, 10), "</td>");
}

u64 make_page(u64 n, char *to) {
    u64 state = seeded(n), sum = 0;
    char *at = append(format_number(append(to, "<html><h1>Page "), n, 10), "</h1><table>\n");
    for (u64 i = 0; i < ROWS_OF(n); i++) {
        u64 value = below(&state, 100000);
        sum += value;
        at = append(cell(cell(append(at, "<tr>"), value), sum), "</tr>\n");
    }
    return (u64)(append(at, "</table></html>\n") - to);
}
