// Files of other machines, after NFS (RFC 1094): calls in datagrams, each with an answer.  rpc.c makes calls, remote.c is the
// file system that needs them, serve.c answers.
//
// A call's words travel in the header, so that a page of a file is a page in the packet: it leaves from the cache's page,
// and becomes one.  What has no effect but an answer may be done twice; the rest is not, if the call comes twice.
#pragma once
#include "kernel.h"

struct buffer;
struct inode;
struct packet;

#define NFS_PORT 2049

enum nfs_procedure {
    NFS_MOUNT = 1, // the root's attributes
    NFS_ATTRIBUTES,
    NFS_LOOKUP,
    NFS_READ,      // the page NFS_INDEX
    NFS_WRITE,     // the same; the file has NFS_SIZE bytes at least.  Without a page: no more than that
    NFS_TRUNCATE,
    NFS_CREATE,    // a file, or what NFS_FLAG says is a directory; or the file that there is
    NFS_REMOVE,    // a file, or what NFS_FLAG says is a directory
    NFS_RENAME,    // into the directory NFS_INDEX; NFS_FLAG: the old name stays
    NFS_UNMOUNT,
};

#define NFS_FIRST_CHANGE NFS_WRITE // from there on calls change something

// Words of a call, and of an answer, which says what there is to know of a file.
enum { NFS_CALL, NFS_FILE, NFS_INDEX, NFS_SIZE, NFS_FLAG };
enum { NFS_BYTES = 2, NFS_MODIFIED, NFS_KIND }; // NFS_FILE is 0 where the call is refused; NFS_KIND: links, and as bit 16 a directory's

#define NFS_PROCEDURE 0xff   // of NFS_CALL; the rest is the call's number
#define NFS_CALL_SHIFT 8
#define NFS_DIRECTORY_SHIFT 16

struct nfs_names { // the payload of a call with names
    char name[FS_NAME_BYTES], other[FS_NAME_BYTES];
};

// rpc.c
int rpc(u64 station, u64 *words, u64 page, u64 bytes, u64 *got);
int rpc_begin(void);
int rpc_waits_for(const struct packet *p);

// remote.c
struct inode *remote_mount(u64 station);
void remote_finish(void);
int remote_read(struct buffer *b);
void remote_write(const struct buffer *b);

// serve.c
i64 nfs_serve(u64 clients);
