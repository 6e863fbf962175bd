// Every limit and rate of the kernel.
#pragma once

#define MAX_CPUS 16
#define BOOT_STACK_BYTES 8192   // the first CPU's idle thread's, too; every other kernel stack is one page
#define LINE_BYTES 256          // command line of a process, with its NUL
#define MAX_ARGUMENTS 16
#define WRITE_CHUNK 128         // bytes of a write() to the console that pass through the kernel's stack at a time
#define MAX_PROCESSES 32
#define MAX_SPACES (2 * MAX_PROCESSES) // exec holds two while it reads the program
#define MAX_DESCRIPTORS 128     // of one process
#define MAX_FILES 128           // of all processes
#define MAX_REGIONS 24          // of a space
#define MAX_MAPPED 128          // files that are mapped somewhere
#define PATH_BYTES 128          // of a file's names from a directory on, with the NUL
#define MAX_INODES (1 + MAX_FILES + 5 * MAX_PROCESSES + MAX_MAPPED) // in memory: the root, open files, what calls work on
#define PIPE_BYTES 1024         // a power of two that leaves room in a page
#define MAX_MOUNTS 4
#define REQUEST_TRIES 40        // until a file server is taken for dead; of the first request, a tenth
#define MAX_REQUESTS 64         // that wait for a file server's processes
#define MAX_ANSWERS 64          // that a file server remembers, for who asks again
#define MOURNING 100            // ticks that a file server stays for clients that did not hear the last answer
#define MAX_SOCKETS 128
#define MAX_PACKETS 512         // in queues of sockets and of the card
#define MAX_SENT 32             // packets of a stream that wait to be acknowledged
#define MAX_RECEIVED 32         // packets of a socket that wait to be read
#define NET_BUFFERS 64          // empty packets that the card has
#define PATIENCE 5              // ticks until a stream sends something again, doubled each time
#define MOST_PATIENCE 80
#define MOST_TRIES 10
#define LINGER 20               // ticks that a stream's end is remembered for
#define LONGEST_END 1000        // ticks that a stream waits for the peer's end when nobody reads it
#define MAX_BUFFERS 32768       // blocks of the disk in memory; and no more than half of all pages
#define BUFFER_CHAINS 1024      // by which they are found; a power of two
#define MAX_DIRTY 128           // of them newer than on the disk
#define MAX_DEMANDS 32          // of the host, for pages in the balloon
#define BALLOON_RATE 256        // pages that go into it or come out in a tick
#define RESERVED_PAGES 8        // that only the buffer cache may use, so that it can always go on
