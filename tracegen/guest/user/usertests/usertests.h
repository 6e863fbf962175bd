// The tests of processes, threads, pipes and files, for the table in usertests.c; each says whether what it tests holds.
#pragma once
#include "user.h"

u64 spin(u64 turns); // fault.S

struct test {
    const char *name;
    int (*holds)(void);
};

int run_tests(const struct test *run, u64 most); // each in a process of its own; then nothing may be missing

i64 reap(i64 child); // waits for one child and gives its status; -1 if another ended first

u8 *use_up_memory(void); // all but two pages; gives where untouched memory of this process begins

// processtests.c
int isolation(void);
int shared_pages(void);
int statuses(void);
int orphans(void);
int faults(void);
int execution(void);
int preemption(void);
int sleeping(void);
int killing(void);
int many(void);
int processes_out(void);
int refusals_for_memory(void);
int memory_out(void);

// threadtests.c
int threads_share(void);
int locked_counter(void);
int atomic_counter(void);
int barriers(void);
int futexes(void);
int fork_of_threads(void);
int unmap_of_threads(void);
int thread_ends(void);
int thread_chains(void);
int fork_storm(void);

// pipetests.c
int pipe_order(void);
int half_read(void);
int pipe_ends(void);
int descriptors(void);

// floattests.c
int float_arithmetic(void);
int float_modes(void);
int float_turns(void);
int float_forks(void);
int float_programs(void);
void fatal_fresh(void); // for float_programs
// maptests.c
int memory_map(void);
int protection(void);
int shared_memory(void);
int private_file(void);
int shared_file(void);
int refused_maps(void);
int copies_of_maps(void);
int pages_out(void);

// signaltests.c
int signals(void);
int fault_signals(void);
int interruptions(void);
int woken(void);
int signals_of_programs(void);
int selection(void);

// sockettests.c
int datagrams(void);
int refused_sockets(void);
int streams(void);
int stream_ends(void);
int many_connections(void);
int sockets_out(void);
int socket_selection(void);

// directorytests.c
int directories(void);
int refused_directories(void);
int links(void);
int listing(void);

// filetests.c
int files(void);
int refused_names(void);
int big_file(void);
int names(void);
int many_files(void);
int disk_full(void);
int modification(void);
int appenders(void);
int redirection(void);
int damaged_programs(void);
int command_lines(void);
int running_program(void);
int reading_without_memory(void);

// remotetests.c
int run_remote(void);
int run_deserting(void);
