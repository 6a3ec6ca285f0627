#include "engine/campaign_run.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "engine/base/date.h"
#include "engine/campaign_operation.h"
#include "engine/control_desk.h"
#include "engine/host_tls.h"
#include "engine/io/clock.h"
#include "engine/io/file_lock.h"
#include "engine/ledger/recovery.h"
#include "engine/open_ledger.h"
#include "engine/preparation.h"
#include "engine/report/summary.h"
#include "engine/run_options.h"
#include "engine/run_watcher.h"
#include "engine/shaping_watch.h"
#include "engine/signing_keys.h"
#include "engine/smarthost_login.h"
#include "engine/suppression_watch.h"
#include "engine/test_send.h"

namespace engine {
namespace {

// What the user gave was wrong, or the machine was.
int CodeOf(const absl::Status& status) {
  if (absl::IsCancelled(status)) return kExitInterrupted;
  return absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status) ? kExitInvalid : kExitFailure;
}

RunOutcome Problem(const absl::Status& status) { return {CodeOf(status), status, ""}; }

// One run, step by step.
class Run {
 public:
  Run(io::Disk& disk, const RunRequest& request, RunObserver& observer, base::Log& log)
      : disk_(disk), request_(request), campaign_(*request.campaign), observer_(observer), log_(log) {}

  RunOutcome Go();

 private:
  RunOutcome GoOn();
  absl::Status LoadMeans();
  void CompareKeys() const;
  absl::Status Open();
  absl::Status Prepare(const campaign::TokenKey& token_key);
  absl::Status MakeJob();
  std::shared_ptr<const campaign::SuppressionLists> NewSuppression();
  std::optional<RunOutcome> AwaitStart();
  absl::Status Append(ledger::CampaignStateKind kind);
  absl::Status Commit(const ledger::RecordBatch& batch);
  RunOutcome Conclude(const RunResult& result);
  RunOutcome ConcludeFinished();
  RunOutcome ConcludePaused() const;
  RunOutcome ConcludeCancelled();
  EngineOptions MakeOptions(HostTls& host_tls) const;
  std::string StateNow() const;
  std::uint64_t CountFinals() const { return started_.roster->recipients() - CountPending(journal_->table()); }

