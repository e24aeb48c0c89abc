// Scratch memory of a thread, which grows as needed and is freed when the thread exits.
#pragma once
#include <stddef.h>

/// Returns at least `bytes` bytes of scratch memory, aligned to a page. The next call on the same
/// thread may free it.
void *ctk_thread_space(size_t bytes);
