// From a campaign file to its end: prepare (or take up again), recover, run, and write down how it ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "engine/base/log.h"
#include "engine/campaign/campaign.h"
#include "engine/config/config.h"
#include "engine/config/shaping.h"
#include "engine/delivery/sample.h"
#include "engine/dkim_watch.h"
#include "engine/engine.h"
#include "engine/host_state.h"
#include "engine/io/disk.h"
#include "engine/sealing.h"
#include "engine/sender_check.h"
#include "engine/smtp/rule_set.h"
#include "engine/state_folder.h"
#include "engine/tls_sessions_file.h"

namespace engine {

class MetricsServer;
class SharedShapingWatch;

struct RunRequest {
  const campaign::Campaign* campaign = nullptr;
  const config::Config* config = nullptr;
  const config::Shaping* shaping = nullptr;
  std::vector<std::string> shaping_warnings = {};  // Of its files, which were told.
  const smtp::RuleSet* reply_rules = &smtp::RuleSet::None();
  StatePaths paths;
  std::string token_key_file;
  std::string host_name;
  std::uint32_t shards = 1;
  std::uint32_t sessions_max = 1000;          // That may be open at once, where `sessions` is null.
  delivery::SessionPool* sessions = nullptr;  // Of all campaigns of the program; outlives the run. Null: its own.
  std::uint64_t seed = 0;
  bool durable = true;  // As EngineOptions says.
  // As delivery::Job says. For benchmarks: a signature that was made once.
  std::string fixed_header = {};
  // The program's; outlives the run. Null: a test or a benchmark, which leave nothing behind.
  HostState* host = nullptr;
  // Likewise, for several campaigns. Null: the run has its own.
  TlsSessionsFile* tls_sessions = nullptr;
  SharedShapingWatch* shaping_watch = nullptr;
  MetricsServer* metrics = nullptr;   // The same. Null: nobody wants any.
  std::uint32_t campaign_number = 0;  // Of those that run at the same time.
  // A test send, in `paths` of its own. None: the campaign.
  std::optional<roster::TestSend> test = std::nullopt;
  // Only these are sent to; the rest stays pending. None: everybody.
  std::optional<delivery::SampleSize> sample = std::nullopt;
  bool seals = false;      // Nothing is sent: it is prepared, and the signatures are made (engine/sealing.h).
  bool rehearsal = false;  // No mail leaves: it waits for no start, and what bounces is no reason to suppress anybody.
  Preflight preflight = Preflight::kNone;                     // Of the campaign, never of a test.
  std::optional<DkimWatch::Times> dkim_watch = std::nullopt;  // None: the records are not looked at again.
};

class RunObserver : public Engine::Watcher {
 public:
  // Rows and bytes of the recipients file read so far. False: stop.
  virtual bool OnPreparing(std::uint64_t rows, std::uint64_t bytes) = 0;
  // All of them are read, and what is prepared is on the disk.
  virtual void OnPrepared() {}
  // Sending begins: so many recipients in all, so many of them final already.
  virtual void OnStart(std::uint64_t recipients, std::uint64_t finals) = 0;
  // So many of `all` who are to be sealed are. False: stop.
  virtual bool OnSealing(std::uint64_t sealed, std::uint64_t all) {
    static_cast<void>(sealed), static_cast<void>(all);
    return true;
  }
};

// The exit codes of the table in tools/README.md that a run may have.
inline constexpr int kExitOk = 0, kExitFailure = 1, kExitInvalid = 3, kExitInterrupted = 4, kExitRefused = 5,
                     kExitPaused = 6;

// How a command ends.
struct RunOutcome {
  int exit_code = 1;
  absl::Status problem;                       // To be told, where it is not OK.
  std::string line;                           // One line that says how it went.
  SealTotals sealed = {};                     // RunRequest::seals
  delivery::SignatureCounts signatures = {};  // Of a campaign that was sealed before.
  dkim::SigningPool::Counts signing = {};     // While it was sent.
  std::string_view io = {}, signer = {};      // As RunResult's; where something was sent.
};

// Runs one campaign. Everything is on the disk when it returns.
RunOutcome RunCampaign(io::Disk& disk, const RunRequest& request, RunObserver& observer, base::Log& log);

}  // namespace engine
