// Signatures that were made before the send, by `sluice seal`: the file, and looking one up. Read-only, over a mapped
// file; any number of threads.
//
// signatures.dat, all numbers little-endian:
//
//   0     8  "SLUICES1"
//   8     8  hash of the campaign's id
//   16    8  recipients
//   24    4  keys, K: 1 to 64
//   28    4  size of a record
//   32       K times: SHA-256 of the key and of what its signatures say (32 octets), size of its signatures (4)
//         4  CRC-32C of everything before
//
// At 4096 + i * size of a record stands the record of recipient i, or zeros, or what a crash left of it:
//
//   0     8  what its Date says, in microseconds since 1970, UTC
//   8     8  when it was signed, likewise: t=
//   16       K times: the digest that was signed (32), the signature
//         4  CRC-32C of i (8 octets) and everything before
//
// A record counts where its checksum holds; nothing else says which are there. Its digest says what it is the signature
// of: of these header fields, this body, this Date and t=, and nothing else. What lies between the signer, which has
// verified it with the public key, and the socket is this file: against that its checksum is. (To verify it once more
// would cost 13 microseconds, where sending a message costs 11 to 16.)
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/time.h"
#include "engine/dkim/crypto.h"
#include "engine/dkim/signing_key.h"
#include "engine/io/disk.h"
#include "engine/ledger/record.h"

namespace delivery {

// Of the public key, and everything that the DKIM-Signature field says apart from the message.
dkim::Digest IdentityOf(const dkim::SigningKey& key);

// What the head of the file says.
struct SignatureHead {
  struct Key {
    dkim::Digest identity{};           // IdentityOf the key.
    std::uint32_t signature_size = 0;  // In octets, 1 to 512.
    friend bool operator==(const Key&, const Key&) = default;
  };
  static constexpr std::size_t kKeysMax = 64;
  static constexpr std::uint64_t kSize = 4096;

  std::uint64_t campaign_hash = 0;
  std::uint64_t recipients = 0;
  std::vector<Key> keys;

  std::uint32_t RecordSize() const;
  std::uint64_t FileSize() const { return kSize + recipients * RecordSize(); }
  std::uint64_t OffsetOf(ledger::RecipientId id) const { return kSize + id * RecordSize(); }
  std::string Encode() const;  // kSize octets. Requires: 1 to kKeysMax keys.
  // Nullopt: it is no such head.
  static std::optional<SignatureHead> Decode(std::string_view bytes);
  friend bool operator==(const SignatureHead&, const SignatureHead&) = default;
};

// The signatures of one message, by key. Texts are borrowed.
struct MadeSignatures {
  struct One {
    dkim::Digest digest;
    std::string_view signature;
  };
  base::WallTime date;       // What Date says.
  base::WallTime signed_at;  // What t= says.
  std::vector<One> by_key;
};

// Replaces `out` by a record. Requires: a signature of its size for each key.
void EncodeSignatures(const SignatureHead& head, ledger::RecipientId id, const MadeSignatures& made, std::string& out);
// Nullopt: there is none, or not all of it.
std::optional<MadeSignatures> DecodeSignatures(const SignatureHead& head, ledger::RecipientId id,
                                               std::string_view record);

// So old may a signature be when its message is sent: 7 days, or half of the shortest `expire` of the keys.
base::Duration SignatureAgeMax(absl::Span<const dkim::SigningKey> keys);
bool IsFresh(const MadeSignatures& made, base::Duration age_max, base::WallTime now);

class SignatureFile {
 public:
  static constexpr std::string_view kName = "signatures.dat";

  // Errors: NotFound, there is no such file; DataLoss, it is not one, or is cut off; others, the disk.
  static absl::StatusOr<std::unique_ptr<const SignatureFile>> Open(io::Disk& disk, const std::string& path);

  const SignatureHead& head() const { return head_; }
  // Whether it was made for this campaign, with these keys, and signatures that say the same.
  bool IsOf(std::uint64_t campaign_hash, std::uint64_t recipients, absl::Span<const dkim::SigningKey> keys) const;
  bool IsHole(ledger::RecipientId id) const;  // Nothing was written there. Requires: `id` is a recipient's.
  // Nullopt: there are none. Requires: `id` is a recipient's.
  std::optional<MadeSignatures> Find(ledger::RecipientId id) const;

 private:
  SignatureFile() = default;
  std::string_view RecordOf(ledger::RecipientId id) const;
  SignatureHead head_;
  std::unique_ptr<io::Mapping> bytes_;
};

}  // namespace delivery
