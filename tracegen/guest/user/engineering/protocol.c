// Coherence by directories: the home of a line serves one request for it at a time and refuses others, which ask again.
//
// Messages from one node to another arrive in the order in which they were sent; that and the homes' order are all that
// the protocol relies on.  A copy that was only read is dropped without a word.
#include "memory.h"

#define HIT_TIME 1
#define WIRE_TIME 10
#define HOME_TIME 6
#define RETRY_TIME 25

static u64 home(u64 line) {
    return line % NODES;
}

static void send(struct system *of, u64 at, enum message message, u64 from, u64 to, u64 line, u32 version) {
    u64 arrives = at + (from == to ? HIT_TIME : WIRE_TIME);
    struct event event = {arrives, 0, (u32)line, version, (u8)message, (u8)from, (u8)to};
    put_event(&of->queue, event);
}

// -- a node's side

static void issue_next(struct system *of, u64 node) {
    if (of->left[node]) {
        of->left[node]--;
        of->access[node] = next_access(&of->random[node], node, of->lines);
        struct event event = {of->now + HIT_TIME, 0, 0, 0, ISSUE, (u8)node, (u8)node};
        put_event(&of->queue, event);
    }
}

// The node has the copy that it needs.  Whoever reads has to see what was stored last, wherever that was.
static void finish(struct system *of, u64 node, struct copy *copy) {
    of->wrong += copy->version != of->stores[copy->line];
    if (of->access[node].store)
        copy->version = ++of->stores[copy->line];
    issue_next(of, node);
}

static void ask(struct system *of, u64 node) {
    struct access access = of->access[node];
    send(of, of->now, access.store ? GET_OWN : GET, node, home(access.line), access.line, 0);
}

static void issue(struct system *of, u64 node) {
    struct copy *copy = find_copy(&of->cache[node], of->access[node].line);
    if (copy && (copy->state == OWNED || !of->access[node].store))
        finish(of, node, copy);
    else
        ask(of, node);
}

static void fill(struct system *of, const struct event *event, enum state state) {
    struct copy *copy = place_for(&of->cache[event->to], event->line);
    if (copy->state == OWNED && copy->line != event->line)
        send(of, of->now, WRITE_BACK, event->to, home(copy->line), copy->line, copy->version);
    of->misses++;
    *copy = (struct copy){event->line, event->version, ++of->cache[event->to].clock, (u8)state};
    finish(of, event->to, copy);
}

// The home wants the copy of an owner, which keeps it or not; what was written back is on its way already.
static void give(struct system *of, const struct event *event, enum state then) {
    struct copy *copy = find_copy(&of->cache[event->to], event->line);
    if (copy && copy->state == OWNED) {
        copy->state = (u8)then;
        send(of, of->now, RETURN, event->to, event->from, event->line, copy->version);
    }
}

static void invalidate(struct system *of, const struct event *event) {
    struct copy *copy = find_copy(&of->cache[event->to], event->line);
    if (copy)
        copy->state = INVALID;
    send(of, of->now, ACKNOWLEDGE, event->to, event->from, event->line, 0);
}

// -- a home's side; `at` is when its controller is done

static void grant_own(struct system *of, u64 at, u64 line) {
    struct directory *known = &of->directory[line];
    send(of, at, DATA_OWN, home(line), known->asker, line, known->version);
    known->owner = known->asker;
    known->sharers = 0;
    known->asker = NONE;
}

static void asked(struct system *of, u64 at, const struct event *event) {
    struct directory *known = &of->directory[event->line];
    u64 here = event->to, own = event->message == GET_OWN;
    if (known->asker != NONE) {
        send(of, at, REFUSED, here, event->from, event->line, 0);
        return;
    }
    if (known->owner != NONE) {
        known->asker = event->from;
        known->sharers = (u8)(own ? 0 : 1 << event->from | 1 << known->owner);
        send(of, at, own ? FETCH_OWN : FETCH, here, known->owner, event->line, 0);
        return;
    }
    if (!own) {
        known->sharers |= (u8)(1 << event->from);
        send(of, at, DATA, here, event->from, event->line, known->version);
        return;
    }
    known->asker = event->from;
    for (u64 node = 0; node < NODES; node++)
        if (known->sharers >> node & 1 && node != event->from) {
            known->waits++;
            send(of, at, INVALIDATE, here, node, event->line, 0);
        }
    if (!known->waits)
        grant_own(of, at, event->line);
}

// The owner's copy came home: because it was asked for, or because its place was needed.
static void returned(struct system *of, u64 at, const struct event *event) {
    struct directory *known = &of->directory[event->line];
    known->version = event->version;
    known->owner = NONE;
    if (known->asker == NONE)
        return;
    if (!known->sharers) {
        grant_own(of, at, event->line);
    } else {
        send(of, at, DATA, event->to, known->asker, event->line, known->version);
        known->asker = NONE;
    }
}

static void at_home(struct system *of, const struct event *event) {
    u64 *free = &of->free[event->to];
    *free = (*free > of->now ? *free : of->now) + HOME_TIME;
    if (event->message == RETURN || event->message == WRITE_BACK)
        returned(of, *free, event);
    else if (event->message != ACKNOWLEDGE)
        asked(of, *free, event);
    else if (--of->directory[event->line].waits == 0)
        grant_own(of, *free, event->line);
}

static void again(struct system *of, const struct event *event) {
    struct event retry = {of->now + RETRY_TIME, 0, 0, 0, ISSUE, event->to, event->to};
    put_event(&of->queue, retry);
}

void deliver(struct system *of, const struct event *event) {
    of->now = event->time;
    switch ((enum message)event->message) {
    case ISSUE:
        issue(of, event->to);
        break;
    case DATA:
        fill(of, event, SHARED);
        break;
    case DATA_OWN:
        fill(of, event, OWNED);
        break;
    case FETCH:
        give(of, event, SHARED);
        break;
    case FETCH_OWN:
        give(of, event, INVALID);
        break;
    case INVALIDATE:
        invalidate(of, event);
        break;
    case REFUSED:
        again(of, event);
        break;
    case GET:
    case GET_OWN:
    case ACKNOWLEDGE:
    case RETURN:
    case WRITE_BACK:
        at_home(of, event);
        break;
    }
}
