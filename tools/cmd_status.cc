// sluice status: how a campaign stands now, and what holds it.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_format.h"
#include "engine/base/date.h"
#include "engine/base/terminal_text.h"
#include "engine/io/clock.h"
#include "engine/ledger/reader.h"
#include "engine/report/summary.h"
#include "tools/operation.h"

namespace tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr base::Duration kPatience = base::Duration::Seconds(10);

// The earliest of the recipients' own retries.
Json NextRetry(const ledger::StateTable& table) {
  std::optional<std::uint32_t> next;
  for (ledger::RecipientId id = 0; id < table.size(); ++id) {
    if (table[id].state == ledger::State::kDeferred) next = std::min(next.value_or(UINT32_MAX), table[id].due_s);
  }
  return next.has_value() ? Json(base::FormatRfc3339(base::WallTime::FromSeconds(*next))) : Json(nullptr);
}

// Of a campaign on which nobody works, in the form of a running program's answer.
absl::StatusOr<Json> StatusOfIdle(const Access& access) {
  const roster::Manifest& manifest = access.started.roster->manifest();
  TableMemory memory(manifest.recipients);
  report::Summary summary(manifest, memory.table());
  ledger::Reader reader(*access.disk, {.directory = access.started.paths.ledger(),
                                       .campaign_hash = access.started.hash(),
                                       .recipients = manifest.recipients,
                                       .live = access.running});
  while (true) {
    absl::StatusOr<std::optional<ledger::ReadRecord>> next = reader.Next();
    if (!next.ok()) return next.status();
    if (!next->has_value()) break;
    summary.Add((*next)->record);
  }
  Json report = Json::parse(summary.ToJson(access.running, io::SystemClock().WallNow()));
  Json status = {{"format", 1}, {"campaign", manifest.campaign}, {"state", report["state"]}};
  status["totals"] = report["totals"];
  for (const char* of_rows : {"rows", "invalid", "duplicate", "suppressed"}) status["totals"].erase(of_rows);
  status["sessions"] = 0;
  status["messages_per_s"] = 0.0;
  status["paused"] = report["paused"];
  status["held"] = Json::array();
  for (const Json& one : report["suspended"]) {
    status["held"].push_back({{"queue", one["site"]},
                              {"provider", ""},
                              {"source", one["source"]},
                              {"reason", "suspended: " + one["reason"].get<std::string>()},
                              {"sample_replies", one["sample_replies"]},
                              {"since", one.value("since", Json())},
                              {"until", one["until"]}});
  }
  status["held_more"] = 0;
  status["limited"] = Json::array();
  status["limited_more"] = 0;
  status["limited_domains"] = Json::array();
  status["limited_providers"] = Json::array();
  status["next_retry"] = NextRetry(memory.table());
  return status;
}

void PrintSamples(const Json& json) {
  for (const Json& sample : json.at("sample_replies"))
    std::printf("    %s\n", base::Harmless(sample.get<std::string>()).c_str());
}

// "" where there is none; older programs do not tell all of them.
std::string TimeAfter(const char* word, const Json& json, const char* key) {
  const auto time = json.find(key);
  return time == json.end() || time->is_null() ? "" : word + time->get<std::string>();
}

