// The balloon: pages that the guest's host asks for, whose frames it may use elsewhere until it gives them back.  How many
// it wants, from which tick on, is the boot option balloon=TICK:PAGES,TICK:PAGES...; the driver moves some each tick, and
// takes what it must from the buffer cache and from processes that do without.
#include "announce.h"
#include "kernel.h"
#include "param.h"

static struct {
    u64 tick, pages;
} demands[MAX_DEMANDS];
static u64 asked, heard; // how many there are, and whose time has come
static u64 wanted, held; // pages that should be in the balloon, and that are
static u64 latest;       // of those; each is tied to the one before

static const char *number(const char *text, u64 *value) {
    for (*value = 0; *text >= '0' && *text <= '9'; text++)
        *value = *value * 10 + (u64)(*text - '0');
    return text;
}

// Notes what the host will ask for.  It has been looked at before the guest booted.
void balloon_demands(const char *text) {
    for (char more = ','; more == ',' && asked < MAX_DEMANDS; asked++) {
        text = number(text, &demands[asked].tick);
        text = number(text + 1, &demands[asked].pages);
        more = *text++;
    }
}

// Whether there was a page to give.
static int give(void) {
    u64 page = page_alloc();
    if (!page)
        return 0;
    page_tie(page, latest >> PAGE_SHIFT);
    latest = page;
    held++;
    ANNOUNCE1(ANNOUNCE_BALLOON_OUT, page >> PAGE_SHIFT);
    return 1;
}

static int take_back(void) {
    u64 page = latest;
    latest = page_tied(page) << PAGE_SHIFT;
    held--;
    ANNOUNCE1(ANNOUNCE_BALLOON_IN, page >> PAGE_SHIFT);
    page_free(page);
    return 1;
}

// Each tick of the first CPU, which alone has to do with the balloon.
void balloon_tick(u64 tick) {
    while (heard < asked && demands[heard].tick <= tick)
        wanted = demands[heard++].pages;
    if (held == wanted)
        return;
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_BALLOON);
    for (u64 i = 0; i < BALLOON_RATE && held != wanted; i++)
        if (!(held < wanted ? give() : take_back()))
            break;
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
}
