#include "engine/delivery/host_limits.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/text.h"
#include "engine/delivery/host_limits_text.h"

namespace delivery {
namespace {

constexpr std::string_view kFirstLine = "sluice-limits 1 ";
constexpr base::Duration kRemembered = base::Duration::Hours(24);  // What was learned, where nobody has asked since.
constexpr std::size_t kAtOnce = 64;                                // Are looked at under the lock.
constexpr int kLooks = 2;                                          // At what may be forgotten, for each that comes.

using Kind = HostLimits::Kind;
constexpr std::pair<Kind, std::string_view> kKinds[] = {{Kind::kProvider, "provider"},
                                                        {Kind::kProviderTotal, "provider-total"},
                                                        {Kind::kSiteTotal, "site-total"},
                                                        {Kind::kCampaign, "campaign"},
                                                        {Kind::kSource, "source"}};
constexpr std::pair<std::string_view, TlsMemory BrokenTls::*> kTlsWords[] = {{"broken-tls", &BrokenTls::clear},
                                                                             {"compatible-tls", &BrokenTls::compatible},
                                                                             {"refused-tls", &BrokenTls::refused}};

// A line of no kind that this program writes, but for those of warm-ups.
bool IsOfLaterProgram(std::string_view line) {
  const std::string_view word = line.substr(0, line.find('\t'));
  const auto is_in_kind = [](char c) { return absl::ascii_islower(static_cast<unsigned char>(c)) || c == '-'; };
  const auto is_word = [word](const auto& one) { return one == word; };
  if (word.empty() || word.size() == line.size() || !std::all_of(word.begin(), word.end(), is_in_kind)) return false;
  const std::string_view of_sites[] = {kSiteWord, kHeldWord, kSetWord, kSetDomainWord};
  return std::none_of(std::begin(of_sites), std::end(of_sites), is_word) &&
         std::none_of(std::begin(kKinds), std::end(kKinds), [&](const auto& kind) { return is_word(kind.second); }) &&
         std::none_of(std::begin(kTlsWords), std::end(kTlsWords), [&](const auto& one) { return is_word(one.first); });
}

LimitGroup::Keys KeysOf(Kind kind) {
  if (kind == Kind::kCampaign) return {"", "campaign_rate", /*takes_turns=*/false};  // As campaign_rate.h says.
  if (kind == Kind::kSource)
    return {"source_connection_limit", "source_message_rate", /*takes_turns=*/true, /*has_turns=*/true};
  if (kind == Kind::kProvider) return {"provider_connection_limit", "provider_max_message_rate"};
  return {"total_connection_limit", "total_message_rate"};
}

base::Duration Less(base::Duration span, base::Duration passed) { return std::max(base::Duration(), span - passed); }

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

void HostLimits::ForgetOldSites(base::Instant now) {
  for (int i = 0; i < kLooks && !old_sites_.empty(); ++i) {
    auto next = old_sites_.upper_bound(old_site_cursor_);
    if (next == old_sites_.end()) next = old_sites_.begin();
    old_site_cursor_ = next->first;
    if (Now(next->second, now).IsNew()) old_sites_.erase(next);
  }
}

SiteStanding::Kept HostLimits::Now(const Old& old, base::Instant now) {
  SiteStanding::Kept kept = old.kept;
  const base::Duration passed = now - old.at;
  kept.settings = ActiveAt(kept.settings, now);
  kept.debts.messages = Less(kept.debts.messages, passed);
  kept.debts.connections = Less(kept.debts.connections, passed);
  for (Suspensions::Kept& held : kept.suspensions) {
    held.rest = Less(held.rest, passed);
    held.already = held.already + passed;
  }
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
  if (outlives_) made->group().WriteDown(&has_news_);
  sites_.emplace(name, made);
  has_news_ = true;
  return made;
}

std::shared_ptr<LimitGroup> HostLimits::Group(const GroupName& name, const LimitGroup::Options& options,
                                              base::Instant now) {
  const std::lock_guard lock(mutex_);
  if (const auto found = groups_.find(name); found != groups_.end()) return found->second;
  Forget(groups_, group_cursor_, now);
  auto made = std::make_shared<LimitGroup>(options, now, KeysOf(name.kind));
  if (const auto old = old_groups_.find(name); old != old_groups_.end()) {
    made->Restore(Now(old->second, now).debts, now);
    old_groups_.erase(old);
  }
  if (outlives_) made->WriteDown(&has_news_);
  groups_.emplace(name, made);
  has_news_ = true;
  return made;
}

std::shared_ptr<Warmup> HostLimits::WarmupOf(const GroupName& name, const std::vector<std::uint32_t>& numbers) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Warmup>& known = warmups_[name];
  if (known == nullptr) {
    known = std::make_shared<Warmup>(outlives_ ? &has_news_ : nullptr);
    if (const auto old = old_warmups_.find(name); old != old_warmups_.end()) {
      known->Restore(old->second);
      old_warmups_.erase(old);
    }
  }
  known->SetNumbers(numbers);
  const std::shared_ptr<Warmup> found = known;  // Which is not to be forgotten now.
  ForgetWarmups();
  return found;
}

void HostLimits::ForgetWarmups() {
  for (int i = 0; i < kLooks && !warmups_.empty(); ++i) {
    auto next = warmups_.upper_bound(warmup_cursor_);
    if (next == warmups_.end()) next = warmups_.begin();
    warmup_cursor_ = next->first;
    if (next->second.use_count() == 1 && next->second->IsUnused()) warmups_.erase(next);
  }
}

// Without the lock where it visits: others get it between. What comes meanwhile may be left out.
template <typename Name, typename Value, typename Visit>
void HostLimits::ForEach(const std::map<Name, Value>& all, const Visit& visit) const {
  std::vector<std::pair<Name, Value>> some;
  do {
    std::optional<Name> after;
    if (!some.empty()) after = some.back().first;
    some.clear();
    {
      const std::lock_guard lock(mutex_);
      auto next = after.has_value() ? all.upper_bound(*after) : all.begin();
      for (; some.size() < kAtOnce && next != all.end(); ++next) some.emplace_back(*next);
    }
    for (const auto& [name, value] : some) visit(name, value);
  } while (some.size() == kAtOnce);
}

void HostLimits::OnSaved(const std::string& source) const {
  ForEach(warmups_, [&source](const GroupName& name, const std::shared_ptr<Warmup>& warmup) {
    if (name.source == source) warmup->OnKept();
  });
  ForEach(sites_, [&source](const SiteName& name, const std::shared_ptr<SiteStanding>& site) {
    if (name.first == source) site->group().OnSaved();
  });
  ForEach(groups_, [&source](const GroupName& name, const std::shared_ptr<LimitGroup>& group) {
    if (IsIn(source, name)) group->OnSaved();
  });
}

// Returns how many held. Suspensions in doubt stay.
std::size_t HostLimits::EndOf(Suspensions::Scopes scopes, base::Instant now, Old& old) {
  std::size_t ended = ActiveAt(std::exchange(old.kept.settings, {}), now).size();
  for (Suspensions::Kept& held : old.kept.suspensions) {
    if (std::find(scopes.begin(), scopes.end(), held.scope) == scopes.end()) continue;
    if (old.at + held.rest > now) ++ended;
    held.rest = held.last = {};
  }
  return ended;
}

void HostLimits::Lift(const std::string& source, const std::string& site, Suspensions::Scopes scopes,
                      base::Instant now) {
  std::shared_ptr<SiteStanding> known;
  {
    const std::lock_guard lock(mutex_);
    const SiteName name(source, site);
    lifted_.insert(name);
    if (const auto old = old_sites_.find(name); old != old_sites_.end()) EndOf(scopes, now, old->second);
    if (const auto found = sites_.find(name); found != sites_.end()) known = found->second;
  }
  if (known != nullptr) known->Lift(scopes, now);
}

void HostLimits::RememberSetting(const std::string& source, const std::string& site, RuleSetting setting,
                                 base::Instant now) {
  if (setting.of_domain) has_domain_settings_ = true;
  const std::lock_guard lock(mutex_);
  const SiteName name(source, site);
  if (const auto found = sites_.find(name); found != sites_.end()) {
    (void)found->second->RememberSetting(std::move(setting), now);
  } else {
    ForgetOldSites(now);
    const auto old = old_sites_.try_emplace(name, Old{{}, now}).first;
    (void)Remember(old->second.kept.settings, std::move(setting));
  }
  has_news_ = true;
}

RuleSettings HostLimits::SettingsOf(const std::string& source, const std::string& site, base::Instant now) const {
  const std::lock_guard lock(mutex_);
  const SiteName name(source, site);
  if (const auto found = sites_.find(name); found != sites_.end()) return found->second->settings(now);
  const auto old = old_sites_.find(name);
  return old == old_sites_.end() ? RuleSettings() : ActiveAt(old->second.kept.settings, now);
}

bool HostLimits::WasLifted(const std::string& source, const std::string& site) const {
  const std::lock_guard lock(mutex_);
  return lifted_.contains({source, site});
}

// Whether it is in the text of this source.
bool HostLimits::IsIn(const std::string& source, const GroupName& name) {
  if (name.kind == Kind::kProviderTotal || name.kind == Kind::kSiteTotal) return source.empty();
  return !source.empty() && (name.source.empty() || name.source == source);
}

// Those of an earlier program first: who is asked for meanwhile is among the others then, and its later line counts.
std::string HostLimits::Save(const std::string& source, base::Instant now, base::WallTime wall,
                             base::Duration unsaved) const {
  std::string text = absl::StrCat(base::AbslView(kFirstLine), wall.microseconds(), "\n");
  const auto add_site = [&](const SiteName& name, const SiteStanding::Kept& kept) {
    if (name.first == source && !kept.IsNew()) AppendLimits(kSiteWord, name.first, name.second, kept, now, text);
  };
  const auto add_group = [&](const GroupName& name, const SiteStanding::Kept& kept) {
    if (!IsIn(source, name) || kept.IsNew()) return;
    for (const auto& [kind, word] : kKinds) {
      if (kind == name.kind) AppendLimits(word, name.source, name.name, kept, now, text);
    }
  };
  ForEach(old_sites_, [&](const SiteName& name, const Old& old) { add_site(name, Now(old, now)); });
  ForEach(sites_, [&](const SiteName& name, const std::shared_ptr<SiteStanding>& site) {
    if (name.first != source) return;
    site->group().StartSave();
    add_site(name, site->Keep(now, unsaved));
  });
  ForEach(old_groups_, [&](const GroupName& name, const Old& old) { add_group(name, Now(old, now)); });
  ForEach(groups_, [&](const GroupName& name, const std::shared_ptr<LimitGroup>& group) {
    if (!IsIn(source, name)) return;
    group->StartSave();
    SiteStanding::Kept kept;
    kept.debts = group->debts(now, unsaved);
    add_group(name, kept);
  });
  if (source.empty()) return text;
  ForEach(old_warmups_, [&](const GroupName& name, const Warmup::Kept& kept) {
    if (name.source == source && kept.Matters(wall)) AppendWarmup(name, kept, text);
  });
  ForEach(warmups_, [&](const GroupName& name, const std::shared_ptr<Warmup>& warmup) {
    if (name.source == source) AppendWarmup(name, warmup->Keep(wall, unsaved == base::Duration()), text);
  });
  for (const auto& [word, memory] : kTlsWords) {
    for (const auto& [peer, until] : (broken_tls_.*memory).List(now))
      AppendLine(word, "", peer.ToString(), {}, {.scope = "", .rest = until - now, .reason = "", .sample = ""}, text);
  }
  return text;
}

absl::StatusOr<std::uint64_t> HostLimits::Load(std::string_view text, const std::string& source, base::Instant now,
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
  std::map<GroupName, Warmup::Kept> warmups;
  struct Peer {
    TlsMemory& memory;
    TlsPeer peer;
    base::Instant until;
  };
  std::vector<Peer> peers;
  std::uint64_t left_out = 0;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    GroupName name;
    Warmup::Kept warmup;
    const absl::StatusOr<bool> is_warmup = ReadWarmup(lines[i], name, warmup);
    if (!is_warmup.ok()) return absl::DataLossError(absl::StrCat("it has the line \"", lines[i], "\""));
    if (*is_warmup) {
      name.source = source;
      if (warmup.Matters(wall)) warmups[name] = warmup;
      continue;
    }
    if (IsOfLaterProgram(lines[i])) {
      ++left_out;
      continue;
    }
    LimitsLine line;
    if (!ReadLine(lines[i], line)) return absl::DataLossError(absl::StrCat("it has the line \"", lines[i], "\""));
    if (!line.source.empty()) line.source = source;
    const std::optional<TlsPeer> peer = TlsPeer::Parse(line.name);  // Older programs wrote addresses alone.
    if (line.kind == kSiteWord) {
      if (!line.held.reason.empty()) line.kept.suspensions.push_back(line.held);
      sites[{line.source, line.name}] = {line.kept, at};
    }
    const bool is_set = line.kind == kSetWord || line.kind == kSetDomainWord;
    if (is_set || line.kind == kHeldWord) {  // Behind its site's line.
      const std::size_t space = std::min(line.name.find(' '), line.name.size() - 1);
      SiteStanding::Kept& kept =
          sites.try_emplace({line.source, line.name.substr(0, space)}, Old{{}, at}).first->second.kept;
      const std::string what = line.name.substr(space + 1);
      line.held.scope = what;
      if (!is_set) kept.suspensions.push_back(line.held);
      const bool of_domain = line.kind == kSetDomainWord;
      if (is_set)
        (void)Remember(kept.settings, {line.held.reason, what, of_domain, at + line.held.rest, line.held.sample});
      if (of_domain) has_domain_settings_ = true;
    }
    for (const auto& [word, memory] : kTlsWords) {
      if (line.kind == word && peer.has_value()) peers.push_back({broken_tls_.*memory, *peer, at + line.held.rest});
    }
    for (const auto& [kind, word] : kKinds) {
      if (line.kind == word) groups[{kind, line.source, line.name}] = {line.kept, at};
    }
  }
  for (const Peer& known : peers) known.memory.Remember(known.peer, known.until);
  const std::lock_guard lock(mutex_);
  for (auto& [name, old] : sites) old_sites_[name] = std::move(old);
  for (auto& [name, old] : groups) TakeOld(name, std::move(old), now);
  for (const auto& [name, kept] : warmups) old_warmups_[name] = kept;
  return left_out;
}

