// RSA-2048 signatures four at a time (PKCS #1 v1.5 with SHA-256, RFC 8017 section 8.2), in the eight lanes of AVX-512
// IFMA.
//
// METHOD. S. Gueron, V. Krasnov: "Software Implementation of Modular Exponentiation, Using Advanced Vector Instructions
// Architectures" (WAIFI 2012) and "Accelerating Big Integer Arithmetic Using Intel IFMA Extensions" (ARITH 2016): limbs
// of 52 bits in redundant form. Products without a final comparison, here "almost" reduced: S. Gueron, "Efficient
// Software Implementations of Modular Exponentiation" (Journal of Cryptographic Engineering 2, 2012) and C. Walter,
// "Montgomery Exponentiation Needs No Final Subtractions" (Electronics Letters 35, 1999). Each of the two
// exponentiations of a signature (J.-J. Quisquater, C. Couvreur, Electronics Letters 18, 1982) has one lane to itself,
// so lanes never exchange carries, and each message may have a key of its own. Twenty limbs, R = 2^1040, fixed window
// of four bits, Garner's recombination.
//
// SECURITY. Time and addresses do not depend on secrets: one fixed sequence of instructions for every key and message,
// without branches on data; a look-up reads the whole table; in the kernel, secrets are in vectors only, and addresses
// never are; the vector instructions used are of data-independent time in Intel's list (DOITM) and AMD's manuals.
// tests/unit/dkim/constant_time looks at the code as it ships, instruction by instruction, and at the same algorithm
// over plain integers under Valgrind. A wrong signature of one prime gives the key away (D. Boneh, R. DeMillo, R.
// Lipton, EUROCRYPT 1997): each signature is opened again with the public key, with values that come from the public
// key alone, and only those that give the encoded message are handed out. Tables, scratch, vector registers and the
// stack are wiped after each batch, keys when they are destroyed.
//
// LIMITS. There is no blinding. It hides what an attacker needs who can choose messages and see how their bits travel
// through code whose time or addresses depend on data; this code has neither. It would also make power and frequency
// analysis (Hertzbleed, USENIX Security 2022) harder, which this code does not defend against: who can measure the
// machine's power, or runs code on the same core, should be kept off it, or `signer = "openssl"` be set, which blinds.
// The tests see architecture, not circuits: for processors since Ice Lake, Intel promises those times only in a mode
// (DOITM) that the operating system would have to set; and the look-up takes a masked load to read all of its operand,
// as OpenSSL's own AVX-512 code does. Reading a key (batch_rsa_key.h) is done once, with OpenSSL's numbers: its time is
// not looked at. Values that live in registers can be saved by the kernel at a context switch, and are not wiped there.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "absl/types/span.h"
#include "engine/dkim/batch_rsa_kernel.h"
#include "engine/dkim/batch_rsa_key.h"

namespace dkim {

// One thread.
class BatchRsa {
 public:
  struct Job {
    const BatchRsaKey* key = nullptr;
    std::array<std::uint8_t, 32> digest{};  // SHA-256
    // Out. All zero unless `verified`.
    std::array<std::uint8_t, 256> signature{};
    bool verified = false;
  };

  explicit BatchRsa(const BatchRsaKernel& kernel);
  ~BatchRsa();
  BatchRsa(const BatchRsa&) = delete;
  BatchRsa& operator=(const BatchRsa&) = delete;

  // Signs one to kBatchRsaMessages jobs; it takes the time of kBatchRsaMessages, however few they are. A job that does
  // not come out verified met a fault of the machine.
  void Sign(absl::Span<Job> jobs);

  // All zero between calls.
  const BatchRsaWorkspace& workspace_for_testing() const { return *workspace_; }

 private:
  const BatchRsaKernel& kernel_;
  const std::unique_ptr<BatchRsaWorkspace> workspace_;
};

}  // namespace dkim
