// What needs what, in an order in which everything comes after what it needs; and what is out of date.
#include "pmake.h"

static struct target *first, **link_to = &first;

void look(struct target *target) {
    struct stat stat;
    target->exists = sys_stat(target->name, &stat) == 0;
    target->modified = target->exists ? stat.modified : 0;
}

// A target `x.o` without a command gets the pattern's, and needs `x.c` first of all.
static void apply_pattern(struct target *target) {
    u64 length = strlen(target->name), suffix = pattern.to ? strlen(pattern.to) : 0;
    if (!suffix || length <= suffix || strcmp(target->name + length - suffix, pattern.to) != 0)
        return;
    struct bytes name = {0};
    put_block(&name, target->name, length - suffix);
    put_text(&name, pattern.from);
    struct link *need = take(sizeof *need);
    *need = (struct link){target->needs, target_of((const char *)name.at, name.used)};
    target->needs = need;
    target->command = pattern.command;
    target->line = pattern.line;
}

static void visit(struct target *target, const struct target *by) {
    if (target->state == PLANNED)
        return;
    if (target->state == VISITED)
        fail("'%s' needs itself", target->name);
    target->state = VISITED;
    if (!target->command)
        apply_pattern(target);
    for (struct link *need = target->needs; need; need = need->next)
        visit(need->target, target);
    look(target);
    if (!target->exists && !target->command && !target->needs)
        fail("no rule makes '%s'%s%s", target->name, by ? ", which is needed by " : "", by ? by->name : "");
    target->state = PLANNED;
    *link_to = target;
    link_to = &target->planned;
}

struct target *plan(struct target *goal) {
    visit(goal, 0);
    return first;
}

// Not there, or older than something that it needs, or than what was made a moment ago.
u64 stale(const struct target *target) {
    if (!target->exists)
        return 1;
    for (const struct link *need = target->needs; need; need = need->next)
        if (need->target->made || !need->target->exists || need->target->modified > target->modified)
            return 1;
    return 0;
}

void unmake(struct target *first) {
    for (struct target *target = first; target; target = target->planned) {
        if (target->command && target->exists)
            sys_unlink(target->name);
        target->exists = target->exists && !target->command;
        target->made = 0;
        target->state = PLANNED;
    }
}
