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

}  // namespace smtp
