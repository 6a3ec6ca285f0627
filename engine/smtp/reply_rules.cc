#include "engine/smtp/reply_rules.h"

#include <string>

#include "engine/base/text.h"

namespace smtp {
namespace {

using C = Classification;
constexpr base::Duration kNoSuspend;
constexpr base::Duration kTwoHours = base::Duration::Hours(2);
constexpr base::Duration kHalfHour = base::Duration::Minutes(30);

// In order: the more specific first.
constexpr TextRule kRules[] = {
    // Limits of a connection: the normal end of a session.
    {"message per connection", 0, C::kTransientFailure, true, true, kNoSuspend},
    {"messages per connection", 0, C::kTransientFailure, true, true, kNoSuspend},
    {"too many messages in this connection", 4, C::kTransientFailure, true, true, kNoSuspend},  // Exim.
    {"too many messages sent", 4, C::kTransientFailure, true, true, kNoSuspend, {{4, 5, 3}}},   // OpenSMTPD.
    // About one recipient only.
    {"receiving mail too quickly", 4, C::kTransientFailure, true, false, kNoSuspend},
    {"receiving mail at a rate", 4, C::kTransientFailure, true, false, kNoSuspend},
    {"greylist", 4, C::kTransientFailure, true, false, kNoSuspend},
    {"graylist", 4, C::kTransientFailure, true, false, kNoSuspend},
    {"overquota", 0, C::kQuotaIssues, true, false, kNoSuspend},
    {"over quota", 0, C::kQuotaIssues, true, false, kNoSuspend},
    {"mailbox full", 0, C::kQuotaIssues, true, false, kNoSuspend},
    {"mailbox is full", 0, C::kQuotaIssues, true, false, kNoSuspend},
    {"nosuchuser", 5, C::kInvalidRecipient, true, false, kNoSuspend},
    {"no such user", 5, C::kInvalidRecipient, true, false, kNoSuspend},
    {"user unknown", 5, C::kInvalidRecipient, true, false, kNoSuspend},
    {"unknown user", 5, C::kInvalidRecipient, true, false, kNoSuspend},
    {"mailbox disabled", 5, C::kInactiveMailbox, true, false, kNoSuspend},
    {"mailbox is disabled", 5, C::kInactiveMailbox, true, false, kNoSuspend},
    {"(554.30)", 5, C::kInactiveMailbox, true, false, kNoSuspend},
    {"too many recipients", 0, C::kTooManyRecipients, true, false, kNoSuspend},
    {"multiple destination domains", 0, C::kProtocolErrors, true, false, kNoSuspend},
    // Yahoo.
    {"[ts03]", 0, C::kSpamBlock, false, false, kNoSuspend},
    {"[tss04]", 0, C::kRateLimited, false, false, kTwoHours},
    {"[tss05]", 0, C::kRateLimited, false, false, kTwoHours},
    {"[iptss04]", 0, C::kRateLimited, false, false, kTwoHours},
    {"[ipts04]", 0, C::kRateLimited, false, false, kTwoHours},
    {"[bl21]", 0, C::kSpamBlock, false, false, kNoSuspend},
    {"[bl23]", 0, C::kSpamBlock, false, false, kNoSuspend},
    {"[ph01]", 0, C::kPolicyRelated, false, false, kNoSuspend},
    // Microsoft.
    {"(s3140)", 0, C::kSpamBlock, false, false, kNoSuspend},
    {"(s3150)", 0, C::kSpamBlock, false, false, kNoSuspend},
    {"block list", 0, C::kSpamBlock, false, false, kNoSuspend},
    {"(s775)", 0, C::kRateLimited, false, false, kHalfHour},
    {"(s3114)", 0, C::kRateLimited, false, false, kHalfHour},
    {"(s3115)", 0, C::kRateLimited, false, false, kNoSuspend},
    {"maximum number of connections", 0, C::kRateLimited, false, false, kNoSuspend},
    {"rp-001", 0, C::kRateLimited, false, false, kHalfHour},
    {"rp-002", 0, C::kRateLimited, false, false, kHalfHour},
    {"rp-003", 0, C::kRateLimited, false, false, kHalfHour},
    {"server busy", 0, C::kRateLimited, false, false, kNoSuspend},
    // Apple.
    {"spamhaus dbl", 0, C::kSpamContent, false, false, kNoSuspend},
    {"dbl.spamhaus", 0, C::kSpamContent, false, false, kNoSuspend},
    {"[cs01]", 0, C::kSpamContent, false, false, kNoSuspend},
    {"[hm08]", 0, C::kSpamContent, false, false, kNoSuspend},
    {"[hcm1]", 0, C::kTransientFailure, false, false, kNoSuspend},
    {"[bs02]", 0, C::kTransientFailure, false, false, kNoSuspend},
    {"excessive volume", 0, C::kRateLimited, false, false, kNoSuspend},
    {"spamhaus", 0, C::kSpamBlock, false, false, kNoSuspend},
    // Comcast, Orange, QQ, 163.
    {"rl0000", 0, C::kRateLimited, false, false, kNoSuspend},
    {"bl0000", 0, C::kSpamBlock, false, false, kNoSuspend},
    {"ofr004_104", 0, C::kRateLimited, false, false, kNoSuspend},
    {"ofr004_105", 0, C::kRateLimited, false, false, kNoSuspend},
    {"frequency limited", 0, C::kRateLimited, false, false, kNoSuspend},
    {"dt:spm", 0, C::kSpamContent, false, false, kNoSuspend},
    {"rp:orq", 0, C::kRateLimited, false, false, kNoSuspend},
    // Gmail, and words that many use.
    {"unusual rate of unsolicited mail", 0, C::kRateLimited, false, false, kHalfHour},
    {"low reputation", 4, C::kRateLimited, false, false, kNoSuspend},
    {"suspicious due to", 4, C::kRateLimited, false, false, kNoSuspend},
    {"too many connections", 0, C::kRateLimited, false, false, kNoSuspend},
    {"rate limit", 0, C::kRateLimited, false, false, kNoSuspend},
    {"temporarily deferred", 4, C::kRateLimited, false, false, kNoSuspend},
    {"too many messages from", 4, C::kRateLimited, false, false, kNoSuspend},
    {"slow down", 4, C::kRateLimited, false, false, kNoSuspend},
    {"blacklist", 5, C::kSpamBlock, false, false, kNoSuspend},
    {"blocklist", 5, C::kSpamBlock, false, false, kNoSuspend},
};

}  // namespace

const TextRule* FindTextRule(const Reply& reply) {
  const std::string text = base::LowerAscii(reply.text);
  for (const TextRule& rule : kRules) {
    if (rule.first_digit != 0 && rule.first_digit != reply.first_digit()) continue;
    if (rule.enhanced.IsPresent() && rule.enhanced != reply.enhanced) continue;
    if (text.find(rule.words) != std::string::npos) return &rule;
  }
  return nullptr;
}

}  // namespace smtp
