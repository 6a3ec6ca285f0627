// A shard with the machine around it: a thread with its reactor, clocks, timers and resolver, and a mailbox.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dns/cares_resolver.h"
#include "engine/base/log.h"
#include "engine/dkim/signing_pool.h"
#include "engine/host_tls.h"
#include "engine/io/mailbox.h"
#include "engine/io/reactor.h"
#include "engine/shard.h"

namespace engine {

class ShardThread {
 public:
  struct Options {
    Shard::Options shard;
    io::Backend backend = io::Backend::kAuto;
    dns::CaresResolver::Options dns;
    std::string_view tls_authorities;           // PEM; outlives the thread. Empty: no certificate can be verified.
    bool batch_signatures = true;               // Where the processor can; else OpenSSL makes them all.
    delivery::HostLimits* limits = nullptr;     // The program's. Outlives the thread.
    delivery::SessionPool* sessions = nullptr;  // The same.
    delivery::CampaignRate* campaign_rate = nullptr;  // Null: none. Outlives the thread.
    HostTls* host_tls = nullptr;                      // Null: no MTA-STS. Outlives the thread.
  };
  // What the shard has come to, for other threads: each number is exact at some moment not long ago.
  struct Snapshot {
    delivery::Counters counters;
    std::uint32_t open_sessions = 0;
    Shard::Phase phase = Shard::Phase::kRunning;
    delivery::SignatureCounts signatures = {};
  };

  // `on_change` is called on the shard's thread when the snapshot has news worth looking at once. Everything outlives
  // the thread.
  ShardThread(const delivery::Job& job, Options options, ledger::CommitLog& commit_log, delivery::ShardLinks& links,
              dkim::SigningPool& signing, base::Log& log, std::function<void()> on_change);
  ~ShardThread();

  // Makes the reactor and the resolver, on the thread that calls. Errors: none of them works here.
  absl::Status Prepare();
  // Makes the thread and its reactor; the thread waits for Begin. Errors: no reactor can be made for one more thread
  // (of descriptors and of memory that may be locked there are only so many).
  absl::Status Start();
  // Nothing is asked, sent or written before: a run begins with all its shards or not at all.
  void Begin();
  void Post(delivery::ShardMessage message) { mailbox_.Post(std::move(message)); }
  void Abort();  // At once, whatever is in flight.
  void Join();

  Snapshot snapshot() const;
  // After Join.
  const absl::Status& failure() const { return failure_; }
  const std::vector<delivery::OutcomeGroup>& outcomes() const { return outcomes_; }
  const std::unique_ptr<delivery::PauseReason>& pause() const { return pause_; }
  std::string_view io() const { return io_; }
  std::string_view signer() const { return signer_; }

 private:
  void Wake();
  void Run();
  void Publish(const Shard& shard);

  const delivery::Job& job_;
  const Options options_;
  ledger::CommitLog& commit_log_;
  delivery::ShardLinks& links_;
  dkim::SigningPool& signing_;
  base::Log& log_;
  const std::function<void()> on_change_;
  std::mutex reactor_mutex_;              // Guards the pointer; the reactor is the thread's own.
  std::unique_ptr<io::Reactor> reactor_;  // Null before and after the thread's life.
  io::Mailbox<delivery::ShardMessage> mailbox_;
  std::atomic<bool> begun_ = false;
  std::atomic<bool> aborted_ = false;
  std::thread thread_;

  mutable std::mutex mutex_;  // Guards snapshot_.
  Snapshot snapshot_;
  absl::Status failure_;
  std::vector<delivery::OutcomeGroup> outcomes_;
  std::unique_ptr<delivery::PauseReason> pause_;
  std::string_view io_, signer_;  // What it worked with in the end.
};

}  // namespace engine
