// ttcp BUFFERS BYTES MTU: so many buffers of so many bytes through one stream, in packets of MTU bytes at most.
//
// Machines form pairs: an odd one receives from the next one.  One without a partner does both, in two processes.
#include "workload.h"

#define PORT 5001 // ttcp's

static u64 buffers, bytes, mtu;

static u64 digest_of(u64 digest, const u64 *buffer) {
    for (u64 i = 0; i < bytes / sizeof *buffer; i++)
        digest = mix(digest, buffer[i]);
    return digest;
}

// The same numbers in each buffer, but for the first, which is the buffer's.
static u64 *make_buffer(void) {
    u64 *buffer = allocate(bytes), state = seeded(0);
    for (u64 i = 0; i < bytes / sizeof *buffer; i++)
        buffer[i] = chance(&state);
    return buffer;
}

static u64 expected_digest(u64 *buffer) {
    u64 digest = DIGEST;
    for (buffer[0] = 0; buffer[0] < buffers; buffer[0]++)
        digest = digest_of(digest, buffer);
    return digest;
}

// Sends, and hears what the receiver has made of it.
static int transmit(u64 to) {
    u64 *buffer = make_buffer(), wrong = 0, heard = 0;
    i64 stream = call_server(to, PORT, mtu);
    MARK_BEGIN();
    for (buffer[0] = 0; buffer[0] < buffers; buffer[0]++)
        wrong += sys_write(stream, buffer, bytes) != (i64)bytes;
    wrong += sys_shutdown(stream) != 0;
    wrong += !read_all(stream, &heard, sizeof heard);
    MARK_END();
    wrong += heard != expected_digest(buffer) || sys_close(stream) != 0;
    report("ttcp: sent %d bytes in packets of %d, digest %x, %d wrong\n", buffers * bytes, mtu, heard, wrong);
    return wrong ? EXIT_WRONG : EXIT_OK;
}

static int receive(i64 listener) {
    u64 *buffer = make_buffer(), digest = DIGEST, received = 0, wrong = 0;
    i64 stream = sys_accept(listener, 0);
    MARK_BEGIN();
    for (; read_all(stream, buffer, bytes); received++)
        digest = digest_of(digest, buffer);
    MARK_END();
    wrong += received != buffers || digest != expected_digest(make_buffer());
    wrong += sys_write(stream, &digest, sizeof digest) != sizeof digest || sys_close(stream) || sys_close(listener);
    report("ttcp: received %d bytes in packets of %d, digest %x, %d wrong\n", received * bytes, mtu, digest, wrong);
    return wrong ? EXIT_WRONG : EXIT_OK;
}

int main(void) {
    buffers = number_argument(1), bytes = number_argument(2), mtu = number_argument(3);
    u64 station = sys_station(0), alone = station % 2 && station == sys_station(1), status = EXIT_OK;
    if (station % 2 == 0)
        return transmit(station - 1);
    i64 listener = listen_at(PORT, mtu, 1);
    if (alone && sys_fork() == 0)
        return transmit(station);
    int wrong = receive(listener);
    if (alone && sys_wait(&status) < 0)
        return EXIT_WRONG;
    return wrong || status ? EXIT_WRONG : EXIT_OK;
}
