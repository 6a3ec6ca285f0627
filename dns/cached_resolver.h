// A cache in front of any resolver: answers are kept for their TTL, and equal questions that are under way are asked
// once. One thread.
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
    std::size_t entries_max = 100'000;         // The least recently used goes first.
    std::size_t bytes_max = 64 * 1024 * 1024;  // Estimate of what the entries take.
    base::Duration ttl_max =
        base::Duration::Hours(24);  // Longer TTLs are cut (RFC 8767 section 4 suggests a week at most).
    base::Duration failure_ttl =
        base::Duration::Seconds(5);  // kServerFail, kTimeout (RFC 2308 section 7 allows 5 minutes).
  };
  struct Counters {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t coalesced = 0;  // Joined a question that was under way.
    std::uint64_t evicted = 0;
  };

  // All outlive the cache, or are at least not used by it once it is destroyed.
  CachedResolver(Resolver& upstream, const io::Clock& clock, io::TimerWheel& timers, const Options& options);
  CachedResolver(const CachedResolver&) = delete;
  CachedResolver& operator=(const CachedResolver&) = delete;
  ~CachedResolver() override;

  // From the cache: calls back in the next turn of the timers, in the order of the calls, with the TTL that is left.
  void Resolve(std::string_view name, RecordType type, Callback callback) override;

  std::size_t entries() const { return lru_.size(); }
  std::size_t bytes() const { return bytes_; }
  const Counters& counters() const { return counters_; }

 private:
  struct Entry {
    std::string key;
    Answer answer;
    base::Instant expires;
    std::size_t bytes = 0;
    base::ListHook hook;
  };
  struct Hit {
    Callback callback;
    Answer answer;
  };

  void OnAnswer(const std::string& key, const Answer& answer);
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
  base::StringMap<std::vector<Callback>> asking_;  // Who waits for a question that is under way.
  std::deque<Hit> hits_;
  io::Timer deliver_;
  Counters counters_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // False once destroyed; callbacks under way look at it.
};

}  // namespace dns
