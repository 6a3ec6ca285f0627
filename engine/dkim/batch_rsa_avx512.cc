// The batch RSA kernel in AVX-512. Only this unit is compiled with AVX-512 flags: whatever else is compiled here with
// external linkage could replace another unit's copy and stop processors without AVX-512, so there is nothing else.
#include "engine/dkim/batch_rsa_avx512.h"
#include "engine/dkim/batch_rsa_algorithm.h"
#include "engine/dkim/batch_rsa_kernel.h"

namespace dkim {
namespace {

struct Shipped;

void SignAvx512(BatchRsaWorkspace& workspace) {
  batch_rsa_algorithm::Sign<Avx512<Shipped>>(workspace);
  Avx512<Shipped>::WipeRegisters();
}

void OpenAvx512(BatchRsaWorkspace& workspace) {
  batch_rsa_algorithm::Open<Avx512<Shipped>>(workspace);
  Avx512<Shipped>::WipeRegisters();
}

constexpr BatchRsaKernel kKernel = {&SignAvx512, &OpenAvx512};

}  // namespace

const BatchRsaKernel& Avx512BatchRsaKernel() { return kKernel; }

}  // namespace dkim
