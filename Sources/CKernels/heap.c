#include "heap.h"

#include <stdlib.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

int ctk_keep_freed_memory(void) {
#if defined(__GLIBC__)
  // 32 MB is the most that the first setting takes.
  return mallopt(M_MMAP_THRESHOLD, 32 << 20) && mallopt(M_TRIM_THRESHOLD, 256 << 20);
#else
  return 0;
#endif
}
