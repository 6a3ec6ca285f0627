// sluice report: what happened to a campaign.
#include <cstdio>
#include <memory>
#include <string>

#include "engine/io/clock.h"
#include "engine/ledger/reader.h"
#include "engine/report/formats.h"
#include "engine/report/summary.h"
#include "tools/campaign_access.h"
#include "tools/command.h"

namespace tools {
namespace {

struct Arguments {
  std::string campaign;
  std::string format = "text";
  bool json = false;
};

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
