// interp PROGRAM: runs it; its status is the program's, or EXIT_TRAP.
#include "interp.h"

[[noreturn]] void trap(const struct object *program, u64 place, const char *why) {
    const char *name = "(no function)";
    u64 start = 0;
    for (u64 i = 0; i < program->symbol_count; i++)
        if (program->symbols[i].value <= place && program->symbols[i].value >= start) {
            start = program->symbols[i].value;
            name = symbol_name(program, i);
        }
    flush();
    complain("interp: %s in %s, at byte %d of it", why, name, (i64)(place - start));
    sys_exit(EXIT_TRAP);
}

static void lay_out(const struct object *program) {
    memory.stack_low = DATA_START + program->data.used + ((program->zero_bytes + 7) & ~7UL);
    memory.bytes = memory.stack_low + STACK_BYTES;
    memory.at = allocate(memory.bytes);
    memcpy(memory.at + DATA_START, program->data.at, program->data.used);
}

int main(void) {
    char file[ARGUMENT_BYTES];
    struct bytes text = {0};
    struct object program;
    if (argument(1, file, sizeof file) < 0)
        stop("usage: interp PROGRAM", STATUS_USAGE);
    if (read_whole(file, &text))
        fail("cannot read %s", file);
    const char *wrong = object_read(&text, EXECUTABLE_MAGIC, &program);
    if (!wrong && program.entry >= program.code.used)
        wrong = "damaged";
    if (wrong)
        fail("%s: %s", file, wrong);
    put_zeroes(&program.code, 16); // an operand cut short is still inside
    program.code.used -= 16;
    lay_out(&program);
    run(&program);
}
