// What the wrapped calls (fault_calls.c) ask before and after a call, and fault.c answers from the environment.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

// What a call is about to do to a file below CTPACK_FAULT_ROOT. Other files, pipes and terminals aren't counted.
struct call {
  const char *kind;     // the name in the log: "pwrite", "rename", …
  int descriptor;       // the open file, if there is no path
  const char *path;     // the file's name
  const char *second;   // the new name of a rename or link
  const void *bytes;    // what is written
  size_t count;         // bytes to write or read, the new length, or the flags of open
  off_t offset;         // the place in the file
  bool takes_space;     // fails on a full disk
  long number;          // set by fault_before: the call's number, 0 if it isn't counted
};

enum answer { PERFORM, FAIL, SHORT, LOSE, COPY, HALF };

// Counts the call. Kills the process if the plan says so; FAIL has set errno.
enum answer fault_before(struct call *call);
// Logs the call with its result, and kills the process if the plan says so. Keeps errno.
void fault_after(struct call *call, long result);
// Ends the process at once, as a kill from outside would.
_Noreturn void fault_kill(void);
