#include "tools/campaign_access.h"

#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/campaign/campaign.h"
#include "engine/io/file_lock.h"
#include "engine/reply_rules.h"

namespace tools {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// For root the system's place, else the user's own.
std::string DefaultStateFolder() {
  if (geteuid() == 0) return "/var/lib/sluice";
  const std::string xdg = Environment("XDG_STATE_HOME");
  return xdg.empty() ? Environment("HOME") + "/.local/state/sluice" : xdg + "/sluice";
}

std::string ConfigurationFile(const Context& context) {
  if (!context.config.empty()) return context.config;
  if (std::string file = Environment("SLUICE_CONFIG"); !file.empty()) return file;
  for (const char* file : {"sluice.toml", "/etc/sluice/sluice.toml"}) {
    if (access(file, F_OK) == 0) return file;
  }
  return "";
}

}  // namespace

absl::StatusOr<config::Config> LoadConfiguration(const Context& context) {
  const std::string file = ConfigurationFile(context);
  absl::StatusOr<config::Config> config = file.empty() ? config::Config() : config::LoadConfig(file);
  if (!config.ok()) return absl::InvalidArgumentError(config.status().message());
  if (!config->engine.state_dir.has_value()) config->engine.state_dir = DefaultStateFolder();
  return config;
}

std::string TokenKeyFile(const config::Config& config) {
  return config.token_key_file.value_or(*config.engine.state_dir + "/token.key");
}

absl::StatusOr<ReceiverRules> LoadReceiverRules(const config::Config& config, base::Log& log) {
  std::vector<std::string> warnings;
  absl::StatusOr<config::Shaping> shaping = config::Shaping::Load(config.shaping_files, warnings);
  for (const std::string& warning : warnings) log.Warning(warning);
  if (!shaping.ok()) return absl::InvalidArgumentError(shaping.status().message());
  absl::StatusOr<smtp::RuleSet> replies = engine::LoadReplyRules(config.bounce_rule_files);
  if (!replies.ok()) return absl::InvalidArgumentError(replies.status().message());
  return ReceiverRules{*std::move(shaping), *std::move(replies), std::move(warnings)};
}

std::uint32_t ShardsOf(const config::Config& config) {
  return config.engine.shards != 0 ? config.engine.shards : std::max(1u, std::thread::hardware_concurrency());
}

std::uint32_t SessionsMax(std::uint32_t threads) {
  const rlim_t kReserve = 100 + rlim_t{16} * threads;  // Rings, questions to the DNS, ledgers.
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 500;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<std::uint32_t>(std::clamp<rlim_t>(limit.rlim_cur, kReserve + 10, kReserve + 1'000'000) - kReserve);
}

std::string HostName() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0) return "";
  if (std::string_view(name).find('.') != std::string_view::npos) return name;
  addrinfo hints{};
  hints.ai_flags = AI_CANONNAME;
  addrinfo* found = nullptr;
  if (getaddrinfo(name, nullptr, &hints, &found) != 0 || found == nullptr) return name;
  const std::string canonical = found->ai_canonname == nullptr ? name : found->ai_canonname;
  freeaddrinfo(found);
  return canonical;
}

bool IsCampaignFile(const std::string& campaign) {
  if (campaign.find('/') != std::string::npos || campaign.ends_with(".toml") || campaign.ends_with(".json"))
    return true;
  struct stat found {};
  return stat(campaign.c_str(), &found) == 0 && S_ISREG(found.st_mode);  // A folder may be named like the campaign.
}

absl::StatusOr<std::string> CampaignFileOf(const Context& context, const config::Config& config,
                                           const std::string& campaign) {
  constexpr std::uint64_t kPathMax = 65536;
  if (IsCampaignFile(campaign)) return campaign;
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  if (campaign::IsCampaignId(campaign)) {
    const std::string known = engine::PathsOf(*config.engine.state_dir, campaign, context.state).campaign_file();
    absl::StatusOr<std::string> text = disk->Exists(known) ? io::ReadFile(*disk, known, kPathMax) : std::string();
    if (!text.ok()) return text;
    // With --state DIR it may be another's.
    if (text->starts_with(campaign + "\n")) return text->substr(campaign.size() + 1);
  }
  return absl::InvalidArgumentError(
      absl::StrFormat("%s is neither a campaign file nor the id of a campaign that was started", campaign));
}

int ExitCodeOf(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status) ? kExitInvalid : kExitFailure;
}

absl::StatusOr<CampaignPlace> FindCampaign(const Context& context, const std::string& campaign) {
  CampaignPlace place;
  absl::StatusOr<config::Config> config = LoadConfiguration(context);
  if (!config.ok()) return config.status();
  place.config = *std::move(config);
  place.id = campaign;
  if (IsCampaignFile(campaign)) {
    absl::StatusOr<campaign::Campaign> loaded = campaign::LoadCampaign(campaign, campaign::MessageFiles::kMayBeGone);
    if (!loaded.ok()) return loaded.status();
    place.id = loaded->id;
  } else if (!campaign::IsCampaignId(campaign)) {
    return absl::InvalidArgumentError(absl::StrFormat("\"%s\" is neither a campaign file nor an id", campaign));
  }
  place.paths = engine::PathsOf(*place.config.engine.state_dir, place.id, context.state);
  return place;
}

absl::StatusOr<Access> OpenCampaign(CampaignPlace place) {
  Access access;
  access.disk = io::MakeFileDisk();
  access.config = std::move(place.config);
  absl::StatusOr<engine::StartedCampaign> started =
      engine::OpenStarted(*access.disk, place.paths, TokenKeyFile(access.config));
  if (absl::IsNotFound(started.status())) {
    return absl::InvalidArgumentError(
        absl::StrFormat("campaign %s was never started (there is nothing in %s)", place.id, place.paths.campaign));
  }
  if (!started.ok()) return started.status();
  access.started = *std::move(started);
  access.running = io::FileLock::IsHeld(place.paths.lock());
  return access;
}

absl::StatusOr<Access> OpenCampaign(const Context& context, const std::string& campaign) {
  absl::StatusOr<CampaignPlace> place = FindCampaign(context, campaign);
  if (!place.ok()) return place.status();
  return OpenCampaign(*std::move(place));
}

}  // namespace tools
