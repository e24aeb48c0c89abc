#pragma once
#include <stdint.h>

/// The body of a parallel loop, called once per index.
typedef void (*ctk_task)(void *context, intptr_t index);

/// Calls task(context, i) once for every i in 0..<count, on at most `threads` threads including the
/// caller's, and returns when all calls are done. One thread more runs if `threads` is the number of
/// processors and other programs take time on them. Runs on the caller's thread alone when called
/// from inside a task or while another thread runs a loop.
void ctk_parallel(int threads, intptr_t count, ctk_task task, void *context);

/// A number of the calling thread, 0 at first, which parallel loops pass on to the threads they run on.
/// The kernels keep their limit on instruction sets in it, so that the pool needn't know of kernels.
int ctk_inherited(void);

/// Sets the number that ctk_inherited returns on the calling thread.
void ctk_set_inherited(int number);

/// The number of processors this process may use.
int ctk_processor_count(void);
