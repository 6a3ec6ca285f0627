// `sluice check`: validates a campaign and all its rows, lints its message, and looks at its sender in the DNS. Sends
// nothing.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "engine/campaign_check.h"
#include "engine/io/clock.h"
#include "engine/run_options.h"
#include "engine/sender_check.h"
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

// All that was found.
struct Findings {
  const engine::CheckResult& campaign;
  const preflight::Report& sender;
  bool HaveFailed() const { return campaign.HasFailed() || sender.HasFailed(); }
};

// Each check once, then what each receiver's rules make of them.
void PrintSender(const preflight::Report& report) {
  std::printf("sender:\n");
  const std::vector<preflight::DnsRecord>* last = nullptr;
  for (const preflight::Finding& finding : report.findings) {
    const bool fails = finding.verdict == preflight::Verdict::kFail;
    const std::string verdict = fails ? "FAIL" : std::string(preflight::ToString(finding.verdict));
    std::printf("  %s  %-11s  %s\n", verdict.c_str(), finding.check.c_str(), finding.what.c_str());
    const bool is_new = last == nullptr || *last != finding.publish;
    for (std::size_t i = 0; i < finding.publish.size() && is_new; ++i) {
      std::printf("        %-11s  publish: %s\n", "", finding.publish[i].ToString().c_str());
    }
    last = &finding.publish;
  }
  for (const preflight::Receiver receiver : preflight::kReceivers) {
    std::string line =
        absl::StrFormat("  %s: %s", preflight::TitleOf(receiver), preflight::ToString(report.WorstFor(receiver)));
    for (const preflight::Verdict verdict : {preflight::Verdict::kFail, preflight::Verdict::kWarn}) {
      const std::vector<std::string> checks = report.ChecksFor(receiver, verdict);
      if (checks.empty()) continue;
      absl::StrAppendFormat(&line, "; %s: %s", preflight::ToString(verdict), absl::StrJoin(checks, ", "));
    }
    std::printf("%s\n", line.c_str());
  }
}

void PrintText(const campaign::Campaign& campaign, const Findings& all) {
  int errors = 0, warnings = 0;
  for (const message::Finding& finding : all.campaign.findings) {
    ++(finding.fails ? errors : warnings);
    std::printf("%s:%d: %s: %s [%s]\n", finding.file.c_str(), static_cast<int>(finding.line),
                finding.fails ? "error" : "warning", finding.what.c_str(), finding.check.c_str());
  }
  for (const preflight::Finding& finding : all.sender.findings) {
    if (finding.verdict != preflight::Verdict::kPass)
      ++(finding.verdict == preflight::Verdict::kFail ? errors : warnings);
  }
  PrintSender(all.sender);
  const roster::Manifest& counts = all.campaign.manifest;
  std::printf("%s\n",
              absl::StrFormat("%s: %d rows, %d recipients (%d invalid, %d duplicate, %d suppressed); %d errors, "
                              "%d warnings",
                              campaign.id, counts.rows, counts.recipients, counts.invalid, counts.duplicate,
                              counts.suppressed, errors, warnings)
                  .c_str());
}

Json SenderJson(const preflight::Report& report) {
  Json checks = Json::array();
  for (const preflight::Finding& finding : report.findings) {
    Json check = {
        {"check", finding.check}, {"verdict", preflight::ToString(finding.verdict)}, {"message", finding.what}};
    check["publish"] = Json::array();
    for (const preflight::DnsRecord& record : finding.publish)
      check["publish"].push_back({{"name", record.name}, {"type", record.type}, {"value", record.value}});
    check["receivers"] = Json::array();
    for (const preflight::Receiver receiver : preflight::kReceivers) {
      if (finding.IsAskedForBy(receiver)) check["receivers"].push_back(preflight::ToString(receiver));
    }
    checks.push_back(std::move(check));
  }
  return checks;
}

void PrintJson(const campaign::Campaign& campaign, const Findings& all) {
  const roster::Manifest& counts = all.campaign.manifest;
  Json json = {{"format", 1}, {"campaign", campaign.id}, {"state", all.HaveFailed() ? "failed" : "ok"}};
  json["totals"] = {{"rows", counts.rows},
                    {"invalid", counts.invalid},
                    {"duplicate", counts.duplicate},
                    {"suppressed", counts.suppressed},
                    {"recipients", counts.recipients}};
  json["findings"] = Json::array();
  for (const message::Finding& finding : all.campaign.findings) {
    json["findings"].push_back({{"check", finding.check},
                                {"severity", finding.fails ? "error" : "warning"},
                                {"file", finding.file},
                                {"line", finding.line},
                                {"message", finding.what}});
  }
  json["sender"] = SenderJson(all.sender);
  for (const preflight::Receiver receiver : preflight::kReceivers)
    json["receivers"][std::string(preflight::ToString(receiver))] = preflight::ToString(all.sender.WorstFor(receiver));
  Print(json);
}

int Check(const Arguments& arguments, Context& context) {
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  absl::StatusOr<config::Config> config = LoadConfiguration(context);
  if (!config.ok()) return Invalid(arguments, context, config.status());
  const absl::StatusOr<std::string> file = CampaignFileOf(context, *config, arguments.campaign);
  if (!file.ok()) return Fail(context.log, file.status(), kExitInvalid);
  absl::StatusOr<campaign::Campaign> campaign = campaign::LoadCampaign(*file);
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
  const auto sender = engine::CheckSender({*campaign, *config, rules->shaping, *means, result->shows_unsubscribe});
  if (!sender.ok()) return Invalid(arguments, context, sender.status());
  const Findings all{*result, *sender};
  if (arguments.json) {
    PrintJson(*campaign, all);
  } else {
    PrintText(*campaign, all);
  }
  return all.HaveFailed() ? kExitRefused : kExitOk;
}

}  // namespace

void RegisterCheck(CLI::App& app, Context& context) {
  CLI::App& command = *app.add_subcommand(
      "check", "Validate a campaign with all its rows, lint its message, and look at its sender in the DNS");
  auto arguments = std::make_shared<Arguments>();
  command.add_option("CAMPAIGN", arguments->campaign, "Campaign file, or the id of one that was started")->required();
  command.add_flag("--json", arguments->json, "One JSON object instead of lines");
  AddEngineOptions(command, context);
  SetExample(command, "sluice check weekly.toml");
  command.callback([arguments, &context] { context.exit_code = Check(*arguments, context); });
}

}  // namespace tools
