// Outcomes counted by provider, source, kind and class, and the time that deliveries took: what metrics are made of.
// Each outcome is counted once it is durable. Memory grows with the kinds of outcomes, not with their number. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/base/string_map.h"
#include "engine/ledger/record.h"

namespace delivery {

// As metrics name it: "delivered", "in_doubt", …
std::string_view MetricName(ledger::OutcomeKind kind);

// Of durations in microseconds.
struct TimeSum {
  std::uint64_t count = 0, microseconds = 0;
  void Take(std::uint32_t time) {
    ++count;
    microseconds += time;
  }
};

struct OutcomeGroup {
  std::string provider, source, classification;  // "other": none, as in reports. Empty class: delivered.
  ledger::OutcomeKind kind = ledger::OutcomeKind::kDelivered;
  std::uint64_t count = 0;
  TimeSum connect, tls, dot;  // kDelivered. The first two: of the first message of a connection.

  bool Is(std::string_view of_provider, std::string_view of_source, const ledger::Outcome& outcome) const {
    return kind == outcome.kind && provider == of_provider && source == of_source &&
           classification == outcome.classification;
  }
};

class Tally {
 public:
  // What is to be counted of one outcome.
  struct Entry {
    std::uint32_t group = 0;
    bool first = false, encrypted = false;  // On its connection.
    std::uint32_t connect = 0, tls = 0, dot = 0;
  };
  Entry EntryOf(const ledger::Outcome& outcome);
  void Count(const Entry& entry);
  const std::vector<OutcomeGroup>& groups() const { return groups_; }  // Some of them may be of nobody yet.

 private:
  static constexpr std::size_t kGroupsMax = 10'000;  // The rest is counted under "other".
  std::uint32_t GroupOf(std::string_view provider, std::string_view source, const ledger::Outcome& outcome);

  std::vector<OutcomeGroup> groups_;
  base::StringMap<std::uint32_t> index_;
  std::string key_;         // Memory for a look-up.
  std::uint32_t last_ = 0;  // In groups_: of the last outcome.
};

// Recipients that are pending, by how they stand.
struct PendingCounts {
  std::uint64_t unattempted = 0, deferred = 0, held = 0, in_flight = 0;
  void Add(const PendingCounts& other);
};

struct ShardMetrics {
  std::vector<OutcomeGroup> outcomes;
  std::map<std::string, PendingCounts, std::less<>>
      pending;  // By provider; those that are at no site yet are left out.
};

}  // namespace delivery
