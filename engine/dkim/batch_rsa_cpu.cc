#include <cpuid.h>

#include "engine/dkim/batch_rsa_kernel.h"

namespace dkim {

bool CpuHasAvx512Ifma() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  constexpr unsigned kOsxsave = 1u << 27;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || (ecx & kOsxsave) == 0) return false;
  // XCR0: the system saves xmm, ymm, the mask registers, the upper halves of zmm0-15, and zmm16-31.
  constexpr unsigned kStates = 1u << 1 | 1u << 2 | 1u << 5 | 1u << 6 | 1u << 7;
  unsigned low = 0, high = 0;
  asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if ((low & kStates) != kStates) return false;
  constexpr unsigned kAvx512F = 1u << 16, kAvx512Ifma = 1u << 21;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  return (ebx & kAvx512F) != 0 && (ebx & kAvx512Ifma) != 0;
}

}  // namespace dkim
