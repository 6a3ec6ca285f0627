// A cache in front of any resolver: answers are kept for their TTL, those that are often asked for are renewed before
// it is over, and what was found before is told again while the DNS gives no answer (RFC 8767). Equal questions that
// are under way are asked once. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dns/resolver.h"
#include "engine/base/intrusive_list.h"
#include "engine/base/string_map.h"
#include "engine/base/time.h"
#include "engine/io/clock.h"
#include "engine/io/timer_wheel.h"

namespace dns {

class CachedResolver final : public Resolver {
 public:
  struct Options {
    std::size_t entries_max = 100'000;                    // The least recently used goes first.
    std::size_t bytes_max = 64 * 1024 * 1024;             // Estimate of what the entries take.
    base::Duration ttl_min = base::Duration::Seconds(5);  // Shorter TTLs are stretched, that of zero as well.
    base::Duration ttl_max =
        base::Duration::Hours(24);  // Longer TTLs are cut (RFC 8767 section 4 suggests a week at most).
    // Of kNoData and kNoDomain.
    base::Duration negative_ttl_max = base::Duration::Minutes(5);
    base::Duration failure_ttl =
        base::Duration::Seconds(5);  // kServerFail, kTimeout (RFC 2308 section 7 allows 5 minutes).
    // How long after its time an answer may stand in for one that fails; zero: never. Never one of TLSA records,
    // nor one that DNSSEC vouches for (RFC 7672 section 2.1.3).
    base::Duration stale_max = base::Duration::Hours(24);
    base::Duration stale_ttl = base::Duration::Seconds(30);  // Then the DNS is asked again (RFC 8767 section 5).
  };
  struct Counters {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t coalesced = 0;  // Joined a question that was under way.
    std::uint64_t evicted = 0;
    std::uint64_t prefetched = 0;
    std::uint64_t stale = 0;  // Failures that an old answer stood in for.
  };

  // All outlive the cache, or are at least not used by it once it is destroyed.
  CachedResolver(Resolver& upstream, const io::Clock& clock, io::TimerWheel& timers, const Options& options);
  CachedResolver(const CachedResolver&) = delete;
  CachedResolver& operator=(const CachedResolver&) = delete;
  ~CachedResolver() override;

  // From the cache: calls back in the next turn of the timers, in the order of the calls, with the TTL that is left.
  void Resolve(std::string_view name, RecordType type, Callback callback) override;
  // Keeps the answer as any other; where the question fails, records that were known stand in for it. That there are
  // none is never told so.
  void ResolveAnew(std::string_view name, RecordType type, Callback callback) override;

  std::size_t entries() const { return lru_.size(); }
  std::size_t bytes() const { return bytes_; }
  const Counters& counters() const { return counters_; }

 private:
  struct Entry {
    std::string key;
    Answer answer;
    base::Instant expires;
    base::Instant renew_at;     // Who asks after this has it renewed, if it was asked for before.
    base::Instant stale_until;  // It may stand in for a failure.
    std::uint32_t hits = 0;
    std::size_t bytes = 0;
    base::ListHook hook;
  };
  struct Waiting {
    Callback callback;
    bool anew = false;
  };
  struct Hit {
    Callback callback;
    Answer answer;
  };

  bool TellKnown(Entry& entry, Callback& callback);
  void AskOnce(std::string_view name, RecordType type, const std::string& key, Waiting waiting);
  void Ask(std::string_view name, RecordType type, const std::string& key);
  void OnAnswer(const std::string& key, const Answer& answer);
  bool StandIn(const std::string& key, Answer& answer);
  base::Duration TtlOf(const Answer& answer) const;
  void Keep(const std::string& key, const Answer& answer);
  void Remove(Entry& entry);
  void DeliverHits();

  Resolver& upstream_;
  const io::Clock& clock_;
  io::TimerWheel& timers_;
  const Options options_;
  base::StringMap<std::unique_ptr<Entry>> known_;
  base::IntrusiveList<Entry, &Entry::hook> lru_;  // Least recently used first.
  std::size_t bytes_ = 0;
  base::StringMap<std::vector<Waiting>> asking_;  // Who waits for a question that is under way.
  std::deque<Hit> hits_;
  io::Timer deliver_;
  Counters counters_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // False once destroyed; callbacks under way look at it.
};

}  // namespace dns
