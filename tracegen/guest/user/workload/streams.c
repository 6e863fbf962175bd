// Streams between programs, which may begin at different times.
#include "workload.h"

#define TRIES 200 // a tick apart

i64 listen_at(u64 port, u64 mtu, u64 backlog) {
    i64 listener = sys_socket(SOCKET_STREAM, mtu);
    if (sys_bind(listener, port) < 0 || sys_listen(listener, backlog))
        stop("no such port, or packets", STATUS_USAGE);
    return listener;
}

i64 call_server(u64 station, u64 port, u64 mtu) {
    for (u64 i = 0; i < TRIES; i++) {
        i64 stream = sys_socket(SOCKET_STREAM, mtu);
        if (stream >= 0 && sys_connect(stream, station, port) == 0)
            return stream;
        sys_close(stream);
        sys_sleep(1);
    }
    stop("the server does not answer", EXIT_WRONG);
}

int read_all(i64 from, void *to, u64 bytes) {
    for (u64 got = 0; got < bytes;) {
        i64 n = sys_read(from, (u8 *)to + got, bytes - got);
        if (n <= 0)
            return 0;
        got += (u64)n;
    }
    return 1;
}
