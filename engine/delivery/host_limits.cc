#include "engine/delivery/host_limits.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "engine/base/text.h"

namespace delivery {
namespace {

constexpr std::string_view kFirstLine = "sluice-limits 1 ";
constexpr base::Duration kRemembered = base::Duration::Hours(24);  // What was learned, where nobody has asked since.
constexpr int kLooks = 2;                                          // At what may be forgotten, for each that comes.

using Kind = HostLimits::Kind;
constexpr std::pair<Kind, std::string_view> kKinds[] = {{Kind::kProvider, "provider"},
                                                        {Kind::kProviderTotal, "provider-total"},
                                                        {Kind::kSiteTotal, "site-total"},
                                                        {Kind::kCampaign, "campaign"}};
constexpr std::string_view kSiteWord = "site", kHeldWord = "held", kBrokenTlsWord = "broken-tls";

LimitGroup::Keys KeysOf(Kind kind) {
  if (kind == Kind::kCampaign) return {"", "campaign_rate"};
  if (kind == Kind::kProvider) return {"provider_connection_limit", "provider_max_message_rate"};
  return {"total_connection_limit", "total_message_rate"};
}

base::Duration Less(base::Duration span, base::Duration passed) { return std::max(base::Duration(), span - passed); }

// KIND SOURCE NAME MESSAGE_DEBT CONNECTION_DEBT SUSPENDED WINDOW RATE REASON SAMPLE; times in microseconds. A tenant's
// or campaign's suspension has a line of its own: the kind "held", and the name "SITE SCOPE".
void AppendLine(std::string_view kind, std::string_view source, std::string_view name, const SiteStanding::Kept& kept,
                const Suspensions::Kept& held, std::string& text) {
  const auto word = [](std::string_view plain) { return absl::CEscape(base::AbslView(plain)); };
  absl::StrAppendFormat(&text, "%s\t%s\t%s\t%d\t%d\t%d\t%.3f\t%.6f\t%s\t%s\n", kind, word(source), word(name),
                        kept.debts.messages.microseconds(), kept.debts.connections.microseconds(),
                        held.rest.microseconds(), kept.window, kept.messages_per_second, word(held.reason),
                        word(held.sample));
}

void AppendLines(std::string_view kind, std::string_view source, std::string_view name, const SiteStanding::Kept& kept,
                 std::string& text) {
  Suspensions::Kept everybody;
  for (const Suspensions::Kept& held : kept.suspensions) {
    if (held.scope == kEverybody) everybody = held;
  }
  AppendLine(kind, source, name, kept, everybody, text);
  for (const Suspensions::Kept& held : kept.suspensions) {
    if (held.scope != kEverybody)
      AppendLine(kHeldWord, source, absl::StrCat(base::AbslView(name), " ", held.scope), {}, held, text);
  }
}

bool ReadSpan(const std::string& text, base::Duration& span) {
  std::int64_t microseconds = 0;
  if (!absl::SimpleAtoi(text, &microseconds) || microseconds < 0) return false;
  span = base::Duration::Microseconds(microseconds);
  return true;
}

struct Line {
  std::string kind, source, name;
  SiteStanding::Kept kept;
  Suspensions::Kept held;
};

bool ReadLine(std::string_view text, Line& line) {
  const std::vector<std::string> words = absl::StrSplit(base::AbslView(text), '\t');
  if (words.size() != 10) return false;
  line.kind = words[0];
  SiteStanding::Kept& kept = line.kept;
  return absl::CUnescape(words[1], &line.source) && absl::CUnescape(words[2], &line.name) &&
         ReadSpan(words[3], kept.debts.messages) && ReadSpan(words[4], kept.debts.connections) &&
         ReadSpan(words[5], line.held.rest) && absl::SimpleAtod(words[6], &kept.window) && kept.window >= 0 &&
         absl::SimpleAtod(words[7], &kept.messages_per_second) && kept.messages_per_second >= 0 &&
         absl::CUnescape(words[8], &line.held.reason) && absl::CUnescape(words[9], &line.held.sample);
}

}  // namespace

// Looks at a few, so that nobody ever looks at all.
template <typename Name, typename Value>
void HostLimits::Forget(std::map<Name, std::shared_ptr<Value>>& known, Name& cursor, base::Instant now) {
  for (int i = 0; i < kLooks && !known.empty(); ++i) {
    auto next = known.upper_bound(cursor);
    if (next == known.end()) next = known.begin();
    cursor = next->first;
    if (next->second.use_count() == 1 && next->second->IsUnused(now)) known.erase(next);
  }
}

SiteStanding::Kept HostLimits::Now(const Old& old, base::Instant now) {
  SiteStanding::Kept kept = old.kept;
  const base::Duration passed = now - old.at;
  kept.debts = {Less(kept.debts.messages, passed), Less(kept.debts.connections, passed)};
  for (Suspensions::Kept& held : kept.suspensions) held.rest = Less(held.rest, passed);
  if (passed < kRemembered) return kept;
  kept.window = kept.messages_per_second = 0;
  std::erase_if(kept.suspensions, [](const Suspensions::Kept& held) { return held.rest == base::Duration(); });
  return kept;
}

std::shared_ptr<SiteStanding> HostLimits::Site(const std::string& source, const std::string& site,
                                               std::uint32_t campaign, const SiteStanding::Options& options,
                                               base::Instant now) {
  const std::lock_guard lock(mutex_);
  const SiteName name(source, site);
  if (const auto found = sites_.find(name); found != sites_.end()) {
    found->second->SetOptions(campaign, options, now);
    return found->second;
  }
  Forget(sites_, site_cursor_, now);
  auto made = std::make_shared<SiteStanding>(campaign, options, now);
  if (const auto old = old_sites_.find(name); old != old_sites_.end()) {
    made->Restore(Now(old->second, now), now);
    old_sites_.erase(old);
  }
  sites_.emplace(name, made);
  has_news_ = true;
  return made;
}

std::shared_ptr<LimitGroup> HostLimits::Group(const GroupName& name, const LimitGroup::Options& options,
                                              base::Instant now) {
  const std::lock_guard lock(mutex_);
  if (const auto found = groups_.find(name); found != groups_.end()) {
    found->second->SetOptions(options, now);
    return found->second;
  }
  Forget(groups_, group_cursor_, now);
  auto made = std::make_shared<LimitGroup>(options, now, KeysOf(name.kind));
  if (const auto old = old_groups_.find(name); old != old_groups_.end()) {
    made->Restore(Now(old->second, now).debts, now);
    old_groups_.erase(old);
  }
  groups_.emplace(name, made);
  has_news_ = true;
  return made;
}

std::string HostLimits::Save(const std::string& source, base::Instant now, base::WallTime wall,
                             base::Duration unsaved) const {
  const std::lock_guard lock(mutex_);
  std::string text = absl::StrCat(base::AbslView(kFirstLine), wall.microseconds(), "\n");
  const auto add_site = [&](const SiteName& name, const SiteStanding::Kept& kept) {
    if (name.first == source && !kept.IsNew()) AppendLines(kSiteWord, name.first, name.second, kept, text);
  };
  const auto add_group = [&](const GroupName& name, const SiteStanding::Kept& kept) {
    if ((!name.source.empty() && name.source != source) || kept.IsNew()) return;
    for (const auto& [kind, word] : kKinds) {
      if (kind == name.kind) AppendLines(word, name.source, name.name, kept, text);
    }
  };
  for (const auto& [name, site] : sites_) {
    if (name.first == source) add_site(name, site->Keep(now, unsaved));
  }
  for (const auto& [name, old] : old_sites_) add_site(name, Now(old, now));
  for (const auto& [name, group] : groups_) {
    SiteStanding::Kept kept;
    kept.debts = group->debts(now, unsaved);
    add_group(name, kept);
  }
  for (const auto& [name, old] : old_groups_) add_group(name, Now(old, now));
  for (const auto& [address, until] : broken_tls_.List(now)) {
    AppendLine(kBrokenTlsWord, "", address.ToString(), {},
               {.scope = "", .rest = until - now, .reason = "", .sample = ""}, text);
  }
  return text;
}

absl::Status HostLimits::Load(std::string_view text, const std::string& source, base::Instant now,
                              base::WallTime wall) {
  const std::vector<std::string> lines = absl::StrSplit(base::AbslView(text), '\n', absl::SkipEmpty());
  std::int64_t saved_at = 0;
  if (lines.empty() || !absl::StartsWith(lines.front(), base::AbslView(kFirstLine)) ||
      !absl::SimpleAtoi(lines.front().substr(kFirstLine.size()), &saved_at) || text.back() != '\n')
    return absl::DataLossError("it does not begin or end as it should");
  // The wall clock may have stepped back meanwhile: nothing is held for longer than it was.
  const base::Instant at = now - std::max(base::Duration(), wall - base::WallTime::FromMicroseconds(saved_at));
  std::map<SiteName, Old> sites;
  std::map<GroupName, Old> groups;
  std::vector<std::pair<base::IpAddress, base::Instant>> broken;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    Line line;
    if (!ReadLine(lines[i], line)) return absl::DataLossError(absl::StrCat("it has the line \"", lines[i], "\""));
    if (!line.source.empty()) line.source = source;
    const std::optional<base::IpAddress> address = base::IpAddress::Parse(line.name);
    if (line.kind == kSiteWord) {
      if (!line.held.reason.empty()) line.kept.suspensions.push_back(line.held);
      sites[{line.source, line.name}] = {line.kept, at};
    }
    if (line.kind == kHeldWord) {  // Behind its site's line.
      const std::size_t space = std::min(line.name.find(' '), line.name.size() - 1);
      line.held.scope = line.name.substr(space + 1);
      sites[{line.source, line.name.substr(0, space)}].kept.suspensions.push_back(line.held);
    }
    if (line.kind == kBrokenTlsWord && address.has_value()) broken.emplace_back(*address, at + line.held.rest);
    for (const auto& [kind, word] : kKinds) {
      if (line.kind == word) groups[{kind, line.source, line.name}] = {line.kept, at};
    }
  }
  for (const auto& [address, until] : broken) broken_tls_.Remember(address, until);
  const std::lock_guard lock(mutex_);
  for (auto& [name, old] : sites) old_sites_[name] = std::move(old);
  for (auto& [name, old] : groups) old_groups_[name] = std::move(old);
  return absl::OkStatus();
}

