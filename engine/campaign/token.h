// Tokens: what names a row in a Message-ID, a return path and an unsubscribe link. Nobody without the key can make one.
// Test sends have tokens of another kind, so that what comes back for one never counts for the row.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace campaign {

// What identifies a campaign in tokens and files.
std::uint64_t CampaignHash(std::string_view campaign_id);

struct Token {
  std::uint8_t key_id = 0;
  std::uint32_t campaign_hash = 0;  // The low half of CampaignHash.
  std::uint64_t row = 0;            // Below 2^40.
  bool is_test = false;
};

// A secret key with its id. Any thread may use one.
class TokenKey {
 public:
  // The text of a key file: "sluice-token-key 1 ID HEX", one line, 32 bytes in HEX. Errors: InvalidArgument.
  static absl::StatusOr<TokenKey> Parse(std::string_view text);
  // A new key, as the text of a key file. Errors: the system has no randomness to give.
  static absl::StatusOr<std::string> Generate();

  // "v1" and base32 of key id, campaign, row and a MAC of 80 bits (HMAC-SHA256, truncated): 34 characters.
  std::string Make(std::string_view campaign_id, std::uint64_t row) const;
  // For a test send of the row: "t1" and base32 of key id, campaign, row, three random bytes and a MAC of 56 bits; as
  // long as the row's own, so that the message is, too. Another token each time. Errors: the system has no randomness
  // to give.
  absl::StatusOr<std::string> MakeForTest(std::string_view campaign_id, std::uint64_t row) const;
  // Errors: InvalidArgument, not a token; PermissionDenied, not one of this key.
  absl::StatusOr<Token> Decode(std::string_view text) const;

  // Tells keys apart, and nothing about the secret.
  std::string Fingerprint() const;
  std::uint8_t id() const { return id_; }

 private:
  struct HmacStates;
  // Both write to `to`; PutHead returns what is behind it.
  char* PutHead(std::string_view campaign_id, std::uint64_t row, char* to) const;
  void PutMac(std::string_view head, std::size_t size, char* to) const;
  std::uint8_t id_ = 0;
  std::shared_ptr<const HmacStates> hmac_;
};

}  // namespace campaign
