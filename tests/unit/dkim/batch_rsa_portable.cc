#include "tests/unit/dkim/batch_rsa_portable.h"

#include <memory>

#include "engine/dkim/batch_rsa_algorithm.h"

namespace dkim {
namespace {

PortableFault fault;
std::int64_t multiplications = 0;
volatile std::uint64_t leaked[16];

struct Portable {
  using Vec = LaneRow;
  static Vec Load(const LaneRow& row) { return row; }
  static void Store(LaneRow& row, const Vec& a) { row = a; }
  static Vec Set(std::uint64_t value) {
    return Each([&](int) { return value; });
  }
  static Vec Add(const Vec& a, const Vec& b) {
    return Each([&](int i) { return a.lane[i] + b.lane[i]; });
  }
  static Vec Sub(const Vec& a, const Vec& b) {
    return Each([&](int i) { return a.lane[i] - b.lane[i]; });
  }
  static Vec And(const Vec& a, const Vec& b) {
    return Each([&](int i) { return a.lane[i] & b.lane[i]; });
  }
  static Vec ShiftRight(const Vec& a, int bits) {
    return Each([&](int i) { return a.lane[i] >> bits; });
  }
  static Vec ShiftRightSigned(const Vec& a, int bits) {
    return Each([&](int i) { return static_cast<std::uint64_t>(static_cast<std::int64_t>(a.lane[i]) >> bits); });
  }
  static Vec MultiplyAddLow(const Vec& a, const Vec& b, const Vec& c) {
    return Faulty(Each([&](int i) { return a.lane[i] + ((b.lane[i] * c.lane[i]) & kLimbMask); }));
  }
  static Vec MultiplyAddHigh(const Vec& a, const Vec& b, const Vec& c) {
    return Faulty(Each([&](int i) {
      const auto product = static_cast<unsigned __int128>(b.lane[i] & kLimbMask) * (c.lane[i] & kLimbMask);
      return a.lane[i] + static_cast<std::uint64_t>(product >> kLimbBits);
    }));
  }
  static Vec SelectEqual(const Vec& index, std::uint64_t value, const Vec& a, const Vec& b) {
    if (fault.leak == PortableFault::Leak::kBranch && index.lane[0] == value) leaked[0] = value;
    if (fault.leak == PortableFault::Leak::kAddress) leaked[index.lane[0] & 15] = value;
    return Each([&](int i) {
      const std::uint64_t difference = index.lane[i] ^ value;
      const std::uint64_t mask = ((difference | (0 - difference)) >> 63) - 1;  // All ones where they are equal.
      return (b.lane[i] & mask) | (a.lane[i] & ~mask);
    });
  }
  static Vec SwapHalves(const Vec& a) {
    return Each([&](int i) { return a.lane[(i + kBatchRsaMessages) % kBatchRsaLanes]; });
  }

 private:
  template <typename Function>
  static Vec Each(Function function) {
    Vec result;
    for (int i = 0; i < kBatchRsaLanes; ++i) result.lane[i] = function(i);
    return result;
  }
  static Vec Faulty(Vec&& result) {
    ++multiplications;
    if (fault.countdown >= 0 && fault.countdown-- == 0) result.lane[fault.lane] ^= std::uint64_t{1} << fault.bit;
    return result;
  }
};

void SignPortable(BatchRsaWorkspace& workspace) { batch_rsa_algorithm::Sign<Portable>(workspace); }
void OpenPortable(BatchRsaWorkspace& workspace) { batch_rsa_algorithm::Open<Portable>(workspace); }
constexpr BatchRsaKernel kPortable = {&SignPortable, &OpenPortable};

std::int64_t CountOf(void (*function)(BatchRsaWorkspace&)) {
  const auto workspace = std::make_unique<BatchRsaWorkspace>();
  const std::int64_t before = multiplications;
  function(*workspace);
  return multiplications - before;
}

}  // namespace

PortableFault& TheFault() { return fault; }
const BatchRsaKernel& PortableBatchRsaKernel() { return kPortable; }
std::int64_t PortableSignMultiplications() { return CountOf(&SignPortable); }
std::int64_t PortableOpenMultiplications() { return CountOf(&OpenPortable); }

}  // namespace dkim
