// What kind of failure a reply is: KumoMTA's labels, and ours.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace smtp {

enum class Classification : std::uint8_t {
  kNone,  // Delivered.
  kInvalidRecipient,
  kInactiveMailbox,
  kBadDomain,
  kQuotaIssues,
  kInvalidSender,
  kNoAnswerFromHost,
  kBadConnection,
  kDnsFailure,
  kRoutingErrors,
  kProtocolErrors,
  kPolicyRelated,
  kAuthenticationFailed,
  kSpamBlock,
  kSpamContent,
  kTransientFailure,
  kMessageExpired,
  kTooManyRecipients,
  kRateLimited,
  kTlsRequired,
  kTooLarge,
  kUnclassified,
};

std::string_view ToString(Classification classification);                  // "InvalidRecipient"; empty for kNone.
std::optional<Classification> ParseClassification(std::string_view text);  // Never kNone.

}  // namespace smtp
