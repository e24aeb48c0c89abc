#pragma once
#include <cblas.h>

// LAPACK entry points that OpenBLAS carries but declares in no C header of its own (Fortran calling
// convention, column-major).
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);
void dpotri_(const char *uplo, const int *n, double *a, const int *lda, int *info);
void dtrtri_(
    const char *uplo, const char *diag, const int *n, double *a, const int *lda, int *info);

// Tear down and redo the run-time choice of kernels after OPENBLAS_CORETYPE has changed.
void gotoblas_dynamic_quit(void);
void gotoblas_dynamic_init(void);
