// `sluice plan`: how long a campaign would take, and which limits that is due to. Sends nothing.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_format.h"
#include "engine/base/date.h"
#include "engine/base/duration_text.h"
#include "engine/campaign_plan.h"
#include "engine/io/clock.h"
#include "engine/rollup.h"
#include "engine/run_options.h"
#include "nlohmann/json.hpp"
#include "tools/campaign_access.h"
#include "tools/command.h"
#include "tools/sandbox_at.h"
#include "tools/signals.h"

namespace tools {
namespace {

using Json = nlohmann::ordered_json;

struct Arguments {
  std::string campaign, sandbox_at;
  std::string round_trip;  // "": it is measured.
  bool json = false;
};

constexpr double kTellable = 100.0 * 365 * 86400;  // Beyond it nobody wants the date.

// Null: never.
Json Seconds(double seconds) {
  return std::isfinite(seconds) ? Json(std::round(seconds * 1000) / 1000) : Json(nullptr);
}

void Put(const engine::PlannedTime& time, Json& json) {
  json["seconds"] = Seconds(time.seconds);
  json["limited_by"] = time.limited_by;
}

Json ToJson(const campaign::Campaign& campaign, const engine::CampaignPlan& plan, base::WallTime now) {
  const base::WallTime start = std::max(now, campaign.delivery.start.value_or(now));
  Json json = {{"format", 1},
               {"campaign", campaign.id},
               {"state", plan.state},
               {"done", plan.done},
               {"recipients", plan.recipients},
               {"domains", plan.domains},
               {"sites", plan.sites},
               {"without_route", plan.without_route},
               {"without_answer", plan.without_answer},
               {"not_connected_to", plan.not_connected_to},
               {"starts_at", base::FormatRfc3339(start)}};
  Put(plan.time, json);
  json["finishes_at"] = nullptr;
  if (plan.time.seconds < kTellable) {
    const base::WallTime end = start + base::Duration::Milliseconds(std::llround(plan.time.seconds * 1000));
    json["finishes_at"] = base::FormatRfc3339(end);
    json["in_time"] = !campaign.delivery.finish_by.has_value() || end <= *campaign.delivery.finish_by;
  } else {
    json["in_time"] = std::isfinite(plan.time.seconds) && !campaign.delivery.finish_by.has_value();
  }
  json["campaign_limits"] = Json::array();
  for (const engine::PlannedTime& time : plan.whole) Put(time, json["campaign_limits"].emplace_back());
  json["providers"] = Json::array();
  for (const engine::PlannedProvider& provider : plan.providers) {
    Json& entry = json["providers"].emplace_back(
        Json{{"provider", provider.provider}, {"recipients", provider.recipients}, {"sites", provider.sites}});
    Put(provider.time, entry);
  }
  json["longest_sites"] = Json::array();
  for (const engine::PlannedSite& site : plan.longest) {
    Json& entry = json["longest_sites"].emplace_back(Json{
        {"site", site.site}, {"source", site.source}, {"provider", site.provider}, {"recipients", site.recipients}});
    Put(site.time, entry);
    if (site.suspended > base::Duration()) entry["suspended_until"] = base::FormatRfc3339(start + site.suspended);
    if (site.round_trip.has_value())
      entry["round_trip_ms"] = static_cast<double>(site.round_trip->microseconds()) / 1000;
  }
  return json;
}

std::string TimeText(double seconds) {
  if (!std::isfinite(seconds)) return "never";
  if (seconds >= kTellable) return absl::StrFormat("%.0f years", seconds / (365 * 86400));
  const auto whole = static_cast<std::int64_t>(std::ceil(seconds));
  return absl::StrFormat("%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
}

void Print(const campaign::Campaign& campaign, const engine::CampaignPlan& plan, const Json& json) {
  constexpr std::size_t kShown = 20;
  if (plan.recipients == 0) {
    std::printf("%s: %s; nobody is left to send to\n", campaign.id.c_str(), plan.state.c_str());
    return;
  }
  std::printf("%s: %llu recipients at %llu domains, %llu sites; about %s, because of %s\n", campaign.id.c_str(),
              static_cast<unsigned long long>(plan.recipients), static_cast<unsigned long long>(plan.domains),
              static_cast<unsigned long long>(plan.sites), TimeText(plan.time.seconds).c_str(),
              plan.time.limited_by.c_str());
  if (plan.state != "new")
    std::printf("%s: of what is left, by its ledger; %llu recipients are done%s\n", plan.state.c_str(),
                static_cast<unsigned long long>(plan.done),
                plan.state == "paused" ? ", and it is taken to be resumed now" : "");
  if (json["finishes_at"].is_string())
    std::printf("from %s to %s%s\n", json["starts_at"].get<std::string>().c_str(),
                json["finishes_at"].get<std::string>().c_str(),
                json["in_time"].get<bool>() ? "" : ": after delivery.finish_by");
  if (plan.without_route > 0)
    std::printf("%llu recipients are at domains that take no mail\n",
                static_cast<unsigned long long>(plan.without_route));
  if (plan.without_answer > 0)
    std::printf("%llu recipients are at domains that the DNS says nothing about now\n",
                static_cast<unsigned long long>(plan.without_answer));
  if (plan.not_connected_to > 0)
    std::printf(
        "%llu sites are not connected to, where mail is suspended or another program has the source, and are "
        "taken to be %lld ms away\n",
        static_cast<unsigned long long>(plan.not_connected_to),
        static_cast<long long>(engine::kAssumedRoundTrip.milliseconds()));
  const auto line = [](const std::string& name, std::uint64_t recipients, const engine::PlannedTime& time) {
    std::printf("  %-40s %12llu  %10s  %s\n", name.c_str(), static_cast<unsigned long long>(recipients),
                TimeText(time.seconds).c_str(), time.limited_by.c_str());
  };
  for (const engine::PlannedTime& time : plan.whole) line("campaign", plan.recipients, time);
  for (const engine::PlannedProvider& provider : plan.providers)
    line("provider " + provider.provider, provider.recipients, provider.time);
  for (std::size_t i = 0; i < std::min(kShown, plan.longest.size()); ++i)
    line(plan.longest[i].source + " -> " + plan.longest[i].site, plan.longest[i].recipients, plan.longest[i].time);
}

int Plan(const Arguments& arguments, Context& context) {
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  const auto fail = [&context](const absl::Status& status) {
    return Fail(context.log, status, absl::IsCancelled(status) ? kExitInterrupted : ExitCodeOf(status));
  };
  std::optional<base::Duration> round_trip;
  if (!arguments.round_trip.empty()) {
    const absl::StatusOr<base::Duration> parsed = base::ParseDuration(arguments.round_trip);
    if (!parsed.ok()) return Fail(context.log, parsed.status(), kExitUsage);
    round_trip = *parsed;
  }
  absl::StatusOr<config::Config> config = LoadConfiguration(context);
  if (!config.ok()) return fail(config.status());
  const absl::StatusOr<std::string> file = CampaignFileOf(context, *config, arguments.campaign);
  if (!file.ok()) return fail(file.status());
  absl::StatusOr<campaign::Campaign> campaign = campaign::LoadCampaign(*file);
  if (!campaign.ok()) return fail(absl::InvalidArgumentError(campaign.status().message()));
  if (!arguments.sandbox_at.empty()) {
    if (absl::Status status = UseSandboxAt(arguments.sandbox_at, *disk, *config); !status.ok()) return fail(status);
  }
  const auto means = engine::LoadMeans(*disk, *config, *campaign, HostName(), context.log);
  if (!means.ok()) return fail(means.status());
  absl::StatusOr<ReceiverRules> rules = LoadReceiverRules(*config, context.log);
  if (!rules.ok()) return fail(rules.status());
  absl::StatusOr<std::unique_ptr<Signals>> signals = Signals::Make();
  if (!signals.ok()) return fail(signals.status());
  const auto go_on = [&signals] { return (*signals)->Stops() == 0; };
  const std::string warning = engine::LookUpRollups(*config, rules->shaping, go_on);
  if (!go_on()) return fail(absl::CancelledError("stopped"));
  if (!warning.empty()) context.log.Warning(warning);
  const std::string root = context.state.empty() ? *config->engine.state_dir : context.state;
  const std::string scratch = absl::StrFormat("%s/plans/%s.%d", root, campaign->id, getpid());
  const absl::Cleanup remove = [&scratch] {
    std::error_code ignored;
    std::filesystem::remove_all(scratch, ignored);
  };
  if (absl::Status status = disk->MakeDirectories(scratch); !status.ok()) return fail(status);
  const bool rehearses = !arguments.sandbox_at.empty();  // Whose state is where `send` has it.
  const base::WallTime now = io::SystemClock().WallNow();
  const absl::StatusOr<engine::CampaignPlan> plan = engine::PlanCampaign(
      *disk, {.campaign = &*campaign,
              .config = &*config,
              .shaping = &rules->shaping,
              .sources = &means->sources,
              .keys = &means->keys,
              .shards = ShardsOf(*config),
              .paths = engine::PathsOf(*config->engine.state_dir + (rehearses ? "/rehearsals" : ""), campaign->id,
                                       context.state),
              .token_key_file = TokenKeyFile(*config),
              .rehearsal = rehearses,
              .scratch = scratch,
              .host_state = rehearses ? "" : *config->engine.state_dir + "/host",
              .source_names = kSourceNames,
              .now = now,
              .round_trip = round_trip,
              .log = &context.log,
              .go_on = go_on});
  if (!plan.ok()) return fail(plan.status());
  const Json json = ToJson(*campaign, *plan, now);
  if (arguments.json) {
    std::printf("%s\n", json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    Print(*campaign, *plan, json);
  }
  return kExitOk;
}

}  // namespace

void RegisterPlan(CLI::App& app, Context& context) {
  CLI::App& command =
      *app.add_subcommand("plan", "Predict how long a campaign takes, and which limits that is due to; sends nothing");
  auto arguments = std::make_shared<Arguments>();
  command.add_option("CAMPAIGN", arguments->campaign, "Campaign file, or the id of one that was started")->required();
  command.add_option("--sandbox-at", arguments->sandbox_at,
                     "Plan a rehearsal against a running sandbox: what its --ready-file wrote");
  command.add_option("--round-trip", arguments->round_trip,
                     "How far away receivers are, with what they take to answer, as 50ms (default: it is measured)");
  command.add_flag("--json", arguments->json, "One JSON object instead of lines");
  AddEngineOptions(command, context);
  SetExample(command, "sluice plan weekly.toml");
  command.callback([arguments, &context] { context.exit_code = Plan(*arguments, context); });
}

}  // namespace tools
