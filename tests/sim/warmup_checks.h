// Warm-ups as receivers see them: never more messages of a source to a provider on a day of UTC than that day's number,
// over all sites, shards, campaigns and restarts.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/time.h"

namespace sim {

class WarmupChecks {
 public:
  explicit WarmupChecks(std::function<void(std::string violation)> report) : report_(std::move(report)) {}
  // Of each source, or of the one with this address.
  void Add(std::size_t provider, const std::string& source, const std::vector<std::uint32_t>& numbers) {
    plans_[provider] = {source, numbers};
  }
  void OnRecipient(std::size_t provider, const std::string& source, base::WallTime now);
  void OnConnectionEnd(std::size_t provider, const std::string& source, base::WallTime now);
  std::uint64_t used_up() const { return used_up_; }  // Days.

 private:
  struct Plan {
    std::string source;
    std::vector<std::uint32_t> numbers;
  };
  struct Day {
    std::int64_t number = -1;  // Since 1970.
    std::uint64_t before = 0;  // Days that may have been used, and clean.
    std::uint64_t named = 0, ended = 0;
  };
  struct Seen {
    Day yesterday, today;
  };
  const Plan* PlanOf(std::size_t provider, const std::string& source) const;
  Seen& SeenAt(std::size_t provider, const std::string& source, const Plan& plan, base::WallTime now);
  static bool MayBeAchieved(const Plan& plan, const Day& day);

  const std::function<void(std::string)> report_;
  std::map<std::size_t, Plan> plans_;
  std::map<std::pair<std::size_t, std::string>, Seen> seen_;  // By provider and source.
  std::uint64_t used_up_ = 0;
};

}  // namespace sim
