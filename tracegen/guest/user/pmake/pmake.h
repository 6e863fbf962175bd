// pmake: makes what a Makefile says, several commands at a time.  What its files share.
#pragma once
#include "tools.h"

#define MAKEFILE "Makefile"
#define MAX_JOBS 8
#define MAX_LINE 255 // of a command, as the kernel takes it

struct target;

// A target in another's list.
struct link {
    struct link *next;
    struct target *target;
};

enum state { UNSEEN, VISITED, PLANNED, RUNNING, DONE };

struct target {
    struct target *next;         // of all
    struct target *planned;      // after this one in the plan, where a target comes after all that it needs
    const char *name;
    struct link *needs, **tail;  // in the order of the Makefile
    const char *command;         // as written, or 0
    u64 line;                    // where the command stands
    u64 state, exists, modified, made; // made: its command ran
    const char *running;         // the command with everything filled in
};

extern struct target *targets;        // the first is what is made

// names.c: variables and targets by name
struct target *target_of(const char *text, u64 length);
void set_variable(const char *name, u64 length, const char *value);
const char *variable(const char *name, u64 length); // its value as written, or 0
const char *copied(const char *text, u64 length);

// parse.c
struct pattern {
    const char *to, *from;       // suffixes: `%to: %from`
    const char *command;
    u64 line;
};

extern struct pattern pattern;
void parse(void);

// wrong.c
[[noreturn]] void wrong(u64 line, const char *format, const char *text);

// expand.c: $(NAME), $@, $<, $^ and $$ filled in; `of` may be 0
const char *expand(const char *text, const struct target *of, u64 line);

// plan.c
struct target *plan(struct target *goal);
u64 stale(const struct target *target);
void unmake(struct target *first);    // what commands make is there no more
void look(struct target *target);     // at its file

// jobs.c: runs what is stale, up to `jobs` at a time; how many commands there were.  Where one fails, those that run
// are waited for, and its status is pmake's.
u64 run(struct target *first, u64 jobs);
