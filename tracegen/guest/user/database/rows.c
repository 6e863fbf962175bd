// Rows of one size, as many in a page as fit.
#include "database.h"

static u64 in_page(const struct table *table) {
    return PAGE_BYTES / table->row_bytes;
}

void append(struct table *table, const void *row) {
    u8 *page = fix(table->file, table->rows / in_page(table));
    changed(page);
    memcpy(page + table->rows % in_page(table) * table->row_bytes, row, table->row_bytes);
    unfix(page);
    table->rows++;
}

struct scan scan(const struct table *table) {
    return (struct scan){table, 0, 0};
}

const void *next_row(struct scan *scan) {
    u64 of_page = scan->row % in_page(scan->table);
    if (of_page == 0) {
        if (scan->page)
            unfix(scan->page);
        scan->page = scan->row < scan->table->rows ? fix(scan->table->file, scan->row / in_page(scan->table)) : 0;
    }
    if (scan->row == scan->table->rows) {
        if (scan->page)
            unfix(scan->page);
        scan->page = 0;
        return 0;
    }
    scan->row++;
    return scan->page + of_page * scan->table->row_bytes;
}
