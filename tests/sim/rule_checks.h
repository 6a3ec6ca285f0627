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
  // Of a provider. What it says reaches the program, unless that dies, or the connection breaks: then it may.
  void Add(std::size_t provider, const std::vector<ReplyRule>& rules) { rules_[provider] = rules; }

  // A recipient, or his message, was refused: of whichever campaign, which count together.
  void OnRefusal(const Place& place, std::string_view reply, base::Instant now);
  void OnRecipient(const Place& place, base::Instant now);
  // A connection begins, and so many are open now.
  void OnConnection(const Place& place, std::uint32_t open, base::Instant now);
  void OnBreak(const Place& place, base::Instant now);  // One of its connections is lost.
  // What was said a moment before is forgotten, and so are replies that were counted.
  void OnCrash(base::Instant now);
  void OnStart() { is_running_ = true; }  // Again. What was said meanwhile nobody has heard.
  std::uint64_t fired() const { return fired_; }
  std::uint64_t unheard() const { return unheard_; }  // Refusals that may not have been heard.

 private:
  // Until kUnderWay has passed nobody knows whether it arrives, and what follows from it is not under way.
  struct Said {
    Place place;
    std::string reply;
    base::Instant at;
    bool is_heard = true;  // Certainly.
  };
  struct Fit {
    base::Instant at;
    bool counts = true;  // Certainly: it was heard while the rule was not quiet.
  };
  struct Held {
    base::Instant since;  // The refusal.
    base::Instant until;
    RateHistory rate = {};
    Arrivals arrivals = {};
    base::Instant quiet = {};  // Until then it may be quiet: nobody knows whether it fires.
  };
  using Key = std::pair<Place, std::size_t>;  // Number of the rule.
  void Settle(base::Instant now);             // What was said long enough ago.
  void Judge(const Said& said, std::size_t number, const ReplyRule& rule);
  enum class Fires : std::uint8_t { kNo, kPerhaps, kYes };
  Fires Count(const Key& key, const ReplyRule& rule, const Fit& fit);
  void Fire(const Place& place, std::size_t number, const ReplyRule& rule, base::Instant now);
  // What the rule has set there, where it certainly holds; else null.
  Held* HeldAt(const Place& place, std::size_t number, base::Instant now);

  const std::function<void(std::string)> report_;
  std::map<std::size_t, std::vector<ReplyRule>> rules_;
  std::map<Key, Held> held_;
  std::map<Key, std::deque<Fit>> seen_;    // Refusals that fit.
  std::deque<Said> said_;                  // Those of the last moments.
  std::map<Place, base::Instant> broken_;  // When the last one broke.
  std::uint64_t fired_ = 0, unheard_ = 0;
  bool is_running_ = true;
};

}  // namespace sim