void PrintText(const Json& status, const std::string& named) {
  const std::string id = status.at("campaign").get<std::string>();
  std::printf("%s: %s\n", id.c_str(), status.at("state").get<std::string>().c_str());
  if (status.contains("rows")) std::printf("  %llu rows read\n", status["rows"].get<unsigned long long>());
  if (status.contains("starts_at")) std::printf("  starts at %s\n", status["starts_at"].get<std::string>().c_str());
  if (!status.contains("totals")) return;
  for (const auto& [name, count] : status["totals"].items()) {
    const auto number = count.get<unsigned long long>();
    if (number > 0 || name == "recipients") std::printf("  %-11s %10llu\n", name.c_str(), number);
  }
  std::printf("  %llu sessions, %.0f messages/s\n", status["sessions"].get<unsigned long long>(),
              status["messages_per_s"].get<double>());
  for (const Json& pause : status["paused"]) {
    std::printf("  paused since %s: %s: %s\n", pause["since"].get<std::string>().c_str(),
                pause["scope"].get<std::string>().c_str(), base::Harmless(pause["reason"].get<std::string>()).c_str());
    PrintSamples(pause);
  }
  if (!status["paused"].empty()) std::printf("    sluice resume %s\n", named.c_str());
  for (const Json& held : status["held"]) {
    const std::string when =
        held["until"].is_null() ? "until it is resumed" : "again at " + held["until"].get<std::string>();
    std::printf("  held: %s from %s%s, %s: %s\n", held["queue"].get<std::string>().c_str(),
                held["source"].get<std::string>().c_str(), TimeAfter(" since ", held, "since").c_str(), when.c_str(),
                base::Harmless(held["reason"].get<std::string>()).c_str());
    PrintSamples(held);
  }
  if (const auto more = status["held_more"].get<unsigned long long>(); more > 0)
    std::printf("  and %llu more are held\n", more);
  for (const Json& limited : status.value("limited_domains", Json::array()))
    std::printf("  limited: by %s (%llu domains that wait to be looked up)\n",
                limited["limited_by"].get<std::string>().c_str(), limited["domains"].get<unsigned long long>());
  for (const Json& limited : status["limited_providers"]) {
    std::printf("  limited: %s by %s (%llu sites)%s%s\n", limited["provider"].get<std::string>().c_str(),
                limited["limited_by"].get<std::string>().c_str(), limited["sites"].get<unsigned long long>(),
                TimeAfter(" since ", limited, "since").c_str(), TimeAfter(" until ", limited, "until").c_str());
    if (limited.contains("sample_replies")) PrintSamples(limited);
  }
  if (!status["next_retry"].is_null())
    std::printf("  next retry at %s\n", status["next_retry"].get<std::string>().c_str());
}

int Status(const std::string& campaign, bool json, Context& context) {
  absl::StatusOr<CampaignPlace> place = FindCampaign(context, campaign);
  if (!place.ok()) return Fail(context.log, place.status(), ExitCodeOf(place.status()));
  const std::string named = place->paths.Named();
  Json status;
  const absl::StatusOr<nlohmann::ordered_json> running = AskRunning(place->paths, {{"command", "status"}}, kPatience);
  if (running.ok()) {
    status = *running;
  } else if (absl::IsNotFound(running.status())) {
    const absl::StatusOr<Access> access = OpenCampaign(*std::move(place));
    if (!access.ok()) return Fail(context.log, access.status(), ExitCodeOf(access.status()));
    const absl::StatusOr<Json> idle = StatusOfIdle(*access);
    if (!idle.ok()) return Fail(context.log, idle.status(), kExitFailure);
    status = *idle;
  } else {
    return Fail(context.log, running.status(), kExitFailure);
  }
  if (json) {
    std::printf("%s\n", status.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    PrintText(status, named);
  }
  return kExitOk;
}

}  // namespace

void RegisterStatus(CLI::App& app, Context& context) {
  struct Arguments {
    std::string campaign;
    bool json = false;
  };
  CLI::App& command = *app.add_subcommand("status", "How a campaign stands now, running or not, and what holds it");
  auto arguments = std::make_shared<Arguments>();
  command.add_option("CAMPAIGN", arguments->campaign, "Campaign file, or the id of one that was started")->required();
  command.add_flag("--json", arguments->json, "For programs");
  AddEngineOptions(command, context);
  SetExample(command, "sluice status weekly-2026-48\n  sluice status weekly-2026-48 --json");
  command.callback(
      [arguments, &context] { context.exit_code = Status(arguments->campaign, arguments->json, context); });
}

}  // namespace tools
