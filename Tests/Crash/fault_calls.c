// The C library's calls on files, each wrapped: fault.c says whether it is performed, fails, or ends the process.
#define _GNU_SOURCE
#include "fault.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

// The next definition of the function `name`: the C library's.
#define NEXT(type, name, ...)                                        \
  static type (*next)(__VA_ARGS__);                                  \
  if (!next) next = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

// A call that fails with -1 and is performed by `expression`.
#define WRAPPED(type, expression, ...)                               \
  struct call call = {__VA_ARGS__};                                  \
  enum answer answer = fault_before(&call);                          \
  if (answer == HALF) fault_kill();                                  \
  type result = answer == FAIL ? (type)-1 : answer == LOSE ? (type)0 : (expression); \
  if (answer != FAIL) fault_after(&call, (long)result);              \
  return result

// MARK: writing and reading

// A count for `answer`: all, or about half for a short call.
static size_t part(enum answer answer, size_t count) {
  return (answer == SHORT || answer == HALF) && count > 1 ? count / 2 : count;
}

#define TRANSFER(expression, ...)                                    \
  struct call call = {.count = n, __VA_ARGS__};                      \
  enum answer answer = fault_before(&call);                          \
  size_t m = part(answer, n);                                        \
  ssize_t result = answer == FAIL ? -1 : answer == LOSE ? (ssize_t)n : (expression); \
  if (answer == HALF) fault_kill();                                  \
  if (answer != FAIL) fault_after(&call, answer == LOSE ? 0 : result); \
  return result

ssize_t write(int fd, const void *bytes, size_t n) {
  NEXT(ssize_t, write, int, const void *, size_t);
  if (fd <= 2) return next(fd, bytes, n);
  int saved = errno;
  off_t place = lseek(fd, 0, SEEK_CUR);
  errno = saved;
  TRANSFER(next(fd, bytes, m), .kind = "write", .descriptor = fd, .bytes = bytes, .offset = place < 0 ? 0 : place, .takes_space = true);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t at) {
  NEXT(ssize_t, pwrite64, int, const void *, size_t, off_t);
  TRANSFER(next(fd, bytes, m, at), .kind = "pwrite", .descriptor = fd, .bytes = bytes, .offset = at, .takes_space = true);
}
ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) { return pwrite64(fd, bytes, n, at); }

// Vectors are written part by part: every part is a call of its own in the log.
ssize_t writev(int fd, const struct iovec *parts, int count) {
  NEXT(ssize_t, writev, int, const struct iovec *, int);
  if (fd <= 2) return next(fd, parts, count);
  ssize_t sum = 0;
  for (int i = 0; i < count; i++) {
    ssize_t done = write(fd, parts[i].iov_base, parts[i].iov_len);
    if (done < 0) return sum > 0 ? sum : -1;
    sum += done;
    if ((size_t)done < parts[i].iov_len) break;
  }
  return sum;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) {
  ssize_t sum = 0;
  for (int i = 0; i < count; i++) {
    ssize_t done = pwrite64(fd, parts[i].iov_base, parts[i].iov_len, at + sum);
    if (done < 0) return sum > 0 ? sum : -1;
    sum += done;
    if ((size_t)done < parts[i].iov_len) break;
  }
  return sum;
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return pwritev64(fd, parts, count, at); }

ssize_t read(int fd, void *bytes, size_t n) {
  NEXT(ssize_t, read, int, void *, size_t);
  TRANSFER(next(fd, bytes, m), .kind = "read", .descriptor = fd);
}

ssize_t pread64(int fd, void *bytes, size_t n, off_t at) {
  NEXT(ssize_t, pread64, int, void *, size_t, off_t);
  TRANSFER(next(fd, bytes, m, at), .kind = "pread", .descriptor = fd, .offset = at);
}
ssize_t pread(int fd, void *bytes, size_t n, off_t at) { return pread64(fd, bytes, n, at); }

ssize_t copy_file_range(int in, off_t *from, int fd, off_t *to, size_t n, unsigned flags) {
  NEXT(ssize_t, copy_file_range, int, off_t *, int, off_t *, size_t, unsigned);
  TRANSFER(next(in, from, fd, to, m, flags), .kind = "copy_file_range", .descriptor = fd, .takes_space = true);
}

ssize_t sendfile64(int fd, int in, off_t *from, size_t n) {
  NEXT(ssize_t, sendfile64, int, int, off_t *, size_t);
  TRANSFER(next(fd, in, from, m), .kind = "sendfile", .descriptor = fd, .takes_space = true);
}
ssize_t sendfile(int fd, int in, off_t *from, size_t n) { return sendfile64(fd, in, from, n); }

