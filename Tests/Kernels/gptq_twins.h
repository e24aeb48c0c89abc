#pragma once

/// Compares the kernels of GPTQ and pruning with their plain twins at every level of this
/// processor. Prints what was compared; returns the number of mismatches.
int gptq_twins(void);
