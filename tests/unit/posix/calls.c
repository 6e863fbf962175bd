// The guest's system calls on POSIX: its programs run on the host, each as a process in the current folder.
//
// Programs are looked up in the folder that the environment names.  The guest's main() is compiled as guest_main().
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEAP_BYTES (1L << 30)
#define MAX_WORDS 16

typedef int64_t i64;
typedef uint64_t u64;

static char **words;
static int word_count;

void start(void);

int main(int count, char **arguments) {
    words = arguments;
    word_count = count;
    start();
}

void sys_exit(u64 status) { _exit((int)status); }
i64 sys_write(i64 descriptor, const void *from, u64 bytes) { return write((int)descriptor, from, bytes); }
i64 sys_read(i64 descriptor, void *to, u64 bytes) { return read((int)descriptor, to, bytes); }
i64 sys_close(i64 descriptor) { return close((int)descriptor); }
i64 sys_dup2(i64 descriptor, i64 to) { return dup2((int)descriptor, (int)to); }
i64 sys_sync(void) { return 0; }
i64 sys_fork(void) { return fork(); }
i64 sys_seek(i64 descriptor, u64 offset) { return lseek((int)descriptor, (off_t)offset, SEEK_SET); }
i64 sys_unlink(const char *name) { return unlink(name); }

i64 sys_pipe(i64 ends[2]) {
    int made[2];
    if (pipe(made))
        return -1;
    ends[0] = made[0];
    ends[1] = made[1];
    return 0;
}

i64 sys_open(const char *name, u64 flags) {
    int create = (flags & 4 ? O_CREAT : 0) | (flags & 8 ? O_TRUNC : 0);
    return open(name, (flags & 2 ? O_RDWR : O_RDONLY) | create, 0644);
}

i64 sys_sbrk(u64 bytes) {
    static char *heap;
    static i64 used;
    if (!heap)
        heap = mmap(0, HEAP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    i64 before = used;
    used += (i64)((bytes + 4095) & ~4095UL);
    return used > HEAP_BYTES ? -1 : (i64)heap + before;
}

i64 sys_getarg(u64 index, char *to, u64 bytes) {
    if (index >= (u64)word_count)
        return -1;
    const char *from = words[index], *slash = index ? 0 : strrchr(from, '/');
    return snprintf(to, bytes, "%s", slash ? slash + 1 : from);
}

i64 sys_stat(const char *name, u64 *to) {
    struct stat found;
    if (stat(name, &found))
        return -1;
    to[0] = (u64)found.st_size;
    to[1] = (u64)found.st_mtim.tv_sec * 1000000000 + (u64)found.st_mtim.tv_nsec;
    to[2] = found.st_ino;
    return 0;
}

i64 sys_wait(u64 *status) {
    int ended;
    i64 child = wait(&ended);
    if (child >= 0 && status)
        *status = WIFEXITED(ended) ? (u64)WEXITSTATUS(ended) : 128 + (u64)WTERMSIG(ended);
    return child;
}

i64 sys_exec(const char *line) {
    char text[256], path[512], *arguments[MAX_WORDS + 1] = {0};
    int count = 0;
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, " "); word && count < MAX_WORDS; word = strtok(0, " "))
        arguments[count++] = word;
    snprintf(path, sizeof path, "%s/%s", getenv("GUEST_PROGRAMS"), arguments[0]);
    execv(path, arguments);
    return -1;
}
