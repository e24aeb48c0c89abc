#include "dispatch.h"

#include "thread_pool.h"

#include <stdatomic.h>

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

int ctk_highest_level(void) {
#if defined(__x86_64__)
  // The built-in also checks that the operating system saves the wide registers.
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
      !__builtin_cpu_supports("f16c"))
    return ctk_level_plain;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return ctk_level_avx512;
  return ctk_level_avx2;
#else
  return ctk_level_plain;
#endif
}

int ctk_level(void) {
  static atomic_int highest = -1;
  int level = atomic_load_explicit(&highest, memory_order_relaxed);
  if (level < 0) {
    level = ctk_highest_level();
    atomic_store_explicit(&highest, level, memory_order_relaxed);
  }
  const int limit = ctk_level_limit();
  return level < limit ? level : limit;
}

int ctk_limit_level(int level) {
  ctk_set_inherited(ctk_level_avx512 - level);
  return ctk_level();
}

// The number that threads inherit is how far the limit is below the highest level: 0 is no limit.
int ctk_level_limit(void) { return ctk_level_avx512 - ctk_inherited(); }

int ctk_has_avx512_bf16(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return 0;
#endif
}

int ctk_has_bf16_products(void) {
#if defined(__x86_64__)
  static atomic_int known = -1;
  int found = atomic_load_explicit(&known, memory_order_relaxed);
  if (found < 0) {
    found = ctk_has_avx512_bf16() && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") &&
            __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("bmi2");
    atomic_store_explicit(&known, found, memory_order_relaxed);
  }
  return found && ctk_level() == ctk_level_avx512;
#else
  return 0;
#endif
}

#if defined(__aarch64__)
/// Whether the processor has dot products of bytes.
static int has_dotprod(void) {
#if defined(__ARM_FEATURE_DOTPROD)
  return 1;
#elif defined(__linux__)
  return (getauxval(AT_HWCAP) >> 20 & 1) != 0;  // HWCAP_ASIMDDP
#else
  return 0;
#endif
}
#endif

int ctk_decode_isa(void) {
#if defined(__x86_64__)
  if (ctk_has_bf16_products()) return ctk_decode_avx512;
  // Every processor with AVX2 has POPCNT too.
  return ctk_level() >= ctk_level_avx2 ? ctk_decode_avx2 : ctk_decode_plain;
#elif defined(__aarch64__)
  static atomic_int known = -1;
  int found = atomic_load_explicit(&known, memory_order_relaxed);
  if (found < 0) {
    found = has_dotprod() ? ctk_decode_dotprod : ctk_decode_neon;
    atomic_store_explicit(&known, found, memory_order_relaxed);
  }
  return found;
#else
  return ctk_decode_plain;
#endif
}

int ctk_has_decode_kernels(void) { return ctk_decode_isa() != ctk_decode_plain; }
