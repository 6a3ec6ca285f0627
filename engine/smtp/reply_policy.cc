#include "engine/smtp/reply_policy.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/str_format.h"
#include "engine/base/text.h"
#include "engine/smtp/reply_rules.h"

namespace smtp {
namespace {

using C = Classification;

// Gmail's and Microsoft's codes for SPF, DKIM, DMARC, PTR: a fault of the sender's configuration.
bool IsAuthenticationCode(std::uint16_t detail) {
  constexpr std::uint16_t kDetails[] = {20, 21, 22, 23, 24, 25, 26, 27, 29, 30, 31, 32, 40, 509, 515};
  return std::find(std::begin(kDetails), std::end(kDetails), detail) != std::end(kDetails);
}

// RFC 3463 and the IANA registry of enhanced status codes; x.7.z by what receivers mean with it.
C ClassifyEnhanced(const Reply& reply, Command command) {
  const std::uint16_t detail = reply.enhanced.digits[2];
  const bool about_recipient = command != Command::kMail;
  switch (reply.enhanced.digits[1]) {
    case 1:
      if (detail == 7 || detail == 8) return C::kInvalidSender;
      if (detail == 2) return C::kBadDomain;
      return about_recipient ? C::kInvalidRecipient : C::kUnclassified;
    case 2:
      if (detail == 2) return C::kQuotaIssues;
      if (detail == 3) return C::kTooLarge;
      return reply.first_digit() == 5 ? C::kInactiveMailbox : C::kTransientFailure;
    case 3:
      return detail == 4 ? C::kTooLarge : reply.first_digit() == 4 ? C::kTransientFailure : C::kUnclassified;
    case 4:
      if (detail == 1 && reply.first_digit() == 5 && about_recipient)
        return C::kInvalidRecipient;  // Microsoft: 550 5.4.1.
      return reply.first_digit() == 5 ? C::kRoutingErrors : C::kTransientFailure;
    case 5:
      return detail == 3 ? C::kTooManyRecipients : C::kProtocolErrors;
    case 6:
      return C::kPolicyRelated;
    case 7:
      if (IsAuthenticationCode(detail)) return C::kAuthenticationFailed;
      if (detail == 28) return C::kRateLimited;
      if (detail >= 600 && detail < 700) return reply.first_digit() == 5 ? C::kSpamBlock : C::kRateLimited;
      return C::kPolicyRelated;
    default:
      return reply.first_digit() == 4 ? C::kTransientFailure : C::kUnclassified;
  }
}

bool IsOwnFault(C classification) {  // A recipient's own: bounced.
  return classification == C::kInvalidRecipient || classification == C::kInactiveMailbox ||
         classification == C::kBadDomain || classification == C::kQuotaIssues || classification == C::kTooLarge;
}

// 5yz to RCPT, DATA or the message.
void JudgePermanent(Verdict& verdict) {
  const C c = verdict.classification;
  if (IsOwnFault(c)) {
    verdict.outcome = Outcome::kBounced;
  } else if (c == C::kSpamContent) {  // A budget counts them.
    verdict.outcome = Outcome::kHeld;
    verdict.scope = Scope::kProvider;
  } else if (c == C::kSpamBlock || c == C::kRateLimited) {
    verdict.outcome = Outcome::kHeld;
    verdict.scope = Scope::kSourceSite;
    verdict.hold = Hold::kHours;
  } else if (c == C::kAuthenticationFailed) {
    verdict.outcome = Outcome::kHeld;
    verdict.scope = Scope::kCampaign;
    verdict.authentication_failed = true;
  } else if (c == C::kInvalidSender) {
    verdict.outcome = Outcome::kHeld;
    verdict.scope = Scope::kSourceSite;
    verdict.hold = Hold::kHour;
    verdict.sender_refused = true;
  } else if (c == C::kTransientFailure || c == C::kTooManyRecipients) {
    verdict.outcome = Outcome::kDeferred;  // A 5yz that is temporary in meaning.
  } else {
    verdict.outcome = Outcome::kBounced;
    verdict.counts_for_breaker = true;
  }
}

// 4yz to MAIL, RCPT, DATA or the message.
void JudgeTransient(Verdict& verdict, const TextRule* rule) {
  verdict.outcome = Outcome::kDeferred;
  if (verdict.classification == C::kAuthenticationFailed && verdict.command != Command::kMail) {
    verdict.outcome = Outcome::kHeld;
    verdict.scope = Scope::kCampaign;
    verdict.authentication_failed = true;
    return;
  }
  if (verdict.classification == C::kSpamBlock) {  // "…will be permanently deferred": retrying does not help.
    verdict.outcome = Outcome::kHeld;
    verdict.scope = Scope::kSourceSite;
    verdict.hold = Hold::kHours;
    return;
  }
  const bool limited = verdict.classification == C::kRateLimited && (rule == nullptr || !rule->only_recipient);
  if (!limited) return;
  verdict.scope = Scope::kSourceSite;
  verdict.shrink_window = true;
  if (const auto stated = StatedDuration(*verdict.reply)) {
    verdict.hold = Hold::kStated;
    verdict.stated = *stated;
  }
}

Verdict JudgeReply(const Reply& reply, Command command, const RuleSet& rules) {
  Verdict verdict;
  verdict.reply = reply;
  verdict.command = command;
  verdict.classification = Classify(reply, command, rules);
  const TextRule* rule = FindTextRule(reply);
  if (reply.first_digit() < 4) {  // Out of place; nothing was refused.
    verdict.classification = C::kProtocolErrors;
    verdict.scope = Scope::kSession;
  } else if (reply.code == 421) {
    JudgeTransient(verdict, rule);
    verdict.shrink_window = rule == nullptr || !rule->session_limit;
    if (verdict.scope == Scope::kRecipient) verdict.scope = Scope::kSession;
  } else if (reply.first_digit() == 4) {
    JudgeTransient(verdict, rule);
  } else if (command == Command::kMail) {
    verdict.outcome = Outcome::kHeld;
    verdict.scope = Scope::kSourceSite;
    verdict.hold = Hold::kHour;
    verdict.sender_refused = true;
  } else {
    JudgePermanent(verdict);
  }
  verdict.session_limit = reply.first_digit() == 4 && rule != nullptr && rule->session_limit;
  return verdict;
}

// A server that ends the connection in place of taking back what was refused before (Exim counts RSETs).
Verdict JudgeRefusedReset(const Reply& reply) {
  Verdict verdict;
  verdict.reply = reply;
  verdict.command = Command::kRset;
  verdict.classification = C::kTransientFailure;
  verdict.scope = Scope::kSession;
  verdict.session_limit = true;
  return verdict;
}

Verdict Plain(Outcome outcome, C classification, Command command, std::string text) {
  Verdict verdict;
  verdict.outcome = outcome;
  verdict.classification = classification;
  verdict.command = command;
  verdict.text = std::move(text);
  return verdict;
}

// The first refusal that was read; null: none.
const Reply* Refusal(const TransactionResult& result, Command& command) {
  const std::pair<const std::optional<Reply>*, Command> replies[] = {
      {&result.mail, Command::kMail},
      {&result.rcpt, Command::kRcpt},
      {&result.final_reply, result.used_bdat ? Command::kBdat : Command::kDot},
  };
  for (const auto& [reply, which] : replies) {
    if (which == Command::kDot && result.data.has_value() && result.data->first_digit() != 3) {
      command = Command::kData;
      return &*result.data;
    }
    if (reply->has_value() && !(*reply)->IsPositive()) {
      command = which;
      return &**reply;
    }
  }
  return nullptr;
}

Command WhereItEnded(const TransactionResult& result) {
  if (!result.mail.has_value()) return Command::kMail;
  if (!result.rcpt.has_value()) return Command::kRcpt;
  if (result.used_bdat) return Command::kBdat;
  return result.data.has_value() ? Command::kDot : Command::kData;
}

// The connection ended, stayed silent or went out of step before every reply had come (verdicts, section 3).
Verdict JudgeSilence(const TransactionResult& result) {
  const Command where = WhereItEnded(result);
  std::string what;
  C classification = C::kBadConnection;
  bool mail_unread_is_safe = true;
  switch (result.end) {
    case TransactionResult::End::kTimedOut:
      what = "no answer in time";
      classification = C::kNoAnswerFromHost;
      mail_unread_is_safe = false;
      break;
    case TransactionResult::End::kGarbage:
      what = "an answer that is not SMTP";
      classification = C::kProtocolErrors;
      break;
    case TransactionResult::End::kClosed:
    case TransactionResult::End::kReplied:
    case TransactionResult::End::kTooLarge:
    case TransactionResult::End::kNeedsSmtpUtf8:
      what = result.error == 0 ? "the connection was closed"
                               : std::string("the connection ended: ") + std::strerror(result.error);
      break;
  }
  const bool could_be_accepted =
      result.completing_handed_over && (result.mail.has_value() || result.in_company || !mail_unread_is_safe);
  Verdict verdict =
      Plain(could_be_accepted ? Outcome::kInDoubt : Outcome::kDeferred, classification, where, std::move(what));
  verdict.scope = Scope::kSession;
  verdict.shrink_window = true;
  return verdict;
}

// What a number in front of `text` counts: "minutes", "m.", "h", …; seconds where nothing is said.
base::Duration UnitOf(std::string_view text) {
  const auto end = std::find_if(text.begin(), text.end(), [](char c) { return c < 'a' || c > 'z'; });
  const std::string_view word = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  if (word == "m" || word.starts_with("min")) return base::Duration::Minutes(1);
  if (word == "h" || word.starts_with("hr") || word.starts_with("hour")) return base::Duration::Hours(1);
  if (word == "d" || word.starts_with("day")) return base::Duration::Hours(24);
  return base::Duration::Seconds(1);
}

}  // namespace

std::optional<base::Duration> StatedDuration(const Reply& reply) {
  if (const TextRule* rule = FindTextRule(reply); rule != nullptr && rule->suspend != base::Duration())
    return rule->suspend;
  const std::string text = base::LowerAscii(reply.text);
  for (const std::string_view lead : {"try again in ", "retry in ", "try again after ", "retry after ", "wait "}) {
    const std::size_t at = text.find(lead);
    if (at == std::string::npos) continue;
    std::string_view rest = std::string_view(text).substr(at + lead.size());
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    const auto number = base::ParseInteger<std::int64_t>(rest.substr(0, digits));
    if (digits == 0 || digits > 6 || !number.has_value()) continue;
    rest = base::TrimAscii(rest.substr(digits));
    constexpr std::int64_t kDaySeconds = 86'400;  // Nobody can ask for more than a day.
    return std::min(UnitOf(rest) * std::min(*number, kDaySeconds), base::Duration::Seconds(kDaySeconds));
  }
  return std::nullopt;
}

Classification Classify(const Reply& reply, Command command, const RuleSet& rules) {
  if (reply.IsPositive()) return C::kNone;
  if (const TextRule* rule = FindTextRule(reply)) return rule->classification;
  if (const std::optional<Classification> found = rules.Find(reply)) return *found;
  if (reply.enhanced.IsPresent()) return ClassifyEnhanced(reply, command);
  if (reply.first_digit() == 4) return C::kTransientFailure;
  if (reply.code == 552) return C::kTooLarge;
  return C::kUnclassified;
}

Verdict Judge(const TransactionResult& result, const RuleSet& rules) {
  if (result.end == TransactionResult::End::kTooLarge) {
    Verdict verdict =
        Plain(Outcome::kBounced, C::kTooLarge, Command::kMail, "the message is larger than the server takes (5.3.4)");
    return verdict;
  }
  if (result.end == TransactionResult::End::kNeedsSmtpUtf8) {
    return Plain(Outcome::kBounced, C::kPolicyRelated, Command::kMail,
                 "the address needs SMTPUTF8, which is not offered (5.6.7)");
  }
  const bool ended = result.end == TransactionResult::End::kReplied || result.end == TransactionResult::End::kClosed;
  if (ended && result.rset.has_value() && !result.mail.has_value()) return JudgeRefusedReset(*result.rset);
  Command command = Command::kMail;
  if (const Reply* refusal = Refusal(result, command)) return JudgeReply(*refusal, command, rules);
  const bool accepted = result.end == TransactionResult::End::kReplied && result.mail.has_value() &&
                        result.rcpt.has_value() && result.final_reply.has_value();
  if (!accepted) return JudgeSilence(result);
  Verdict verdict = Plain(Outcome::kDelivered, C::kNone, result.used_bdat ? Command::kBdat : Command::kDot, "");
  verdict.reply = result.final_reply;
  return verdict;
}

Verdict JudgeConnection(const ConnectionFact& fact, const RuleSet& rules) {
  Verdict verdict;
  verdict.command = fact.at;
  verdict.reply = fact.reply;
  verdict.text = fact.ToString();
  if (fact.tls != TlsTrouble::kNone) {
    verdict.outcome = Outcome::kDeferred;
    verdict.scope = Scope::kSession;
    verdict.classification = fact.tls == TlsTrouble::kInjected ? C::kProtocolErrors : C::kTlsRequired;
    return verdict;
  }
  const bool temporary = fact.reply.has_value() && fact.reply->first_digit() == 4;
  if (fact.at == Command::kAuth && !temporary && (fact.reply.has_value() || !fact.why.empty())) {
    verdict.outcome = Outcome::kHeld;
    verdict.scope = Scope::kCampaign;
    verdict.classification = C::kAuthenticationFailed;
    verdict.login_refused = true;
    return verdict;
  }
  if (fact.reply.has_value()) {  // The greeting, EHLO, STARTTLS or AUTH said no.
    verdict.outcome = Outcome::kHeld;
    verdict.scope = Scope::kSourceSite;
    verdict.classification = Classify(*fact.reply, fact.at, rules);
    verdict.hold = temporary ? Hold::kFiveMinutes : Hold::kHour;
    if (const TextRule* rule = FindTextRule(*fact.reply); rule != nullptr && rule->suspend != base::Duration()) {
      verdict.hold = Hold::kStated;
      verdict.stated = rule->suspend;
    }
    return verdict;
  }
  verdict.outcome = Outcome::kDeferred;
  verdict.scope = Scope::kSession;
  verdict.shrink_window = true;
  verdict.classification = fact.garbage ? C::kProtocolErrors : C::kNoAnswerFromHost;
  return verdict;
}

}  // namespace smtp
