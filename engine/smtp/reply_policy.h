// What a failure means: the one table that turns facts (replies, silence, hang-ups, connections that fail) into
// verdicts. Pure. The texts it knows are those that large receivers really send.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/time.h"
#include "engine/smtp/classification.h"
#include "engine/smtp/client.h"
#include "engine/smtp/rule_set.h"

namespace smtp {

enum class Outcome : std::uint8_t {
  kDelivered,
  kDeferred,  // Comes back by the retry plan.
  kBounced,   // Final.
  kHeld,      // Pending as before; no attempt is counted.
  kInDoubt,   // Accepted or not: it cannot be known.
};

// Whom the failure speaks about.
enum class Scope : std::uint8_t { kRecipient, kSession, kSourceSite, kProvider, kCampaign };

// How long the (source, site) is suspended.
enum class Hold : std::uint8_t {
  kNone,
  kFiveMinutes,  // Doubling to 1 h.
  kHour,         // 1 h.
  kHours,        // 1 h, doubling to 12 h.
  kStated,       // As long as the text says.
};

struct Verdict {
  Outcome outcome = Outcome::kDeferred;
  Scope scope = Scope::kRecipient;
  Classification classification = Classification::kNone;
  Hold hold = Hold::kNone;
  base::Duration stated;                // kStated.
  bool shrink_window = false;           // The receiver has too much from us.
  bool session_limit = false;           // A limit of this connection: its normal end, if it carried a message before.
  bool counts_for_breaker = false;      // The same words for many in a row are not about the recipients.
  bool sender_refused = false;          // The coordinator counts it.
  bool authentication_failed = false;   // The coordinator counts it.
  bool login_refused = false;           // AUTH was refused for good, or cannot be done.
  Command command = Command::kConnect;  // What `reply` answers, or where it ended.
  std::optional<Reply> reply;
  std::string text;  // Where there is no reply: what happened.
};

// Classifies a negative reply by its text (the built-in rules, then those of `rules`), then its enhanced code, then its
// first digit.
Classification Classify(const Reply& reply, Command command, const RuleSet& rules = RuleSet::None());
// The suspension that a reply's words ask for: "try again in 300 seconds", or codes such as TSS04.
std::optional<base::Duration> StatedDuration(const Reply& reply);

// A message's transaction.
Verdict Judge(const TransactionResult& result, const RuleSet& rules = RuleSet::None());
// A connection on which no message could be begun, after every host was tried.
Verdict JudgeConnection(const ConnectionFact& fact, const RuleSet& rules = RuleSet::None());

}  // namespace smtp
