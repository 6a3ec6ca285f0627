// One run of a campaign, step by step: what engine/campaign_run.h does.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "engine/campaign_run.h"
#include "engine/control_desk.h"
#include "engine/delivery/kept_sources.h"
#include "engine/host_tls.h"
#include "engine/io/clock.h"
#include "engine/io/file_lock.h"
#include "engine/ledger/journal.h"
#include "engine/metrics_desk.h"
#include "engine/notifier.h"
#include "engine/open_ledger.h"
#include "engine/run_options.h"
#include "engine/run_watcher.h"
#include "engine/signing_keys.h"
#include "engine/smarthost_login.h"
#include "engine/state_folder.h"
#include "engine/suppression_watch.h"

namespace engine {

RunOutcome Problem(const absl::Status& status);  // What the user gave was wrong, or the machine was.

class Run final {
 public:
  Run(io::Disk& disk, const RunRequest& request, RunObserver& observer, base::Log& log)
      : disk_(disk), request_(request), campaign_(*request.campaign), observer_(observer), log_(log) {}

  RunOutcome Go();

 private:
  RunOutcome GoOn();
  absl::Status LoadMeans();
  absl::Status CheckSender() const;
  RunOutcome Seal();
  absl::Status Open();
  absl::Status Prepare(const campaign::TokenKey& token_key);
  absl::Status MakeJob();
  absl::Status KeepSources();
  std::shared_ptr<const campaign::SuppressionLists> NewSuppression();
  std::optional<RunOutcome> AwaitStart();
  absl::Status UseHost();
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
  std::unique_ptr<MetricsDesk> metrics_;  // Null: nobody wants any.
  std::unique_ptr<Notifier> notifier_;    // Null: nobody is told.
  std::unique_ptr<io::FileLock> lock_;
  StartedCampaign started_;
  std::unique_ptr<io::Mapping> fold_memory_, run_memory_;
  std::unique_ptr<ledger::StateTable> states_;
  std::unique_ptr<ledger::Journal> journal_;
  std::unique_ptr<SuppressionWatch> suppression_;
  LearnedAddresses learned_;
  std::unique_ptr<SmarthostLogin> login_;                      // Null: there is no smarthost.
  std::unique_ptr<const delivery::SignatureFile> signatures_;  // Null: it was not sealed.
  delivery::KeptSources kept_sources_;
  std::unique_ptr<delivery::Job> job_;
  bool is_new_ = false;      // It was not prepared before this run.
  bool is_started_ = false;  // The journal.
  std::uint64_t sample_below_ = delivery::kWholeSample;
};

}  // namespace engine
