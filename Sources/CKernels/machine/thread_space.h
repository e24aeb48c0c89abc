// Working memory that belongs to a thread and grows as needed; freed with the thread.
#pragma once
#include <stddef.h>

/// At least `bytes`, aligned to a page. The next call on the same thread may move it.
void *ctk_thread_space(size_t bytes);
