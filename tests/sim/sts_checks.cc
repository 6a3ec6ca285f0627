#include "tests/sim/sts_checks.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_format.h"
#include "tests/sim/provider_sites.h"

namespace sim {
namespace {

using base::Duration;

constexpr std::string_view kRecord = "_mta-sts.", kHost = "mta-sts.";
constexpr Duration kRest = Duration::Minutes(10);  // After a fetch that failed, nobody asks for that policy again.

// The domain that such a name is about; empty: it is another name.
std::string DomainOf(std::string_view name, std::string_view prefix) {
  return std::string(name.starts_with(prefix) ? name.substr(prefix.size()) : "");
}

}  // namespace

StsChecks::Policy StsChecks::DrawPolicy(base::Prng& prng, std::size_t providers, int number) const {
  static constexpr Mode kModes[] = {Mode::kEnforce, Mode::kEnforce, Mode::kEnforce, Mode::kTesting, Mode::kNone};
  static constexpr const char* kNames[] = {"none", "testing", "enforce"};
  Policy policy;
  policy.id = absl::StrFormat("id%d", number);
  policy.mode = kModes[prng.Below(std::size(kModes))];
  policy.max_age = Duration::Seconds(static_cast<std::int64_t>(prng.Chance(0.3) ? 60 + prng.Below(600) : 604'800));
  policy.file = absl::StrFormat("version: STSv1\nmode: %s\nmax_age: %d\n", kNames[static_cast<int>(policy.mode)],
                                policy.max_age.seconds());
  for (std::size_t i = 0; i < providers; ++i) {
    if (!prng.Chance(0.75)) continue;
    policy.providers.insert(i);
    if (prng.Chance(0.5)) {
      policy.file += absl::StrFormat("mx: *.p%d.example\n", i);
      continue;
    }
    for (std::size_t host = 1; host <= HostsOf(kSitesMax); ++host) policy.file += "mx: " + HostName(i, host) + "\n";
  }
  if (policy.providers.empty()) policy.file += "mx: mx.elsewhere.example\n";
  if (prng.Chance(0.1)) policy.id.clear();
  if (prng.Chance(0.1)) policy.file.clear();
  if (prng.Chance(0.1)) policy.file = "version: STSv2\n";
  policy.valid = policy.file.starts_with("version: STSv1");
  return policy;
}

void StsChecks::Draw(base::Prng& prng, std::uint64_t domains, std::size_t providers) {
  for (std::uint64_t i = 0; i < domains; ++i) {
    if (!prng.Chance(0.5)) continue;
    std::vector<Policy>& plan = plans_[absl::StrFormat("d%d.example", i)];
    base::Instant at;
    for (std::uint64_t n = prng.Chance(0.5) ? 1 : 1 + prng.Below(5); n > 0; --n) {
      plan.push_back(DrawPolicy(prng, providers, static_cast<int>(plan.size()) + 1));
      plan.back().from = at;
      const std::uint64_t seconds = prng.Chance(0.5) ? 60 : 3600;
      at = at + Duration::Milliseconds(static_cast<std::int64_t>(100 + prng.Below(seconds * 1000)));
    }
  }
  for (const auto& [domain, plan] : plans_) {
    for (const Policy& policy : plan) {
      world_.At(policy.from, [this, &name = domain, &policy] {
        fetcher_.SetPolicy(name, policy.file.empty() ? absl::StatusOr<std::string>(absl::UnavailableError("no answer"))
                                                     : absl::StatusOr<std::string>(policy.file));
      });
    }
  }
}

const StsChecks::Policy& StsChecks::Current(const std::vector<Policy>& plan) const {
  return *std::prev(std::find_if(plan.begin(), plan.end(), [this](const Policy& p) { return p.from > world_.now(); }));
}

Names StsChecks::Over(Names names) const {
  return [this, names = std::move(names)](const std::string& name, dns::RecordType type) {
    dns::Answer answer = names(name, type);
    const auto host = plans_.find(DomainOf(name, kHost)), record = plans_.find(DomainOf(name, kRecord));
    if (host != plans_.end() && type == dns::RecordType::kA) {
      answer.kind = dns::AnswerKind::kFound;
      answer.records = {{.address = base::IpAddress::V4(0x0B020001), .preference = 0, .name = {}, .text = {}}};
    }
    if (record == plans_.end() || type != dns::RecordType::kTxt) return answer;
    const std::string& id = Current(record->second).id;
    answer.kind = id.empty() ? dns::AnswerKind::kNoData : dns::AnswerKind::kFound;
    answer.records.clear();
    if (!id.empty()) answer.records = {{.address = {}, .preference = 0, .name = {}, .text = "v=STSv1; id=" + id + ";"}};
    return answer;
  };
}

// ---- what the program knows ----

// Where a policy is known it holds on.
void StsChecks::NoteNone(const std::string& domain) {
  std::vector<Known>& known = known_[domain];
  const base::Instant now = world_.now();
  const auto holds = [now](const Known& one) { return one.policy != nullptr && one.until > now; };
  if (std::none_of(known.begin(), known.end(), holds)) known.push_back({now, now, nullptr});
}

void StsChecks::OnAnswer(const std::string& name, dns::RecordType type, const dns::Answer& answer) {
  const std::string domain = DomainOf(name, kRecord), of_host = DomainOf(name, kHost);
  if (Has(of_host) && answer.records.empty() && type == dns::RecordType::kA) {  // Nowhere to fetch it from.
    failed_at_[of_host] = world_.now();
    NoteNone(of_host);
  }
  if (!Has(domain) || type != dns::RecordType::kTxt) return;
  const auto failed = failed_at_.find(domain);
  if (answer.records.empty() || (failed != failed_at_.end() && world_.now() <= failed->second + kRest))
    NoteNone(domain);
}

void StsChecks::OnPolicy(const std::string& domain, const absl::StatusOr<std::string>& file) {
  const auto found = plans_.find(domain);
  if (found == plans_.end()) return;
  const auto served = std::find_if(found->second.begin(), found->second.end(), [&file](const Policy& policy) {
    return file.ok() && policy.valid && policy.file == *file;
  });
  const base::Instant now = world_.now();
  if (served == found->second.end()) {
    failed_at_[domain] = now;
    NoteNone(domain);
    return;
  }
  std::vector<Known>& known = known_[domain];
  for (Known& one : known) one.until = std::min(one.until, now);
  known.push_back({now, now + served->max_age, &*served});
}

void StsChecks::OnCacheLost() {
  for (auto& [domain, known] : known_) {
    for (Known& one : known) one.until = std::min(one.until, world_.now());
  }
}

std::vector<StsChecks::Possible> StsChecks::PossibleAt(std::string_view domain, base::Instant at,
                                                       Duration patience) const {
  std::vector<Possible> possible;
  const auto found = known_.find(domain);
  if (found == known_.end()) return {Possible()};
  for (const Known& known : found->second) {
    if (known.from > at || known.until + patience < at) continue;
    Possible& one = possible.emplace_back();
    if (known.policy == nullptr || known.policy->mode == Mode::kNone) continue;
    if (known.policy->mode == Mode::kTesting) one.least.verification = tls::Policy::Verification::kObserved;
    if (known.policy->mode != Mode::kEnforce) continue;
    one.least = {tls::Policy::Use::kAlways, tls::Policy::Verification::kNameAndChain};
    one.providers = known.policy->providers;
  }
  return possible;
}

}  // namespace sim
