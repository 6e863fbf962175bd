// usertests of sockets, over the own station.
#include "usertests.h"

#define PORT 7
#define BYTES 300000 // several times what the sockets at both ends hold
#define PART 5000

static u8 block[PART];

static u8 pattern(u64 i) {
    return (u8)(i * 7 + i / 256);
}

// A descriptor that listens at PORT.
static i64 listener(u64 backlog) {
    i64 own = sys_socket(SOCKET_STREAM, 0);
    return sys_bind(own, PORT) != PORT || sys_listen(own, backlog) ? -1 : own;
}

// A stream to PORT, whose packets are `most` bytes at most; -1 where there is none.
static i64 connected(u64 most) {
    i64 own = sys_socket(SOCKET_STREAM, most);
    if (own >= 0 && sys_connect(own, sys_station(0), PORT) == 0)
        return own;
    sys_close(own);
    return -1;
}

// Datagrams keep their sizes, say who sent them, and carry words beside their bytes; an empty one is one, too.
int datagrams(void) {
    i64 to = sys_socket(SOCKET_DATAGRAM, 0), from = sys_socket(SOCKET_DATAGRAM, NET_MTU_MOST);
    if (sys_bind(to, PORT) != PORT || sys_bind(from, 0) <= PORT)
        return 0;
    for (u64 i = 0; i < PAGE_BYTES; i++)
        block[i] = pattern(i);
    static struct datagram sent = {0, PORT, block, PAGE_BYTES, {1, 2, 3, 4, ~0UL}}, received;
    sent.station = sys_station(0);
    if (sys_sendto(from, &sent) != PAGE_BYTES || (sent.bytes = 0, sys_sendto(from, &sent)) != 0)
        return 0;
    static u8 got[PAGE_BYTES];
    received.data = got, received.bytes = sizeof got;
    if (sys_recvfrom(to, &received) != PAGE_BYTES || received.station != sys_station(0) || received.head[4] != ~0UL)
        return 0;
    for (u64 i = 0; i < PAGE_BYTES; i++)
        if (got[i] != pattern(i))
            return 0;
    i64 empty = sys_recvfrom(to, &received), back = sys_connect(to, received.station, received.port);
    if (empty != 0 || back != 0 || sys_write(to, "back", 4) != 4 || sys_read(from, got, 2) != 4)
        return 0;
    return got[0] == 'b' && got[1] == 'a' && got[2] == pattern(2) && sys_close(to) == 0 && sys_sendto(from, &sent) == 0;
}

// What is no socket, or not one of that kind, or has no such peer or port; and memory that is not the process's.
int refused_sockets(void) {
    i64 datagram = sys_socket(SOCKET_DATAGRAM, 0), stream = sys_socket(SOCKET_STREAM, 0), other = sys_socket(SOCKET_STREAM, 0);
    static struct datagram message = {0, PORT, block, NET_MTU, {0}};
    message.station = sys_station(0);
    if (sys_socket(3, 0) != -1 || sys_socket(SOCKET_STREAM, NET_HEADER_BYTES) != -1 || sys_socket(SOCKET_STREAM, NET_MTU_MOST + 1) != -1)
        return 0;
    if (sys_bind(1, PORT) != -1 || sys_bind(99, PORT) != -1 || sys_bind(stream, 0x10000) != -1 || sys_listen(stream, 1) != -1)
        return 0;
    if (sys_bind(datagram, PORT) != PORT || sys_bind(datagram, PORT + 1) != -1 || sys_listen(datagram, 1) != -1)
        return 0;
    if (sys_bind(stream, PORT) != PORT || sys_bind(other, PORT) != -1 || sys_accept(stream, 0) != -1)
        return 0;
    if (sys_sendto(datagram, &message) != -1 || sys_sendto(stream, &message) != -1 || sys_recvfrom(stream, &message) != -1)
        return 0; // too many bytes for a packet
    message.bytes = 1, message.data = (void *)KERNEL_BASE;
    if (sys_sendto(datagram, &message) != -1 || sys_sendto(datagram, (void *)KERNEL_BASE) != -1 || sys_write(datagram, "x", 1) != -1)
        return 0;
    message.data = block, message.port = 0;
    if (sys_sendto(datagram, &message) != -1 || sys_shutdown(stream) != -1 || sys_read(stream, block, 1) != -1)
        return 0;
    if (sys_connect(other, 0, PORT) != -1 || sys_connect(other, sys_station(0), 0) != -1 || sys_write(other, "x", 1) != -1)
        return 0;
    return sys_connect(other, sys_station(0), PORT) == -1; // nobody listens there
}

// Reads up to the end.  How many bytes were as they should be; -1 at the first that was not.
static i64 read_pattern(i64 from, u64 part) {
    i64 got = 0, n;
    while ((n = sys_read(from, block, part)) > 0)
        for (i64 i = 0; i < n; i++)
            if (block[i] != pattern((u64)got++))
                return -1;
    return n ? -1 : got;
}

static int write_pattern(i64 to, u64 bytes, u64 part) {
    for (u64 done = 0; done < bytes;) {
        u64 n = bytes - done < part ? bytes - done : part;
        for (u64 i = 0; i < n; i++)
            block[i] = pattern(done + i);
        if (sys_write(to, block, n) != (i64)n)
            return 0;
        done += n;
    }
    return 1;
}

