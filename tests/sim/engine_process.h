// One campaign of the sending program inside the simulator: several shards in one thread, the journal stepped by the
// world, and mailboxes as events. It can die at any event.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dns/cached_resolver.h"
#include "engine/base/log.h"
#include "engine/ledger/commit_log.h"
#include "engine/ledger/journal.h"
#include "engine/ledger/recovery.h"
#include "engine/shard.h"
#include "tests/sim/crash_disk.h"
#include "tests/sim/kept_limits.h"
#include "tests/sim/network.h"
#include "tests/sim/resolver.h"
#include "tests/sim/seams.h"
#include "tests/sim/sim_tls.h"
#include "tests/sim/world.h"

namespace sim {

inline constexpr char kStateFolder[] = "/state";
inline constexpr char kLedgerFolder[] = "/state/ledger";
inline constexpr std::uint64_t kCampaignHash = 0xC0FFEE;

class EngineProcess final : public delivery::ShardLinks, public ledger::CommitLog {
 public:
  struct Options {
    std::uint32_t shards = 1;
    std::uint64_t seed = 0;
    double dns_fail_share = 0;
    bool dns_cache = false;  // As the program has one.
    double sign_fail_share = 0;
    base::Duration sign_longest = base::Duration::Milliseconds(2);
    base::Duration commit_longest = base::Duration::Milliseconds(5);
    std::uint64_t segment_bytes = 16384;  // Of the ledger.
    std::string folder = kStateFolder;    // Of the campaign; its ledger is in a folder of this one, "ledger".
    std::uint32_t sessions_max = 100;     // Of all shards.
    delivery::PlantedBugs bugs = {};
  };
  // What it runs in; all of it outlives the process.
  struct Surroundings {
    World& world;
    Network& network;
    const Names& names;
    CrashDisk& disk;
    base::Log& log;
    tls::PolicyFetcher* policies = nullptr;  // Null: no MTA-STS…
    tls::StsCache* sts_cache = nullptr;      // …and neither this.
    KeptLimits* limits = nullptr;            // The program's. Null: its own, and they leave nothing.
    TellingWatcher* watcher = nullptr;       // Null: nobody.
    tls::ResultCounts* tls_results = nullptr;
    delivery::SessionPool* sessions = nullptr;  // The program's. Null: its own.
  };
  EngineProcess(const Surroundings& surroundings, const delivery::Job& job, const Options& options);
  ~EngineProcess() override;

  // Recovers the ledger, concludes open attempts and starts the shards. False: the disk failed, or the ledger is
  // damaged (`why`).
  bool Start(std::string& why);
  void Drain();
  // As the operator does; the answers are in answers().
  void AskStatus();
  void Pause(const delivery::PauseReason& reason);
  void Resume();
  void ChangeShaping(std::shared_ptr<const config::Shaping> shaping);

  delivery::HostLimits& limits() { return limits_ != nullptr ? limits_->limits() : own_limits_; }

  bool IsDone() const;  // Every recipient is final.
  bool IsPaused() const;
  bool IsStopped() const;  // Every shard has drained, or the ledger failed.
  bool HasFailed() const { return failed_; }
  delivery::Counters reported() const;  // What it has told the world in this run.
  std::uint64_t finals_at_start() const { return finals_at_start_; }
  const ledger::Journal* journal() const { return journal_.get(); }
  std::uint32_t open_sessions() const;
  const std::vector<delivery::ShardAnswer>& answers() const { return answers_; }

 private:
  class CoreFetcher;
  struct Core {
    std::unique_ptr<SimIo> io;
    std::unique_ptr<io::TimerWheel> timers;
    std::unique_ptr<SimResolver> names;
    std::unique_ptr<dns::CachedResolver> cache;  // Null: there is none.
    std::unique_ptr<SimSigner> signer;
    std::unique_ptr<SimChannelFactory> tls;
    std::unique_ptr<tls::PolicyFetcher> policies;  // Null: no MTA-STS.
    std::unique_ptr<engine::Shard> shard;
    bool turn_set = false;
    base::Instant turn_at;
  };
  struct Submitted {
    std::uint32_t shard;
    std::uint64_t ticket;
    std::unique_ptr<ledger::RecordBatch> batch;
  };
  void Submit(std::uint32_t shard, std::unique_ptr<ledger::RecordBatch> batch, std::uint64_t ticket) override;
  void Post(std::uint32_t shard, delivery::ShardMessage message) override;
  void Answer(std::uint32_t shard, delivery::ShardAnswer answer) override;
  void WantTurn(std::uint32_t index, base::Instant at);
  void Turn(std::uint32_t index);
  void CommitGroup();
  void Later(base::Duration wait, absl::AnyInvocable<void()> event);  // Unless the process has died by then.

  World& world_;
  Network& network_;
  const Names& names_;
  CrashDisk& disk_;
  base::Log& log_;
  tls::PolicyFetcher* const policies_;
  tls::StsCache* const sts_cache_;
  TellingWatcher* const watcher_;
  tls::ResultCounts* const tls_results_;
  const delivery::Job& job_;
  const Options options_;
  WorldClock clock_;
  std::unique_ptr<io::Mapping> fold_memory_, run_memory_;
  std::unique_ptr<ledger::StateTable> states_;
  std::unique_ptr<delivery::Job> run_job_;
  std::unique_ptr<ledger::Journal> journal_;
  void MakeCores();
  delivery::SessionPool own_sessions_;
  delivery::SessionPool& sessions_;
  KeptLimits* const limits_;
  delivery::HostLimits own_limits_;
  std::optional<delivery::CampaignRate> rate_;
  std::vector<Core> cores_;
  std::vector<Submitted> submitted_;
  std::vector<delivery::ShardAnswer> answers_;
  bool committing_ = false;
  bool failed_ = false;
  std::uint64_t finals_at_start_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sim
