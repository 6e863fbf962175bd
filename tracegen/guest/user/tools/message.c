// Messages of one line.
#include "tools.h"

#define ERRORS 2 // descriptor of the console where a parent sends the output elsewhere; else there is none

const char *program_name(void) {
    static char name[ARGUMENT_BYTES];
    if (!name[0] && argument(0, name, sizeof name) < 0)
        return "?";
    return name;
}

i64 argument(u64 index, char *to, u64 bytes) {
    i64 length = sys_getarg(index, to, bytes);
    return length < 0 || length >= (i64)bytes ? -1 : length;
}

static void put_number(struct bytes *to, i64 value) {
    char digits[NUMBER_BYTES];
    if (value < 0)
        put_byte(to, '-');
    format_number(digits, value < 0 ? -(u64)value : (u64)value, 10);
    put_text(to, digits);
}

static void put_hex(struct bytes *to, u64 value) {
    char digits[NUMBER_BYTES];
    format_number(digits, value, 16);
    put_text(to, digits);
}

void put_format(struct bytes *to, const char *format, __builtin_va_list values) {
    for (; *format; format++) {
        if (*format != '%') {
            put_byte(to, (u8)*format);
            continue;
        }
        switch (*++format) {
        case 's':
            put_text(to, __builtin_va_arg(values, const char *));
            break;
        case 'd':
            put_number(to, __builtin_va_arg(values, i64));
            break;
        case 'x':
            put_hex(to, __builtin_va_arg(values, u64));
            break;
        default:
            put_byte(to, (u64)__builtin_va_arg(values, i64));
        }
    }
}

static void send(struct bytes *line) {
    put_byte(line, '\n');
    if (sys_write(ERRORS, line->at, line->used) < 0)
        sys_write(1, line->at, line->used);
}

void complain(const char *format, ...) {
    struct bytes line = {0};
    __builtin_va_list values;
    __builtin_va_start(values, format);
    put_format(&line, format, values);
    __builtin_va_end(values);
    send(&line);
}

[[noreturn]] void fail(const char *format, ...) {
    struct bytes line = {0};
    __builtin_va_list values;
    put_text(&line, program_name());
    put_text(&line, ": ");
    __builtin_va_start(values, format);
    put_format(&line, format, values);
    __builtin_va_end(values);
    send(&line);
    sys_exit(EXIT_FAILED);
}
