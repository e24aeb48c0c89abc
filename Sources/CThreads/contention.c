#include "contention.h"

#include <stdatomic.h>
#include <time.h>

static const int64_t millisecond = 1000000;
static const int64_t measured_time = 100 * 1000000;     // of work, before it is judged
static const int64_t contended_time = 2000 * 1000000L;  // until it is measured again
static const int64_t time_between_spans = 250000;       // reading processor time is a system call

static struct {
  _Atomic(bool) contended;
  _Atomic(int64_t) last_span;  // when the latest measured span began
  _Atomic(int64_t) time, processor;  // sums over measured spans
  int64_t contended_until;
} load;

static int64_t read_clock(clockid_t clock) {
  struct timespec now;
  if (clock_gettime(clock, &now) != 0) return 0;
  return (int64_t)now.tv_sec * 1000 * millisecond + now.tv_nsec;
}

ctk_work_span ctk_work_began(void) {
  ctk_work_span none = {0, 0};
  if (atomic_load_explicit(&load.contended, memory_order_relaxed)) return none;
  const int64_t time = read_clock(CLOCK_MONOTONIC);
  const int64_t last = atomic_load_explicit(&load.last_span, memory_order_relaxed);
  if (time - last < time_between_spans) return none;
  atomic_store_explicit(&load.last_span, time, memory_order_relaxed);
  return (ctk_work_span){time, read_clock(CLOCK_THREAD_CPUTIME_ID)};
}

void ctk_work_ended(ctk_work_span span) {
  if (span.time == 0) return;
  const int64_t processor = read_clock(CLOCK_THREAD_CPUTIME_ID) - span.processor;
  const int64_t time = read_clock(CLOCK_MONOTONIC) - span.time;
  atomic_fetch_add_explicit(&load.processor, processor, memory_order_relaxed);
  atomic_fetch_add_explicit(&load.time, time, memory_order_relaxed);
}

bool ctk_is_contended(void) {
  if (atomic_load_explicit(&load.contended, memory_order_relaxed)) {
    if (read_clock(CLOCK_MONOTONIC) < load.contended_until) return true;
    atomic_store_explicit(&load.contended, false, memory_order_relaxed);
    return false;
  }
  const int64_t time = atomic_load_explicit(&load.time, memory_order_relaxed);
  if (time < measured_time) return false;
  const int64_t processor = atomic_load_explicit(&load.processor, memory_order_relaxed);
  atomic_store_explicit(&load.time, 0, memory_order_relaxed);
  atomic_store_explicit(&load.processor, 0, memory_order_relaxed);
  if (processor >= time / 10 * 9) return false;
  load.contended_until = read_clock(CLOCK_MONOTONIC) + contended_time;
  atomic_store_explicit(&load.contended, true, memory_order_relaxed);
  return true;
}
