#include "engine/engine.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/io/clock.h"

namespace engine {
namespace {

constexpr std::chrono::milliseconds kWatchEvery{100}, kWatchSoon{2};
constexpr std::uint32_t kSessionsMax = 16'000;  // Of a shard: fewer than the reactor's streams, of which DNS has some.
constexpr base::Duration kDrainMost = base::Duration::Minutes(1);

}  // namespace

Engine::Engine(const delivery::Job& job, const EngineOptions& options, std::uint64_t pending, ledger::Journal& journal,
               base::Log& log)
    : job_(job), options_(options), pending_(pending), journal_(journal), log_(log) {}

Engine::~Engine() = default;

void Engine::Post(std::uint32_t shard, delivery::ShardMessage message) { shards_[shard]->Post(std::move(message)); }

void Engine::PostAll(const delivery::ShardMessage& message) {
  for (const auto& shard : shards_) shard->Post(message);
}

void Engine::OnChange() {
  const std::lock_guard lock(mutex_);
  changed_ = true;
  change_.notify_one();
}

bool Engine::WaitForChange(const Watcher& watcher) {
  std::unique_lock lock(mutex_);
  change_.wait_for(lock, watcher.HasMore() ? kWatchSoon : kWatchEvery, [this] { return changed_; });
  return std::exchange(changed_, false);
}

delivery::Counters Engine::Sum(std::uint32_t& open_sessions) const {
  delivery::Counters sum;
  open_sessions = 0;
  for (const auto& shard : shards_) {
    const ShardThread::Snapshot snapshot = shard->snapshot();
    sum.Add(snapshot.counters);
    open_sessions += snapshot.open_sessions;
  }
  return sum;
}

bool Engine::AllStopped() const {
  return std::all_of(shards_.begin(), shards_.end(), [](const auto& shard) {
    const Shard::Phase phase = shard->snapshot().phase;
    return phase == Shard::Phase::kDrained || phase == Shard::Phase::kFailed;
  });
}

// Waits until all shards have drained; a second request to stop, or too long a wait, ends them at once.
void Engine::StopThreads(Watcher& watcher) {
  const base::Instant end = io::SystemClock().Now() + kDrainMost;
  while (!AllStopped() && watcher.Stops() < 2 && io::SystemClock().Now() < end) {
    WaitForChange(watcher);
    std::uint32_t open_sessions = 0;
    const delivery::Counters counters = Sum(open_sessions);
    watcher.OnProgress(counters, open_sessions);
  }
  if (!AllStopped()) {
    for (const auto& shard : shards_) shard->Abort();
  }
  for (const auto& shard : shards_) shard->Join();
}

// ---- the operator ----

std::uint64_t Engine::MakeQuestion(std::size_t shards) {
  const std::lock_guard lock(mutex_);
  questions_[++questions_asked_].shards = shards;
  return questions_asked_;
}

std::uint64_t Engine::AskStatus() {
  const std::uint64_t question = MakeQuestion(shards_.size());
  PostAll(delivery::AskStatus{question});
  return question;
}

std::uint64_t Engine::AskMetrics() {
  const std::uint64_t question = MakeQuestion(shards_.size());
  PostAll(delivery::AskMetrics{question});
  return question;
}

std::uint64_t Engine::Pause(const delivery::PauseReason& reason) {
  const std::uint64_t question = MakeQuestion(1);
  Post(0, delivery::OperatorPause{question, reason});
  return question;
}

std::uint64_t Engine::Resume() {
  if (options_.on_resume != nullptr) options_.on_resume();
  const std::uint64_t question = MakeQuestion(shards_.size());
  Post(0, delivery::OperatorResume{question});
  return question;
}

void Engine::Answer(std::uint32_t, delivery::ShardAnswer answer) {
  const std::lock_guard lock(mutex_);
  questions_[answer.question].answers.push_back(std::move(answer));
  changed_ = true;
  change_.notify_one();
}

bool Engine::Knows(const delivery::PauseScope& scope) const {
  const auto is_named = [](const auto& known, const std::string& name) {
    return name.empty() || std::find(known.begin(), known.end(), name) != known.end();
  };
  std::vector<std::string> sources;
  std::vector<std::string> providers = (new_shaping_ != nullptr ? *new_shaping_ : *job_.shaping).ProviderNames();
  for (const delivery::Source& source : job_.sources) sources.push_back(source.name);
  providers.emplace_back(delivery::kOtherProvider);
  return is_named(sources, scope.source) && is_named(providers, scope.provider);
}

std::optional<std::vector<delivery::ShardAnswer>> Engine::TakeAnswer(std::uint64_t question) {
  const std::lock_guard lock(mutex_);
  const auto found = questions_.find(question);
  if (found == questions_.end() || found->second.answers.empty()) return std::nullopt;
  if (found->second.answers.size() < found->second.shards && !found->second.answers.front().ends) return std::nullopt;
  std::vector<delivery::ShardAnswer> answers = std::move(found->second.answers);
  questions_.erase(found);
  return answers;
}

ledger::CommitLog& Engine::MakeCommitLog() {
  const auto on_durable = [this](std::uint32_t shard, std::uint64_t ticket) {
    Post(shard, delivery::RecordsDurable{ticket});
  };
  if (!options_.durable) {
    null_log_ = std::make_unique<ledger::NullLog>(on_durable);
    return *null_log_;
  }
  journal_thread_ = std::make_unique<ledger::JournalThread>(
      journal_, options_.shards, ledger::JournalThread::Listener{on_durable, [this](const absl::Status& why) {
                                                                   PostAll(delivery::LedgerFailed{why});
                                                                 }});
  return *journal_thread_;
}

// What has changed while it runs.
void Engine::TakeNews() {
  if (options_.new_suppression != nullptr) {
    if (auto lists = options_.new_suppression()) PostAll(delivery::SuppressionChanged{std::move(lists)});
  }
  if (options_.host_tls != nullptr) options_.host_tls->Poll();
  if (options_.new_shaping != nullptr) {
    if (auto shaping = options_.new_shaping()) {
      new_shaping_ = shaping;
      PostAll(delivery::ShapingChanged{std::move(shaping)});
    }
  }
  if (options_.new_pause != nullptr) {
    if (auto pause = options_.new_pause()) Pause(*pause);
  }
}

ShardThread::Options Engine::MakeOptions() {
  ShardThread::Options options;
  options.backend = options_.backend;
  options.dns.servers = options_.dns_servers;
  options.dns.queries_per_second_max = std::max(1u, options_.dns_queries_per_second / options_.shards);
  options.dns.trust_ad = options_.dns_trust_ad;
  options.tls_authorities = options_.tls_authorities;
  options.host_tls = options_.host_tls;
  options.batch_signatures = options_.batch_signatures;
  options.limits = options_.limits != nullptr ? options_.limits : &own_limits_;
  if (job_.max_message_rate.has_value()) options.campaign_rate = &rate_.emplace(*job_.max_message_rate);
  options.shard.count = options_.shards;
  options.sessions = options_.sessions != nullptr ? options_.sessions : &own_sessions_.emplace(options_.sessions_max);
  options.shard.sessions_max = kSessionsMax;
  options.shard.suspensions = options_.suspensions;
  options.shard.pauses = options_.pauses;
  return options;
}

RunResult Engine::Run(Watcher& watcher) {
  RunResult result;
  ShardThread::Options options = MakeOptions();
  ledger::CommitLog& commit_log = MakeCommitLog();
  delivery::ShardLinks& links = *this;
  for (std::uint32_t index = 0; index < options_.shards; ++index) {
    options.shard.index = index;
    options.shard.seed = options_.seed + index;
    shards_.push_back(
        std::make_unique<ShardThread>(job_, options, commit_log, links, signing_, log_, [this] { OnChange(); }));
  }
  if (absl::Status status = shards_.front()->Prepare(); !status.ok()) {
    result.failure = status;
    return result;
  }
  if (journal_thread_ != nullptr) journal_thread_->Start();
  for (const auto& shard : shards_) {
    if (result.failure.ok()) result.failure = shard->Start();
  }
  if (!result.failure.ok()) {
    for (const auto& shard : shards_) shard->Abort();
    for (const auto& shard : shards_) shard->Join();
    if (journal_thread_ != nullptr) journal_thread_->Stop().IgnoreError();
    return result;
  }
  for (const auto& shard : shards_) shard->Begin();

  bool finished = false, stopped = false;
  while (!finished && !stopped && !AllStopped()) {
    WaitForChange(watcher);
    std::uint32_t open_sessions = 0;
    const delivery::Counters counters = Sum(open_sessions);
    watcher.OnProgress(counters, open_sessions);
    TakeNews();
    finished = counters.finals() >= pending_;
    stopped = watcher.Stops() > 0;
  }
  PostAll(delivery::DrainShard{});
  StopThreads(watcher);
  if (options_.host_tls != nullptr) options_.host_tls->StopFetching();  // It calls shards.
  if (journal_thread_ != nullptr) result.failure = journal_thread_->Stop();
  std::uint32_t open_sessions = 0;
  const delivery::Counters last = Sum(open_sessions);
  watcher.OnProgress(last, open_sessions);
  finished = last.finals() >= pending_;
  result.counters = last;
  result.signing = signing_.counts();
  result.io = shards_.front()->io();
  result.signer = shards_.front()->signer();
  result.end = stopped ? RunEnd::kInterrupted : RunEnd::kFailed;
  for (const auto& shard : shards_) {
    result.signatures.Add(shard->snapshot().signatures);
    result.metrics.push_back({.outcomes = shard->outcomes(), .pending = {}});
    if (shard->pause() == nullptr) continue;
    result.end = RunEnd::kPaused;
    result.pause = *shard->pause();
  }
  if (finished) result.end = RunEnd::kFinished;
  if (!result.failure.ok()) result.end = RunEnd::kFailed;
  return result;
}

}  // namespace engine
