#include "engine/smtp/classification.h"

namespace smtp {

std::string_view ToString(Classification classification) {
  switch (classification) {
    case Classification::kNone:
      return "";
    case Classification::kInvalidRecipient:
      return "InvalidRecipient";
    case Classification::kInactiveMailbox:
      return "InactiveMailbox";
    case Classification::kBadDomain:
      return "BadDomain";
    case Classification::kQuotaIssues:
      return "QuotaIssues";
    case Classification::kInvalidSender:
      return "InvalidSender";
    case Classification::kNoAnswerFromHost:
      return "NoAnswerFromHost";
    case Classification::kBadConnection:
      return "BadConnection";
    case Classification::kDnsFailure:
      return "DNSFailure";
    case Classification::kRoutingErrors:
      return "RoutingErrors";
    case Classification::kProtocolErrors:
      return "ProtocolErrors";
    case Classification::kPolicyRelated:
      return "PolicyRelated";
    case Classification::kAuthenticationFailed:
      return "AuthenticationFailed";
    case Classification::kSpamBlock:
      return "SpamBlock";
    case Classification::kSpamContent:
      return "SpamContent";
    case Classification::kTransientFailure:
      return "TransientFailure";
    case Classification::kMessageExpired:
      return "MessageExpired";
    case Classification::kTooManyRecipients:
      return "TooManyRecipients";
    case Classification::kRateLimited:
      return "RateLimited";
    case Classification::kTlsRequired:
      return "TlsRequired";
    case Classification::kTooLarge:
      return "TooLarge";
    case Classification::kUnclassified:
      return "Unclassified";
  }
  return "Unclassified";
}

std::optional<Classification> ParseClassification(std::string_view text) {
  for (int i = 1; i <= static_cast<int>(Classification::kUnclassified); ++i) {
    const auto classification = static_cast<Classification>(i);
    if (ToString(classification) == text) return classification;
  }
  return std::nullopt;
}

}  // namespace smtp
