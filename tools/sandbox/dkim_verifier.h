// Verifies the DKIM signatures of a message (RFC 6376, RFC 8301, RFC 8463), as a strict receiver does. It shares no
// code with the signer that it judges. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/string_map.h"
#include "tools/sandbox/certificate_authority.h"
#include "tools/sandbox/dkim_canonical.h"
#include "tools/sandbox/dkim_tags.h"

namespace sandbox {

struct SignatureVerdict {
  std::string_view fault;  // One of a fixed set of texts; "" when the signature is valid.
  std::string domain;      // d=, in lower case; "" where there is none.
  std::string selector;
  std::vector<std::string> signed_fields;  // h=, in lower case.
  bool valid() const { return fault.empty(); }
};

class DkimVerifier {
 public:
  // The TXT record of a name, with its strings joined; nullopt: there is none.
  using FindText = std::function<std::optional<std::string>(std::string_view name)>;
  explicit DkimVerifier(FindText find_text) : find_text_(std::move(find_text)) {}

  // One verdict per DKIM-Signature field, from top to bottom. `now_s`: Unix seconds.
  std::vector<SignatureVerdict> Verify(const ParsedMessage& message, std::int64_t now_s);

 private:
  static constexpr std::size_t kSignaturesMax = 16;  // More of a message are not looked at.
  static constexpr std::size_t kKeysMax = 10'000;

  struct Key {
    std::string_view fault;  // "" when it can be used.
    bool ed25519 = false;
    bool strict_identity = false;  // t=s
    KeyPtr key;
    std::unique_ptr<EVP_PKEY_CTX, OpenSslFree> rsa;  // Ready to verify; null: it is another key.

    bool Holds(std::string_view data, std::string_view signature) const;
  };
  struct Signature;

  SignatureVerdict VerifyOne(const ParsedMessage& message, const HeaderField& field, std::int64_t now_s);
  const Key& FindKey(const std::string& name);
  static Key ParseKey(std::string_view record);
  std::string BodyHash(const ParsedMessage& message, const Signature& signature);

  FindText find_text_;
  base::StringMap<Key> keys_;  // By name.
};

}  // namespace sandbox