// A campaign's rate is in the file of each of its sources: that of one which was not used lately knows of less.
void HostLimits::TakeOld(const GroupName& name, Old old, base::Instant now) {
  if (groups_.contains(name)) return;
  const auto [known, is_new] = old_groups_.try_emplace(name, old);
  if (!is_new && Now(known->second, now).debts.messages < Now(old, now).debts.messages) known->second = std::move(old);
}

std::size_t HostLimits::LiftSuspensions(const std::string& source, Suspensions::Scopes scopes, base::Instant now,
                                        std::optional<std::string>& from, int& left) {
  if (!from.has_value()) return 0;
  const auto is_of_source = [&source](const auto& all, const auto& next) {
    return next != all.end() && next->first.first == source;
  };
  std::size_t lifted = 0;
  const int most = left;
  const std::lock_guard lock(mutex_);
  const SiteName first(source, *from);
  auto old = old_sites_.lower_bound(first);
  for (int n = 0; n < most && is_of_source(old_sites_, old); ++n, ++old, --left)
    lifted += EndOf(scopes, now, old->second);
  from = is_of_source(old_sites_, old) ? std::optional(old->first.second) : std::nullopt;
  auto known = sites_.lower_bound(first);  // Up to there.
  const auto is_next = [&] {
    return is_of_source(sites_, known) && (!from.has_value() || known->first.second < *from);
  };
  for (int n = 0; n < most && is_next(); ++n, ++known, --left) {
    if (known->second.use_count() > 1) continue;
    lifted += known->second->settings(now).size();
    lifted += known->second->Lift(scopes, now).size();
  }
  if (is_next()) from = known->first.second;
  if (lifted > 0) has_news_ = true;
  return lifted;
}

std::size_t HostLimits::size() const {
  const std::lock_guard lock(mutex_);
  return sites_.size() + groups_.size() + old_sites_.size() + old_groups_.size();
}

}  // namespace delivery
