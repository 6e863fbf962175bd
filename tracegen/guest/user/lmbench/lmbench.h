// Operations as lmbench times them (McVoy and Staelin, USENIX 1996), one region of the trace each.
#pragma once
#include "workload.h"

// Function, and name of its mark, in the order of the marks.
#define OPERATIONS(O)                                                                                             \
    O(null_call, "null call") O(null_read, "null read") O(null_write, "null write") O(file_stat, "stat")          \
    O(open_close, "open close") O(pipe_0, "pipe 0K") O(pipe_16, "pipe 16K") O(pipe_64, "pipe 64K")                \
    O(fork_process, "fork") O(exec_process, "exec") O(sh_process, "sh")                                           \
    O(switch_2_0, "ctx 2p/0K") O(switch_2_16, "ctx 2p/16K") O(switch_2_64, "ctx 2p/64K")                          \
    O(switch_8_0, "ctx 8p/0K") O(switch_8_16, "ctx 8p/16K") O(switch_8_64, "ctx 8p/64K")                          \
    O(switch_16_0, "ctx 16p/0K") O(switch_16_16, "ctx 16p/16K") O(switch_16_64, "ctx 16p/64K")                    \
    O(create_0, "0K create") O(delete_0, "0K delete") O(create_10, "10K create") O(delete_10, "10K delete") \
    O(map_latency, "mmap") O(page_fault, "page fault") O(protection_fault, "protection fault")                    \
    O(signal_install, "signal install") O(signal_handle, "signal handle") O(select_pipes, "select 10 pipes")   \
    O(select_streams, "select 100 tcp")

// Does the operation `rounds` times, in a region of `mark` each; how often it went wrong.
#define DECLARE(function, name) u64 function(u64 mark, u64 rounds);
OPERATIONS(DECLARE)
#undef DECLARE

#define FILE_NAME "lmbench.data"
