#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static wn_rc rc_of_errno(int error)
{
    switch (error) {
    case ENOENT:
        return WN_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
    case EROFS:
    case EACCES:
    case EPERM:
    case EFBIG:
        return WN_DISK;
    case ENOMEM:
        return WN_MEMORY;
    default:
        return WN_IO;
    }
}

static wn_rc fail_errno(struct wn_why *why, const char *doing, const char *path)
{
    int error = errno;
    return wn_fail(why, rc_of_errno(error), NULL, "cannot %s %s: %s", doing, path, strerror(error));
}

wn_rc wn_reader_open(const char *path, struct wn_reader *out, struct wn_why *why)
{
    /* Non-blocking: opening a pipe nobody writes to would wait for ever. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return fail_errno(why, "open", path);
    struct stat info;
    wn_rc rc = WN_OK;
    if (fstat(fd, &info) != 0)
        rc = fail_errno(why, "look at", path);
    else if (S_ISDIR(info.st_mode))
        rc = wn_fail(why, WN_INVALID, NULL, "%s is a directory; name the files in it", path);
    else if (!S_ISREG(info.st_mode))
        rc =
            wn_fail(why, WN_INVALID, NULL,
                    "%s is not a regular file: it is read twice, so save it as a file first", path);
    if (rc) {
        close(fd);
        return rc;
    }
    *out = (struct wn_reader){fd, (uint64_t)info.st_size};
    return WN_OK;
}

wn_rc wn_reader_read(struct wn_reader *r, uint64_t offset, char *p, size_t size, size_t *n_read,
                     struct wn_why *why)
{
    for (;;) {
        ssize_t n = pread(r->fd, p, size, (off_t)offset);
        if (n >= 0) {
            *n_read = (size_t)n;
            return WN_OK;
        }
        if (errno != EINTR)
            return wn_fail(why, WN_IO, NULL, "reading failed: %s", strerror(errno));
    }
}

void wn_reader_close(struct wn_reader *r)
{
    if (r && r->fd >= 0) {
        close(r->fd);
        r->fd = -1;
    }
}

wn_rc wn_file_read(const char *path, size_t max_bytes, struct wn_arena *a, struct wn_str *out,
                   struct wn_why *why)
{
    struct wn_reader r = {.fd = -1};
    wn_rc rc = wn_reader_open(path, &r, why);
    if (rc)
        return rc;
    size_t n = 0, n_read = 0;
    char *p = NULL;
    if (r.size_bytes > max_bytes)
        rc = wn_fail(why, WN_LIMIT, NULL, "%s is larger than %zu bytes", path, max_bytes);
    else if (!(p = wn_arena_alloc(a, (size_t)r.size_bytes + 1)))
        rc = wn_fail(why, WN_MEMORY, NULL, "memory has run out while reading %s", path);
    while (!rc && n < r.size_bytes) {
        rc = wn_reader_read(&r, n, p + n, (size_t)r.size_bytes - n, &n_read, why);
        if (!rc && n_read == 0)
            break;
        n += n_read;
    }
    wn_reader_close(&r);
    if (!rc)
        *out = (struct wn_str){p, n};
    return rc;
}

static bool write_all(int fd, struct wn_str s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        s = wn_str_slice(s, (size_t)n, s.n);
    }
    return true;
}

/* A device or a pipe is written to, not replaced. */
static wn_rc write_in_place(const char *path, struct wn_str content, struct wn_why *why)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return fail_errno(why, "write", path);
    wn_rc rc = write_all(fd, content) ? WN_OK : fail_errno(why, "write", path);
    if (close(fd) != 0 && !rc)
        rc = fail_errno(why, "write", path);
    return rc;
}