void HostLimits::Inherit(const std::string& source, const std::string& from, const std::string& to, base::Instant now) {
  const std::lock_guard lock(mutex_);
  const auto heir = sites_.find({source, to});
  if (heir == sites_.end() || !heir->second->Keep(now, {}).IsNew()) return;
  const auto known = sites_.find({source, from});
  const auto old = old_sites_.find({source, from});
  if (known != sites_.end()) {
    heir->second->Restore(known->second->Keep(now, {}), now);
  } else if (old != old_sites_.end()) {
    heir->second->Restore(Now(old->second, now), now);
  }
  has_news_ = true;
}

std::size_t HostLimits::LiftSuspensions(const std::string& source, base::Instant now) {
  const std::lock_guard lock(mutex_);
  std::size_t lifted = 0;
  for (auto& [name, old] : old_sites_) {
    if (name.first != source) continue;
    bool is_held = false;
    for (Suspensions::Kept& held : old.kept.suspensions) {
      is_held = is_held || old.at + held.rest > now;
      held.rest = {};
    }
    if (is_held) ++lifted;
  }
  for (const auto& [name, site] : sites_) {
    if (name.first != source || site.use_count() != 1) continue;
    std::vector<std::string> scopes;
    for (const Suspensions::Kept& held : site->Keep(now, {}).suspensions) scopes.push_back(held.scope);
    if (!site->Lift(scopes, now).empty()) ++lifted;
  }
  if (lifted > 0) has_news_ = true;
  return lifted;
}

std::size_t HostLimits::size() const {
  const std::lock_guard lock(mutex_);
  return sites_.size() + groups_.size() + old_sites_.size() + old_groups_.size();
}

}  // namespace delivery
