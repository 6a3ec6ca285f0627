// sluice report: what happened to a campaign.
#include <cstdio>
#include <memory>
#include <string>

#include "engine/host_tls.h"
#include "engine/io/clock.h"
#include "engine/ledger/reader.h"
#include "engine/report/formats.h"
#include "engine/report/summary.h"
#include "nlohmann/json.hpp"
#include "tls/results.h"
#include "tools/campaign_access.h"
#include "tools/command.h"

namespace tools {
namespace {

using Json = nlohmann::ordered_json;

struct Arguments {
  std::string campaign;
  std::string format = "text";
  bool json = false;
};

// What became of TLS, by UTC day, policy domain and policy.
Json TlsResultsOf(io::Disk& disk, const std::string& campaign) {
  Json list = Json::array();
  tls::ResultCounts counts;
  const absl::StatusOr<std::string> file = io::ReadFile(disk, campaign + "/" + engine::kTlsResultsName, 64u << 20);
  if (file.ok()) counts.Read(*file);
  for (const auto& [key, count] : counts.counts()) {
    const std::string day = tls::ResultCounts::DateOf(key.day);
    const bool same = !list.empty() && list.back()["day"] == day && list.back()["domain"] == key.domain &&
                      list.back()["policy"] == ToString(key.type);
    if (!same) {
      list.push_back({{"day", day},
                      {"domain", key.domain},
                      {"policy", ToString(key.type)},
                      {"success", 0},
                      {"failures", Json::object()}});
    }
    if (key.result == tls::Result::kSuccess) {
      list.back()["success"] = list.back()["success"].get<std::uint64_t>() + count;
    } else if (key.result == tls::Result::kCompatibleSuccess) {
      list.back()["success"] = list.back()["success"].get<std::uint64_t>() + count;
      list.back()["compatible"] = count;
    } else {
      list.back()["failures"][std::string(ToString(key.result))] = count;
    }
  }
  return list;
}

int Report(const Arguments& arguments, Context& context) {
  absl::StatusOr<Access> access = OpenCampaign(context, arguments.campaign);
  if (!access.ok()) return Fail(context.log, access.status(), ExitCodeOf(access.status()));
  const roster::Manifest& manifest = access->started.roster->manifest();
  TableMemory memory(manifest.recipients);
  report::Summary summary(manifest, memory.table());
  ledger::Reader reader(*access->disk, {.directory = access->started.paths.ledger(),
                                        .campaign_hash = access->started.hash(),
                                        .recipients = manifest.recipients,
                                        .live = access->running});
  while (true) {
    absl::StatusOr<std::optional<ledger::ReadRecord>> next = reader.Next();
    if (!next.ok()) return Fail(context.log, next.status(), kExitFailure);
    if (!next->has_value()) break;
    summary.Add((*next)->record);
  }
  const base::WallTime now = io::SystemClock().WallNow();
  std::string text = summary.ToJson(access->running, now);
  if (arguments.json || arguments.format == "json") {
    Json report = Json::parse(text);
    report["tls_results"] = TlsResultsOf(*access->disk, access->started.paths.campaign);
    text = report.dump(2) + "\n";
  }
  if (!arguments.json && arguments.format == "text")
    text = summary.ToText(access->running, now, access->started.paths.option);
  if (!arguments.json && arguments.format == "csv") text = report::ReportCsv(text);
  if (!arguments.json && arguments.format == "html") text = report::ReportHtml(text);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kExitOk;
}

}  // namespace

void RegisterReport(CLI::App& app, Context& context) {
  CLI::App& command = *app.add_subcommand("report", "What happened to a campaign");
  auto arguments = std::make_shared<Arguments>();
  command.add_option("CAMPAIGN", arguments->campaign, "Campaign file, or the id of one that was started")->required();
  command.add_option("--format", arguments->format, "text, json, html or csv")
      ->check(CLI::IsMember({"text", "json", "html", "csv"}));
  command.add_flag("--json", arguments->json, "The same as --format json");
  AddEngineOptions(command, context);
  SetExample(command, "sluice report weekly-2026-48 --format json");
  command.callback([arguments, &context] { context.exit_code = Report(*arguments, context); });
}

}  // namespace tools
