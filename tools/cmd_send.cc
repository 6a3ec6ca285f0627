// sluice send: prepares a campaign and sends it, or goes on with one that was interrupted.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/terminal_text.h"
#include "engine/campaign/byte_source.h"
#include "engine/campaign_run.h"
#include "engine/metrics_desk.h"
#include "engine/rollup.h"
#include "engine/sender_check.h"
#include "engine/shaping_watch.h"
#include "engine/signing_keys.h"
#include "engine/test_send.h"
#include "nlohmann/json.hpp"
#include "tools/campaign_access.h"
#include "tools/child_process.h"
#include "tools/command.h"
#include "tools/progress.h"
#include "tools/sandbox_at.h"
#include "tools/signals.h"

namespace tools {
namespace {

struct Arguments {
  std::vector<std::string> campaigns;
  std::string progress = "auto";
  std::optional<std::uint64_t> seed;
  bool sandbox = false;
  std::string sandbox_at;
  std::string personality;
  std::string only_to;  // A test send of `row`; empty: none.
  std::uint64_t row = 0;
  std::string limit;  // A sample; empty: everybody.
  bool force = false;
};

class Observer final : public engine::RunObserver {
 public:
  Observer(Signals& signals, Progress& progress, std::uint64_t bytes_total)
      : signals_(signals), progress_(progress), bytes_total_(bytes_total) {}
  int Stops() override { return signals_.Stops(); }
  void OnProgress(const delivery::Counters& counters, std::uint32_t open_sessions) override {
    progress_.Sending(counters, open_sessions);
  }
  bool OnPreparing(std::uint64_t rows, std::uint64_t bytes) override {
    progress_.Preparing(rows, bytes, bytes_total_);
    return signals_.Stops() == 0;
  }
  void OnStart(std::uint64_t recipients, std::uint64_t finals) override { progress_.Start(recipients, finals); }