// MARK: durability and lengths

int fsync(int fd) {
  NEXT(int, fsync, int);
  WRAPPED(int, next(fd), .kind = "fsync", .descriptor = fd);
}

int fdatasync(int fd) {
  NEXT(int, fdatasync, int);
  WRAPPED(int, next(fd), .kind = "fdatasync", .descriptor = fd);
}

int syncfs(int fd) {
  NEXT(int, syncfs, int);
  WRAPPED(int, next(fd), .kind = "syncfs", .descriptor = fd);
}

int ftruncate64(int fd, off_t size) {
  NEXT(int, ftruncate64, int, off_t);
  WRAPPED(int, next(fd, size), .kind = "ftruncate", .descriptor = fd, .count = (size_t)size);
}
int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int truncate64(const char *path, off_t size) {
  NEXT(int, truncate64, const char *, off_t);
  WRAPPED(int, next(path, size), .kind = "truncate", .path = path, .count = (size_t)size);
}
int truncate(const char *path, off_t size) { return truncate64(path, size); }

int fallocate64(int fd, int mode, off_t at, off_t size) {
  NEXT(int, fallocate64, int, int, off_t, off_t);
  WRAPPED(int, next(fd, mode, at, size), .kind = "fallocate", .descriptor = fd, .offset = at, .count = (size_t)size, .takes_space = true);
}
int fallocate(int fd, int mode, off_t at, off_t size) { return fallocate64(fd, mode, at, size); }

// Returns its error and leaves errno alone.
int posix_fallocate64(int fd, off_t at, off_t size) {
  NEXT(int, posix_fallocate64, int, off_t, off_t);
  struct call call = {.kind = "posix_fallocate", .descriptor = fd, .offset = at, .count = (size_t)size, .takes_space = true};
  int saved = errno;
  enum answer answer = fault_before(&call);
  if (answer == HALF) fault_kill();
  int result = answer == FAIL ? errno : answer == LOSE ? 0 : next(fd, at, size);
  errno = saved;
  if (answer != FAIL) fault_after(&call, result ? -1 : 0);
  return result;
}
int posix_fallocate(int fd, off_t at, off_t size) { return posix_fallocate64(fd, at, size); }

void *mmap64(void *where, size_t size, int protection, int flags, int fd, off_t at) {
  NEXT(void *, mmap64, void *, size_t, int, int, int, off_t);
  if (fd < 0 || flags & MAP_ANONYMOUS) return next(where, size, protection, flags, fd, at);
  WRAPPED(void *, next(where, size, protection, flags, fd, at), .kind = "mmap", .descriptor = fd, .offset = at, .count = size);
}
void *mmap(void *where, size_t size, int protection, int flags, int fd, off_t at) {
  return mmap64(where, size, protection, flags, fd, at);
}

// MARK: names

// Replaces `to` by a copy of `from`, as a careless program would; each write is counted.
static int copy_over(const char *from, const char *to) {
  int in = (int)syscall(SYS_openat, AT_FDCWD, from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (in < 0 || out < 0) return -1;
  char bytes[4096];
  off_t place = 0;
  for (long n; (n = syscall(SYS_read, in, bytes, sizeof bytes)) > 0; place += n)
    if (pwrite64(out, bytes, (size_t)n, place) != n) return -1;
  close(in);
  close(out);
  return unlink(from);
}

int renameat2(int in, const char *from, int out, const char *to, unsigned flags) {
  NEXT(int, renameat2, int, const char *, int, const char *, unsigned);
  struct call call = {.kind = "rename", .path = from, .second = to, .takes_space = true};
  enum answer answer = fault_before(&call);
  if (answer == HALF) fault_kill();
  int result = answer == FAIL ? -1 : answer == LOSE ? 0 : answer == COPY ? copy_over(from, to) : next(in, from, out, to, flags);
  if (answer != FAIL && answer != COPY) fault_after(&call, result);
  return result;
}
int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int in, const char *from, int out, const char *to) { return renameat2(in, from, out, to, 0); }

