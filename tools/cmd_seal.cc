// sluice seal: makes the signatures of a campaign before it is sent.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>

#include "engine/campaign/byte_source.h"
#include "engine/campaign_run.h"
#include "nlohmann/json.hpp"
#include "tools/campaign_access.h"
#include "tools/command.h"
#include "tools/progress.h"
#include "tools/signals.h"

namespace tools {
namespace {

struct Arguments {
  std::string campaign;
  std::string progress = "auto";
  bool json = false;
};

class Observer final : public engine::RunObserver {
 public:
  Observer(Signals& signals, Progress& progress, std::uint64_t bytes_total)
      : signals_(signals), progress_(progress), bytes_total_(bytes_total) {}
  int Stops() override { return signals_.Stops(); }
  void OnProgress(const delivery::Counters&, std::uint32_t) override {}
  bool OnPreparing(std::uint64_t rows, std::uint64_t bytes) override {
    progress_.Preparing(rows, bytes, bytes_total_);
    return signals_.Stops() == 0;
  }
  void OnStart(std::uint64_t, std::uint64_t) override {}
  bool OnSealing(std::uint64_t sealed, std::uint64_t all) override {
    progress_.Sealing(sealed, all);
    return signals_.Stops() == 0;
  }

 private:
  Signals& signals_;
  Progress& progress_;
  const std::uint64_t bytes_total_;
};

int Seal(const Arguments& arguments, Context& context) {
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  const absl::StatusOr<config::Config> config = LoadConfiguration(context);
  if (!config.ok()) return Fail(context.log, config.status(), ExitCodeOf(config.status()));
  const absl::StatusOr<std::string> file = CampaignFileOf(context, *config, arguments.campaign);
  if (!file.ok()) return Fail(context.log, file.status(), ExitCodeOf(file.status()));
  const absl::StatusOr<campaign::Campaign> campaign = campaign::LoadCampaign(*file, campaign::MessageFiles::kMayBeGone);
  if (!campaign.ok()) return Fail(context.log, campaign.status(), kExitInvalid);
  const absl::StatusOr<std::unique_ptr<Signals>> signals = Signals::Make();
  if (!signals.ok()) return Fail(context.log, signals.status(), kExitFailure);
  engine::RunRequest request;
  request.campaign = &*campaign;
  request.config = &*config;
  request.host_name = HostName();
  request.shards =
      config->engine.shards != 0 ? config->engine.shards : std::max(1u, std::thread::hardware_concurrency());
  request.paths = engine::PathsOf(*config->engine.state_dir, campaign->id, context.state);
  request.token_key_file = TokenKeyFile(*config);
  request.seals = true;
  engine::RunOutcome outcome;
  {
    Progress progress(Progress::StyleOf(arguments.progress));
    Observer observer(**signals, progress, campaign::FileSize(campaign->recipients.file));
    outcome = engine::RunCampaign(*disk, request, observer, context.log);
  }
  if (!outcome.problem.ok()) return Fail(context.log, outcome.problem, outcome.exit_code);
  if (arguments.json) {
    const nlohmann::ordered_json json = {{"format", 1},
                                         {"campaign", campaign->id},
                                         {"sealed", outcome.sealed.sealed},
                                         {"made", outcome.sealed.made},
                                         {"message", outcome.line}};
    std::printf("%s\n", json.dump().c_str());
  } else {
    std::printf("%s\n", outcome.line.c_str());
  }
  return outcome.exit_code;
}

}  // namespace

void RegisterSeal(CLI::App& app, Context& context) {
  CLI::App& command =
      *app.add_subcommand("seal", "Prepare a campaign, and make its signatures before it is sent: on all cores");
  auto arguments = std::make_shared<Arguments>();
  command.add_option("CAMPAIGN", arguments->campaign, "Campaign file, or the id of one that was started")->required();
  command.add_option("--progress", arguments->progress, "auto, plain, json or off")
      ->check(CLI::IsMember({"auto", "plain", "json", "off"}));
  command.add_flag("--json", arguments->json, "One JSON object instead of a line");
  AddEngineOptions(command, context);
  SetExample(command, "sluice seal weekly.toml && sluice send weekly.toml");
  command.callback([arguments, &context] { context.exit_code = Seal(*arguments, context); });
}

}  // namespace tools
