// Runs one campaign: a thread for each shard, the journal's thread, and the caller's, which watches. Start, drain and
// stop are here.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/base/log.h"
#include "engine/delivery/host_limits.h"
#include "engine/delivery/job.h"
#include "engine/ledger/journal.h"
#include "engine/ledger/journal_thread.h"
#include "engine/shard_thread.h"

namespace engine {

struct EngineOptions {
  std::uint32_t shards = 1;
  io::Backend backend = io::Backend::kAuto;
  std::vector<std::string> dns_servers;        // Empty: the system's.
  std::uint32_t dns_queries_per_second = 500;  // Of the whole program.
  bool dns_trust_ad = false;                   // What the servers say about DNSSEC counts.
  std::uint64_t seed = 0;
  std::uint32_t sessions_max = 1000;  // Of the whole program.
  std::vector<RestoredSuspension> suspensions;
  std::vector<delivery::PauseReason> pauses;  // As Shard::Options says.
  std::string tls_authorities;                // PEM, checked; empty: no certificate can be verified.
  bool batch_signatures = true;               // Where the processor can; else OpenSSL makes them all.
  // Asked all the time; the suppression lists, where they have changed, else null.
  std::function<std::shared_ptr<const campaign::SuppressionLists>()> new_suppression = nullptr;
  // The same for the shaping.
  std::function<std::shared_ptr<const config::Shaping>()> new_shaping = nullptr;
  // The same; why the campaign has to pause.
  std::function<std::optional<delivery::PauseReason>()> new_pause = nullptr;
  std::function<void()> on_resume = nullptr;  // The operator resumes what is paused.
  delivery::HostLimits* limits = nullptr;     // The program's, where others run beside; null: its own.
  delivery::SessionPool* sessions = nullptr;  // The same; null: `sessions_max` of its own.
  HostTls* host_tls = nullptr;                // Outlives the engine. Null: no MTA-STS.
  bool durable = true;                        // False: nothing is written down. For benchmarks of what that costs.
};

enum class RunEnd : std::uint8_t {
  kFinished,     // Every recipient has a final state.
  kInterrupted,  // It was asked to stop.
  kPaused,       // Nothing is done until `sluice resume`.
  kFailed,       // The ledger cannot be written, or nothing works here.
};

struct RunResult {
  RunEnd end = RunEnd::kFailed;
  absl::Status failure;         // kFailed
  delivery::PauseReason pause;  // kPaused
  delivery::SignatureCounts signatures = {};
  dkim::SigningPool::Counts signing = {};
  std::string_view io = {}, signer = {};  // What was used: io::Reactor::name(), dkim::MethodOf.
  delivery::Counters counters = {};
  std::vector<delivery::ShardMetrics> metrics = {};  // Outcomes, without who is pending.
};

class Engine final : private delivery::ShardLinks {
 public:
  // Asked and told about ten times a second, on the thread that runs the engine.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    // How often it was asked to stop: 1, finish what is in flight; 2, at once.
    virtual int Stops() = 0;
    // The last time, everything has stopped.
    virtual void OnProgress(const delivery::Counters& counters, std::uint32_t open_sessions) = 0;
    // There is more to do than the last call did: the next one comes in a few milliseconds.
    virtual bool HasMore() const { return false; }
  };

  // `pending`: recipients without a final state. The journal was started, and is the engine's alone until Run returns.
  Engine(const delivery::Job& job, const EngineOptions& options, std::uint64_t pending, ledger::Journal& journal,
         base::Log& log);
  ~Engine() override;

  // Runs until every recipient has a final state, or something stops it. Everything that was told is durable when it
  // returns.
  RunResult Run(Watcher& watcher);

  // For the operator; to be called from the watcher. Each returns a question's number, to be asked about with
  // TakeAnswer until it is answered; it never is where the run ends before.
  std::uint64_t AskStatus();
  std::uint64_t AskMetrics();
  std::uint64_t Pause(const delivery::PauseReason& reason);  // Of the whole campaign: Run returns soon.
  std::uint64_t Resume();
  bool Knows(const delivery::PauseScope& scope) const;  // There is such a source, and such a provider.
  // One answer of each shard that was asked, or one that `ends`; nullopt: not yet.
  std::optional<std::vector<delivery::ShardAnswer>> TakeAnswer(std::uint64_t question);

 private:
  struct Question {
    std::size_t shards = 0;  // So many are asked.
    std::vector<delivery::ShardAnswer> answers;
  };
  void Answer(std::uint32_t shard, delivery::ShardAnswer answer) override;
  std::uint64_t MakeQuestion(std::size_t shards);
  void Post(std::uint32_t shard, delivery::ShardMessage message) override;
  ShardThread::Options MakeOptions();
  ledger::CommitLog& MakeCommitLog();
  void OnChange();
  bool WaitForChange(const Watcher& watcher);
  void PostAll(const delivery::ShardMessage& message);
  delivery::Counters Sum(std::uint32_t& open_sessions) const;
  bool AllStopped() const;
  void TakeNews();
  void StopThreads(Watcher& watcher);

  const delivery::Job& job_;
  const EngineOptions options_;
  const std::uint64_t pending_;
  ledger::Journal& journal_;
  base::Log& log_;
  dkim::SigningPool signing_;
  delivery::HostLimits own_limits_;
  std::optional<delivery::SessionPool> own_sessions_;
  std::optional<delivery::CampaignRate> rate_;
  std::vector<std::unique_ptr<ShardThread>> shards_;
  std::shared_ptr<const config::Shaping> new_shaping_;     // What came since the job's; null: nothing.
  std::unique_ptr<ledger::JournalThread> journal_thread_;  // Null: nothing is written down…
  std::unique_ptr<ledger::NullLog> null_log_;              // …and this stands in.

  std::mutex mutex_;  // Guards what follows.
  std::condition_variable change_;
  bool changed_ = false;
  std::uint64_t questions_asked_ = 0;
  std::map<std::uint64_t, Question> questions_;
};

}  // namespace engine
