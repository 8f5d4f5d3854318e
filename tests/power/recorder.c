/* Records the file operations of every process it is preloaded into, below one directory, in one global order.
 *
 *   RECORDER_ROOT   the directory (a real path, without symbolic links)
 *   RECORDER_TRACE  the file that the records are appended to (outside of the root)
 *
 * An operation and its record are made under one lock: a mutex for the threads of a process, an fcntl lock for the
 * processes (the kernel gives it back when a process is killed). So the order of the records is the order of the
 * operations. Writes through shared mappings are not seen: SQLite uses one for the index of its log (-shm), which it
 * rebuilds. What would change files in ways that are not recorded here leaves a record of kind POISON.
 *
 * The layout of a record is in disk.py.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { CREATE = 1, WRITE, TRUNCATE, SYNC, RENAME, LINK, UNLINK, MKDIR, RMDIR, MARK, SYNC_ALL, POISON, SYMLINK };

struct record {
    uint32_t magic, kind, pid, name_bytes, other_bytes, data_bytes;
    uint64_t inode, offset;
};

static char root[PATH_MAX];
static size_t root_bytes;
static char trace_path[PATH_MAX];
static int trace_fd = -1;
static ino_t trace_inode;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))real_of(#name))

static void *real_of(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) {
        fprintf(stderr, "recorder: no %s\n", name);
        abort();
    }
    return found;
}

static void before_fork(void) { pthread_mutex_lock(&mutex); }
static void after_fork(void) { pthread_mutex_unlock(&mutex); }

__attribute__((constructor)) static void begin(void) {
    const char *where = getenv("RECORDER_ROOT"), *trace = getenv("RECORDER_TRACE");
    if (!where || !trace) return;
    snprintf(root, sizeof root, "%s", where);
    root_bytes = strlen(root);
    snprintf(trace_path, sizeof trace_path, "%s", trace);
    pthread_atfork(before_fork, after_fork, after_fork);
}

/* The process may have closed our descriptor with all others, and its number may belong to another file by now. */
static void open_trace(void) {
    struct stat found;
    if (trace_fd >= 0 && fstat(trace_fd, &found) == 0 && found.st_ino == trace_inode) return;
    int fd = REAL(open)(trace_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) abort();
    trace_fd = fcntl(fd, F_DUPFD_CLOEXEC, 400);
    REAL(close)(fd);
    if (trace_fd < 0 || fstat(trace_fd, &found)) abort();
    trace_inode = found.st_ino;
}

static void lock(void) {
    int kept = errno;
    pthread_mutex_lock(&mutex);
    open_trace();
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    while (fcntl(trace_fd, F_SETLKW, &whole) != 0)
        if (errno != EINTR) abort();
    errno = kept;
}

static void unlock(void) {
    int kept = errno;
    struct flock whole = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    fcntl(trace_fd, F_SETLK, &whole);
    pthread_mutex_unlock(&mutex);
    errno = kept;
}

static void note(enum kind kind, uint64_t inode, uint64_t offset, const char *name, const char *other, const void *data,
                 size_t data_bytes) {
    int kept = errno;
    struct record record = {0x4b4f4241, kind, getpid(), name ? strlen(name) : 0, other ? strlen(other) : 0,
                            data_bytes, inode,  offset};
    struct iovec parts[] = {{&record, sizeof record},
                            {(void *)name, record.name_bytes},
                            {(void *)other, record.other_bytes},
                            {(void *)data, data_bytes}};
    size_t all = sizeof record + record.name_bytes + record.other_bytes + data_bytes;
    if (REAL(writev)(trace_fd, parts, 4) != (ssize_t)all) abort();
    errno = kept;
}

/* The path of an entry below the root ("" is the root itself), or NULL if it lies outside. */
static const char *inside(const char *path) {
    if (!root_bytes || strncmp(path, root, root_bytes)) return NULL;
    if (path[root_bytes] == '/') return path + root_bytes + 1;
    return path[root_bytes] ? NULL : "";
}

