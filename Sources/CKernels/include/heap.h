#pragma once

/// Asks the C library to keep freed blocks below 32 MB in the process. A layer's activations are
/// freed and needed again at once, megabytes at a time; by default such memory goes back to the
/// kernel, which clears every page anew: a fifteenth of a forward pass. Returns 0 where the library
/// has no such setting.
int ctk_keep_freed_memory(void);
