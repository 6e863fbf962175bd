// A mistake in the Makefile: one line with its place, and the end.
#include "pmake.h"

[[noreturn]] void wrong(u64 line, const char *format, const char *text) {
    struct bytes message = {0};
    put_text(&message, MAKEFILE ":%d: ");
    put_text(&message, format);
    put_byte(&message, 0);
    complain((const char *)message.at, (i64)line, text);
    sys_exit(EXIT_FAILED);
}