static const char *entry(int dir_fd, const char *path, char *buffer) {
    char whole[PATH_MAX], folder[PATH_MAX], link[64];
    if (!root_bytes || !path || !*path) return NULL;
    if (path[0] == '/') {
        snprintf(whole, sizeof whole, "%s", path);
    } else {
        if (dir_fd == AT_FDCWD) {
            if (!getcwd(folder, sizeof folder)) return NULL;
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", dir_fd);
            ssize_t bytes = readlink(link, folder, sizeof folder - 1);
            if (bytes < 0) return NULL;
            folder[bytes] = 0;
        }
        if (snprintf(whole, sizeof whole, "%s/%s", folder, path) >= (int)sizeof whole) return NULL;
    }
    for (size_t bytes = strlen(whole); bytes > 1 && whole[bytes - 1] == '/'; bytes--) whole[bytes - 1] = 0;
    char *slash = strrchr(whole, '/');
    if (!slash) return NULL;
    *slash = 0;
    int kept = errno;
    char *real = realpath(slash == whole ? "/" : whole, folder);
    errno = kept;
    if (!real || snprintf(buffer, PATH_MAX, "%s/%s", folder, slash + 1) >= PATH_MAX) return NULL;
    return inside(buffer);
}

/* Whether a descriptor is a file or folder below the root; fills in its state. Safe in a signal handler. */
static int ours(int fd, struct stat *found) {
    char link[64], path[PATH_MAX];
    int kept = errno;
    int is_ours = 0;
    if (root_bytes && fstat(fd, found) == 0 && (S_ISREG(found->st_mode) || S_ISDIR(found->st_mode))) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t bytes = readlink(link, path, sizeof path - 1);
        if (bytes > 0) {
            path[bytes] = 0;
            is_ours = inside(path) != NULL;
        }
    }
    errno = kept;
    return is_ours;
}

void recorder_mark(const char *text) {
    lock();
    note(MARK, 0, 0, text, NULL, NULL, 0);
    unlock();
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static int record_open(int dir_fd, const char *path, int flags, mode_t mode) {
    char buffer[PATH_MAX];
    struct stat before, after;
    const char *name = (flags & (O_CREAT | O_TRUNC)) || (flags & O_TMPFILE) == O_TMPFILE
                           ? entry(dir_fd, path, buffer)
                           : NULL;
    if (!name) return REAL(openat)(dir_fd, path, flags, mode);
    lock();
    int was_there = fstatat(dir_fd, path, &before, 0) == 0;
    int fd = REAL(openat)(dir_fd, path, flags, mode);
    if (fd >= 0 && fstat(fd, &after) == 0) {
        if ((flags & O_TMPFILE) == O_TMPFILE) note(POISON, 0, 0, "O_TMPFILE", NULL, NULL, 0);
        else if (!was_there) note(CREATE, after.st_ino, 0, name, NULL, NULL, 0);
        else if ((flags & O_TRUNC) && before.st_size) note(TRUNCATE, after.st_ino, 0, NULL, NULL, NULL, 0);
    }
    unlock();
    return fd;
}

#define MODE                                                    \
    mode_t mode = 0;                                            \
    if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) { \
        va_list rest;                                           \
        va_start(rest, flags);                                  \
        mode = va_arg(rest, mode_t);                            \
        va_end(rest);                                           \
    }

