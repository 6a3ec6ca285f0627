#include "engine/dkim/batch_rsa.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>

#include "engine/base/check.h"

namespace dkim {
namespace {

static_assert(std::endian::native == std::endian::little);

using Modulus = std::array<std::uint8_t, 256>;
constexpr std::size_t kWideBytes = kModulusLimbs * kLimbBits / 8;  // 260
constexpr std::size_t kSlack = 8;                                  // So that whole words can be read and written.

// EMSA-PKCS1-v1_5 of a SHA-256 digest (RFC 8017 section 9.2), big-endian.
Modulus Encode(const std::array<std::uint8_t, 32>& digest) {
  constexpr std::array<std::uint8_t, 19> kDigestInfo = {0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                                        0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
  Modulus encoded;
  encoded.fill(0xFF);
  encoded[0] = 0;
  encoded[1] = 1;
  auto at = encoded.end() - digest.size() - kDigestInfo.size();
  at[-1] = 0;
  at = std::copy(kDigestInfo.begin(), kDigestInfo.end(), at);
  std::copy(digest.begin(), digest.end(), at);
  return encoded;
}

void PlaceMessage(const Modulus& encoded, int position, BatchRsaWorkspace& workspace) {
  std::array<std::uint8_t, kWideBytes + kSlack> bytes{};
  std::reverse_copy(encoded.begin(), encoded.end(), bytes.begin());
  for (std::size_t i = 0; i < kModulusLimbs; ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i * kLimbBits / 8, sizeof(word));
    const std::uint64_t limb = (word >> (i * kLimbBits % 8)) & kLimbMask;
    workspace.message[i].lane[position] = limb;
    workspace.message[i].lane[position + kBatchRsaMessages] = limb;
  }
}

// Whether the opened signature is the message. No second look for message + n is needed: what a signature below n opens
// to is below n + n / 2^30, and an encoded message begins with 0x0001, so that it is above n / 2^30.
bool OpensToMessage(int position, const BatchRsaWorkspace& workspace) {
  std::uint64_t difference = 0;
  for (int i = 0; i < kModulusLimbs; ++i) {
    difference |= workspace.opened[i].lane[position] ^ workspace.message[i].lane[position];
  }
  return difference == 0;
}

// The signature, big-endian. False: it is not below n, or has limbs that are too wide, which `open` does not see whole.
// No branch looks at it: nobody has verified it yet.
bool TakeSignature(int position, const BatchRsaWorkspace& workspace, const Modulus& modulus, Modulus& out) {
  std::array<std::uint8_t, kWideBytes + kSlack> bytes{};
  std::uint64_t above = 0;  // What has no room in its limb, or in `out`.
  for (std::size_t i = 0; i < kModulusLimbs; ++i) {
    const std::uint64_t limb = workspace.signature[i].lane[position];
    above |= limb >> kLimbBits;
    std::uint64_t word = 0;
    std::uint8_t* const at = bytes.data() + i * kLimbBits / 8;
    std::memcpy(&word, at, sizeof(word));
    word |= limb << (i * kLimbBits % 8);
    std::memcpy(at, &word, sizeof(word));
  }
  std::reverse_copy(bytes.begin(), bytes.begin() + out.size(), out.begin());
  unsigned borrow = 0;  // Of signature - n.
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t at = out.size() - 1 - i;
    borrow = ((unsigned{out[at]} - modulus[at] - borrow) >> 8) & 1;
  }
  for (std::size_t i = out.size(); i < bytes.size(); ++i) above |= bytes[i];
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return borrow == 1 && above == 0;
}

// What was left on the stack: 8 KB at most by the kernel, which begins somewhat further down than this.
[[gnu::noinline]] void WipeStack() {
  std::array<std::uint8_t, 12288> unused;
  OPENSSL_cleanse(unused.data(), unused.size());
}

}  // namespace

BatchRsa::BatchRsa(const BatchRsaKernel& kernel) : kernel_(kernel), workspace_(new BatchRsaWorkspace()) {}

BatchRsa::~BatchRsa() { OPENSSL_cleanse(workspace_.get(), sizeof(BatchRsaWorkspace)); }

void BatchRsa::Sign(absl::Span<Job> jobs) {
  CHECK(!jobs.empty() && jobs.size() <= kBatchRsaMessages);
  for (int position = 0; position < kBatchRsaMessages; ++position) {
    // Positions without a job of their own repeat the first: lanes are never idle, and never hold less than a real key.
    const Job& job =
        static_cast<std::size_t>(position) < jobs.size() ? jobs[static_cast<std::size_t>(position)] : jobs[0];
    job.key->Place(position, *workspace_);
    PlaceMessage(Encode(job.digest), position, *workspace_);
  }
  kernel_.sign(*workspace_);
  kernel_.open(*workspace_);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    Job& job = jobs[i];
    const int position = static_cast<int>(i);
    const bool below = TakeSignature(position, *workspace_, job.key->modulus(), job.signature);
    job.verified = OpensToMessage(position, *workspace_) && below;
    if (!job.verified) OPENSSL_cleanse(job.signature.data(), job.signature.size());
  }
  OPENSSL_cleanse(workspace_.get(), sizeof(BatchRsaWorkspace));
  WipeStack();
}

}  // namespace dkim
