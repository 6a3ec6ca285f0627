// sluice ledger: the integrity of a campaign's ledger, and its records in readable form.
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_format.h"
#include "engine/base/date.h"
#include "engine/ledger/reader.h"
#include "engine/ledger/verify.h"
#include "engine/report/events.h"
#include "nlohmann/json.hpp"
#include "tools/campaign_access.h"
#include "tools/command.h"

namespace tools {
namespace {

struct Arguments {
  std::string campaign;
  bool json = false;
};

int Verify(const Arguments& arguments, Context& context) {
  absl::StatusOr<Access> access = OpenCampaign(context, arguments.campaign);
  if (!access.ok()) return Fail(context.log, access.status(), ExitCodeOf(access.status()));
  if (absl::Status status = access->started.roster->Verify(); !status.ok())
    return Fail(context.log, status, kExitFailure);
  TableMemory memory(access->started.roster->recipients());
  ledger::StateTable table = memory.table();
  absl::StatusOr<ledger::Verification> result =
      ledger::Verify(*access->disk, access->started.paths.ledger(), access->started.hash(), table, access->running);
  if (!result.ok()) return Fail(context.log, result.status(), kExitFailure);
  if (arguments.json) {
    const nlohmann::ordered_json json = {{"records", result->records},
                                         {"attempts", result->attempts},
                                         {"outcomes", result->outcomes},
                                         {"open_attempts", result->open_attempts},
                                         {"findings", result->findings}};
    std::printf("%s\n", json.dump().c_str());
  } else {
    std::printf("%llu records, %llu attempts, %llu outcomes, %llu open attempts: %s\n",
                static_cast<unsigned long long>(result->records), static_cast<unsigned long long>(result->attempts),
                static_cast<unsigned long long>(result->outcomes),
                static_cast<unsigned long long>(result->open_attempts),
                result->findings.empty() ? "sound" : "NOT sound");
  }
  for (const std::string& finding : result->findings) context.log.Error(finding);
  return result->findings.empty() ? kExitOk : kExitFailure;
}

// One record as a line of JSON; events are the readable form of everything but the beginning of attempts.
std::string Line(const ledger::ReadRecord& read, const roster::Roster& roster, report::EventRenderer& renderer) {
  if (!report::EventRenderer::TypeOf(read.record).empty()) return renderer.Render(read.record, read.seq);
  nlohmann::ordered_json json;
  json["seq"] = read.seq;
  if (const auto* attempt = std::get_if<ledger::Attempt>(&read.record)) {
    json["type"] = "Attempt";
    json["row"] = roster.Recipient(attempt->recipient).row;
    json["recipient"] = std::string(roster.Recipient(attempt->recipient).address);
    json["num_attempts"] = attempt->number;
    if (attempt->via != 0) json["via"] = attempt->via;
    json["session_id"] = absl::StrFormat("%x", attempt->session);
    json["event_time"] = base::FormatRfc3339Microseconds(attempt->time);
  } else if (const auto* outcome = std::get_if<ledger::Outcome>(&read.record)) {
    json["type"] = "Resend";
    json["row"] = roster.Recipient(outcome->recipient).row;
    json["recipient"] = std::string(roster.Recipient(outcome->recipient).address);
    json["event_time"] = base::FormatRfc3339Microseconds(outcome->time);
  }
  return json.dump();
}

int Dump(const Arguments& arguments, Context& context) {
  absl::StatusOr<Access> access = OpenCampaign(context, arguments.campaign);
  if (!access.ok()) return Fail(context.log, access.status(), ExitCodeOf(access.status()));
  const engine::StartedCampaign& started = access->started;
  report::EventRenderer renderer(
      *started.roster, {"", [&started](std::uint64_t row) { return started.Token(row); }, started.message.get()});
  ledger::Reader reader(*access->disk, {.directory = started.paths.ledger(),
                                        .campaign_hash = started.hash(),
                                        .recipients = started.roster->recipients(),
                                        .live = access->running});
  while (true) {
    absl::StatusOr<std::optional<ledger::ReadRecord>> next = reader.Next();
    if (!next.ok()) return Fail(context.log, next.status(), kExitFailure);
    if (!next->has_value()) return kExitOk;
    std::printf("%s\n", Line(**next, *started.roster, renderer).c_str());
  }
}

}  // namespace

void RegisterLedger(CLI::App& app, Context& context) {
  CLI::App& command = *app.add_subcommand("ledger", "Integrity and records of a campaign's ledger");
  command.require_subcommand(1);
  SetExample(command, "sluice ledger verify weekly-2026-48");
  auto arguments = std::make_shared<Arguments>();
  const auto add = [&](const char* name, const char* what, int (*run)(const Arguments&, Context&)) {
    CLI::App& one = *command.add_subcommand(name, what);
    one.add_option("CAMPAIGN", arguments->campaign, "Campaign file, or the id of one that was started")->required();
    AddEngineOptions(one, context);
    SetExample(one, absl::StrFormat("sluice ledger %s weekly-2026-48", name));
    one.callback([arguments, &context, run] { context.exit_code = run(*arguments, context); });
    return &one;
  };
  add("verify", "Check every record against its checksum and those before it", Verify)
      ->add_flag("--json", arguments->json, "One JSON object");
  add("dump", "Every record as a line of JSON", Dump);
}

}  // namespace tools
