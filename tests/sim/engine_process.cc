#include "tests/sim/engine_process.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/roster/roster.h"

namespace sim {

EngineProcess::EngineProcess(const Surroundings& surroundings, const delivery::Job& job, const Options& options)
    : world_(surroundings.world),
      network_(surroundings.network),
      names_(surroundings.names),
      disk_(surroundings.disk),
      log_(surroundings.log),
      policies_(surroundings.policies),
      sts_cache_(surroundings.sts_cache),
      watcher_(surroundings.watcher),
      tls_results_(surroundings.tls_results),
      job_(job),
      options_(options),
      clock_(world_),
      own_sessions_(options.sessions_max),
      sessions_(surroundings.sessions != nullptr ? *surroundings.sessions : own_sessions_),
      limits_(surroundings.limits) {}

EngineProcess::~EngineProcess() {
  alive_.reset();
  for (Core& core : cores_) core.shard.reset();
  for (Core& core : cores_) core.io.reset();
}

void EngineProcess::Later(base::Duration wait, absl::AnyInvocable<void()> event) {
  world_.After(wait, [alive = std::weak_ptr<bool>(alive_), event = std::move(event)]() mutable {
    if (!alive.expired()) event();
  });
}

// Hands over policies as the inbox of a shard's thread does: unless the program has died, and with a turn.
class EngineProcess::CoreFetcher final : public tls::PolicyFetcher {
 public:
  CoreFetcher(EngineProcess& process, std::uint32_t index) : process_(process), index_(index) {}
  void Fetch(std::string_view domain, std::vector<base::IpAddress> addresses, Callback callback) override {
    process_.policies_->Fetch(domain, std::move(addresses),
                              [this, alive = std::weak_ptr<bool>(process_.alive_), domain = std::string(domain),
                               callback = std::move(callback)](absl::StatusOr<std::string> file) mutable {
                                if (alive.expired()) return;
                                if (process_.watcher_ != nullptr) process_.watcher_->OnPolicy(domain, file);
                                callback(std::move(file));
                                process_.WantTurn(index_, process_.world_.now());
                              });
  }

 private:
  EngineProcess& process_;
  const std::uint32_t index_;
};

void EngineProcess::MakeCores() {
  cores_.resize(options_.shards);
  for (std::uint32_t i = 0; i < options_.shards; ++i) {
    Core& core = cores_[i];
    core.io = std::make_unique<SimIo>(network_);
    core.io->SetAfterEvent([this, i] { WantTurn(i, world_.now()); });
    core.timers = std::make_unique<io::TimerWheel>(world_.now());
    core.names = std::make_unique<SimResolver>(world_, names_, options_.dns_fail_share, watcher_,
                                               [this, i] { WantTurn(i, world_.now()); });
    if (options_.dns_cache) {
      core.cache =
          std::make_unique<dns::CachedResolver>(*core.names, clock_, *core.timers, dns::CachedResolver::Options());
    }
    dns::Resolver& resolver = options_.dns_cache ? static_cast<dns::Resolver&>(*core.cache) : *core.names;
    core.tls = std::make_unique<SimChannelFactory>();
    core.signer = std::make_unique<SimSigner>(world_, options_.sign_fail_share, options_.sign_longest,
                                              [this, i] { WantTurn(i, world_.now()); });
    if (policies_ != nullptr) core.policies = std::make_unique<CoreFetcher>(*this, i);
    engine::Shard::Options options;
    options.index = i;
    options.count = options_.shards;
    options.seed = options_.seed + i;
    options.bugs = options_.bugs;
    for (const auto& [key, suspension] : journal_->facts().suspensions)
      options.suspensions.push_back(
          {key.site, key.source, key.scope, suspension.reason, suspension.sample, suspension.until});
    core.shard = std::make_unique<engine::Shard>(
        *run_job_, options,
        engine::Shard::Seams{*core.io, clock_, *core.timers, resolver, *core.tls, *this, *this, *core.signer, log_,
                             limits(), sessions_, rate_.has_value() ? &*rate_ : nullptr, core.policies.get(),
                             sts_cache_, tls_results_});
  }
}

bool EngineProcess::Start(std::string& why) {
  const auto fails = [&why](const absl::Status& status) {
    why = std::string(status.message());
    return !status.ok();
  };
  const std::uint64_t recipients = job_.roster->recipients();
  const std::string ledger_folder = options_.folder + "/ledger";
  auto fold = ledger::MakeTableFile(disk_, options_.folder + "/fold.table", recipients);
  if (!fold.ok()) return !fails(fold.status());
  fold_memory_ = *std::move(fold);
  ledger::StateTable table(fold_memory_->data(), recipients);
  absl::StatusOr<ledger::Recovered> recovered = ledger::Recover(disk_, ledger_folder, kCampaignHash, table);
  if (!recovered.ok()) return !fails(recovered.status());
  ledger::Journal::Options journal_options{.directory = ledger_folder,
                                           .campaign_hash = kCampaignHash,
                                           .last_seq = recovered->last_seq,
                                           .next_segment = recovered->next_segment,
                                           .segment_bytes = options_.segment_bytes};
  journal_ = std::make_unique<ledger::Journal>(disk_, journal_options, recovered->facts, table);
  if (fails(journal_->Start())) return false;
  ledger::RecordBatch first;
  ledger::ConcludeOpenAttempts(table, world_.wall_now(), job_.resend_in_doubt, first);
  ledger::CampaignState running;
  running.kind = ledger::CampaignStateKind::kRunning;
  running.time = world_.wall_now();
  first.Add(running);
  const ledger::RecordBatch* batch = &first;
  if (fails(journal_->Commit({&batch, 1}))) return false;

  auto run = ledger::MakeTableFile(disk_, options_.folder + "/run.table", recipients);
  if (!run.ok()) return !fails(run.status());
  run_memory_ = *std::move(run);
  std::memcpy(run_memory_->data(), fold_memory_->data(), ledger::StateTable::Bytes(recipients));
  states_ = std::make_unique<ledger::StateTable>(run_memory_->data(), recipients);
  for (ledger::RecipientId id = 0; id < recipients; ++id)
    finals_at_start_ += ledger::IsFinal((*states_)[id].state) ? 1 : 0;
  run_job_ = std::make_unique<delivery::Job>(job_);
  run_job_->states = states_.get();
  run_job_->run = journal_->facts().runs;

  if (job_.max_message_rate.has_value()) rate_.emplace(*job_.max_message_rate);
  MakeCores();
  for (std::uint32_t i = 0; i < options_.shards; ++i) {
    cores_[i].shard->Start();
    WantTurn(i, world_.now());
  }
  return true;
}

void EngineProcess::Drain() {
  for (std::uint32_t i = 0; i < cores_.size(); ++i) Post(i, delivery::DrainShard{});
}

void EngineProcess::AskStatus() {
  for (std::uint32_t i = 0; i < cores_.size(); ++i) Post(i, delivery::AskStatus{1});
}

void EngineProcess::ChangeShaping(std::shared_ptr<const config::Shaping> shaping) {
  for (std::uint32_t i = 0; i < cores_.size(); ++i) Post(i, delivery::ShapingChanged{shaping});
}

void EngineProcess::Pause(const delivery::PauseReason& reason) { Post(0, delivery::OperatorPause{2, reason}); }

void EngineProcess::Resume() { Post(0, delivery::OperatorResume{3}); }

void EngineProcess::Answer(std::uint32_t, delivery::ShardAnswer answer) { answers_.push_back(std::move(answer)); }

// ---- turns ----

void EngineProcess::WantTurn(std::uint32_t index, base::Instant at) {
  Core& core = cores_[index];
  if (at.IsNever() || (core.turn_set && core.turn_at <= at)) return;
  core.turn_set = true;
  core.turn_at = at;
  world_.At(at, [this, index, at, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired()) return;
    Core& due = cores_[index];
    if (due.turn_set && due.turn_at == at) Turn(index);
  });
}

