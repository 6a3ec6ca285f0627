// `sluice check`: validates a campaign and all its rows, and lints its message. Sends nothing.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "engine/campaign_check.h"
#include "engine/io/clock.h"
#include "engine/run_options.h"
#include "engine/smarthost_login.h"
#include "nlohmann/json.hpp"
#include "tools/campaign_access.h"
#include "tools/command.h"

namespace tools {
namespace {

using Json = nlohmann::ordered_json;

struct Arguments {
  std::string campaign;
  bool json = false;
};

void Print(const Json& json) { std::printf("%s\n", json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str()); }

// What makes the campaign invalid goes to standard error either way.
int Invalid(const Arguments& arguments, Context& context, const absl::Status& status) {
  const int code = ExitCodeOf(status);
  if (arguments.json && code == kExitInvalid) {
    const std::string text(status.message());
    const std::vector<std::string> errors = absl::StrSplit(text, '\n');
    Print({{"format", 1}, {"state", "invalid"}, {"errors", errors}});
  }
  return Fail(context.log, status, code);
}

void PrintText(const campaign::Campaign& campaign, const engine::CheckResult& result) {
  int failures = 0;
  for (const message::Finding& finding : result.findings) {
    failures += finding.fails ? 1 : 0;
    std::printf("%s:%d: %s: %s [%s]\n", finding.file.c_str(), static_cast<int>(finding.line),
                finding.fails ? "error" : "warning", finding.what.c_str(), finding.check.c_str());
  }
  const roster::Manifest& counts = result.manifest;
  std::printf("%s\n",
              absl::StrFormat("%s: %d rows, %d recipients (%d invalid, %d duplicate, %d suppressed); %d errors, "
                              "%d warnings",
                              campaign.id, counts.rows, counts.recipients, counts.invalid, counts.duplicate,
                              counts.suppressed, failures, static_cast<int>(result.findings.size()) - failures)
                  .c_str());
}

void PrintJson(const campaign::Campaign& campaign, const engine::CheckResult& result) {
  const roster::Manifest& counts = result.manifest;
  Json json = {{"format", 1}, {"campaign", campaign.id}, {"state", result.HasFailed() ? "failed" : "ok"}};
  json["totals"] = {{"rows", counts.rows},
                    {"invalid", counts.invalid},
                    {"duplicate", counts.duplicate},
                    {"suppressed", counts.suppressed},
                    {"recipients", counts.recipients}};
  json["findings"] = Json::array();
  for (const message::Finding& finding : result.findings) {
    json["findings"].push_back({{"check", finding.check},
                                {"severity", finding.fails ? "error" : "warning"},
                                {"file", finding.file},
                                {"line", finding.line},
                                {"message", finding.what}});
  }
  Print(json);
}

int Check(const Arguments& arguments, Context& context) {
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  absl::StatusOr<config::Config> config = LoadConfiguration(context);
  if (!config.ok()) return Invalid(arguments, context, config.status());
  absl::StatusOr<campaign::Campaign> campaign = campaign::LoadCampaign(arguments.campaign);
  if (!campaign.ok()) return Invalid(arguments, context, campaign.status());
  if (config->smarthost.has_value()) {
    const auto login = engine::SmarthostLogin::Load(*disk, *config->smarthost, context.log);
    if (!login.ok()) return Invalid(arguments, context, login.status());
  }
  const auto means = engine::LoadMeans(*disk, *config, *campaign, HostName(), context.log);
  if (!means.ok()) return Invalid(arguments, context, means.status());
  const absl::StatusOr<ReceiverRules> rules = LoadReceiverRules(*config, context.log);
  if (!rules.ok()) return Invalid(arguments, context, rules.status());
  const auto token_key = engine::ReadTokenKey(*disk, TokenKeyFile(*config));  // None: the first send makes one.
  if (!token_key.ok() && !absl::IsNotFound(token_key.status())) return Invalid(arguments, context, token_key.status());
  const std::string root = context.state.empty() ? *config->engine.state_dir : context.state;
  const std::string scratch = absl::StrFormat("%s/checks/%s.%d", root, campaign->id, getpid());
  const absl::Cleanup remove = [&scratch] {
    std::error_code ignored;
    std::filesystem::remove_all(scratch, ignored);
  };
  if (absl::Status status = disk->MakeDirectories(scratch); !status.ok()) return Invalid(arguments, context, status);
  const auto progress = [](std::uint64_t, std::uint64_t) { return true; };
  const absl::StatusOr<engine::CheckResult> result = engine::CheckCampaign(*disk, {.campaign = &*campaign,
                                                                                   .config = &*config,
                                                                                   .scratch = scratch,
                                                                                   .now = io::SystemClock().WallNow(),
                                                                                   .progress = progress});
  if (!result.ok()) return Invalid(arguments, context, result.status());
  if (arguments.json) {
    PrintJson(*campaign, *result);
  } else {
    PrintText(*campaign, *result);
  }
  return result->HasFailed() ? kExitRefused : kExitOk;
}

}  // namespace

void RegisterCheck(CLI::App& app, Context& context) {
  CLI::App& command = *app.add_subcommand("check", "Validate a campaign with all its rows, and lint its message");
  auto arguments = std::make_shared<Arguments>();
  command.add_option("CAMPAIGN", arguments->campaign, "Campaign file")->required();
  command.add_flag("--json", arguments->json, "One JSON object instead of lines");
  AddEngineOptions(command, context);
  SetExample(command, "sluice check weekly.toml");
  command.callback([arguments, &context] { context.exit_code = Check(*arguments, context); });
}

}  // namespace tools
