#include "tests/sim/moving_mx.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "tests/sim/provider_sites.h"

namespace sim {
namespace {

using base::Duration;

constexpr Duration kUsualTtl = Duration::Minutes(5), kLeast = Duration::Minutes(1);
// An answer is asked for anew when it is over, and counts until then, a minute at most; what is under way is then sent.
constexpr Duration kLonger = Duration::Minutes(1), kUnderWay = Duration::Minutes(1);
// Where the DNS is silent, which takes its time, what it said before counts for a minute more, and then that much
// longer.
constexpr Duration kSilence = Duration::Seconds(10) + Duration::Minutes(1) + kLonger;

}  // namespace

std::vector<std::string> MovingMx::DrawHosts(base::Prng& prng, const sandbox::Personality& personality,
                                             const std::set<std::size_t>& whole) const {
  const std::size_t providers = personality.providers.size();
  const std::size_t provider = prng.Below(providers), other = prng.Below(providers);
  const std::size_t site = prng.Below(SitesOf(personality.providers[provider]));
  if (site > 0 || whole.contains(provider)) return HostsOfSite(provider, site);
  switch (prng.Below(5)) {
    case 0:
      return {HostName(provider, 1)};
    case 1:
      return {HostName(provider, 2)};
    case 2:
      if (!whole.contains(other)) return {HostName(provider, 2), HostName(other, 2)};
      [[fallthrough]];
    default:
      return HostsOfSite(provider, 0);
  }
}

void MovingMx::Draw(base::Prng& prng, std::uint64_t domains, const sandbox::Personality& personality,
                    const std::set<std::size_t>& whole) {
  const auto soon = [&prng] {
    const std::uint64_t seconds = prng.Chance(0.5) ? 60 : 3600;
    return Duration::Milliseconds(static_cast<std::int64_t>(100 + prng.Below(seconds * 1000)));
  };
  for (std::uint64_t i = 0; i < domains; ++i) {
    const std::string domain = absl::StrFormat("d%d.example", i);
    if (prng.Chance(0.7)) ttls_[domain] = Duration::Seconds(static_cast<std::int64_t>(1 + prng.Below(120)));
    if (!prng.Chance(0.5)) continue;
    std::vector<Move>& moves = moves_[domain];
    base::Instant at;
    for (std::uint64_t n = 2 + prng.Below(4); n > 0; --n, at = at + soon())
      moves.push_back({at, DrawHosts(prng, personality, whole)});
    if (prng.Chance(0.5)) moves.push_back({at, moves.front().hosts});  // Back again.
  }
}

Names MovingMx::Over(Names names) const {
  return [this, names = std::move(names)](const std::string& name, dns::RecordType type) {
    dns::Answer answer = names(name, type);
    if (type != dns::RecordType::kMx) return answer;
    if (const auto ttl = ttls_.find(name); ttl != ttls_.end()) answer.ttl = ttl->second;
    const auto found = moves_.find(name);
    if (found == moves_.end()) return answer;
    const std::vector<Move>& moves = found->second;
    const auto next = std::find_if(moves.begin(), moves.end(), [this](const Move& m) { return m.at > world_.now(); });
    answer.kind = dns::AnswerKind::kFound;
    answer.records.clear();
    for (const std::string& host : std::prev(next)->hosts) {
      const auto preference = static_cast<std::uint16_t>(10 * (answer.records.size() + 1));
      answer.records.push_back({.address = {}, .preference = preference, .name = host, .text = {}});
    }
    return answer;
  };
}

Duration MovingMx::Patience(std::string_view domain) const {
  const auto ttl = ttls_.find(domain);
  Duration patience = std::max(ttl == ttls_.end() ? kUsualTtl : ttl->second, kLeast) + kLonger + kUnderWay;
  if (const auto silent = silent_at_.find(domain); silent != silent_at_.end()) {
    for (const base::Instant at : silent->second) {
      if (at + kUsualTtl * 2 > world_.now()) patience = patience + kSilence;
    }
  }
  return patience;
}

void MovingMx::OnAnswer(std::size_t campaign, const std::string& name, dns::RecordType type,
                        const dns::Answer& answer) {
  if (type != dns::RecordType::kMx) return;
  std::vector<Told>& told = told_[{campaign, name}];
  Told news{.at = world_.now(), .sites = {}, .any = answer.kind == dns::AnswerKind::kNoData};
  for (const dns::Record& record : answer.records) {
    if (const auto site = SiteOfHost(record.name)) news.sites.insert(*site);
  }
  // Without an answer, the one before it counts on.
  const bool is_none = answer.kind == dns::AnswerKind::kTimeout || answer.kind == dns::AnswerKind::kServerFail;
  if (is_none) silent_at_[name].push_back(world_.now());
  if (is_none && told.empty()) return;
  if (is_none) {
    news = told.back();
    news.at = world_.now();
  }
  told.push_back(std::move(news));
}

void MovingMx::CheckRecipient(std::size_t campaign, const std::string& domain, const SiteNumber& site) {
  if (first_.emplace(domain, site).first->second != site) ++moved_;
  const base::Instant since = world_.now() - Patience(domain);
  const std::vector<Told>& told = told_[{campaign, domain}];
  const auto is_recent = [since](const Told& one) { return one.at >= since; };
  const auto names_it = [&site](const Told& one) { return one.any || one.sites.contains(site); };
  const auto first = std::find_if(told.begin(), told.end(), is_recent);
  const std::int64_t ms = (world_.now() - base::Instant()).milliseconds();
  if (first == told.end()) {
    report_(absl::StrFormat("%s was not looked up for too long, %d ms from the start", domain, ms));
  } else if (std::none_of(first, told.end(), names_it)) {
    report_(absl::StrFormat(
        "mail for %s went to site %d of provider %d, which is not its own any more, %d ms from the start", domain,
        site.site, site.provider, ms));
  }
}

}  // namespace sim
