/* Files: whole reads, atomic writes, locks, directories, space. */
#ifndef WN_IO_FILE_H
#define WN_IO_FILE_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/error.h"

/* Reads a whole file of at most max_bytes into a. Fails: NOT_FOUND, LIMIT, IO, MEMORY. */
WN_MUST_USE wn_rc wn_file_read(const char *path, size_t max_bytes, struct wn_arena *a,
                               struct wn_str *out, struct wn_why *why);
/* Writes path atomically and durably: a reader sees the old or the new content. The umask decides
 * a new file's mode. What is there and is no regular file (a device, a pipe) is written to as it
 * stands. Fails: DISK, IO. */
WN_MUST_USE wn_rc wn_file_write(const char *path, struct wn_str content, struct wn_why *why);
/* Makes the directory and its parents, mode 0700 for new ones. */
WN_MUST_USE wn_rc wn_dir_make(const char *path, struct wn_why *why);
WN_MUST_USE bool wn_file_exists(const char *path);
WN_MUST_USE wn_rc wn_file_remove(const char *path, struct wn_why *why); /* missing is fine */
/* Free bytes for us on the file system of path. */
WN_MUST_USE wn_rc wn_disk_free(const char *path, uint64_t *out_bytes, struct wn_why *why);
/* path is one that may be written by us: creates and removes a file in the directory. */
WN_MUST_USE wn_rc wn_dir_check_writable(const char *path, struct wn_why *why);

/* An exclusive lock held by this process until unlock or death. */
struct wn_lock {
    int fd; /* -1 = not held */
};
/* BUSY when another process holds it. */
WN_MUST_USE wn_rc wn_lock_take(const char *path, struct wn_lock *out, struct wn_why *why);
void wn_lock_drop(struct wn_lock *lock);

/* A file opened for reading at any offset. */
struct wn_reader {
    int fd;
    uint64_t size_bytes;
};
WN_MUST_USE wn_rc wn_reader_open(const char *path, struct wn_reader *out, struct wn_why *why);
WN_MUST_USE wn_rc wn_reader_read(struct wn_reader *r, uint64_t offset, char *p, size_t size,
                                 size_t *n_read, struct wn_why *why);
void wn_reader_close(struct wn_reader *r);

/* A spool: an unnamed file in dir that grows by appends and can be read at any offset; gone at
 * close. For uploads. Fails: DISK, IO, LIMIT. */
WN_MUST_USE wn_rc wn_spool_open(const char *dir, struct wn_reader *out, struct wn_why *why);
WN_MUST_USE wn_rc wn_spool_append(struct wn_reader *spool, uint64_t max_bytes, struct wn_str bytes,
                                  struct wn_why *why);

#endif
