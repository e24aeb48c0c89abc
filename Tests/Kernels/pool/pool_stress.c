// Stress of the thread pool, to be built with ThreadSanitizer (`make sanitize`): loops of changing
// lengths and thread counts, with plain writes and sums that only the pool orders, from one caller
// and from several at once, nested, with pauses in which the workers fall asleep, and beside threads
// that take the processors' time. Exits with
// status 1 on a wrong result; the sanitizer ends it on a race.
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "thread_pool.h"

enum { items = 64, callers = 3, loops = 400, steps = 20000, max_others = 64 };

struct loop {
  int64_t values[items];
  int64_t seed;
  int inherited, nested;
  int64_t inner[items];
};

static void add_one(void *context, intptr_t i) {
  (void)i;
  ++*(int64_t *)context;
}

/// Writes item i without any lock: each index is run once, by one thread.
static void fill(void *context, intptr_t i) {
  struct loop *loop = context;
  loop->values[i] += loop->seed * (i + 1) + ctk_inherited() - loop->inherited;
  // A loop within a task runs on the task's thread alone, so its sum needs no lock.
  if (loop->nested) ctk_parallel(4, 5, add_one, &loop->inner[i]);
}

struct long_loop {
  int64_t values[items];
};

/// An item of some tens of microseconds.
static void sum(void *context, intptr_t i) {
  struct long_loop *loop = context;
  volatile int64_t total = i;
  for (int64_t n = 0; n < steps; n++) total += n;
  loop->values[i] = total;
}

/// Runs loops and checks every item of each; returns the number of wrong items.
static intptr_t run_loops(int64_t first_seed, int count, int may_sleep) {
  intptr_t wrong = 0;
  for (int n = 0; n < count; n++) {
    struct loop loop = {.seed = first_seed + n, .inherited = n % 5, .nested = n % 7 == 0};
    const intptr_t length = 1 + n % items;
    ctk_set_inherited(loop.inherited);
    ctk_parallel(1 + n % 6, length, fill, &loop);
    for (intptr_t i = 0; i < items; i++) {
      const int ran = i < length;
      wrong += loop.values[i] != (ran ? loop.seed * (i + 1) : 0);
      wrong += loop.inner[i] != (ran && loop.nested ? 5 : 0);
    }
    if (may_sleep && n % 50 == 0) usleep(2000);
  }
  return wrong;
}

static void *call(void *argument) {
  return (void *)run_loops(1000 * (intptr_t)argument, loops, 1);
}

static atomic_int ended;

/// Takes processor time, so that the pool finds its processors contended and adds a thread.
static void *disturb(void *argument) {
  while (!atomic_load_explicit(&ended, memory_order_relaxed)) continue;
  return argument;
}

/// Loops on all processors for up to two seconds, beside as many threads that never pause.
static intptr_t run_contended_loops(void) {
  const int processors = ctk_processor_count();
  pthread_t others[max_others];
  const int count = processors < max_others ? processors : max_others;
  for (int i = 0; i < count; i++) pthread_create(&others[i], 0, disturb, 0);
  intptr_t wrong = 0;
  const time_t end = time(0) + 2;
  while (time(0) < end) {
    struct long_loop loop = {.values = {0}};
    ctk_parallel(processors, items, sum, &loop);
    for (int i = 0; i < items; i++) wrong += loop.values[i] != steps * (steps - 1) / 2 + i;
  }
  atomic_store(&ended, 1);
  for (int i = 0; i < count; i++) pthread_join(others[i], 0);
  return wrong;
}

int main(void) {
  intptr_t wrong = run_loops(1, loops, 1);
  pthread_t threads[callers];
  for (intptr_t i = 0; i < callers; i++)
    if (pthread_create(&threads[i], 0, call, (void *)i) != 0) return 1;
  for (int i = 0; i < callers; i++) {
    void *result;
    pthread_join(threads[i], &result);
    wrong += (intptr_t)result;
  }
  wrong += run_contended_loops();
  printf("%d loops of the thread pool and two seconds of contended ones, %ld wrong items\n", loops * (1 + callers), (long)wrong);
  return wrong != 0;
}
