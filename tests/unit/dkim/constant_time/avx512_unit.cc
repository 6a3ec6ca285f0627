#include "tests/unit/dkim/constant_time/avx512_unit.h"

#include "engine/dkim/batch_rsa_algorithm.h"
#include "engine/dkim/batch_rsa_avx512.h"

namespace dkim {
namespace {

struct Branching;
struct Addressing;

}  // namespace

namespace batch_rsa_algorithm {

template <>
[[gnu::noinline]] void LookUp<Avx512<Branching>>(LaneRow* out, const Avx512<Branching>::Vec& index,
                                                 const BatchRsaWorkspace& w) {
  using V = Avx512<Branching>;
  for (int j = 0; j < kPrimeLimbs; ++j) V::Store(out[j], V::Load(w.table[0][j]));
  if (index[0] == 0) return;
  for (int entry = 1; entry < 16; ++entry) {
    for (int j = 0; j < kPrimeLimbs; ++j) {
      V::Store(out[j],
               V::SelectEqual(index, static_cast<std::uint64_t>(entry), V::Load(out[j]), V::Load(w.table[entry][j])));
    }
  }
}

template <>
[[gnu::noinline]] void LookUp<Avx512<Addressing>>(LaneRow* out, const Avx512<Addressing>::Vec& index,
                                                  const BatchRsaWorkspace& w) {
  using V = Avx512<Addressing>;
  for (int j = 0; j < kPrimeLimbs; ++j) V::Store(out[j], V::Load(w.table[index[0] & 15][j]));
}

}  // namespace batch_rsa_algorithm

namespace {

template <class Unit>
void SignWith(BatchRsaWorkspace& workspace) {
  batch_rsa_algorithm::Sign<Avx512<Unit>>(workspace);
}

template <class Unit>
void OpenWith(BatchRsaWorkspace& workspace) {
  batch_rsa_algorithm::Open<Avx512<Unit>>(workspace);
}

constexpr BatchRsaKernel kBranching = {&SignWith<Branching>, &OpenWith<Branching>};
constexpr BatchRsaKernel kAddressing = {&SignWith<Addressing>, &OpenWith<Addressing>};

}  // namespace

const BatchRsaKernel& BranchingKernel() { return kBranching; }
const BatchRsaKernel& AddressingKernel() { return kAddressing; }

void SignAndLook(const BatchRsaKernel& kernel, BatchRsaWorkspace& workspace, RegistersLeft& left) {
  kernel.sign(workspace);
  asm volatile(
      ".irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, "
      "28, 29, 30, 31\n\t"
      "vmovdqa64 %%zmm\\i, 64*\\i(%0)\n\t"
      ".endr\n\t"
      "kmovw %%k1, %%eax\n\t"
      "movq %%rax, 64*32(%0)"
      :
      : "r"(&left)
      : "rax", "memory");
}

}  // namespace dkim
