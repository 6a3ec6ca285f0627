#include "engine/delivery/host_limits_text.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "engine/base/text.h"

namespace delivery {
namespace {

using Kind = HostLimits::Kind;
constexpr std::pair<Kind, std::string_view> kWarmupKinds[] = {{Kind::kProvider, "warmup-provider"},
                                                              {Kind::kSite, "warmup-site"}};

bool ReadSpan(const std::string& text, base::Duration& span) {
  std::int64_t microseconds = 0;
  if (!absl::SimpleAtoi(text, &microseconds) || microseconds < 0) return false;
  span = base::Duration::Microseconds(microseconds);
  return true;
}

}  // namespace

// KIND SOURCE NAME MESSAGE_DEBT CONNECTION_DEBT SUSPENDED WINDOW RATE REASON SAMPLE SUSPENDED_ALREADY NS_PER_MESSAGE
// NS_PER_CONNECTION SUSPENDED_LAST; times in microseconds. Older programs did not write the last ones, and later ones
// may write more, which count for nothing here. A tenant's or campaign's suspension has a line of its own: the kind
// "held", and the name "SITE SCOPE"; what a rule has set likewise: "set" or "set-domain", "SITE KEY", and the rule as
// the reason.
void AppendLine(std::string_view kind, std::string_view source, std::string_view name, const SiteStanding::Kept& kept,
                const Suspensions::Kept& held, std::string& text) {
  const auto word = [](std::string_view plain) { return absl::CEscape(base::AbslView(plain)); };
  absl::StrAppendFormat(&text, "%s\t%s\t%s\t%d\t%d\t%d\t%.3f\t%.6f\t%s\t%s\t%d\t%g\t%g\t%d\n", kind, word(source),
                        word(name), kept.debts.messages.microseconds(), kept.debts.connections.microseconds(),
                        held.rest.microseconds(), kept.window, kept.messages_per_second, word(held.reason),
                        word(held.sample), held.already.microseconds(), kept.debts.ns_per_message,
                        kept.debts.ns_per_connection, held.last.microseconds());
}

void AppendLimits(std::string_view kind, std::string_view source, std::string_view name, const SiteStanding::Kept& kept,
                  base::Instant now, std::string& text) {
  Suspensions::Kept everybody;
  for (const Suspensions::Kept& held : kept.suspensions) {
    if (held.scope == kEverybody) everybody = held;
  }
  AppendLine(kind, source, name, kept, everybody, text);
  const auto of_site = [name](const std::string& what) { return absl::StrCat(base::AbslView(name), " ", what); };
  for (const Suspensions::Kept& held : kept.suspensions) {
    if (held.scope != kEverybody) AppendLine(kHeldWord, source, of_site(held.scope), {}, held, text);
  }
  for (const RuleSetting& one : kept.settings) {
    AppendLine(one.of_domain ? kSetDomainWord : kSetWord, source, of_site(one.key), {},
               {.scope = "", .rest = one.until - now, .reason = one.rule, .sample = one.sample}, text);
  }
}

// KIND SOURCE NAME DAYS DAY SENT USED BAD SUSPENDED NUMBER. Older programs wrote "-" as the last one; later ones may
// write more.
void AppendWarmup(const HostLimits::GroupName& name, const Warmup::Kept& kept, std::string& text) {
  if (kept.IsNew()) return;
  for (const auto& [kind, word] : kWarmupKinds) {
    if (kind != name.kind) continue;
    absl::StrAppendFormat(&text, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", word, absl::CEscape(name.source),
                          absl::CEscape(name.name), kept.days, kept.day, kept.sent, kept.used, kept.bad,
                          kept.suspended ? 1 : 0, kept.number);
  }
}

absl::StatusOr<bool> ReadWarmup(std::string_view text, HostLimits::GroupName& name, Warmup::Kept& kept) {
  const std::vector<std::string> words = absl::StrSplit(base::AbslView(text), '\t');
  const auto kind = std::find_if(std::begin(kWarmupKinds), std::end(kWarmupKinds),
                                 [&words](const auto& one) { return one.second == words[0]; });
  if (kind == std::end(kWarmupKinds)) return false;
  name.kind = kind->first;
  const bool is_good = words.size() >= 10 && absl::CUnescape(words[1], &name.source) &&
                       absl::CUnescape(words[2], &name.name) && absl::SimpleAtoi(words[3], &kept.days) &&
                       absl::SimpleAtoi(words[4], &kept.day) && absl::SimpleAtoi(words[5], &kept.sent) &&
                       absl::SimpleAtoi(words[6], &kept.used) && absl::SimpleAtoi(words[7], &kept.bad) &&
                       (words[8] == "0" || words[8] == "1") && kept.sent <= kept.used &&
                       (words[9] == "-" || absl::SimpleAtoi(words[9], &kept.number));
  if (!is_good) return absl::DataLossError("damaged");
  kept.suspended = words[8] == "1";
  return true;
}

bool ReadLine(std::string_view text, LimitsLine& line) {
  const std::vector<std::string> words = absl::StrSplit(base::AbslView(text), '\t');
  if (words.size() < 10 || words.size() == 12) return false;
  line.kind = words[0];
  SiteStanding::Kept& kept = line.kept;
  return absl::CUnescape(words[1], &line.source) && absl::CUnescape(words[2], &line.name) &&
         ReadSpan(words[3], kept.debts.messages) && ReadSpan(words[4], kept.debts.connections) &&
         ReadSpan(words[5], line.held.rest) && absl::SimpleAtod(words[6], &kept.window) && kept.window >= 0 &&
         absl::SimpleAtod(words[7], &kept.messages_per_second) && kept.messages_per_second >= 0 &&
         absl::CUnescape(words[8], &line.held.reason) && absl::CUnescape(words[9], &line.held.sample) &&
         (words.size() < 11 || ReadSpan(words[10], line.held.already)) &&
         (words.size() < 13 || (absl::SimpleAtod(words[11], &kept.debts.ns_per_message) &&
                                absl::SimpleAtod(words[12], &kept.debts.ns_per_connection))) &&
         (words.size() < 14 || ReadSpan(words[13], line.held.last));
}

}  // namespace delivery