  io::Disk& disk_;
  const RunRequest& request_;
  const campaign::Campaign& campaign_;
  RunObserver& observer_;
  base::Log& log_;
  io::SystemClock clock_;
  SendingMeans means_;
  // Before the lock: who waits for the end of the program must find the state free. Null: nobody operates a test.
  std::unique_ptr<ControlDesk> desk_;
  std::unique_ptr<io::FileLock> lock_;
  StartedCampaign started_;
  std::unique_ptr<io::Mapping> fold_memory_, run_memory_;
  std::unique_ptr<ledger::StateTable> states_;
  std::unique_ptr<ledger::Journal> journal_;
  std::unique_ptr<SuppressionWatch> suppression_;
  LearnedAddresses learned_;
  std::unique_ptr<SmarthostLogin> login_;  // Null: there is no smarthost.
  std::unique_ptr<delivery::Job> job_;
  bool is_new_ = false;      // It was not prepared before this run.
  bool is_started_ = false;  // The journal.
  std::uint64_t sample_below_ = delivery::kWholeSample;
};

absl::Status Run::LoadMeans() {
  absl::StatusOr<SendingMeans> means = engine::LoadMeans(disk_, *request_.config, campaign_, request_.host_name, log_);
  if (means.ok()) means_ = *std::move(means);
  return means.status();
}

// Keys may change while a campaign runs, so that they can be replaced at any time; who does it is told what that needs.
void Run::CompareKeys() const {
  const std::vector<std::string>& before = started_.roster->manifest().dkim_keys;
  const std::vector<std::string> now = DescribeKeys(means_.keys);
  if (before == now) return;
  log_.Warning(absl::StrFormat(
      "campaign %s was started with the DKIM keys [%s] and goes on with [%s]; leave the former in the DNS for a week",
      campaign_.id, absl::StrJoin(before, ", "), absl::StrJoin(now, ", ")));
}

absl::Status Run::Prepare(const campaign::TokenKey& token_key) {
  const auto progress = [this](std::uint64_t rows, std::uint64_t bytes) {
    if (desk_ != nullptr) desk_->ServePreparing(rows);
    return observer_.OnPreparing(rows, bytes);
  };
  return PrepareCampaign(disk_, {.campaign = &campaign_,
                                 .suppression = suppression_->lists().get(),
                                 .directory = request_.paths.campaign,
                                 .dkim_keys = DescribeKeys(means_.keys),
                                 .token_key = token_key.Fingerprint(),
                                 .now = clock_.WallNow(),
                                 .test = request_.test,
                                 .rehearsal = request_.rehearsal,
                                 .progress = progress});
}

absl::Status Run::Append(ledger::CampaignStateKind kind) {
  clock_.Update();
  ledger::RecordBatch batch;
  batch.Add(ledger::CampaignState{
      .kind = kind, .time = clock_.WallNow(), .scope = "campaign", .by = "", .reason = "", .sample = ""});
  return Commit(batch);
}

absl::Status Run::Commit(const ledger::RecordBatch& batch) {
  const ledger::RecordBatch* batches[] = {&batch};
  return batch.empty() ? absl::OkStatus() : journal_->Commit(batches);
}

absl::Status Run::MakeJob() {
  const std::uint64_t recipients = started_.roster->recipients();
  absl::StatusOr<std::unique_ptr<io::Mapping>> run =
      ledger::MakeTableFile(disk_, request_.paths.campaign + "/run.table", recipients);
  if (!run.ok()) return run.status();
  run_memory_ = *std::move(run);
  std::memcpy(run_memory_->data(), fold_memory_->data(), ledger::StateTable::Bytes(recipients));
  states_ = std::make_unique<ledger::StateTable>(run_memory_->data(), recipients);
  const base::WallTime start = journal_->facts().started_at;
  const bool learns = !request_.test.has_value() && !request_.rehearsal;
  job_ = std::make_unique<delivery::Job>(
      delivery::Job{.campaign = campaign_.id,
                    .pool = campaign_.delivery.pool,
                    .roster = started_.roster.get(),
                    .message = started_.message.get(),
                    .keys = means_.keys,
                    .fixed_header = request_.fixed_header,
                    .token = [this](std::uint64_t row) { return started_.Token(row); },
                    .shaping = request_.shaping,
                    .reply_rules = request_.reply_rules,
                    .states = states_.get(),
                    .sources = means_.sources,
                    .retry_plan = delivery::RetryPlan(request_.config->retry_intervals),
                    .date = campaign_.message.date == campaign::DateMode::kStart ? std::optional(start) : std::nullopt,
                    .max_message_rate = campaign_.delivery.max_message_rate,
                    .max_age = campaign_.delivery.max_age,
                    // A test may be sent after the campaign's end, too.
                    .finish_by = request_.test.has_value() ? std::nullopt : campaign_.delivery.finish_by,
                    .sample_below = sample_below_,
                    .resend_in_doubt = campaign_.delivery.in_doubt == campaign::InDoubt::kResend,
                    .resolver_trusted = journal_->facts().resolver_trusted,
                    .budget = campaign_.delivery.budget,
                    .suppression = NewSuppression(),
                    .learned_classes = learns ? request_.config->learned_classes : std::vector<std::string>(),
                    .on_learned = [this](ledger::RecipientId id) { learned_.Add(id); },
                    .tls_least = {campaign_.delivery.tls == campaign::Tls::kRequired ? tls::Policy::Use::kAlways
                                                                                     : tls::Policy::Use::kNever,
                                  tls::Policy::Verification::kNone},
                    .smarthost = login_ == nullptr ? std::nullopt : std::optional(login_->smarthost()),
                    .port = login_ == nullptr ? request_.config->smtp.port : request_.config->smarthost->port,
                    .allow_private_destinations = request_.config->allow_private_destinations,
                    .run = journal_->facts().runs});
  return absl::OkStatus();
}

// The lists that say more than when the campaign was prepared. Null: none.
std::shared_ptr<const campaign::SuppressionLists> Run::NewSuppression() {
  if (request_.test.has_value()) return nullptr;
  auto changed = suppression_->PollAtOnce(log_);
  return is_new_ ? changed : suppression_->lists();
}

// Waits for the campaign's start. How the run ends instead of it; nullopt: it begins.
std::optional<RunOutcome> Run::AwaitStart() {
  std::optional<base::WallTime> start = campaign_.delivery.start;
  if (request_.test.has_value() || request_.rehearsal) start.reset();
  if (start.has_value() && io::SystemClock().WallNow() < *start)
    log_.Info(absl::StrFormat("%s: waits for its start at %s", campaign_.id, base::FormatRfc3339(*start)));
  const absl::StatusOr<std::optional<OperationOrder>> order =
      WaitForStart({.journal = *journal_, .desk = desk_.get(), .watcher = observer_, .start = start});
  if (order.ok() && !order->has_value()) return std::nullopt;
  clock_.Update();
  absl::Status status;
  if (absl::IsCancelled(order.status())) {
    status = journal_->Close();
    if (status.ok()) status = absl::CancelledError(campaign_.id + ": interrupted before its start; run it again");
  } else if (!order.ok()) {
    status = order.status();
  } else if ((*order)->operation == Operation::kCancel) {
    return ConcludeCancelled();
  } else {
    const IdleLedger idle = {.journal = *journal_, .is_started = true, .paths = request_.paths};
    status = OperateOn(idle, **order, clock_.WallNow()).problem;
    if (status.ok()) status = journal_->Close();
    const bool is_paused = journal_->facts().pauses.contains(std::string(ledger::kWholeCampaign));
    if (status.ok()) return is_paused ? ConcludePaused() : ConcludeFinished();  // Nobody was pending any more.
  }
  return Problem(status);
}

RunOutcome Run::ConcludePaused() const {
  return {
      kExitPaused, absl::OkStatus(),
      absl::StrFormat("%s: paused: %s; when that is mended: sluice resume %s", campaign_.id,
                      journal_->facts().pauses.at(std::string(ledger::kWholeCampaign)).reason, request_.paths.Named())};
}

RunOutcome Run::ConcludeFinished() {
  return {kExitOk, absl::OkStatus(),
          absl::StrFormat("%s: finished; sluice report %s says how", campaign_.id, request_.paths.Named())};
}

RunOutcome Run::ConcludeCancelled() {
  if (CountFinals() == started_.roster->recipients())
    return {kExitOk, absl::OkStatus(), campaign_.id + ": cancelled; nobody is pending"};
  std::uint64_t cancelled = 0;
  clock_.Update();
  absl::Status status = is_started_ ? absl::OkStatus() : journal_->Start();
  if (status.ok()) status = CancelPending(*journal_, clock_.WallNow(), cancelled);
  if (status.ok()) status = journal_->Close();
  if (!status.ok()) return Problem(status);
  return {kExitOk, absl::OkStatus(),
          absl::StrFormat("%s: cancelled; nothing is sent to %d who were pending", campaign_.id, cancelled)};
}

RunOutcome Run::Conclude(const RunResult& result) {
  if (result.end == RunEnd::kFailed) {
    return {
        kExitFailure,
        result.failure.ok() ? absl::InternalError("the engine stopped before the campaign was done") : result.failure,
        ""};
  }
  if (result.end == RunEnd::kPaused && result.pause.cancels) return ConcludeCancelled();
  absl::Status status;
  const std::uint64_t left = started_.roster->recipients() - CountFinals();  // Who is not in the sample.
  if (result.end == RunEnd::kFinished)
    status = Append(left == 0 ? ledger::CampaignStateKind::kFinished : ledger::CampaignStateKind::kInterrupted);
  if (result.end == RunEnd::kInterrupted) status = Append(ledger::CampaignStateKind::kInterrupted);
  if (status.ok()) status = journal_->Close();
  if (!status.ok()) return Problem(status);
  if (request_.test.has_value()) return ConcludeTest(disk_, started_, result);
  switch (result.end) {
    case RunEnd::kFinished:
      if (left == 0) return ConcludeFinished();
      return {kExitOk, absl::OkStatus(),
              absl::StrFormat("%s: the sample is done; %d are pending: without --limit they get it too", campaign_.id,
                              left)};
    case RunEnd::kInterrupted:
      return {kExitInterrupted, absl::OkStatus(),
              absl::StrFormat("%s: interrupted; run it again to go on", campaign_.id)};
    case RunEnd::kPaused:
    case RunEnd::kFailed:
      break;
  }
  return {kExitPaused, absl::OkStatus(),
          absl::StrFormat("%s: paused: %s%s; when that is mended: sluice resume %s", campaign_.id, result.pause.reason,
                          result.pause.sample.empty() ? "" : " (" + result.pause.sample + ")", request_.paths.Named())};
}

// Prepares a campaign that is new, and opens one that was started.
absl::Status Run::Open() {
  if (absl::Status status = disk_.MakeDirectories(request_.paths.campaign); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<io::FileLock>> lock = io::FileLock::Take(request_.paths.lock());
  if (!lock.ok()) return lock.status();
  lock_ = *std::move(lock);
  suppression_ = std::make_unique<SuppressionWatch>(disk_, SuppressionFilesOf(*request_.config, campaign_));
  if (!request_.test.has_value()) desk_ = std::make_unique<ControlDesk>(request_.paths, log_);
  is_new_ = !disk_.Exists(request_.paths.campaign + "/" + std::string(roster::kManifestName));
  if (is_new_) {
    if (absl::Status status = CheckNothingStarted(disk_, request_.paths); !status.ok()) return status;
    if (absl::Status status = LoadMeans(); !status.ok()) return status;
    // Made before anything is prepared: a campaign that was started never gets another.
    const absl::StatusOr<campaign::TokenKey> key = LoadTokenKey(disk_, request_.token_key_file);
    if (!key.ok()) return key.status();
    if (absl::Status status = suppression_->Load(); !status.ok()) return status;
    if (absl::Status status = Prepare(*key); !status.ok()) return status;
  }
  absl::StatusOr<StartedCampaign> started = OpenStarted(disk_, request_.paths, request_.token_key_file);
  if (!started.ok()) return started.status();
  started_ = *std::move(started);
  if (!is_new_) {
    if (absl::Status status = started_.roster->Verify(); !status.ok()) return status;
  }
  const roster::Manifest& manifest = started_.roster->manifest();
  if (absl::Status status = CheckKind(request_.rehearsal, manifest, request_.paths.campaign); !status.ok())
    return status;
  if (absl::Status status = CheckUnchanged(campaign_, manifest, request_.paths.campaign); !status.ok()) return status;
  absl::StatusOr<OpenedLedger> opened = OpenLedger(disk_, started_, SegmentBytesFor(manifest.recipients));
  if (!opened.ok()) return opened.status();
  fold_memory_ = std::move(opened->memory);
  journal_ = std::move(opened->journal);
  return absl::OkStatus();
}

std::string Run::StateNow() const {
  if (journal_ == nullptr) return "";
  return std::string(report::StateName(journal_->facts(), CountPending(journal_->table()), /*running=*/false));
}

RunOutcome Run::Go() {
  RunOutcome outcome = GoOn();
  if (desk_ != nullptr) desk_->Finish(StateNow());
  return outcome;
}

EngineOptions Run::MakeOptions(HostTls& host_tls) const {
  EngineOptions options = EngineOptionsOf(*request_.config, journal_->facts());
  options.shards = request_.shards;
  options.seed = request_.seed;
  options.tls_authorities = means_.authorities;
  options.host_tls = &host_tls;
  options.durable = request_.durable;
  options.sessions_max = request_.sessions_max;
  if (!request_.test.has_value()) {
    options.new_shaping = [watch = std::make_shared<ShapingWatch>(request_.config->shaping_files), &log = log_] {
      return watch->Poll(io::SystemClock().Now(), log);
    };
    options.new_suppression = [this] { return suppression_->Poll(io::SystemClock().Now(), log_); };
  }
  return options;
}

RunOutcome Run::GoOn() {
  if (request_.config->smarthost.has_value()) {  // First of all: without it nothing can be sent.
    absl::StatusOr<std::unique_ptr<SmarthostLogin>> login =
        SmarthostLogin::Load(disk_, *request_.config->smarthost, log_);
    if (!login.ok()) return Problem(login.status());
    login_ = *std::move(login);
  }
  if (absl::Status status = Open(); !status.ok()) return Problem(status);
  const bool resend = campaign_.delivery.in_doubt == campaign::InDoubt::kResend;
  ledger::RecordBatch concluded;
  const std::uint64_t in_doubt = ledger::ConcludeOpenAttempts(journal_->table(), clock_.WallNow(), resend, concluded);
  if (journal_->facts().kind == ledger::CampaignStateKind::kCancelled) return ConcludeCancelled();
  if (CountFinals() == started_.roster->recipients() && concluded.empty()) return ConcludeFinished();
  if (journal_->facts().kind == ledger::CampaignStateKind::kPaused) return ConcludePaused();
  if (!is_new_) {  // Only now: what is finished needs none of it any more.
    if (absl::Status status = LoadMeans(); !status.ok()) return Problem(status);
    if (absl::Status status = suppression_->Load(); !status.ok()) return Problem(status);
    CompareKeys();
  }
  if (absl::Status status = journal_->Start(); !status.ok()) return Problem(status);
  is_started_ = true;
  if (absl::Status status = Commit(concluded); !status.ok()) return Problem(status);
  if (std::optional<RunOutcome> instead = AwaitStart(); instead.has_value()) return *instead;
  if (in_doubt > 0)
    log_.Warning(
        absl::StrFormat("%d messages were in flight when the program last ended: they are in doubt", in_doubt));
  if (absl::Status status = Append(ledger::CampaignStateKind::kRunning); !status.ok()) return Problem(status);
  if (request_.sample.has_value())
    sample_below_ = delivery::SampleBound(*request_.sample, started_.roster->recipients());
  if (absl::Status status = MakeJob(); !status.ok()) return Problem(status);
  const std::uint64_t finals = CountFinals();
  const std::uint64_t recipients = started_.roster->recipients();
  const std::uint64_t pending = CountPending(journal_->table(), sample_below_);
  if (request_.sample.has_value())
    log_.Info(absl::StrFormat("%s: a sample: %d of %d who are pending", campaign_.id, pending, recipients - finals));
  if (!campaign_.name.empty())
    log_.Info(absl::StrFormat("%s (%s): %d of %d recipients are pending", campaign_.id, campaign_.name,
                              recipients - finals, recipients));
  observer_.OnStart(finals + pending, finals);
  HostTls host_tls(disk_, request_.paths.root, request_.paths.campaign, means_.authorities, log_);
  Engine engine(*job_, MakeOptions(host_tls), pending, *journal_, log_);
  if (desk_ != nullptr) desk_->Start(engine, journal_->table());
  RunWatcher watcher(observer_, learned_,
                     {.login = login_.get(),
                      .desk = desk_.get(),
                      .suppression = *suppression_,
                      .roster = *started_.roster,
                      .host_list = HostSuppressionFile(*request_.config),
                      .log = log_});
  return Conclude(engine.Run(watcher));
}

}  // namespace

RunOutcome RunCampaign(io::Disk& disk, const RunRequest& request, RunObserver& observer, base::Log& log) {
  return Run(disk, request, observer, log).Go();
}

}  // namespace engine
