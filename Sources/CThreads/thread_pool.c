// A persistent thread pool for many short parallel loops. A forward pass has hundreds of loops of a
// fraction of a millisecond, so waking threads through the kernel for each would cost measurable
// time. Waiting threads spin for some tens of microseconds first, then sleep.
//
// Where other programs run on the same processors, a loop gets one thread more than there are
// processors. The scheduler shares them among threads: beside one busy program, two threads get two
// thirds of two processors, three get three quarters. Waiting threads then sleep sooner, because what
// they wait for may not be running.
#include "thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "contention.h"

enum { max_workers = 255, most_spins = 4000, fewest_spins = 200 };

static struct {
  pthread_mutex_t region;   // held by the thread whose loop is running
  pthread_mutex_t lock;     // guards sleeping and the fields below
  pthread_cond_t posted;    // signals a new loop to sleeping workers
  pthread_cond_t finished;  // signals a sleeping caller that the last worker has left
  int workers;              // threads that exist
  int sleeping;
  bool caller_sleeps;

  ctk_task task;
  void *context;
  intptr_t count;
  int helpers;    // how many workers may join this loop
  int inherited;  // the caller's number of ctk_inherited

  atomic_int spins;  // how often a waiting thread looks before it sleeps
  _Atomic(uint64_t) generation;  // odd while a loop is open to join
  atomic_int inside;             // workers between joining and leaving
  _Atomic(intptr_t) next;        // the next item to run
} pool = {
    .spins = most_spins,
    .region = PTHREAD_MUTEX_INITIALIZER,
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .posted = PTHREAD_COND_INITIALIZER,
    .finished = PTHREAD_COND_INITIALIZER,
};

static _Thread_local bool inside_task;
static _Thread_local int inherited;

int ctk_inherited(void) { return inherited; }

void ctk_set_inherited(int number) { inherited = number; }

static inline void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

/// Runs items of the open loop until none is left.
static void take_items(void) {
  inside_task = true;
  const intptr_t count = pool.count;
  for (;;) {
    intptr_t i = atomic_fetch_add_explicit(&pool.next, 1, memory_order_relaxed);
    if (i >= count) break;
    pool.task(pool.context, i);
  }
  inside_task = false;
}

/// Waits until a loop newer than `seen` is open; returns its generation.
static uint64_t wait_for_loop(uint64_t seen) {
  const int spins = atomic_load_explicit(&pool.spins, memory_order_relaxed);
  for (int i = 0; i < spins; i++) {
    uint64_t now = atomic_load_explicit(&pool.generation, memory_order_acquire);
    if (now != seen && (now & 1)) return now;
    pause_briefly();
  }
  pthread_mutex_lock(&pool.lock);
  pool.sleeping++;
  uint64_t now;
  while ((now = atomic_load(&pool.generation)) == seen || !(now & 1))
    pthread_cond_wait(&pool.posted, &pool.lock);
  pool.sleeping--;
  pthread_mutex_unlock(&pool.lock);
  return now;
}

static void *work(void *argument) {
  const int number = (int)(intptr_t)argument;
  uint64_t seen = 0;
  for (;;) {
    seen = wait_for_loop(seen);
    // Join first, then check that the loop is still open. The caller closes it first and then waits
    // for `inside` to reach zero, so one of the two always sees the other.
    atomic_fetch_add(&pool.inside, 1);
    if (atomic_load(&pool.generation) == seen && number < pool.helpers) {
      inherited = pool.inherited;
      const ctk_work_span span = ctk_work_began();
      take_items();
      ctk_work_ended(span);
    }
    if (atomic_fetch_sub(&pool.inside, 1) == 1) {
      pthread_mutex_lock(&pool.lock);
      if (pool.caller_sleeps) pthread_cond_signal(&pool.finished);
      pthread_mutex_unlock(&pool.lock);
    }
  }
  return 0;
}

/// Starts workers until there are `wanted`, or fewer if the system refuses.
static void start_workers(int wanted) {
  // Workers block all signals, so that the program's own threads receive them.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (pool.workers < wanted) {
    pthread_t thread;
    if (pthread_create(&thread, 0, work, (void *)(intptr_t)pool.workers) != 0) break;
    pthread_detach(thread);
    pool.workers++;
  }
  pthread_sigmask(SIG_SETMASK, &before, 0);
}

static void wait_for_workers(void) {
  const int spins = atomic_load_explicit(&pool.spins, memory_order_relaxed);
  for (int i = 0; i < spins; i++) {
    if (atomic_load(&pool.inside) == 0) return;
    pause_briefly();
  }
  pthread_mutex_lock(&pool.lock);
  pool.caller_sleeps = true;
  while (atomic_load(&pool.inside) != 0) pthread_cond_wait(&pool.finished, &pool.lock);
  pool.caller_sleeps = false;
  pthread_mutex_unlock(&pool.lock);
}

static int count_processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    int count = CPU_COUNT(&set);
    if (count > 0) return count;
  }
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (int)online : 1;
}

int ctk_processor_count(void) {
  static atomic_int known;
  const int before = atomic_load_explicit(&known, memory_order_relaxed);
  if (before > 0) return before;
  const int count = count_processors();
  atomic_store_explicit(&known, count, memory_order_relaxed);
  return count;
}

void ctk_parallel(int threads, intptr_t count, ctk_task task, void *context) {
  if (threads > max_workers) threads = max_workers;
  const bool all_processors = threads > 1 && threads == ctk_processor_count();
  if (threads > count) threads = (int)count;
  if (threads <= 1 || inside_task || pthread_mutex_trylock(&pool.region) != 0) {
    // A loop within the task runs on this thread too, whether or not the pool is free by then.
    const bool outer = inside_task;
    inside_task = true;
    for (intptr_t i = 0; i < count; i++) task(context, i);
    inside_task = outer;
    return;
  }
  const bool contended = ctk_is_contended();
  atomic_store_explicit(&pool.spins, contended ? fewest_spins : most_spins, memory_order_relaxed);
  if (contended && all_processors && threads < max_workers && threads < count) threads++;
  if (pool.workers < threads - 1) start_workers(threads - 1);
  pool.task = task;
  pool.context = context;
  pool.count = count;
  pool.helpers = threads - 1;
  pool.inherited = inherited;
  atomic_store_explicit(&pool.next, 0, memory_order_relaxed);
  pthread_mutex_lock(&pool.lock);
  atomic_fetch_add(&pool.generation, 1);
  if (pool.sleeping > 0) pthread_cond_broadcast(&pool.posted);
  pthread_mutex_unlock(&pool.lock);
  const ctk_work_span span = ctk_work_began();
  take_items();
  ctk_work_ended(span);
  atomic_fetch_add(&pool.generation, 1);
  wait_for_workers();
  pthread_mutex_unlock(&pool.region);
}
