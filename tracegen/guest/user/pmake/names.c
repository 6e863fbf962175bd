// Variables and targets, each in a list.
#include "pmake.h"

struct variable {
    struct variable *next;
    const char *name, *value;
};

struct target *targets;
static struct target **last = &targets;
static struct variable *variables;

const char *copied(const char *text, u64 length) {
    char *copy = take(length + 1);
    memcpy(copy, text, length);
    return copy;
}

static u64 equals(const char *name, const char *text, u64 length) {
    for (u64 i = 0; i < length; i++)
        if (name[i] != text[i])
            return 0; // also where `name` ends before
    return !name[length];
}

struct target *target_of(const char *text, u64 length) {
    for (struct target *target = targets; target; target = target->next)
        if (equals(target->name, text, length))
            return target;
    struct target *target = take(sizeof *target);
    target->name = copied(text, length);
    target->tail = &target->needs;
    *last = target;
    last = &target->next;
    return target;
}

static struct variable *find(const char *name, u64 length) {
    struct variable *found = variables;
    while (found && !equals(found->name, name, length))
        found = found->next;
    return found;
}

void set_variable(const char *name, u64 length, const char *value) {
    struct variable *found = find(name, length);
    if (!found) {
        found = take(sizeof *found);
        found->name = copied(name, length);
        found->next = variables;
        variables = found;
    }
    found->value = value;
}

const char *variable(const char *name, u64 length) {
    const struct variable *found = find(name, length);
    return found ? found->value : 0;
}