int linkat(int in, const char *from, int out, const char *to, int flags) {
  NEXT(int, linkat, int, const char *, int, const char *, int);
  // A file without a name is named by its descriptor.
  static const char opened_files[] = "/proc/self/fd/";
  bool named = !strncmp(from, opened_files, sizeof opened_files - 1), empty = flags & AT_EMPTY_PATH && !*from;
  int file = named ? atoi(from + sizeof opened_files - 1) : empty ? in : 0;
  WRAPPED(int, next(in, from, out, to, flags), .kind = "link", .descriptor = file, .path = file ? NULL : from, .second = to, .takes_space = true);
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int symlink(const char *content, const char *path) {
  NEXT(int, symlink, const char *, const char *);
  WRAPPED(int, next(content, path), .kind = "symlink", .path = path, .takes_space = true);
}

int unlinkat(int folder, const char *path, int flags) {
  NEXT(int, unlinkat, int, const char *, int);
  WRAPPED(int, next(folder, path, flags), .kind = flags & AT_REMOVEDIR ? "rmdir" : "unlink", .path = path);
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int folder, const char *path, mode_t mode) {
  NEXT(int, mkdirat, int, const char *, mode_t);
  WRAPPED(int, next(folder, path, mode), .kind = "mkdir", .path = path, .takes_space = true);
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

// MARK: opening, locking, attributes

static int opened(int folder, const char *path, int flags, mode_t mode) {
  NEXT(int, openat64, int, const char *, int, ...);
  bool creates = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
  struct call call = {.kind = creates ? "create" : "open", .path = path, .takes_space = creates, .count = (size_t)flags};
  enum answer answer = fault_before(&call);
  if (answer == HALF) fault_kill();
  int result = answer == FAIL ? -1 : next(folder, path, flags, mode);
  // The log names the file by its descriptor, which also gives its inode; a temporary file has no name.
  if (answer != FAIL) {
    call.descriptor = result;
    fault_after(&call, result);
  }
  return result;
}

#define MODE                                                         \
  mode_t mode = 0;                                                   \
  if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) {         \
    va_list rest;                                                    \
    va_start(rest, flags);                                           \
    mode = va_arg(rest, mode_t);                                     \
    va_end(rest);                                                    \
  }
int open(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE return opened(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE return opened(folder, path, flags, mode); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int __open_2(const char *path, int flags) { return opened(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return opened(AT_FDCWD, path, flags, 0); }

DIR *opendir(const char *path) {
  NEXT(DIR *, opendir, const char *);
  struct call call = {.kind = "opendir", .path = path};
  enum answer answer = fault_before(&call);
  if (answer == HALF) fault_kill();
  DIR *result = answer == FAIL ? NULL : next(path);
  if (answer != FAIL) fault_after(&call, result ? 0 : -1);
  return result;
}

int flock(int fd, int operation) {
  NEXT(int, flock, int, int);
  WRAPPED(int, next(fd, operation), .kind = operation & LOCK_UN ? "unlock" : "flock", .descriptor = fd);
}

// Only locks are counted. All commands take at most one argument, a number or a pointer.
int fcntl64(int fd, int command, ...) {
  NEXT(int, fcntl64, int, int, ...);
  va_list rest;
  va_start(rest, command);
  void *argument = va_arg(rest, void *);
  va_end(rest);
  bool locks = command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW;
  if (!locks) return next(fd, command, argument);
  WRAPPED(int, next(fd, command, argument), .kind = "flock", .descriptor = fd);
}
int fcntl(int fd, int command, ...) {
  va_list rest;
  va_start(rest, command);
  void *argument = va_arg(rest, void *);
  va_end(rest);
  return fcntl64(fd, command, argument);
}

int fchmod(int fd, mode_t mode) {
  NEXT(int, fchmod, int, mode_t);
  WRAPPED(int, next(fd, mode), .kind = "fchmod", .descriptor = fd);
}

int fchown(int fd, uid_t user, gid_t group) {
  NEXT(int, fchown, int, uid_t, gid_t);
  WRAPPED(int, next(fd, user, group), .kind = "fchown", .descriptor = fd);
}

int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags) {
  NEXT(int, fsetxattr, int, const char *, const void *, size_t, int);
  WRAPPED(int, next(fd, name, value, size, flags), .kind = "fsetxattr", .descriptor = fd);
}

int fremovexattr(int fd, const char *name) {
  NEXT(int, fremovexattr, int, const char *);
  WRAPPED(int, next(fd, name), .kind = "fremovexattr", .descriptor = fd);
}

int msync(void *where, size_t size, int flags) {
  NEXT(int, msync, void *, size_t, int);
  // The file behind a mapping isn't known; the folder of the program stands for it.
  WRAPPED(int, next(where, size, flags), .kind = "msync", .path = "msync", .count = size);
}
