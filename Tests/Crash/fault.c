// Counts a program's system calls on files and makes one of them fail. Preloaded (LD_PRELOAD) together with fault_calls.c.
//
//   CTPACK_FAULT_ROOT     absolute path of a folder: only calls on files below it count
//   CTPACK_FAULT_LOG      a file to which a line per counted call is appended: number, kind, result, sizes, names
//   CTPACK_FAULT_DATA     1: lines of writes end with the bytes in hexadecimal
//   CTPACK_FAULT_AT       the number of the call that is treated as CTPACK_FAULT_DO says
//   CTPACK_FAULT_DO       fail=ERRNO, short, lose (reports success, writes nothing), kill-before, kill-after, kill-during
//                         (writes half, then dies), full (ENOSPC from that call on, wherever a file system needs space)
//   CTPACK_FAULT_BREAK    fsync: syncs do nothing; rename: copies instead. For tests of the tests.
#define _GNU_SOURCE
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long calls;
static atomic_flag writing_line = ATOMIC_FLAG_INIT;
static const char *root, *action, *broken;
static size_t root_length;
static long planned;
static int log_file = -1, planned_errno;
static bool with_data;

__attribute__((constructor)) static void start(void) {
  root = getenv("CTPACK_FAULT_ROOT");
  if (!root) return;
  root_length = strlen(root);
  const char *at = getenv("CTPACK_FAULT_AT"), *log = getenv("CTPACK_FAULT_LOG");
  action = getenv("CTPACK_FAULT_DO");
  broken = getenv("CTPACK_FAULT_BREAK");
  with_data = getenv("CTPACK_FAULT_DATA") != NULL;
  planned = at ? atol(at) : 0;
  if (action && !strncmp(action, "fail=", 5)) planned_errno = atoi(action + 5);
  if (!log) return;
  // A number that the program's own files don't get, so that its descriptors are those of a run without this library.
  int opened = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  log_file = opened < 0 ? -1 : (int)syscall(SYS_fcntl, opened, F_DUPFD_CLOEXEC, 900);
  if (log_file < 0) {
    static const char text[] = "fault.c: the log can't be opened\n";
    syscall(SYS_write, 2, text, sizeof text - 1);
    syscall(SYS_exit_group, 99);
  }
  syscall(SYS_close, opened);
}

// The absolute path of an open file or of a name; false if there is none.
static bool resolve(int descriptor, const char *path, char *out) {
  if (path && path[0] == '/') return snprintf(out, PATH_MAX, "%s", path) < PATH_MAX;
  char link[64] = "/proc/self/cwd";
  if (!path) snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  long length = syscall(SYS_readlinkat, AT_FDCWD, link, out, (size_t)PATH_MAX - 1);
  if (length <= 0) return false;
  out[length] = 0;
  return !path || snprintf(out + length, (size_t)(PATH_MAX - length), "/%s", path) < PATH_MAX - length;
}

static bool below_root(const char *path) {
  return !strncmp(path, root, root_length) && (path[root_length] == '/' || path[root_length] == 0);
}

_Noreturn void fault_kill(void) {
  syscall(SYS_kill, (int)syscall(SYS_getpid), SIGKILL);
  // The first process of a process-number namespace survives its own signal.
  for (;;) syscall(SYS_exit_group, 137);
}

enum answer fault_before(struct call *call) {
  char path[PATH_MAX];
  call->number = 0;
  if (!root) return PERFORM;
  int saved = errno;
  bool counts = resolve(call->descriptor, call->path, path) && below_root(path);
  errno = saved;
  if (!counts) return PERFORM;
  call->number = atomic_fetch_add(&calls, 1) + 1;
  bool here = planned > 0 && call->number == planned && action;
  enum answer answer = PERFORM;
  if (here && !strcmp(action, "kill-before")) fault_kill();
  if (here && planned_errno) {
    errno = planned_errno;
    answer = FAIL;
  } else if (here && !strcmp(action, "short")) {
    answer = SHORT;
  } else if (here && !strcmp(action, "lose")) {
    answer = LOSE;
  } else if (here && !strcmp(action, "kill-during")) {
    answer = HALF;
  } else if (planned > 0 && action && !strcmp(action, "full") && call->number >= planned && call->takes_space) {
    errno = ENOSPC;
    answer = FAIL;
  } else if (broken && !strcmp(broken, "fsync") && strstr(call->kind, "sync")) {
    answer = LOSE;
  } else if (broken && !strcmp(broken, "rename") && !strncmp(call->kind, "rename", 6)) {
    answer = COPY;
  }
  if (answer == FAIL) fault_after(call, -1);
  // A sync that did nothing must not be in the log.
  if (answer == LOSE && broken) call->number = 0;
  return answer;
}

// Appends all of `text` by calls that aren't counted.
static void append(const char *text, size_t count) {
  while (count > 0) {
    long done = syscall(SYS_write, log_file, text, count);
    if (done <= 0) return;
    text += done;
    count -= (size_t)done;
  }
}

static void log_call(const struct call *call, long result, int code) {
  char first[PATH_MAX] = "", second[PATH_MAX] = "", line[3 * PATH_MAX];
  struct stat status = {0};
  (void)resolve(call->descriptor, call->path, first);
  if (call->second) (void)resolve(-1, call->second, second);
  // A call that opens a file has both: its path, and then its descriptor.
  if (!call->path || call->descriptor > 2) (void)fstat(call->descriptor, &status);
  int length = snprintf(line, sizeof line, "%ld\t%s\t%ld\t%d\t%ld\t%zu\t%lu\t%s\t%s\t", call->number, call->kind, result,
                        result < 0 ? code : 0, (long)call->offset, call->count, (unsigned long)status.st_ino, first, second);
  while (atomic_flag_test_and_set(&writing_line)) {}
  append(line, (size_t)length);
  if (with_data && call->bytes && result > 0) {
    static const char digits[] = "0123456789abcdef";
    for (long at = 0; at < result;) {
      size_t used = 0;
      for (; at < result && used + 2 <= sizeof line; at++) {
        unsigned char byte = ((const unsigned char *)call->bytes)[at];
        line[used++] = digits[byte >> 4];
        line[used++] = digits[byte & 15];
      }
      append(line, used);
    }
  }
  append("\n", 1);
  atomic_flag_clear(&writing_line);
}

void fault_after(struct call *call, long result) {
  if (call->number == 0) return;
  int saved = errno;
  if (log_file >= 0) log_call(call, result, saved);
  if (call->number == planned && action && !strcmp(action, "kill-after")) fault_kill();
  errno = saved;
}
