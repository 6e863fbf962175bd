// One line of results.
#include "workload.h"

static void print_value(char kind, __builtin_va_list *values) {
    if (kind == 's')
        print(__builtin_va_arg(*values, const char *));
    else if (kind == 'x')
        print_hex(__builtin_va_arg(*values, u64));
    else
        print_decimal(__builtin_va_arg(*values, u64));
}

void report(const char *format, ...) {
    __builtin_va_list values;
    __builtin_va_start(values, format);
    for (; *format; format++) {
        char letter[2] = {*format, 0};
        if (*format == '%')
            print_value(*++format, &values);
        else
            print(letter);
    }
    __builtin_va_end(values);
}
