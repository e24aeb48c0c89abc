#include "thread_space.h"

#include <pthread.h>
#include <stdlib.h>

struct space {
  size_t size;
  void *bytes;
};

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void release(void *value) {
  struct space *space = value;
  free(space->bytes);
  free(space);
}

static void make_key(void) { pthread_key_create(&key, release); }

void *ctk_thread_space(size_t bytes) {
  pthread_once(&once, make_key);
  struct space *space = pthread_getspecific(key);
  if (!space) {
    space = calloc(1, sizeof *space);
    if (!space) abort();
    pthread_setspecific(key, space);
  }
  if (space->size < bytes) {
    free(space->bytes);
    void *fresh = 0;
    if (posix_memalign(&fresh, 4096, bytes) != 0) abort();
    space->bytes = fresh;
    space->size = bytes;
  }
  return space->bytes;
}
