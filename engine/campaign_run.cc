#include "engine/campaign_run.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/base/date.h"
#include "engine/campaign_operation.h"
#include "engine/control_desk.h"
#include "engine/host_tls.h"
#include "engine/io/clock.h"
#include "engine/io/file_lock.h"
#include "engine/ledger/recovery.h"
#include "engine/metrics_desk.h"
#include "engine/notifier.h"
#include "engine/open_ledger.h"
#include "engine/preparation.h"
#include "engine/report/summary.h"
#include "engine/run.h"
#include "engine/run_options.h"
#include "engine/run_watcher.h"
#include "engine/run_watches.h"
#include "engine/signing_keys.h"
#include "engine/smarthost_login.h"
#include "engine/suppression_watch.h"
#include "engine/test_send.h"

namespace engine {
namespace {

constexpr std::uint64_t kSourcesFileMax = 1ull << 24;

}  // namespace

absl::Status Run::LoadMeans() {
  absl::StatusOr<SendingMeans> means = engine::LoadMeans(disk_, *request_.config, campaign_, request_.host_name, log_);
  if (!means.ok()) return means.status();
  means_ = *std::move(means);
  return CheckSender();
}

absl::Status Run::CheckSender() const {
  if (request_.test.has_value() || request_.seals) return absl::OkStatus();  // The send will ask.
  const auto serve = [this] {  // Without a DNS it takes seconds, and `status` does not wait for it.
    desk_->ServePreparing(started_.roster == nullptr ? 0 : started_.roster->manifest().rows);
    if (metrics_ != nullptr) metrics_->ServeIdle();
    return observer_.Stops() == 0;
  };
  return RequireReady({.campaign = campaign_,
                       .config = *request_.config,
                       .shaping = *request_.shaping,
                       .means = means_,
                       .is_rehearsal = request_.rehearsal,
                       .while_waiting = serve},
                      request_.preflight, log_);
}

absl::Status Run::Prepare(const campaign::TokenKey& token_key) {
  const auto progress = [this](std::uint64_t rows, std::uint64_t bytes) {
    if (desk_ != nullptr) desk_->ServePreparing(rows);
    if (metrics_ != nullptr) metrics_->ServeIdle();
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

RunOutcome Run::Seal() {
  const auto progress = [this](std::uint64_t sealed, std::uint64_t all) {
    if (desk_ != nullptr) desk_->ServePreparing(started_.roster->manifest().rows);
    return observer_.OnSealing(sealed, all);
  };
  const Sealing sealing{campaign_,         *request_.config,  started_,        means_.keys,
                        journal_->table(), journal_->facts(), request_.shards, progress};
  const absl::StatusOr<SealTotals> sealed = SealCampaign(disk_, sealing, log_);
  if (!sealed.ok()) return Problem(sealed.status());
  return {kExitOk, absl::OkStatus(),
          absl::StrFormat("%s: %d messages are sealed, %d of them now", campaign_.id, sealed->sealed, sealed->made),
          *sealed};
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
  if (absl::Status status = KeepSources(); !status.ok()) return status;
  const base::WallTime start = journal_->facts().started_at;
  const bool learns = !request_.test.has_value() && !request_.rehearsal;
  job_ = std::make_unique<delivery::Job>(
      delivery::Job{.campaign = campaign_.id,
                    .tenant = campaign_.meta.contains("tenant") ? campaign_.meta.at("tenant") : std::string(),
                    .pool = campaign_.delivery.pool,
                    .roster = started_.roster.get(),
                    .message = started_.message.get(),
                    .keys = means_.keys,
                    .signatures = signatures_.get(),
                    .fixed_header = request_.fixed_header,
                    .token = [this](std::uint64_t row) { return started_.Token(row); },
                    .shaping = request_.shaping,
                    .reply_rules = request_.reply_rules,
                    .states = states_.get(),
                    .sources = means_.sources,
                    .kept_sources = kept_sources_.IsSame() ? nullptr : &kept_sources_,
                    .retry_plan = RetryPlanOf(*request_.config, campaign_),
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
                    .campaign_number = request_.campaign_number,
                    .weight = campaign_.delivery.weight,
                    .run = journal_->facts().runs});
  return absl::OkStatus();
}

// The pool may be another one than in earlier runs: whoever was tried keeps his source.
absl::Status Run::KeepSources() {
  const std::string path = request_.paths.campaign + "/sources";
  std::string before;
  if (disk_.Exists(path)) {
    absl::StatusOr<std::string> text = io::ReadFile(disk_, path, kSourcesFileMax);
    if (!text.ok()) return text.status();
    before = *std::move(text);
  }
  absl::StatusOr<delivery::KeptSources> kept = delivery::KeptSources::Parse(before);
  if (!kept.ok())
    return absl::DataLossError(
        absl::StrFormat("%s is damaged: %s; without it, who was tried and is pending may go by another source: remove "
                        "it, and send again",
                        path, std::string(kept.status().message())));
  kept_sources_ = *std::move(kept);
  kept_sources_.Use(means_.sources);
  const std::string text = kept_sources_.Text();
  if (text != before) {
    if (absl::Status status = io::WriteFileAtomically(disk_, path, text); !status.ok()) return status;
  }
  if (kept_sources_.IsSame()) return absl::OkStatus();
  for (ledger::RecipientId id = 0; id < states_->size(); ++id)
    (*states_)[id].via = kept_sources_.InRun(id, (*states_)[id]);
  return absl::OkStatus();
}

// The lists that say more than when the campaign was prepared. Null: none.
std::shared_ptr<const campaign::SuppressionLists> Run::NewSuppression() {
  if (request_.test.has_value()) return nullptr;
  auto changed = suppression_->PollAtOnce(log_);
  return is_new_ ? changed : suppression_->lists();
}

// Prepares a campaign that is new, and opens one that was started.
absl::Status Run::Open() {
  if (absl::Status status = disk_.MakeDirectories(request_.paths.campaign); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<io::FileLock>> lock = io::FileLock::Take(request_.paths.lock());
  if (!lock.ok()) return lock.status();
  lock_ = *std::move(lock);
  suppression_ = std::make_unique<SuppressionWatch>(disk_, SuppressionFilesOf(*request_.config, campaign_));
  if (!request_.test.has_value()) {
    desk_ = std::make_unique<ControlDesk>(request_.paths, log_);
    const std::string file = campaign_.id + "\n" + std::filesystem::absolute(campaign_.path).string();
    if (absl::Status status = io::WriteFileAtomically(disk_, request_.paths.campaign_file(), file); !status.ok())
      return status;
  }
  is_new_ = !disk_.Exists(request_.paths.campaign + "/" + std::string(roster::kManifestName));
  if (is_new_) {
    if (absl::Status status = CheckNothingStarted(disk_, request_.paths); !status.ok()) return status;
    if (absl::Status status = LoadMeans(); !status.ok()) return status;
    // Made before anything is prepared: a campaign that was started never gets another.
    const absl::StatusOr<campaign::TokenKey> key = LoadTokenKey(disk_, request_.token_key_file);
    if (!key.ok()) return key.status();
    if (absl::Status status = suppression_->Load(); !status.ok()) return status;
    if (absl::Status status = Prepare(*key); !status.ok()) return status;
    observer_.OnPrepared();
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
  if (request_.config->notify_command.has_value() && !request_.test.has_value())
    notifier_ = std::make_unique<Notifier>(*request_.config->notify_command, campaign_, request_.rehearsal, log_);
  RunOutcome outcome = GoOn();
  if (notifier_ != nullptr && is_started_) notifier_->Finish(*journal_, StateNow(), observer_);
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
  options.sessions = request_.sessions;
  options.limits = request_.host == nullptr ? nullptr : &request_.host->limits();
  AddWatches(request_, means_, *suppression_, log_, options);
  return options;
}

absl::Status Run::UseHost() {
  if (request_.host == nullptr) return absl::OkStatus();
  const absl::Status status = request_.host->Use(means_.sources);
  return status.ok() && request_.shaping->HasTotals() ? request_.host->UseTotals() : status;
}

RunOutcome Run::GoOn() {
  if (request_.config->smarthost.has_value()) {  // First of all: without it nothing can be sent.
    absl::StatusOr<std::unique_ptr<SmarthostLogin>> login =
        SmarthostLogin::Load(disk_, *request_.config->smarthost, log_);
    if (!login.ok()) return Problem(login.status());
    login_ = *std::move(login);
  }
  if (request_.metrics != nullptr) metrics_ = std::make_unique<MetricsDesk>(*request_.metrics, campaign_.id);
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
    WarnOfOtherKeys(campaign_.id, started_.roster->manifest().dkim_keys, means_.keys, log_);
  }
  if (request_.seals) return Seal();
  if (absl::Status status = journal_->Start(); !status.ok()) return Problem(status);
  is_started_ = true;
  if (in_doubt > 0)
    log_.Warning(
        absl::StrFormat("%d messages were in flight when the program last ended: they are in doubt", in_doubt));
  if (absl::Status status = Commit(concluded); !status.ok()) return Problem(status);
  if (std::optional<RunOutcome> instead = AwaitStart(); instead.has_value()) return *instead;
  if (absl::Status status = UseHost(); !status.ok()) return Problem(status);
  if (absl::Status status = Append(ledger::CampaignStateKind::kRunning); !status.ok()) return Problem(status);
  if (request_.sample.has_value())
    sample_below_ = delivery::SampleBound(*request_.sample, started_.roster->recipients());
  signatures_ = OpenSealed(disk_, started_, means_.keys, log_);
  if (absl::Status status = MakeJob(); !status.ok()) return Problem(status);
  if (notifier_ != nullptr) notifier_->Watch(*job_);
  const std::uint64_t finals = CountFinals();
  const std::uint64_t recipients = started_.roster->recipients();
  const std::uint64_t pending = CountPending(journal_->table(), sample_below_);
  if (request_.sample.has_value())
    log_.Info(absl::StrFormat("%s: a sample: %d of %d who are pending", campaign_.id, pending, recipients - finals));
  if (!campaign_.name.empty())
    log_.Info(absl::StrFormat("%s (%s): %d of %d recipients are pending", campaign_.id, campaign_.name,
                              recipients - finals, recipients));
  observer_.OnStart(finals + pending, finals);
  HostTls host_tls(disk_, request_.test.has_value() ? request_.paths.campaign : request_.paths.root,
                   request_.paths.campaign, means_.authorities, request_.tls_sessions, log_);
  Engine engine(*job_, MakeOptions(host_tls), pending, *journal_, log_);
  if (desk_ != nullptr) desk_->Start(engine, journal_->table());
  if (metrics_ != nullptr) metrics_->Start(engine, pending);
  RunWatcher watcher(observer_, learned_,
                     {.login = login_.get(),
                      .desk = desk_.get(),
                      .notifier = notifier_.get(),
                      .metrics = metrics_.get(),
                      .suppression = *suppression_,
                      .roster = *started_.roster,
                      .host_list = HostSuppressionFile(*request_.config),
                      .host = request_.host,
                      .log = log_});
  const RunResult result = engine.Run(watcher);
  watcher.Finish();
  if (metrics_ != nullptr) metrics_->Finish(result.counters, result.metrics);
  RunOutcome outcome = Conclude(result);
  outcome.signatures = result.signatures;
  outcome.signing = result.signing;
  outcome.io = result.io;
  outcome.signer = result.signer;
  if (signatures_ != nullptr && !outcome.line.empty()) outcome.line += SealedText(result.signatures);
  return outcome;
}

RunOutcome RunCampaign(io::Disk& disk, const RunRequest& request, RunObserver& observer, base::Log& log) {
  return Run(disk, request, observer, log).Go();
}

}  // namespace engine
