// What commands that work on campaigns have in common: configuration, state folder, and finding the campaign that is
// meant.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "engine/base/log.h"
#include "engine/config/config.h"
#include "engine/config/shaping.h"
#include "engine/io/disk.h"
#include "engine/ledger/state.h"
#include "engine/smtp/rule_set.h"
#include "engine/state_folder.h"
#include "tools/command.h"

namespace tools {

// The configuration in use: --config, else $SLUICE_CONFIG, ./sluice.toml, /etc/sluice/sluice.toml, else the defaults.
// Its state_dir is set.
absl::StatusOr<config::Config> LoadConfiguration(const Context& context);
std::string TokenKeyFile(const config::Config& config);
std::string HostName();

// What the names of sources that are in use begin with: of all programs of a host, also of later versions.
inline constexpr char kSourceNames[] = "sluice-source-";

// What the files say that the configuration names.
struct ReceiverRules {
  config::Shaping shaping;
  smtp::RuleSet replies;
  std::vector<std::string> warnings;  // Of the shaping files, as they were told.
};
// Errors (InvalidArgument): what is wrong in them. Keys without effect are warnings.
absl::StatusOr<ReceiverRules> LoadReceiverRules(const config::Config& config, base::Log& log);
// The campaign file: `campaign` itself, or where that is the id of a campaign that was started, the file that it was
// last sent from. Errors (InvalidArgument): it is neither.
absl::StatusOr<std::string> CampaignFileOf(const Context& context, const config::Config& config,
                                           const std::string& campaign);
std::uint32_t ShardsOf(const config::Config& config);  // Of each campaign.
// So many sessions can be open at once: the limit of open files, raised to what the system allows, less some for
// everything else in so many threads.
std::uint32_t SessionsMax(std::uint32_t threads = 1);

// Where the state of a campaign lies, or would.
struct CampaignPlace {
  config::Config config;
  std::string id;
  engine::StatePaths paths;
};
// `campaign` is a campaign file, or an id. Errors: InvalidArgument, it is neither.
absl::StatusOr<CampaignPlace> FindCampaign(const Context& context, const std::string& campaign);

// A campaign that was started, for commands that look at it.
struct Access {
  std::unique_ptr<io::Disk> disk;
  config::Config config;
  engine::StartedCampaign started;
  bool running = false;  // A program is at work on it now.
};
// Errors: InvalidArgument, it was never started.
absl::StatusOr<Access> OpenCampaign(CampaignPlace place);
// `campaign` is a campaign file, or the id of one that was started. Errors: InvalidArgument, there is no such campaign.
absl::StatusOr<Access> OpenCampaign(const Context& context, const std::string& campaign);

// Whether the text names a file rather than an id.
bool IsCampaignFile(const std::string& campaign);
// 3 for what the user gave, 1 for the rest.
int ExitCodeOf(const absl::Status& status);

// A state table in memory, for one look at a ledger.
class TableMemory {
 public:
  explicit TableMemory(std::uint64_t recipients)
      : bytes_(ledger::StateTable::Bytes(recipients), '\0'), recipients_(recipients) {}
  ledger::StateTable table() { return {bytes_.data(), recipients_}; }

 private:
  std::string bytes_;
  std::uint64_t recipients_;
};

}  // namespace tools
