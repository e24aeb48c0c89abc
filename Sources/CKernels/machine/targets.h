// Target attributes for x86 features beyond the levels of dispatch.h.
#pragma once

#if defined(__x86_64__)
/// AVX-512 with the byte permutes and expansions of VBMI and VBMI2 and the byte dot products of
/// VNNI (all without BF16; ctk_has_bf16_products() asks for both, so it guards these functions
/// too).
#define CTK_AVX512_VNNI                                                                      \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,"         \
                        "avx512vnni,avx2,fma,f16c,bmi,bmi2,popcnt")))
/// CTK_AVX512_VNNI for a function that takes constants: inlined, so that each call is a
/// specialisation.
#define CTK_AVX512_VNNI_INLINE CTK_AVX512_VNNI static inline __attribute__((always_inline))
#endif
