#pragma once
#include <stdbool.h>
#include <stdint.h>

/// Whether other programs take processor time from the threads of parallel loops.
///
/// A thread that always runs has as much processor time as time passes. If the threads of the loops
/// had less than nine tenths of it, over at least a tenth of a second, something else ran on their
/// processors, and the loops count as contended for the next two seconds. Then they are measured
/// again, without the additional thread, whose own waiting would look the same.

/// A piece of work of one thread: the time and the thread's processor time when it began, in ns;
/// zeros if it isn't measured.
typedef struct {
  int64_t time, processor;
} ctk_work_span;

ctk_work_span ctk_work_began(void);
void ctk_work_ended(ctk_work_span span);

/// Called at the start of each loop, by one thread at a time.
bool ctk_is_contended(void);