 private:
  Signals& signals_;
  Progress& progress_;
  const std::uint64_t bytes_total_;
};

// Rehearsals never touch the real state.
void Rehearse(const config::Config& config, const Context& context, engine::RunRequest& request) {
  request.paths = engine::PathsOf(*config.engine.state_dir + "/rehearsals", request.campaign->id, context.state);
  request.paths.option = " --state " + request.paths.campaign;
  request.rehearsal = true;
}

// What the sandbox's DNS has to say of the sender, so that `send` finds it ready.
void AddSender(const config::Config& config, const campaign::Campaign& campaign, std::vector<std::string>& options) {
  options.insert(options.end(), {"--sender", std::string(engine::FromDomain(campaign))});
  const std::string domain = engine::EnvelopeDomain(campaign);
  if (!domain.empty()) options.insert(options.end(), {"--sender", domain});
  const absl::StatusOr<std::vector<config::PoolMember>> members = config::PoolMembers(config, campaign.delivery.pool);
  if (!members.ok()) return;  // The engine says so.
  for (const config::PoolMember& member : *members) {
    const std::optional<base::IpAddress> address =
        member.source.public_address.has_value() ? member.source.public_address : member.source.source_address;
    const std::optional<std::string>& own =
        member.source.ehlo_domain.has_value() ? member.source.ehlo_domain : config.smtp.ehlo_domain;
    if (!address.has_value()) continue;
    options.insert(options.end(), {"--sender-host", absl::StrFormat("%s=%s", address->ToString(),
                                                                    own.value_or(std::string(kRehearsalEhlo)))});
  }
}

// A sandbox whose DNS has the keys that sign these campaigns. None where they are not good: the engine says what is
// wrong.
std::vector<std::string> SandboxCommand(const Arguments& arguments, const config::Config& config,
                                        const std::vector<campaign::Campaign>& campaigns) {
  std::vector<std::string> options = {"sandbox"};
  if (!arguments.personality.empty()) options.insert(options.end(), {"--personality", arguments.personality});
  std::set<std::string> keys;
  for (const campaign::Campaign& campaign : campaigns) {
    AddSender(config, campaign, options);
    if (!engine::SigningKeysFor(config, campaign, /*required=*/false).ok()) continue;
    for (const config::DkimKey* key : config::DkimKeysFor(config.dkim, engine::FromDomain(campaign)).keys)
      keys.insert(absl::StrFormat("%s._domainkey.%s=%s", key->selector, key->domain, key->key_file));
  }
  for (const std::string& key : keys) options.insert(options.end(), {"--dkim-key", key});
  return options;
}

// What the sandbox says about the messages that it accepted.
void PrintRehearsal(const std::string& totals_json) {
  const nlohmann::json totals = nlohmann::json::parse(totals_json, nullptr, /*allow_exceptions=*/false);
  if (!totals.is_object()) return;
  const nlohmann::json& signatures = totals.at("signatures");
  std::printf("sandbox: %llu messages accepted; of their DKIM signatures %llu are valid and %llu are not\n",
              totals.at("messages").get<unsigned long long>(), signatures.at("valid").get<unsigned long long>(),
              signatures.at("invalid").get<unsigned long long>());
}

// Wrong in itself, before anything is read.
absl::Status CheckArguments(const Arguments& arguments, const Context& context) {
  if (arguments.campaigns.size() == 1) return absl::OkStatus();
  if (!context.state.empty()) return absl::InvalidArgumentError("--state is of one campaign: send it alone");
  if (!arguments.only_to.empty()) return absl::InvalidArgumentError("--only-to is of one campaign");
  return absl::OkStatus();
}

// Errors: all of them, one per line.
absl::StatusOr<std::vector<campaign::Campaign>> LoadCampaigns(const Context& context, const config::Config& config,
                                                              const std::vector<std::string>& names) {
  std::vector<campaign::Campaign> campaigns;
  std::string errors;
  std::set<std::string> ids;
  for (const std::string& name : names) {
    const absl::StatusOr<std::string> file = CampaignFileOf(context, config, name);
    const std::string path = file.ok() ? *file : name;
    absl::StatusOr<campaign::Campaign> campaign = file.ok()
                                                      ? campaign::LoadCampaign(path, campaign::MessageFiles::kMayBeGone)
                                                      : absl::StatusOr<campaign::Campaign>(file.status());
    const std::string problem = !campaign.ok() ? std::string(campaign.status().message())
                                : !ids.insert(campaign->id).second
                                    ? absl::StrFormat("%s: campaign %s is there twice", path, campaign->id)
                                    : "";
    if (problem.empty()) {
      campaigns.push_back(*std::move(campaign));
    } else {
      errors += (errors.empty() ? "" : "\n") + problem;
    }
  }
  if (!errors.empty()) return absl::InvalidArgumentError(errors);
  return campaigns;
}

// Several campaigns run side by side, each with shards of its own; what they share are the limits.
int Run(const Arguments& arguments, std::vector<engine::RunRequest>& requests, io::Disk& disk, Signals& signals,
        Context& context) {
  std::vector<engine::RunOutcome> outcomes(requests.size());
  std::vector<std::thread> threads;
  const bool several = requests.size() > 1;
  Progress::Style style = Progress::StyleOf(arguments.progress);
  if (several && style == Progress::Style::kBar) style = Progress::Style::kPlain;
  const auto run = [&](std::size_t i) {
    Progress progress(style, several ? requests[i].campaign->id : "");
    Observer observer(signals, progress, campaign::FileSize(requests[i].campaign->recipients.file));
    outcomes[i] = engine::RunCampaign(disk, requests[i], observer, context.log);
  };
  for (std::size_t i = 1; i < requests.size(); ++i) threads.emplace_back(run, i);
  run(0);
  for (std::thread& thread : threads) thread.join();
  // The first that applies, of several (verdicts, section 6).
  constexpr int kOrder[] = {kExitFailure, kExitInvalid, kExitRefused, kExitInterrupted, kExitPaused, kExitOk};
  int code = kExitOk;
  for (const engine::RunOutcome& outcome : outcomes) {
    if (!outcome.problem.ok()) {
      Fail(context.log, outcome.problem, outcome.exit_code);
    } else {
      std::printf("%s\n", base::Harmless(outcome.line, "\n").c_str());
    }
    code = *std::find_if(std::begin(kOrder), std::end(kOrder),
                         [&](int one) { return one == code || one == outcome.exit_code; });
  }
  return code;
}

absl::StatusOr<engine::RunRequest> MakeRequest(const Arguments& arguments, const campaign::Campaign& campaign,
                                               const config::Config& config, const ReceiverRules& rules,
                                               const Context& context) {
  engine::RunRequest request;
  request.campaign = &campaign;
  request.config = &config;
  request.shaping = &rules.shaping;
  request.shaping_warnings = rules.warnings;
  request.reply_rules = &rules.replies;
  request.host_name = HostName();
  request.shards = ShardsOf(config);
  request.paths = engine::PathsOf(*config.engine.state_dir, campaign.id, context.state);
  request.token_key_file = TokenKeyFile(config);
  request.preflight = arguments.force ? engine::Preflight::kWarn : engine::Preflight::kRequire;
  request.dkim_watch = engine::DkimWatch::Every(config.dns.recheck_dkim);
  if (!arguments.limit.empty()) {
    const absl::StatusOr<delivery::SampleSize> sample = delivery::ParseSampleSize(arguments.limit);
    if (!sample.ok()) return sample.status();
    request.sample = *sample;
  }
  return request;
}

// Told, so that a run can be repeated.
std::uint64_t SeedOf(const Arguments& arguments, base::Log& log) {
  if (arguments.seed.has_value()) return *arguments.seed;
  const std::uint64_t seed = std::random_device()();
  log.Debug(absl::StrFormat("equal mail exchangers are chosen as by --seed %d", seed));
  return seed;
}

// Of the shaping's blocks. False: a signal has come.
bool LookUpMailExchangers(const config::Config& config, Signals& signals, base::Log& log, config::Shaping& shaping) {
  const auto go_on = [&signals] { return signals.Stops() == 0; };
  const std::string warning = engine::LookUpRollups(config, shaping, go_on);
  if (go_on() && !warning.empty()) log.Warning(warning);
  return go_on();
}

// What several campaigns have in common; it outlives them.
struct Shared {
  std::optional<engine::TlsSessionsFile> tls_sessions;
  std::optional<engine::SharedShapingWatch> shaping_watch;
};
void Share(io::Disk& disk, const config::Config& config, const ReceiverRules& rules, Shared& shared,
           std::vector<engine::RunRequest>& requests) {
  shared.tls_sessions.emplace(disk, requests.front().paths.root);
  shared.shaping_watch.emplace(config, rules.shaping, rules.warnings);
  for (engine::RunRequest& request : requests) {
    request.tls_sessions = &*shared.tls_sessions;
    request.shaping_watch = &*shared.shaping_watch;
  }
}

int Send(const Arguments& arguments, Context& context) {
  if (absl::Status status = CheckArguments(arguments, context); !status.ok())
    return Fail(context.log, status, kExitUsage);
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  absl::StatusOr<config::Config> config = LoadConfiguration(context);
  if (!config.ok()) return Fail(context.log, config.status(), ExitCodeOf(config.status()));
  const absl::StatusOr<std::vector<campaign::Campaign>> campaigns =
      LoadCampaigns(context, *config, arguments.campaigns);
  if (!campaigns.ok()) return Fail(context.log, campaigns.status(), kExitInvalid);
  absl::StatusOr<ReceiverRules> rules = LoadReceiverRules(*config, context.log);
  if (!rules.ok()) return Fail(context.log, rules.status(), kExitInvalid);
  absl::StatusOr<std::unique_ptr<Signals>> signals = Signals::Make();
  if (!signals.ok()) return Fail(context.log, signals.status(), kExitFailure);

  std::unique_ptr<ChildProcess> own_sandbox;
  std::string ready_file = arguments.sandbox_at;
  if (arguments.sandbox) {
    absl::StatusOr<std::unique_ptr<ChildProcess>> started =
        ChildProcess::Start(SandboxCommand(arguments, *config, *campaigns), **signals);
    if (!started.ok()) return Fail(context.log, started.status(), kExitFailure);
    own_sandbox = *std::move(started);
    ready_file = own_sandbox->ready_file();
  }
  if (!ready_file.empty()) {
    if (absl::Status status = UseSandboxAt(ready_file, *disk, *config); !status.ok())
      return Fail(context.log, status, ExitCodeOf(status));
  }
  if (!LookUpMailExchangers(*config, **signals, context.log, rules->shaping))
    return Fail(context.log, absl::CancelledError("stopped before anything was sent"), kExitInterrupted);
  config->dns.max_queries_per_second =
      std::max(1u, config->dns.max_queries_per_second / static_cast<std::uint32_t>(campaigns->size()));
  const std::string host_folder = *config->engine.state_dir + "/host";
  engine::HostState host(*disk, ready_file.empty() ? host_folder : "", context.log, kSourceNames);
  const std::uint32_t shards = ShardsOf(*config);
  delivery::SessionPool sessions(SessionsMax(shards * static_cast<std::uint32_t>(campaigns->size())));
  Shared shared;
  const std::uint64_t seed = SeedOf(arguments, context.log);
  std::vector<engine::RunRequest> requests;
  for (const campaign::Campaign& campaign : *campaigns) {
    absl::StatusOr<engine::RunRequest> request = MakeRequest(arguments, campaign, *config, *rules, context);
    if (!request.ok()) return Fail(context.log, request.status(), kExitUsage);
    request->sessions = &sessions;
    request->campaign_number = static_cast<std::uint32_t>(requests.size());
    request->seed = seed;
    request->host = &host;
    if (!ready_file.empty()) Rehearse(*config, context, *request);
    requests.push_back(*std::move(request));
  }
  if (!arguments.only_to.empty()) {
    requests.front().host = nullptr;
    const absl::Status status = engine::MakeTestSend(*disk, arguments.row, arguments.only_to, requests.front());
    if (!status.ok()) return Fail(context.log, status, absl::IsOutOfRange(status) ? kExitUsage : ExitCodeOf(status));
  }
  if (requests.size() > 1) Share(*disk, *config, *rules, shared, requests);
  std::unique_ptr<engine::MetricsServer> metrics;
  if (config->metrics_listen.has_value() && arguments.only_to.empty()) {
    absl::StatusOr<std::unique_ptr<engine::MetricsServer>> opened =
        engine::MetricsServer::Open(*config->metrics_listen);
    if (!opened.ok()) return Fail(context.log, opened.status(), kExitInvalid);
    metrics = *std::move(opened);
    for (engine::RunRequest& request : requests) request.metrics = metrics.get();
  }
  const int code = Run(arguments, requests, *disk, **signals, context);
  if (own_sandbox != nullptr && code != kExitFailure && code != kExitInvalid) PrintRehearsal(own_sandbox->End());
  return code;
}

}  // namespace

void RegisterSend(CLI::App& app, Context& context) {
  CLI::App& command =
      *app.add_subcommand("send", "Prepare a campaign and send it; go on with one that was interrupted");
  auto arguments = std::make_shared<Arguments>();
  command
      .add_option("CAMPAIGN", arguments->campaigns,
                  "Campaign file, or the id of one that was started; several are sent together")
      ->required();
  command.add_option("--progress", arguments->progress, "auto, plain, json or off")
      ->check(CLI::IsMember({"auto", "plain", "json", "off"}));
  command.add_option("--seed", arguments->seed,
                     "Chooses among equal mail exchangers; else by chance, and the log tells the number");
  CLI::Option* own =
      command.add_flag("--sandbox", arguments->sandbox, "Rehearse against a fake internet of its own; no mail leaves");
  command
      .add_option("--sandbox-at", arguments->sandbox_at,
                  "Rehearse against a running sandbox: what its --ready-file wrote")
      ->excludes(own);
  command.add_option("--personality", arguments->personality, "With --sandbox: what the fake internet is like")
      ->needs(own);
  CLI::Option* only_to = command.add_option("--only-to", arguments->only_to,
                                            "Send one message only, that of --row, to this address, as a test");
  CLI::Option* row = command.add_option("--row", arguments->row, "With --only-to: the n-th row of the recipients")
                         ->check(CLI::PositiveNumber);
  command.add_option("--limit", arguments->limit, "Only a sample: so many recipients, or such a share (5%)")
      ->excludes(only_to);
  command.add_flag("--force", arguments->force, "Send although a check fails (see sluice check)");
  only_to->needs(row);
  row->needs(only_to);
  AddEngineOptions(command, context);
  SetExample(command,
             "sluice send weekly.toml\n  sluice send weekly.toml urgent.toml\n  sluice send weekly.toml --sandbox\n"
             "  sluice send weekly.toml --only-to me@example.net --row 1");
  command.callback([arguments, &context] { context.exit_code = Send(*arguments, context); });
}

}  // namespace tools
