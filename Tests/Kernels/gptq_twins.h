#pragma once

/// The kernels of GPTQ and pruning against their plain twins, at every level of this processor. Prints
/// what was compared; returns the number of mismatches.
int gptq_twins(void);
