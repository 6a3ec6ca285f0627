// One RSA-2048 private key in the form the batch kernel works on. Wiped on destruction.
#pragma once

#include <openssl/types.h>

#include <array>
#include <cstdint>
#include <memory>

#include "engine/dkim/batch_rsa_kernel.h"

namespace dkim {

class BatchRsaKey {
 public:
  struct Prime {
    std::uint64_t limbs[kPrimeLimbs];
    std::uint64_t one[kPrimeLimbs];
    std::uint64_t r_squared[kPrimeLimbs];
    std::uint64_t r_cubed[kPrimeLimbs];
    std::uint64_t exponent[kExponentWords];
    std::uint64_t inverse;
  };

  // Null unless the key has a modulus of 2,048 bits, exactly two primes of 1,024 bits each, the public exponent 65537,
  // and private values that belong together.
  [[nodiscard]] static std::unique_ptr<BatchRsaKey> Create(const EVP_PKEY& key);
  ~BatchRsaKey();
  BatchRsaKey(const BatchRsaKey&) = delete;
  BatchRsaKey& operator=(const BatchRsaKey&) = delete;

  // Writes this key into the lanes of message `position` (0 to kBatchRsaMessages - 1).
  void Place(int position, BatchRsaWorkspace& workspace) const;
  const std::array<std::uint8_t, 256>& modulus() const { return modulus_bytes_; }  // Big-endian.

 private:
  BatchRsaKey() = default;
  bool Fill(const EVP_PKEY& key);

  Prime p_{}, q_{};
  std::uint64_t coefficient_[kPrimeLimbs]{};
  std::uint64_t modulus_[kModulusLimbs]{};
  std::uint64_t modulus_r_squared_[kModulusLimbs]{};
  std::uint64_t modulus_inverse_ = 0;
  std::array<std::uint8_t, 256> modulus_bytes_{};
};

}  // namespace dkim
