#pragma once

/// The number of arguments that the process was started with, its own name included; 0 if the
/// start-up code of this target didn't run.
int ctk_argument_count(void);

/// Argument `index` of the process, in the bytes that it was started with.
const char *ctk_argument(int index);

/// Opens those of the descriptors 0, 1 and 2 that are closed, on /dev/null: 0 for reading, 1 and 2
/// for writing. Without /dev/null they are opened on the root folder, where reads and writes fail.
/// Returns 0, or -1 if a descriptor can't be opened.
int ctk_open_standard_descriptors(void);

/// Makes a crash for lack of memory an end with one sentence on standard error and the status
/// `exit_status`. Any other crash ends the process as it would have without this call.
void ctk_install_memory_guard(int exit_status);
