// What MTA-STS (RFC 8461) says of recipient domains: asks for the record, fetches the policies that are new, and
// applies those that are known for as long as they say. One per shard.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "dns/mx_lookup.h"
#include "dns/resolver.h"
#include "engine/base/log.h"
#include "engine/base/string_map.h"
#include "engine/base/time.h"
#include "engine/io/clock.h"
#include "engine/io/timer_wheel.h"
#include "tls/mta_sts.h"
#include "tls/policy_fetcher.h"
#include "tls/results.h"
#include "tls/sts_cache.h"

namespace delivery {

class StsPolicies {
 public:
  struct Seams {
    dns::Resolver& resolver;
    dns::MxLookup& mx;  // For the addresses of the policies' hosts.
    tls::PolicyFetcher& fetcher;
    tls::StsCache& cache;
    const io::Clock& clock;
    io::TimerWheel& timers;
    base::Log& log;
    bool allow_private = false;            // Policies may be fetched from private addresses.
    tls::ResultCounts* results = nullptr;  // Null: nobody counts.
  };
  // Null: the domain has no policy. One of mode none is as good as that.
  using Policy = std::shared_ptr<const tls::StsPolicy>;
  // Nullopt: the domain has a policy that is not known yet, and there is no room to wait for it; ask again when
  // there is.
  using Found = std::optional<Policy>;
  using Callback = absl::AnyInvocable<void(const Found& found)>;
  static constexpr std::size_t kWaitingMax = 4096;  // So many wait at most for policies that are being fetched.
  static constexpr base::Duration kFetchAgain =
      base::Duration::Minutes(10);  // After a failure (section 3.3: 5 or more).
  static constexpr base::Duration kRefreshAfter = base::Duration::Hours(24);  // Section 3.3.

  // Where the fetcher has no room.
  static constexpr base::Duration kAskFetcherAgain = base::Duration::Seconds(5);

  explicit StsPolicies(const Seams& seams) : seams_(seams), again_timer_([this] { FetchAgain(); }) {}
  StsPolicies(const StsPolicies&) = delete;
  StsPolicies& operator=(const StsPolicies&) = delete;
  ~StsPolicies() { *alive_ = false; }

  // Callbacks run once, from the loop, never within this call; not at all once this is destroyed. It may take as long
  // as a fetch does, a minute, where a policy is new; and longer where the fetcher has no room.
  // `anew`: what our own cache of the DNS knows of the record does not do (RFC 8461 section 5).
  void Lookup(std::string_view domain, bool anew, Callback callback);
  std::size_t room() const { return kWaitingMax - waiting_; }  // So many more may wait.

 private:
  struct Failure {
    std::string id;
    base::Instant until;
  };
  void OnRecord(const std::string& domain, const dns::Answer& answer, Callback callback);
  bool IsToRest(const std::string& domain, const std::string& id);
  // `callback`, where there is one, hears how it ended.
  void Fetch(const std::string& domain, const std::string& id, Callback callback);
  void Begin(const std::string& domain, const std::string& id);
  void FetchAgain();
  void OnNoRoom(const std::string& domain, const std::string& id);
  void OnAddresses(const std::string& domain, const std::string& id, const dns::HostAddresses& found);
  void OnFile(const std::string& domain, const std::string& id, absl::StatusOr<std::string> file);
  void Finish(const std::string& domain);
  void Fail(const std::string& domain, const std::string& id, tls::Result result, const std::string& why);
  Policy Known(const std::string& domain) const;

  const Seams seams_;
  base::StringMap<std::vector<Callback>> fetching_;
  struct Wanted {
    std::string domain, id;
  };
  std::size_t waiting_ = 0;   // Callbacks in fetching_.
  std::deque<Wanted> again_;  // For which the fetcher had no room; somebody waits for each.
  io::Timer again_timer_;
  base::StringMap<Failure> failures_;  // Never iterated.
  int warnings_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // False once destroyed; callbacks look at it.
};

}  // namespace delivery