// Bytes through one stream, in parts: those of the writer, and those of the reader, who begins later.
static int pass(u64 most, u64 written, u64 read) {
    i64 own = listener(1);
    i64 child = sys_fork();
    if (child == 0) {
        i64 to = connected(most);
        int right = write_pattern(to, BYTES, written) && sys_shutdown(to) == 0 && sys_read(to, block, 1) == 1;
        sys_exit(right && block[0] == 'z' && sys_read(to, block, 1) == 0 ? EXIT_OK : EXIT_WRONG);
    }
    struct peer peer;
    i64 from = sys_accept(own, &peer);
    sys_sleep(1);
    int right = peer.station == sys_station(0) && read_pattern(from, read) == BYTES && sys_write(from, "z", 1) == 1;
    return sys_close(from) == 0 && sys_close(own) == 0 && reap(child) == EXIT_OK && right;
}

// Every byte arrives, in order, whatever the sizes of packets and parts; each side can end first.
int streams(void) {
    return pass(0, PART, PART) && pass(NET_MTU_MOST, 4096, 3000) && pass(500, 100, PART) && pass(200, 4999, 7);
}

// A stream that nobody reads, or that was not read to its end, breaks the writer's off; a listener that goes, all of its.
int stream_ends(void) {
    i64 own = listener(2), first = connected(0), second = connected(0), from = sys_accept(own, 0);
    if (from < 0 || sys_write(first, "abc", 3) != 3 || sys_close(own))
        return 0;
    if (sys_read(second, block, 1) != -1 || sys_write(second, "x", 1) != -1 || connected(0) != -1)
        return 0; // nobody will accept it
    if (sys_write(from, "d", 1) != 1 || sys_read(first, block, 2) != 1 || sys_close(from) || sys_read(first, block, 1) != -1)
        return 0; // abc was not read
    own = listener(1);
    i64 third = connected(0);
    from = sys_accept(own, 0);
    if (sys_close(third) || sys_read(from, block, 1) != 0 || sys_write(from, "x", 1) != 1)
        return 0; // this is the answer to whose end was read
    return sys_write(from, "x", 1) == -1 && sys_shutdown(from) == -1;
}

#define CLIENTS 10
#define CALLS 8

static u64 answer(u64 client, u64 call) {
    return client * 1000 + call * call;
}

// Clients that connect again and again; one server answers them in their order.
int many_connections(void) {
    i64 own = listener(CLIENTS);
    for (u64 client = 0; client < CLIENTS; client++)
        if (sys_fork() == 0) {
            for (u64 call = 0; call < CALLS; call++) {
                u64 words[2] = {client, call};
                i64 to = connected(0);
                if (sys_write(to, words, 16) != 16 || sys_read(to, words, 8) != 8 || words[0] != answer(client, call) || sys_close(to))
                    sys_exit(EXIT_WRONG);
            }
            sys_exit(EXIT_OK);
        }
    for (u64 i = 0; i < CLIENTS * CALLS; i++) {
        u64 words[2];
        i64 from = sys_accept(own, 0);
        if (sys_read(from, words, 16) != 16)
            return 0;
        words[0] = answer(words[0], words[1]);
        if (sys_write(from, words, 8) != 8 || sys_read(from, words, 1) != 0 || sys_close(from))
            return 0;
    }
    int right = 1;
    for (u64 i = 0; i < CLIENTS; i++) {
        u64 status = EXIT_WRONG;
        right &= sys_wait(&status) > 0 && status == EXIT_OK;
    }
    return right;
}

// Sockets run out, and come back; who asks while no more may wait asks again, in vain.
int sockets_out(void) {
    u64 made = 0;
    i64 latest = -1, next;
    while ((next = sys_socket(SOCKET_DATAGRAM, 0)) >= 0)
        latest = next, made++;
    if (made < 64 || sys_close(latest) || sys_socket(SOCKET_STREAM, 0) != latest || sys_close(latest))
        return 0;
    for (i64 i = 2; i < latest; i++)
        sys_close(i);
    return listener(1) >= 0 && connected(0) >= 0 && connected(0) == -1;
}

// Sockets are waited for like pipes: for bytes, for who connects, for room, for an end.
int socket_selection(void) {
    i64 own = listener(1), other = sys_socket(SOCKET_DATAGRAM, 0);
    struct sets sets = {{1UL << own | 1UL << other}, {0}};
    if (sys_select(&sets, 0) != 0)
        return 0;
    i64 child = sys_fork();
    if (child == 0) {
        sys_sleep(1);
        i64 to = connected(0);
        sys_sleep(1);
        sys_exit(read_pattern(to, PART) == BYTES ? EXIT_OK : EXIT_WRONG);
    }
    sets.read[0] = 1UL << own | 1UL << other;
    if (sys_select(&sets, -1) != 1 || sets.read[0] != 1UL << own)
        return 0;
    i64 to = sys_accept(own, 0);
    for (u64 i = 0; i < PART; i++)
        block[i] = pattern(i);
    sets = (struct sets){{0}, {1UL << to}};
    if (sys_select(&sets, 0) != 1 || !write_pattern(to, BYTES, PART) || sys_shutdown(to))
        return 0;
    sets = (struct sets){{1UL << to}, {0}};
    return reap(child) == EXIT_OK && sys_select(&sets, -1) == 1 && sys_read(to, block, 1) == 0;
}
