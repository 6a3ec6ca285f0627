#include "engine/delivery/sts_policies.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/check.h"

namespace delivery {
namespace {

constexpr std::size_t kFailuresMax = 10'000;  // When there are more, all are forgotten.
constexpr std::size_t kAddressesMax = 4;      // Of a policy's host and of a family: each that is silent costs time.
constexpr int kWarningsMax = 20;              // Of a run: a word to the operator, not a list.

std::optional<std::string> IdOf(const dns::Answer& answer) {
  std::vector<std::string> records;
  for (const dns::Record& record : answer.records) records.push_back(record.text);
  return tls::StsIdOf(records);
}

}  // namespace

StsPolicies::Policy StsPolicies::Known(const std::string& domain) const {
  return seams_.cache.Find(domain, seams_.clock.WallNow()).policy;
}

void StsPolicies::Lookup(std::string_view domain, bool anew, Callback callback) {
  std::string name(domain);
  const std::string record = "_mta-sts." + name;
  dns::Resolver::Callback on_record = [this, alive = alive_, name = std::move(name),
                                       callback = std::move(callback)](const dns::Answer& answer) mutable {
    if (*alive) OnRecord(name, answer, std::move(callback));
  };
  if (anew) {
    seams_.resolver.ResolveAnew(record, dns::RecordType::kTxt, std::move(on_record));
  } else {
    seams_.resolver.Resolve(record, dns::RecordType::kTxt, std::move(on_record));
  }
}

// Section 5.1: without a record, or without an answer, what is known holds until its time is over.
void StsPolicies::OnRecord(const std::string& domain, const dns::Answer& answer, Callback callback) {
  const std::optional<std::string> id = IdOf(answer);
  const tls::StsCache::Known known = seams_.cache.Find(domain, seams_.clock.WallNow());
  const bool is_new = id.has_value() && (known.policy == nullptr || known.policy->id != *id);
  if (is_new && !IsToRest(domain, *id)) {
    if (room() == 0) return callback(std::nullopt);
    Fetch(domain, *id, std::move(callback));
    return;
  }
  if (id.has_value() && !is_new && !IsToRest(domain, *id) &&
      seams_.clock.WallNow() - known.fetched >= std::min(kRefreshAfter, known.policy->max_age / 2)) {
    Fetch(domain, *id, nullptr);
  }
  callback(known.policy);
}

bool StsPolicies::IsToRest(const std::string& domain, const std::string& id) {
  const auto found = failures_.find(domain);
  if (found == failures_.end()) return false;
  if (found->second.id == id && seams_.clock.Now() < found->second.until) return true;
  failures_.erase(found);
  return false;
}

void StsPolicies::Fetch(const std::string& domain, const std::string& id, Callback callback) {
  const auto [fetching, is_first] = fetching_.try_emplace(domain);
  if (callback) {
    fetching->second.push_back(std::move(callback));
    ++waiting_;
  }
  if (is_first) Begin(domain, id);
}

void StsPolicies::Begin(const std::string& domain, const std::string& id) {
  seams_.mx.LookupHost("mta-sts." + domain, /*want_v6=*/true,
                       [this, domain, id](const dns::HostAddresses& found) { OnAddresses(domain, id, found); });
}

void StsPolicies::OnAddresses(const std::string& domain, const std::string& id, const dns::HostAddresses& found) {
  std::vector<base::IpAddress> addresses;
  std::size_t v4 = 0, v6 = 0;
  for (const base::IpAddress& address : found.addresses) {
    std::size_t& of_family = address.IsV6() ? v6 : v4;
    const bool may_be_asked = seams_.allow_private || !address.IsPrivate();
    if (!may_be_asked || of_family == kAddressesMax) continue;
    ++of_family;
    addresses.push_back(address);
  }
  if (addresses.empty()) {
    Fail(domain, id, tls::Result::kStsPolicyFetchError,
         found.addresses.empty() ? "its host has no address: " + found.detail : "its host's addresses are private");
    Finish(domain);
    return;
  }
  seams_.fetcher.Fetch(domain, std::move(addresses),
                       [this, alive = alive_, domain, id](absl::StatusOr<std::string> file) {
                         if (*alive) OnFile(domain, id, std::move(file));
                       });
}

// That nobody could ask says nothing about the domain: its mail waits. A refresh, for which none waits, comes with the
// next look-up.
void StsPolicies::OnNoRoom(const std::string& domain, const std::string& id) {
  if (const auto fetching = fetching_.find(domain); fetching->second.empty()) {
    fetching_.erase(fetching);
    return;
  }
  again_.push_back({domain, id});
  if (!again_timer_.IsSet()) seams_.timers.Set(again_timer_, seams_.clock.Now() + kAskFetcherAgain);
}

void StsPolicies::FetchAgain() {
  for (const Wanted& wanted : std::exchange(again_, {})) Begin(wanted.domain, wanted.id);
}

void StsPolicies::OnFile(const std::string& domain, const std::string& id, absl::StatusOr<std::string> file) {
  if (absl::IsResourceExhausted(file.status())) return OnNoRoom(domain, id);
  absl::StatusOr<tls::StsPolicy> policy = file.ok() ? tls::ParseStsPolicy(*file, id) : file.status();
  if (policy.ok()) {
    failures_.erase(domain);
    seams_.cache.Put(domain, *std::move(policy), seams_.clock.WallNow());
  } else {
    const bool is_untrusted = absl::IsUnauthenticated(file.status());
    Fail(domain, id,
         file.ok()      ? tls::Result::kStsPolicyInvalid
         : is_untrusted ? tls::Result::kStsWebpkiInvalid
                        : tls::Result::kStsPolicyFetchError,
         std::string(policy.status().message()));
  }
  Finish(domain);
}

void StsPolicies::Fail(const std::string& domain, const std::string& id, tls::Result result, const std::string& why) {
  if (seams_.results != nullptr)
    seams_.results->Add({tls::ResultCounts::DayOf(seams_.clock.WallNow()), domain, tls::PolicyType::kSts, result});
  if (failures_.size() >= kFailuresMax) failures_.clear();
  failures_[domain] = {id, seams_.clock.Now() + kFetchAgain};
  if (warnings_++ >= kWarningsMax) return;
  seams_.log.Warning(absl::StrFormat("the MTA-STS policy of %s cannot be had (%s); mail goes on %s", domain, why,
                                     Known(domain) == nullptr ? "without one" : "under the one that is known"));
}

void StsPolicies::Finish(const std::string& domain) {
  const auto fetching = fetching_.find(domain);
  CHECK(fetching != fetching_.end());
  std::vector<Callback> waiting = std::move(fetching->second);
  fetching_.erase(fetching);
  waiting_ -= waiting.size();
  const Policy policy = Known(domain);
  const std::shared_ptr<bool> alive = alive_;
  for (Callback& callback : waiting) {
    if (!*alive) return;
    callback(policy);
  }
}

}  // namespace delivery
