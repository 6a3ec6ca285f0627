#include "tools/operation.h"

#include <algorithm>
#include <climits>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/base/text.h"
#include "engine/campaign/campaign.h"
#include "engine/config/shaping.h"
#include "engine/host_state.h"
#include "engine/io/clock.h"
#include "engine/io/file_lock.h"
#include "engine/io/local_server.h"

namespace tools {
namespace {

// A pause waits until nothing is in flight any more, which the engine allows a minute.
constexpr base::Duration kPatience = base::Duration::Minutes(3);
// Between its last answer and its end a program serves nobody, and the state is not free yet. So long that is awaited.
constexpr base::Duration kEnding = base::Duration::Seconds(5);
constexpr int kAskedMeanwhile = 10;  // So often: whoever has the state may have begun, and serve.
constexpr std::size_t kReasonMax = 1000;

const char* NameOf(engine::Operation operation) {
  switch (operation) {
    case engine::Operation::kPause:
      return "pause";
    case engine::Operation::kResume:
      return "resume";
    case engine::Operation::kCancel:
      return "cancel";
  }
  return "";
}

// `doubt`: the configuration has no such source or provider. Whether the program that runs has, it knows itself.
absl::StatusOr<engine::OperationOutcome> OperateRunning(const engine::StatePaths& paths,
                                                        const engine::OperationOrder& order,
                                                        const absl::Status& doubt) {
  const absl::StatusOr<nlohmann::ordered_json> answer = AskRunning(paths,
                                                                   {{"command", NameOf(order.operation)},
                                                                    {"provider", order.scope.provider},
                                                                    {"source", order.scope.source},
                                                                    {"reason", order.reason},
                                                                    {"doubt", std::string(doubt.message())}},
                                                                   kPatience);
  if (!answer.ok()) return answer.status();
  engine::OperationOutcome outcome;
  outcome.state = answer->value("state", "");
  outcome.changed = answer->value("changed", false);
  outcome.line = answer->value("line", "");
  outcome.exit_code = answer->value("exit_code", kExitFailure);
  const std::string problem = answer->value("problem", "");
  if (!problem.empty()) outcome.problem = absl::InternalError(problem);
  return outcome;
}

// Of the pool that the campaign file names; all there are where that is not known any more.
std::vector<config::PoolMember> SourcesOf(const Context& context, const Access& access, const std::string& campaign) {
  std::string pool;
  if (const auto file = CampaignFileOf(context, access.config, campaign); file.ok()) {
    if (const auto loaded = campaign::LoadCampaign(*file); loaded.ok()) pool = loaded->delivery.pool;
  }
  auto members = config::PoolMembers(access.config, pool);
  if (!members.ok()) members = config::PoolMembers(access.config, "");
  return members.ok() ? *std::move(members) : std::vector<config::PoolMember>();
}

// Takes the source for this program. One that the process `last` has is awaited: it is about to end.
absl::Status TakeSource(engine::HostState& host, const delivery::Source& source, const std::string& last) {
  absl::Status taken = host.Use({source});
  const bool is_ending = absl::IsUnavailable(taken) &&
                         taken.ToString().find(absl::StrFormat("in use by process %s;", last)) != std::string::npos;
  return is_ending ? host.Use({source}, kEnding) : taken;
}

// What the host remembers of receivers holds the campaign as well as what it has written down itself. The sources that
// another program uses are that program's. `last`: the process that worked on the campaign before.
void LiftOnHost(const Access& access, const std::vector<config::PoolMember>& sources, const std::string& last,
                base::Log& log, engine::OperationOutcome& outcome) {
  if (access.started.roster->manifest().rehearsal.value_or(false)) return;
  const roster::Manifest& manifest = access.started.roster->manifest();
  const auto tenant = manifest.campaign_meta.find("tenant");
  const std::vector<std::string> scopes =
      delivery::ScopesOf(manifest.campaign, tenant == manifest.campaign_meta.end() ? "" : tenant->second);
  engine::HostState host(*access.disk, *access.config.engine.state_dir + "/host", log);
  std::size_t lifted = 0;
  std::string kept;
  for (const config::PoolMember& member : sources) {
    delivery::Source source;
    source.name = member.source.name;
    source.address = member.source.source_address;
    const absl::Status taken = TakeSource(host, source, last);
    if (taken.ok()) {
      std::optional<std::string> from = "";
      int left = INT_MAX;  // All at once: nobody waits meanwhile.
      lifted += host.limits().LiftSuspensions(source.name, scopes, io::SystemClock().Now(), from, left);
    } else if (absl::IsUnavailable(taken)) {  // What it goes on to say is for who sends.
      const std::string who(taken.message());
      kept += "; " + who.substr(0, who.find("; its limits")) + ", which keeps its suspensions";
    } else {
      kept += absl::StrFormat("; %s", std::string(taken.message()));
    }
  }
  if (lifted > 0 && !outcome.changed) {
    outcome.changed = true;
    outcome.line = absl::StrFormat("%s: suspensions, and what rules have set, hold no more", access.started.paths.id);
  }
  outcome.line += kept;
}

// Asks the program that is at work on the campaign, or else does it on the state (`access`). Errors: InvalidArgument,
// there is no such campaign, source or provider; Unavailable, the program does not answer.
absl::StatusOr<engine::OperationOutcome> Operate(const CampaignPlace& place, const engine::OperationOrder& order,
                                                 std::optional<Access>& access) {
  const absl::Status doubt = CheckScope(place.config, order.scope);
  absl::StatusOr<engine::OperationOutcome> outcome;
  for (int asked = 0; asked < kAskedMeanwhile; ++asked) {
    access.reset();
    outcome = OperateRunning(place.paths, order, doubt);
    if (!absl::IsNotFound(outcome.status())) return outcome;
    if (!doubt.ok()) return absl::InvalidArgumentError(doubt.message());
    absl::StatusOr<Access> opened = OpenCampaign(place);
    if (!opened.ok()) return opened.status();
    access = *std::move(opened);
    outcome =
        engine::Operate(*access->disk, access->started, order, io::SystemClock().WallNow(), kEnding / kAskedMeanwhile);
    if (!absl::IsUnavailable(outcome->problem)) return outcome;
  }
  return outcome;
}

// Carries the order out and prints how it went. Returns the exit code.
int RunOperation(const OperationArguments& arguments, Context& context) {
  const engine::OperationOrder& order = arguments.order;
  if (order.reason.size() > kReasonMax) {
    return Fail(context.log, absl::InvalidArgumentError(absl::StrFormat("--reason: at most %d bytes", kReasonMax)),
                kExitUsage);
  }
  const absl::StatusOr<CampaignPlace> place = FindCampaign(context, arguments.campaign);
  if (!place.ok()) return Fail(context.log, place.status(), ExitCodeOf(place.status()));
  const std::string last = io::FileLock::HolderOf(place->paths.lock());
  std::optional<Access> access;
  absl::StatusOr<engine::OperationOutcome> outcome = Operate(*place, order, access);
  if (!outcome.ok()) return Fail(context.log, outcome.status(), ExitCodeOf(outcome.status()));
  const bool is_over = outcome->state == "finished" || outcome->state == "cancelled";
  if (access.has_value() && order.operation == engine::Operation::kResume && outcome->problem.ok() && !is_over)
    LiftOnHost(*access, SourcesOf(context, *access, arguments.campaign), last, context.log, *outcome);
  if (!outcome->problem.ok()) return Fail(context.log, outcome->problem, outcome->exit_code);
  if (arguments.json) {
    const nlohmann::ordered_json object = {{"format", 1},
                                           {"campaign", place->id},
                                           {"state", outcome->state},
                                           {"changed", outcome->changed},
                                           {"line", outcome->line}};
    std::printf("%s\n", object.dump().c_str());
  } else {
    std::printf("%s\n", outcome->line.c_str());
  }
  return outcome->exit_code;
}

}  // namespace

absl::Status NoSuch(std::string_view what, const std::string& name, const std::vector<std::string>& names) {
  const std::string_view nearest = base::Nearest(name, names);
  return absl::InvalidArgumentError(
      absl::StrFormat("there is no %s \"%s\"%s", what, name,
                      nearest.empty() ? "" : absl::StrFormat("; did you mean \"%s\"?", nearest)));
}

// A pause of what does not exist holds nothing, and whoever asked for it would not know.
absl::Status CheckScope(const config::Config& config, const delivery::PauseScope& scope) {
  const auto is_among = [](const std::string& name, const std::vector<std::string>& names) {
    return name.empty() || std::find(names.begin(), names.end(), name) != names.end();
  };
  std::vector<std::string> sources;
  const auto members = config::PoolMembers(config, "");
  if (!members.ok()) return members.status();
  for (const config::PoolMember& member : *members) sources.push_back(member.source.name);
  if (!is_among(scope.source, sources)) return NoSuch("source", scope.source, sources);
  std::vector<std::string> warnings;
  const absl::StatusOr<config::Shaping> shaping = config::Shaping::Load(config.shaping_files, warnings);
  if (!shaping.ok()) return absl::OkStatus();  // It names the providers, and is no reason not to pause one.
  std::vector<std::string> providers = shaping->ProviderNames();
  providers.emplace_back(delivery::kOtherProvider);
  return is_among(scope.provider, providers) ? absl::OkStatus() : NoSuch("provider", scope.provider, providers);
}

absl::StatusOr<nlohmann::ordered_json> AskRunning(const engine::StatePaths& paths, const nlohmann::json& request,
                                                  base::Duration patience) {
  const std::string line = request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const absl::StatusOr<std::string> answer = io::AskLocal(paths.control(), line, patience);
  if (absl::IsNotFound(answer.status())) return answer.status();
  if (!answer.ok()) {
    return absl::UnavailableError(absl::StrFormat("the program that is at work on the campaign does not answer (%s)",
                                                  std::string(answer.status().message())));
  }
  if (answer->empty()) return absl::NotFoundError("it ended");
  nlohmann::ordered_json json = nlohmann::ordered_json::parse(*answer, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::UnavailableError(paths.control() + ": another program answers there");
  return json;
}

OperationCommand AddOperation(CLI::App& app, Context& context, engine::Operation operation,
                              const std::string& description, const std::string& example) {
  CLI::App& command = *app.add_subcommand(NameOf(operation), description);
  auto arguments = std::make_shared<OperationArguments>();
  arguments->order.operation = operation;
  command.add_option("CAMPAIGN", arguments->campaign, "Campaign file, or the id of one that was started")->required();
  command.add_flag("--json", arguments->json, "For programs");
  AddEngineOptions(command, context);
  SetExample(command, example);
  command.callback([arguments, &context] { context.exit_code = RunOperation(*arguments, context); });
  return {command, std::move(arguments)};
}

}  // namespace tools