wn_rc wn_file_write(const char *path, struct wn_str content, struct wn_why *why)
{
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return write_in_place(path, content, why);
    char part[4096], dir[4096];
    int n = snprintf(part, sizeof part, "%s.part-%d", path, (int)getpid());
    if (n < 0 || (size_t)n >= sizeof part)
        return wn_fail(why, WN_INVALID, NULL, "the path is too long");
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return fail_errno(why, "write", path);
    wn_rc rc = WN_OK;
    if (!write_all(fd, content) || fsync(fd) != 0)
        rc = fail_errno(why, "write", path);
    if (close(fd) != 0 && !rc)
        rc = fail_errno(why, "write", path);
    if (!rc && rename(part, path) != 0)
        rc = fail_errno(why, "replace", path);
    if (rc) {
        unlink(part);
        return rc;
    }
    /* The new name is durable when its directory is. */
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash)
        *(slash == dir ? slash + 1 : slash) = 0;
    int dir_fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd >= 0) {
        fsync(dir_fd);
        close(dir_fd);
    }
    return WN_OK;
}

wn_rc wn_dir_make(const char *path, struct wn_why *why)
{
    char part[4096];
    int n = snprintf(part, sizeof part, "%s", path);
    if (n <= 0 || (size_t)n >= sizeof part)
        return wn_fail(why, WN_INVALID, NULL, "the path of the directory is empty or too long");
    for (char *p = part + 1;; p++) {
        if (*p != '/' && *p != 0)
            continue;
        char kept = *p;
        *p = 0;
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return fail_errno(why, "make the directory", part);
        *p = kept;
        if (!kept)
            break;
    }
    struct stat info;
    if (stat(path, &info) != 0)
        return fail_errno(why, "look at", path);
    if (!S_ISDIR(info.st_mode))
        return wn_fail(why, WN_INVALID, NULL, "%s is not a directory", path);
    return WN_OK;
}

bool wn_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

wn_rc wn_file_remove(const char *path, struct wn_why *why)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return fail_errno(why, "remove", path);
    return WN_OK;
}

wn_rc wn_disk_free(const char *path, uint64_t *out_bytes, struct wn_why *why)
{
    struct statvfs info;
    if (statvfs(path, &info) != 0)
        return fail_errno(why, "look at the file system of", path);
    *out_bytes = (uint64_t)info.f_bavail * info.f_frsize;
    return WN_OK;
}

wn_rc wn_dir_check_writable(const char *path, struct wn_why *why)
{
    char probe[4096];
    int n = snprintf(probe, sizeof probe, "%s/.probe-%d", path, (int)getpid());
    if (n < 0 || (size_t)n >= sizeof probe)
        return wn_fail(why, WN_INVALID, NULL, "the path of the directory is too long");
    int fd = open(probe, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_errno(why, "write into", path);
    wn_rc rc = write_all(fd, WN_STR("x")) ? WN_OK : fail_errno(why, "write into", path);
    close(fd);
    unlink(probe);
    return rc;
}

wn_rc wn_lock_take(const char *path, struct wn_lock *out, struct wn_why *why)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_errno(why, "open the lock", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        wn_rc rc = errno == EWOULDBLOCK
                       ? wn_fail(why, WN_BUSY, NULL, "another process holds %s", path)
                       : fail_errno(why, "lock", path);
        close(fd);
        return rc;
    }
    out->fd = fd;
    return WN_OK;
}

void wn_lock_drop(struct wn_lock *lock)
{
    if (lock && lock->fd >= 0) {
        close(lock->fd);
        lock->fd = -1;
    }
}

wn_rc wn_spool_open(const char *dir, struct wn_reader *out, struct wn_why *why)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/.spool-XXXXXX", dir);
    if (n < 0 || (size_t)n >= sizeof path)
        return wn_fail(why, WN_INVALID, NULL, "the path of the directory is too long");
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return fail_errno(why, "make a temporary file in", dir);
    unlink(path); /* gone with its descriptor, even if we are killed */
    *out = (struct wn_reader){fd, 0};
    return WN_OK;
}

wn_rc wn_spool_append(struct wn_reader *spool, uint64_t max_bytes, struct wn_str bytes,
                      struct wn_why *why)
{
    if (bytes.n > max_bytes - spool->size_bytes)
        return wn_fail(why, WN_LIMIT, "file", "the file is larger than %llu bytes",
                       (unsigned long long)max_bytes);
    if (!write_all(spool->fd, bytes))
        return fail_errno(why, "write", "the temporary file of the upload");
    spool->size_bytes += bytes.n;
    return WN_OK;
}
