#include "engine/shard_thread.h"

#include <algorithm>
#include <future>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "dns/cached_resolver.h"
#include "engine/base/check.h"
#include "engine/dkim/batch_rsa_signer.h"
#include "engine/io/clock.h"
#include "engine/policy_inbox.h"
#include "tls/context.h"

namespace engine {
namespace {

class NoLog final : public base::Log {
 public:
  void Write(base::Severity, std::string_view) override {}
};

}  // namespace

ShardThread::ShardThread(const delivery::Job& job, Options options, ledger::CommitLog& commit_log,
                         delivery::ShardLinks& links, dkim::SigningPool& signing, base::Log& log,
                         std::function<void()> on_change)
    : job_(job),
      options_(std::move(options)),
      commit_log_(commit_log),
      links_(links),
      signing_(signing),
      log_(log),
      on_change_(std::move(on_change)),
      mailbox_([this] { Wake(); }) {}

ShardThread::~ShardThread() {
  if (!thread_.joinable()) return;
  Abort();
  Join();
}

void ShardThread::Wake() {
  const std::lock_guard lock(reactor_mutex_);
  if (reactor_ != nullptr) reactor_->Wake();
}

void ShardThread::Begin() {
  begun_ = true;
  begun_.notify_one();
}

void ShardThread::Abort() {
  aborted_ = true;
  Begin();
  Wake();
}

absl::Status ShardThread::Prepare() {
  // Made and tried here, so that what is wrong is said before anything starts; used by the shard's thread only.
  io::SystemClock clock;
  io::TimerWheel timers(clock.Now());
  absl::StatusOr<std::unique_ptr<io::Reactor>> reactor = io::MakeReactor({.backend = options_.backend}, log_);
  if (!reactor.ok()) return reactor.status();
  absl::StatusOr<std::unique_ptr<dns::CaresResolver>> resolver =
      dns::CaresResolver::Make(options_.dns, **reactor, clock, timers);
  return resolver.status();
}

absl::Status ShardThread::Start() {
  std::promise<absl::Status> made;
  std::future<absl::Status> status = made.get_future();
  thread_ = std::thread([this, made = std::move(made)]() mutable {
    // A ring belongs to the thread that makes it. Prepare has tried one, and said what there is to say.
    NoLog no_log;
    absl::StatusOr<std::unique_ptr<io::Reactor>> own = io::MakeReactor({.backend = options_.backend}, no_log);
    if (!own.ok()) return made.set_value(own.status());
    {
      const std::lock_guard lock(reactor_mutex_);
      reactor_ = *std::move(own);
    }
    made.set_value(absl::OkStatus());
    begun_.wait(false);
    if (!aborted_) Run();
    std::unique_ptr<io::Reactor> last;
    {
      const std::lock_guard lock(reactor_mutex_);
      last = std::move(reactor_);
    }
  });
  return status.get();
}

void ShardThread::Join() {
  if (thread_.joinable()) thread_.join();
}

ShardThread::Snapshot ShardThread::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

void ShardThread::Publish(const Shard& shard) {
  const Snapshot now{shard.durable(), shard.open_sessions(), shard.phase(), shard.signatures()};
  bool news = false;
  {
    const std::lock_guard lock(mutex_);
    news = now.phase != snapshot_.phase || (now.counters.finals() != snapshot_.counters.finals() && shard.IsIdle());
    snapshot_ = now;
  }
  if (news) on_change_();
}

void ShardThread::Run() {
  io::SystemClock clock;
  io::TimerWheel timers(clock.Now());
  absl::StatusOr<std::unique_ptr<dns::CaresResolver>> cares =
      dns::CaresResolver::Make(options_.dns, *reactor_, clock, timers);
  CHECK(cares.ok());
  dns::CachedResolver resolver(**cares, clock, timers, dns::CachedResolver::Options());
  tls::Context tls({.authorities = options_.tls_authorities,
                    .stored_sessions = options_.host_tls == nullptr ? nullptr : &options_.host_tls->sessions()});
  absl::StatusOr<std::unique_ptr<dkim::DigestSigner>> digest_signer =
      dkim::MakeDigestSigner(job_.keys, options_.batch_signatures, log_);
  CHECK(digest_signer.ok());  // The keys were read and tried.
  const dkim::DigestSigner& method = **digest_signer;
  if (options_.shard.index == 0 && !job_.keys.empty()) log_.Info(absl::StrFormat("signs: %s", dkim::MethodOf(method)));
  const auto signer = signing_.Join(*std::move(digest_signer), [this] { Wake(); });
  std::optional<PolicyInbox> policies;
  if (options_.host_tls != nullptr) policies.emplace(options_.host_tls->fetcher(), [this] { Wake(); });
  Shard shard(
      job_, options_.shard,
      {*reactor_, clock, timers, resolver, tls, commit_log_, links_, *signer, log_, *options_.limits,
       *options_.sessions, options_.campaign_rate, policies.has_value() ? &*policies : nullptr,
       policies.has_value() ? &options_.host_tls->sts_cache() : nullptr,
       policies.has_value() ? &options_.host_tls->results() : nullptr, [&cares] { return (*cares)->IsHeldByRate(); }});
  std::vector<delivery::ShardMessage> messages;
  shard.Start();
  while (!aborted_) {
    timers.Advance(clock.Now());
    if (policies.has_value()) policies->Deliver();
    mailbox_.Drain(messages);
    for (delivery::ShardMessage& message : messages) shard.Handle(std::move(message));
    shard.EndTurn();
    Publish(shard);
    if (shard.phase() == Shard::Phase::kDrained || shard.phase() == Shard::Phase::kFailed) break;
    clock.Expire();
    reactor_->RunOnce(shard.NextWake());
  }
  io_ = reactor_->name();
  signer_ = dkim::MethodOf(method);
  failure_ = shard.failure();
  outcomes_ = shard.outcomes();
  if (shard.pause() != nullptr) pause_ = std::make_unique<delivery::PauseReason>(*shard.pause());
}

}  // namespace engine
