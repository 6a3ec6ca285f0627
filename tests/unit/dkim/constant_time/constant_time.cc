// Signs once with the portable kernel of batch RSA, under Valgrind's Memcheck, with all that is secret marked as
// undefined: whatever branches on it, or makes an address of it, is an error. What it has for a key is no key: the same
// sequence of instructions serves every number.
//
// usage: valgrind --error-exitcode=1 constant_time [branch|address]   (leaks a secret in this way, to see it found)
#include <valgrind/memcheck.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string_view>

#include "tests/unit/dkim/batch_rsa_portable.h"

namespace dkim {
namespace {

// Numbers of 52 bits that are all different.
void Fill(BatchRsaWorkspace& workspace) {
  auto* const words = reinterpret_cast<std::uint64_t*>(&workspace);
  for (std::size_t i = 0; i < sizeof(workspace) / sizeof(std::uint64_t); ++i)
    words[i] = (0x9E3779B97F4A7C15 * (i + 1)) & kLimbMask;
}

int Run(std::string_view leak) {
  if (RUNNING_ON_VALGRIND == 0) {
    std::fputs("constant_time: it runs under Valgrind only\n", stderr);
    return 2;
  }
  if (leak == "branch") TheFault().leak = PortableFault::Leak::kBranch;
  if (leak == "address") TheFault().leak = PortableFault::Leak::kAddress;
  const auto workspace = std::make_unique<BatchRsaWorkspace>();
  Fill(*workspace);
  VALGRIND_MAKE_MEM_UNDEFINED(workspace.get(), sizeof(BatchRsaWorkspace));
  PortableBatchRsaKernel().sign(*workspace);
  std::uint64_t undefined_bits = 0;
  VALGRIND_GET_VBITS(&workspace->signature, &undefined_bits, sizeof(undefined_bits));
  if (undefined_bits == 0) return 3;  // What comes out depends on what was marked, or nothing was.
  PortableBatchRsaKernel().open(*workspace);
  std::puts("constant_time: signed");
  return 0;
}

}  // namespace
}  // namespace dkim

int main(int argc, char** argv) { return dkim::Run(argc > 1 ? argv[1] : ""); }
