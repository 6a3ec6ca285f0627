// What the oracle holds against a message that a mail exchanger accepts: its signatures, and whether it is its
// recipient's own. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/btree_map.h"
#include "engine/base/time.h"
#include "tools/sandbox/dkim_verifier.h"
#include "tools/sandbox/smtp_server.h"

namespace sandbox {

class MessageCheck {
 public:
  struct Totals {
    std::uint64_t valid = 0;    // Signatures.
    std::uint64_t invalid = 0;  // Signatures.
    std::uint64_t missing = 0;  // Messages without a valid signature whose domain is aligned with that of From.
    // Of invalid signatures, and of signed messages whose aligned signatures leave List-Unsubscribe or
    // List-Unsubscribe-Post out.
    absl::btree_map<std::string, std::uint64_t> reasons;
    std::uint64_t tokens_own = 0;      // Messages with the token of their Message-ID in the body or the envelope.
    std::uint64_t tokens_foreign = 0;  // Messages that hold another token.
  };

  explicit MessageCheck(DkimVerifier::FindText find_text) : verifier_(std::move(find_text)) {}

  // Whether there is nothing to object to. `content`: as it came, without dot stuffing.
  bool Accept(std::string_view content, const Transaction& transaction, base::WallTime now);
  const Totals& totals() const { return totals_; }

 private:
  bool CheckSignatures(const ParsedMessage& message, base::WallTime now);
  bool CheckTokens(const ParsedMessage& message, const Transaction& transaction);

  DkimVerifier verifier_;
  Totals totals_;
};

// The domain of the address in a From field, in lower case; "" when there is none.
std::string FromDomain(std::string_view from);
// The same, or one is under the other: they have an organisation in common (RFC 7489 §3.1.1, without a list of public
// suffixes).
bool IsAligned(std::string_view domain, std::string_view from_domain);

}  // namespace sandbox
