// A job over a few recipients, with a clock that the test moves and a commit log that the test answers for.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/delivery/commit_queue.h"
#include "engine/delivery/settler.h"
#include "engine/ledger/state.h"
#include "tests/sim/campaign.h"
#include "tests/sim/crash_disk.h"

namespace delivery::testing {

class ManualClock final : public io::Clock {
 public:
  base::Instant Now() const override { return base::Instant::FromNanoseconds(0) + passed; }
  base::WallTime WallNow() const override { return base::WallTime::FromSeconds(1'795'510'800) + passed; }
  base::Duration passed;
};

// Takes batches, and makes durable what it is told to.
class ManualLog final : public ledger::CommitLog {
 public:
  struct Submitted {
    std::uint32_t shard;
    std::uint64_t ticket;
    std::unique_ptr<ledger::RecordBatch> batch;
  };
  void Submit(std::uint32_t shard, std::unique_ptr<ledger::RecordBatch> batch, std::uint64_t ticket) override {
    submitted.push_back({shard, ticket, std::move(batch)});
  }
  std::vector<Submitted> submitted;
};

inline std::vector<std::string> Addresses(int count) {
  std::vector<std::string> addresses;
  for (int i = 0; i < count; ++i) addresses.push_back("user" + std::to_string(i) + "@d.example");
  return addresses;
}

class SmallJob {
 public:
  explicit SmallJob(int recipients = 20)
      : campaign(disk, "/state", {.addresses = Addresses(recipients)}),
        memory_(ledger::StateTable::Bytes(static_cast<std::uint64_t>(recipients)), '\0'),
        states(memory_.data(), static_cast<std::uint64_t>(recipients)),
        job(campaign.MakeJob()),
        commits(log, /*shard=*/3, bugs),
        settler(job, clock, commits, bugs) {
    job.states = &states;
  }
  RecipientShare Everybody() const { return {.first = 0, .count = states.size()}; }

  sim::CrashDisk disk;
  sim::Campaign campaign;

 private:
  std::string memory_;

 public:
  ledger::StateTable states;
  Job job;
  ManualClock clock;
  ManualLog log;
  const PlantedBugs bugs = {};
  CommitQueue commits;
  Settler settler;
};

}  // namespace delivery::testing
