// Automation rules as receivers see them: after a refusal that fires one, and what is under way then, the suspension
// or the stricter limit holds for its time, at that site, for that source, over shards, campaigns and restarts.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/base/time.h"
#include "tests/sim/limit_checks.h"
#include "tests/sim/rate_count.h"
#include "tests/sim/shaping_draw.h"

namespace sim {

class RuleChecks {
 public:
  explicit RuleChecks(std::function<void(std::string violation)> report) : report_(std::move(report)) {}
  // Of a provider. What it says reaches the program, unless that dies.
  void Add(std::size_t provider, const std::vector<ReplyRule>& rules) { rules_[provider] = rules; }

  // A recipient, or his message, was refused: of whichever campaign, which count together.
  void OnRefusal(const Place& place, std::string_view reply, base::Instant now);
  void OnRecipient(const Place& place, base::Instant now);
  // A connection begins, and so many are open now.
  void OnConnection(const Place& place, std::uint32_t open, base::Instant now);
  // What was said a moment before is forgotten, and so are replies that were counted.
  void OnCrash(base::Instant now);
  void OnStart() { is_running_ = true; }  // Again. What was said meanwhile nobody has heard.
  std::uint64_t fired() const { return fired_; }

 private:
  struct Held {
    base::Instant since;           // The refusal.
    base::Instant until, certain;  // The latter: by what was said long enough before `extended`.
    base::Instant extended;
    RateHistory rate = {};
    Arrivals arrivals = {};
    base::Instant quiet = {};  // Until then nobody knows whether it fires.
  };
  using Key = std::pair<Place, std::size_t>;  // Number of the rule.
  void Fire(const Place& place, std::size_t number, const ReplyRule& rule, base::Instant now);
  // What the rule has set there, where it certainly holds; else null.
  Held* HeldAt(const Place& place, std::size_t number, base::Instant now);

  const std::function<void(std::string)> report_;
  std::map<std::size_t, std::vector<ReplyRule>> rules_;
  std::map<Key, Held> held_;
  std::map<Key, std::deque<base::Instant>> seen_;  // Refusals that fit.
  std::uint64_t fired_ = 0;
  bool is_running_ = true;
};

}  // namespace sim