void EngineProcess::Turn(std::uint32_t index) {
  Core& core = cores_[index];
  core.turn_set = false;
  core.timers->Advance(world_.now());
  core.shard->EndTurn();
  if (limits_ != nullptr) limits_->SaveSometimes();
  world_.Note("turn", index);
  const base::Instant next = core.shard->NextWake();
  // A shard that wants another turn at once lets the world go on a little first.
  WantTurn(index, next <= world_.now() ? world_.now() + base::Duration::Microseconds(10) : next);
}

void EngineProcess::Post(std::uint32_t shard, delivery::ShardMessage message) {
  Later(world_.Between(base::Duration::Microseconds(1), base::Duration::Microseconds(300)),
        [this, shard, message = std::move(message)]() mutable {
          cores_[shard].shard->Handle(std::move(message));
          WantTurn(shard, world_.now());
        });
}

// ---- the journal ----

void EngineProcess::Submit(std::uint32_t shard, std::unique_ptr<ledger::RecordBatch> batch, std::uint64_t ticket) {
  submitted_.push_back({shard, ticket, std::move(batch)});
  if (committing_ || failed_) return;
  committing_ = true;
  Later(world_.Between(base::Duration::Microseconds(20), options_.commit_longest), [this] { CommitGroup(); });
}

void EngineProcess::CommitGroup() {
  std::vector<Submitted> group = std::exchange(submitted_, {});
  std::vector<const ledger::RecordBatch*> batches;
  for (const Submitted& one : group) batches.push_back(one.batch.get());
  absl::Status status = journal_->Commit(batches);
  if (status.ok()) status = journal_->PrepareNext().status();
  committing_ = false;
  if (!status.ok()) {
    failed_ = true;
    for (std::uint32_t i = 0; i < cores_.size(); ++i) Post(i, delivery::LedgerFailed{status});
    return;
  }
  world_.Note("durable", journal_->last_seq());
  for (const Submitted& one : group) {
    // To the shard as a message of its own, in order: the tickets of one shard only grow.
    cores_[one.shard].shard->Handle(delivery::RecordsDurable{one.ticket});
    WantTurn(one.shard, world_.now());
  }
  if (submitted_.empty()) return;
  committing_ = true;
  Later(world_.Between(base::Duration::Microseconds(20), options_.commit_longest), [this] { CommitGroup(); });
}

// ---- questions ----

bool EngineProcess::IsDone() const { return finals_at_start_ + reported().finals() >= job_.roster->recipients(); }

bool EngineProcess::IsPaused() const {
  return std::any_of(cores_.begin(), cores_.end(), [](const Core& core) { return core.shard->pause() != nullptr; });
}

bool EngineProcess::IsStopped() const {
  return std::all_of(cores_.begin(), cores_.end(), [](const Core& core) {
    return core.shard->phase() == engine::Shard::Phase::kDrained ||
           core.shard->phase() == engine::Shard::Phase::kFailed;
  });
}

delivery::Counters EngineProcess::reported() const {
  delivery::Counters sum;
  for (const Core& core : cores_) sum.Add(core.shard->durable());
  return sum;
}

std::uint32_t EngineProcess::open_sessions() const {
  std::uint32_t open = 0;
  for (const Core& core : cores_) open += core.shard->open_sessions();
  return open;
}

}  // namespace sim