int open(const char *path, int flags, ...) { MODE return record_open(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return record_open(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int fd, const char *path, int flags, ...) {
    MODE
    /* record_open calls the real one */
    return record_open(fd, path, flags, mode);
}
int openat64(int fd, const char *path, int flags, ...) { MODE return record_open(fd, path, flags | O_LARGEFILE, mode); }
int __open_2(const char *path, int flags) { return record_open(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return record_open(AT_FDCWD, path, flags, 0); }
int __openat_2(int fd, const char *path, int flags) { return record_open(fd, path, flags, 0); }
int __openat64_2(int fd, const char *path, int flags) { return record_open(fd, path, flags, 0); }
int creat(const char *path, mode_t mode) { return record_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

/* ---- content ---------------------------------------------------------------------------------------------------- */

ssize_t write(int fd, const void *data, size_t bytes) {
    struct stat found;
    if (!ours(fd, &found)) return REAL(write)(fd, data, bytes);
    lock();
    ssize_t written = REAL(write)(fd, data, bytes);
    if (written > 0) note(WRITE, found.st_ino, lseek(fd, 0, SEEK_CUR) - written, NULL, NULL, data, written);
    unlock();
    return written;
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset) {
    struct stat found;
    if (!ours(fd, &found)) return REAL(pwrite)(fd, data, bytes, offset);
    lock();
    ssize_t written = REAL(pwrite)(fd, data, bytes, offset);
    if (written > 0) note(WRITE, found.st_ino, offset, NULL, NULL, data, written);
    unlock();
    return written;
}
ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset) { return pwrite(fd, data, bytes, offset); }

static void note_parts(uint64_t inode, uint64_t offset, const struct iovec *parts, int count, size_t written) {
    for (int part = 0; part < count && written; part++) {
        size_t bytes = parts[part].iov_len < written ? parts[part].iov_len : written;
        if (bytes) note(WRITE, inode, offset, NULL, NULL, parts[part].iov_base, bytes);
        offset += bytes;
        written -= bytes;
    }
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    struct stat found;
    if (!ours(fd, &found)) return REAL(writev)(fd, parts, count);
    lock();
    ssize_t written = REAL(writev)(fd, parts, count);
    if (written > 0) note_parts(found.st_ino, lseek(fd, 0, SEEK_CUR) - written, parts, count, written);
    unlock();
    return written;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    struct stat found;
    if (!ours(fd, &found)) return REAL(pwritev)(fd, parts, count, offset);
    lock();
    ssize_t written = REAL(pwritev)(fd, parts, count, offset);
    if (written > 0) note_parts(found.st_ino, offset, parts, count, written);
    unlock();
    return written;
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    return pwritev(fd, parts, count, offset);
}

int ftruncate(int fd, off_t length) {
    struct stat found;
    if (!ours(fd, &found)) return REAL(ftruncate)(fd, length);
    lock();
    int result = REAL(ftruncate)(fd, length);
    if (result == 0) note(TRUNCATE, found.st_ino, length, NULL, NULL, NULL, 0);
    unlock();
    return result;
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

int truncate(const char *path, off_t length) {
    char buffer[PATH_MAX];
    struct stat found;
    if (!entry(AT_FDCWD, path, buffer)) return REAL(truncate)(path, length);
    lock();
    int result = REAL(truncate)(path, length);
    if (result == 0 && stat(path, &found) == 0) note(TRUNCATE, found.st_ino, length, NULL, NULL, NULL, 0);
    unlock();
    return result;
}
int truncate64(const char *path, off64_t length) { return truncate(path, length); }

int posix_fallocate(int fd, off_t offset, off_t length) {
    struct stat found;
    if (!ours(fd, &found)) return REAL(posix_fallocate)(fd, offset, length);
    lock();
    int result = REAL(posix_fallocate)(fd, offset, length);
    if (result == 0 && offset + length > found.st_size)
        note(TRUNCATE, found.st_ino, offset + length, NULL, NULL, NULL, 0);
    unlock();
    return result;
}
int posix_fallocate64(int fd, off64_t offset, off64_t length) { return posix_fallocate(fd, offset, length); }

static void poison(int fd, const char *what) {
    struct stat found;
    if (!ours(fd, &found)) return;
    lock();
    note(POISON, found.st_ino, 0, what, NULL, NULL, 0);
    unlock();
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
    poison(fd, "fallocate");
    return REAL(fallocate)(fd, mode, offset, length);
}
int fallocate64(int fd, int mode, off64_t offset, off64_t length) { return fallocate(fd, mode, offset, length); }

/* Copies inside the kernel are done by hand, so that the bytes are seen. */
static ssize_t copy(int from, off64_t *from_at, int to, off64_t *to_at, size_t bytes) {
    static __thread char buffer[65536];
    if (bytes > sizeof buffer) bytes = sizeof buffer;
    ssize_t got = from_at ? pread64(from, buffer, bytes, *from_at) : read(from, buffer, bytes);
    if (got <= 0) return got;
    ssize_t written = to_at ? pwrite64(to, buffer, got, *to_at) : write(to, buffer, got);
    if (written < 0) return written;
    if (!from_at && written < got) lseek(from, written - got, SEEK_CUR);
    if (from_at) *from_at += written;
    if (to_at) *to_at += written;
    return written;
}

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t bytes, unsigned flags) {
    struct stat found;
    if (!ours(to, &found)) return REAL(copy_file_range)(from, from_at, to, to_at, bytes, flags);
    return copy(from, from_at, to, to_at, bytes);
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t bytes);
ssize_t sendfile64(int to, int from, off64_t *offset, size_t bytes) {
    struct stat found;
    if (!ours(to, &found)) return REAL(sendfile64)(to, from, offset, bytes);
    return copy(from, offset, to, NULL, bytes);
}
ssize_t sendfile(int to, int from, off_t *offset, size_t bytes);
ssize_t sendfile(int to, int from, off_t *offset, size_t bytes) { return sendfile64(to, from, offset, bytes); }

/* ---- syncing ---------------------------------------------------------------------------------------------------- */

static int record_sync(int fd, int (*real)(int)) {
    struct stat found;
    if (!ours(fd, &found)) return real(fd);
    lock();
    int result = real(fd);
    if (result == 0) note(SYNC, found.st_ino, 0, NULL, NULL, NULL, 0);
    unlock();
    return result;
}

int fsync(int fd) { return record_sync(fd, REAL(fsync)); }
int fdatasync(int fd) { return record_sync(fd, REAL(fdatasync)); }

int syncfs(int fd) {
    struct stat found;
    if (!ours(fd, &found)) return REAL(syncfs)(fd);
    lock();
    int result = REAL(syncfs)(fd);
    if (result == 0) note(SYNC_ALL, 0, 0, NULL, NULL, NULL, 0);
    unlock();
    return result;
}

void sync(void) {
    lock();
    REAL(sync)();
    note(SYNC_ALL, 0, 0, NULL, NULL, NULL, 0);
    unlock();
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

static int record_rename(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
    char from_buffer[PATH_MAX], to_buffer[PATH_MAX];
    const char *from_name = entry(from_fd, from, from_buffer), *to_name = entry(to_fd, to, to_buffer);
    if (!from_name && !to_name) return REAL(renameat2)(from_fd, from, to_fd, to, flags);
    lock();
    struct stat found = {0};
    fstatat(from_fd, from, &found, AT_SYMLINK_NOFOLLOW);
    int result = REAL(renameat2)(from_fd, from, to_fd, to, flags);
    if (result == 0) {
        if (flags & ~RENAME_NOREPLACE || !from_name || !to_name) note(POISON, 0, 0, "rename", NULL, NULL, 0);
        else note(RENAME, found.st_ino, 0, from_name, to_name, NULL, 0);
    }
    unlock();
    return result;
}

int rename(const char *from, const char *to) { return record_rename(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_fd, const char *from, int to_fd, const char *to) {
    return record_rename(from_fd, from, to_fd, to, 0);
}
int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
    return record_rename(from_fd, from, to_fd, to, flags);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
    char buffer[PATH_MAX];
    const char *name = entry(to_fd, to, buffer);
    if (!name) return REAL(linkat)(from_fd, from, to_fd, to, flags);
    lock();
    struct stat found;
    int result = REAL(linkat)(from_fd, from, to_fd, to, flags);
    if (result == 0 && fstatat(to_fd, to, &found, AT_SYMLINK_NOFOLLOW) == 0)
        note(LINK, found.st_ino, 0, name, NULL, NULL, 0);
    unlock();
    return result;
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int symlinkat(const char *target, int fd, const char *path) {
    char buffer[PATH_MAX];
    const char *name = entry(fd, path, buffer);
    if (!name) return REAL(symlinkat)(target, fd, path);
    lock();
    int result = REAL(symlinkat)(target, fd, path);
    if (result == 0) note(SYMLINK, 0, 0, name, target, NULL, 0);
    unlock();
    return result;
}
int symlink(const char *target, const char *path) { return symlinkat(target, AT_FDCWD, path); }

int unlinkat(int fd, const char *path, int flags) {
    char buffer[PATH_MAX];
    const char *name = entry(fd, path, buffer);
    if (!name) return REAL(unlinkat)(fd, path, flags);
    lock();
    int result = REAL(unlinkat)(fd, path, flags);
    if (result == 0) note(flags & AT_REMOVEDIR ? RMDIR : UNLINK, 0, 0, name, NULL, NULL, 0);
    unlock();
    return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
    struct stat found;
    int is_folder = lstat(path, &found) == 0 && S_ISDIR(found.st_mode);
    return unlinkat(AT_FDCWD, path, is_folder ? AT_REMOVEDIR : 0);
}

int mkdirat(int fd, const char *path, mode_t mode) {
    char buffer[PATH_MAX];
    const char *name = entry(fd, path, buffer);
    if (!name) return REAL(mkdirat)(fd, path, mode);
    lock();
    struct stat found;
    int result = REAL(mkdirat)(fd, path, mode);
    if (result == 0 && fstatat(fd, path, &found, 0) == 0) note(MKDIR, found.st_ino, 0, name, NULL, NULL, 0);
    unlock();
    return result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
