// sluice resume: takes the pause of a campaign away.
#include <cstdio>
#include <memory>
#include <string>

#include "engine/campaign_run.h"
#include "engine/io/clock.h"
#include "tools/campaign_access.h"
#include "tools/command.h"

namespace tools {
namespace {

int Resume(const std::string& campaign, Context& context) {
  absl::StatusOr<Access> access = OpenCampaign(context, campaign);
  if (!access.ok()) return Fail(context.log, access.status(), ExitCodeOf(access.status()));
  const engine::RunOutcome outcome =
      engine::ResumeCampaign(*access->disk, access->started, io::SystemClock().WallNow());
  if (!outcome.problem.ok()) return Fail(context.log, outcome.problem, outcome.exit_code);
  std::printf("%s\n", outcome.line.c_str());
  return outcome.exit_code;
}

}  // namespace

void RegisterResume(CLI::App& app, Context& context) {
  CLI::App& command = *app.add_subcommand("resume", "Take the pause of a campaign away; the next send goes on");
  auto campaign = std::make_shared<std::string>();
  command.add_option("CAMPAIGN", *campaign, "Campaign file, or the id of one that was started")->required();
  AddEngineOptions(command, context);
  SetExample(command, "sluice resume weekly-2026-48");
  command.callback([campaign, &context] { context.exit_code = Resume(*campaign, context); });
}

}  // namespace tools
