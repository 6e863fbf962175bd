// Events by time: a binary heap.
#include "memory.h"

static int earlier(const struct event *a, const struct event *b) {
    return a->time < b->time || (a->time == b->time && a->order < b->order);
}

void put_event(struct queue *queue, struct event event) {
    event.order = queue->made++;
    u64 at = queue->count++;
    if (at == MOST_EVENTS)
        stop("more events than there is room for", EXIT_WRONG);
    for (; at && earlier(&event, &queue->heap[(at - 1) / 2]); at = (at - 1) / 2)
        queue->heap[at] = queue->heap[(at - 1) / 2];
    queue->heap[at] = event;
}

struct event take_event(struct queue *queue) {
    struct event first = queue->heap[0], last = queue->heap[--queue->count];
    u64 at = 0;
    for (u64 child = 1; child < queue->count; child = 2 * at + 1) {
        if (child + 1 < queue->count && earlier(&queue->heap[child + 1], &queue->heap[child]))
            child++;
        if (!earlier(&queue->heap[child], &last))
            break;
        queue->heap[at] = queue->heap[child];
        at = child;
    }
    queue->heap[at] = last;
    return first;
}
