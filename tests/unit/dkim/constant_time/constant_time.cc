// Signs a batch with the portable kernel of batch RSA, under Valgrind's Memcheck, with the key and the digests marked
// as undefined: whatever branches on them, or makes an address of them, is an error. Only what leaves the batch in the
// end is taken for public.
//
// usage: valgrind --error-exitcode=1 constant_time [branch|address]   (leaks a secret in this way, to see it found)
#include <valgrind/memcheck.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <string_view>

#include "engine/base/check.h"
#include "engine/dkim/batch_rsa.h"
#include "engine/dkim/batch_rsa_key.h"
#include "tests/unit/dkim/batch_rsa_keys.h"
#include "tests/unit/dkim/batch_rsa_portable.h"

namespace dkim {
namespace {

bool was_undefined = false;

void OpenAndPublish(BatchRsaWorkspace& workspace) {
  PortableBatchRsaKernel().open(workspace);
  std::uint64_t undefined_bits = 0;
  VALGRIND_GET_VBITS(&workspace.signature, &undefined_bits, sizeof(undefined_bits));
  was_undefined = undefined_bits != 0;
  VALGRIND_MAKE_MEM_DEFINED(&workspace.signature, sizeof(workspace.signature));
  VALGRIND_MAKE_MEM_DEFINED(&workspace.opened, sizeof(workspace.opened));
  VALGRIND_MAKE_MEM_DEFINED(&workspace.message, sizeof(workspace.message));
}

// The largest primes below 2^1024: finding some would take long here.
TestKeyPair MakeKey() {
  const TestNumber p = PowerOfTwo(1024), q = PowerOfTwo(1024);
  CHECK(BN_sub_word(p.get(), 105) == 1 && BN_sub_word(q.get(), 179) == 1);
  return PairFromPrimes(*p, *q);
}

int Run(std::string_view leak) {
  if (RUNNING_ON_VALGRIND == 0) {
    std::fputs("constant_time: it runs under Valgrind only\n", stderr);
    return 2;
  }
  if (leak == "branch") TheFault().leak = PortableFault::Leak::kBranch;
  if (leak == "address") TheFault().leak = PortableFault::Leak::kAddress;
  const TestKeyPair key = MakeKey();
  const BatchRsaKernel kernel = {PortableBatchRsaKernel().sign, &OpenAndPublish};
  BatchRsa rsa(kernel);
  std::array<BatchRsa::Job, kBatchRsaMessages> jobs;
  for (BatchRsa::Job& job : jobs) {
    job.key = key.batch.get();
    VALGRIND_MAKE_MEM_UNDEFINED(&job.digest, sizeof(job.digest));
  }
  VALGRIND_MAKE_MEM_UNDEFINED(key.batch.get(), sizeof(BatchRsaKey));
  VALGRIND_MAKE_MEM_DEFINED(&key.batch->modulus(), sizeof(key.batch->modulus()));
  rsa.Sign(absl::MakeSpan(jobs));
  if (!was_undefined) return 3;  // What came out did not depend on what was marked, or nothing was.
  for (const BatchRsa::Job& job : jobs) {
    if (!job.verified) return 4;
  }
  std::puts("constant_time: signed");
  return 0;
}

}  // namespace
}  // namespace dkim

int main(int argc, char** argv) { return dkim::Run(argc > 1 ? argv[1] : ""); }
