// The best so far, in order: more points first, and of equal ones the lower number.
#include "database.h"

void rank(struct best *best, u64 number, u64 points) {
    u64 at = TOP;
    for (; at && (points > best[at - 1].points || (points == best[at - 1].points && number < best[at - 1].number)); at--)
        if (at < TOP)
            best[at] = best[at - 1];
    if (at < TOP)
        best[at] = (struct best){number, points};
}
