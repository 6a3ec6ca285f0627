// sluice send: prepares a campaign and sends it, or goes on with one that was interrupted.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/campaign/byte_source.h"
#include "engine/campaign_run.h"
#include "engine/sender_check.h"
#include "engine/signing_keys.h"
#include "engine/test_send.h"
#include "nlohmann/json.hpp"
#include "tools/campaign_access.h"
#include "tools/child_process.h"
#include "tools/command.h"
#include "tools/progress.h"
#include "tools/signals.h"

namespace tools {
namespace {

// How a source introduces itself in a rehearsal, where the host has no name of its own.
constexpr std::string_view kRehearsalEhlo = "sluice.sandbox.test";

struct Arguments {
  std::vector<std::string> campaigns;
  std::string progress = "auto";
  std::uint64_t seed = 0;
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

// Rehearsals go to the fake internet, and never touch the real state.
absl::Status UseSandbox(const std::string& ready_file, const std::string& id, io::Disk& disk, config::Config& config,
                        engine::RunRequest& request) {
  absl::StatusOr<std::string> text = io::ReadFile(disk, ready_file, 1u << 16);
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  const nlohmann::json ready = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!ready.is_object() || !ready.contains("dns") || !ready.contains("smtp_port")) {
    return absl::InvalidArgumentError(ready_file + ": not what `sluice sandbox --ready-file` writes");
  }
  config.dns.servers = {ready["dns"].get<std::string>()};
  config.dns.max_queries_per_second = 20'000;  // It is our own.
  config.smtp.port = ready["smtp_port"].get<std::uint16_t>();
  if (ready.contains("ca_file")) config.tls.ca_file = ready["ca_file"].get<std::string>();
  config.smarthost.reset();
  config.allow_private_destinations = true;
  if (!config.smtp.ehlo_domain.has_value()) config.smtp.ehlo_domain = std::string(kRehearsalEhlo);
  request.paths = engine::PathsOf(*config.engine.state_dir + "/rehearsals", id, request.paths.campaign);
  request.paths.option = " --state " + request.paths.campaign;
  request.rehearsal = true;
  return absl::OkStatus();
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

// A sandbox whose DNS has the keys that sign this campaign. None where they are not good: the engine says what is
// wrong.
std::vector<std::string> SandboxCommand(const Arguments& arguments, const config::Config& config,
                                        const campaign::Campaign& campaign) {
  std::vector<std::string> options = {"sandbox"};
  if (!arguments.personality.empty()) options.insert(options.end(), {"--personality", arguments.personality});
  AddSender(config, campaign, options);
  if (!engine::SigningKeysFor(config, campaign, /*required=*/false).ok()) return options;
  for (const config::DkimKey* key : config::DkimKeysFor(config.dkim, engine::FromDomain(campaign)).keys)
    options.insert(options.end(),
                   {"--dkim-key", absl::StrFormat("%s._domainkey.%s=%s", key->selector, key->domain, key->key_file)});
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

int Send(const Arguments& arguments, Context& context) {
  if (arguments.campaigns.size() != 1) {
    return Fail(context.log,
                absl::InvalidArgumentError("several campaigns at once are not yet supported in this version; send one"),
                kExitUsage);
  }
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  absl::StatusOr<config::Config> config = LoadConfiguration(context);
  if (!config.ok()) return Fail(context.log, config.status(), ExitCodeOf(config.status()));
  absl::StatusOr<campaign::Campaign> campaign =
      campaign::LoadCampaign(arguments.campaigns.front(), campaign::MessageFiles::kMayBeGone);
  if (!campaign.ok()) return Fail(context.log, campaign.status(), kExitInvalid);
  const absl::StatusOr<ReceiverRules> rules = LoadReceiverRules(*config, context.log);
  if (!rules.ok()) return Fail(context.log, rules.status(), kExitInvalid);
  absl::StatusOr<std::unique_ptr<Signals>> signals = Signals::Make();
  if (!signals.ok()) return Fail(context.log, signals.status(), kExitFailure);

  engine::RunRequest request;
  request.campaign = &*campaign;
  request.config = &*config;
  request.shaping = &rules->shaping;
  request.reply_rules = &rules->replies;
  request.host_name = HostName();
  request.seed = arguments.seed;
  request.preflight = arguments.force ? engine::Preflight::kWarn : engine::Preflight::kRequire;
  if (!arguments.force) request.dkim_watch = engine::DkimWatch::Times();
  request.sessions_max = SessionsMax();
  request.shards =
      config->engine.shards != 0 ? config->engine.shards : std::max(1u, std::thread::hardware_concurrency());
  request.paths = engine::PathsOf(*config->engine.state_dir, campaign->id, context.state);
  std::unique_ptr<ChildProcess> own_sandbox;
  std::string ready_file = arguments.sandbox_at;
  if (arguments.sandbox) {
    absl::StatusOr<std::unique_ptr<ChildProcess>> started =
        ChildProcess::Start(SandboxCommand(arguments, *config, *campaign), **signals);
    if (!started.ok()) return Fail(context.log, started.status(), kExitFailure);
    own_sandbox = *std::move(started);
    ready_file = own_sandbox->ready_file();
  }
  if (!ready_file.empty()) {
    request.paths.campaign = context.state;
    if (absl::Status status = UseSandbox(ready_file, campaign->id, *disk, *config, request); !status.ok()) {
      return Fail(context.log, status, ExitCodeOf(status));
    }
  }
  if (!arguments.limit.empty()) {
    const absl::StatusOr<delivery::SampleSize> sample = delivery::ParseSampleSize(arguments.limit);
    if (!sample.ok()) return Fail(context.log, sample.status(), kExitUsage);
    request.sample = *sample;
  }
  request.token_key_file = TokenKeyFile(*config);
  if (!arguments.only_to.empty()) {
    const absl::Status status = engine::MakeTestSend(*disk, arguments.row, arguments.only_to, request);
    if (!status.ok()) return Fail(context.log, status, absl::IsOutOfRange(status) ? kExitUsage : ExitCodeOf(status));
  }
  engine::RunOutcome outcome;
  {
    Progress progress(Progress::StyleOf(arguments.progress));
    Observer observer(**signals, progress, campaign::FileSize(campaign->recipients.file));
    outcome = engine::RunCampaign(*disk, request, observer, context.log);
  }
  if (!outcome.problem.ok()) return Fail(context.log, outcome.problem, outcome.exit_code);
  std::printf("%s\n", outcome.line.c_str());
  if (own_sandbox != nullptr) PrintRehearsal(own_sandbox->End());
  return outcome.exit_code;
}

}  // namespace

void RegisterSend(CLI::App& app, Context& context) {
  CLI::App& command =
      *app.add_subcommand("send", "Prepare a campaign and send it; go on with one that was interrupted");
  auto arguments = std::make_shared<Arguments>();
  command.add_option("CAMPAIGN", arguments->campaigns, "Campaign file")->required();
  command.add_option("--progress", arguments->progress, "auto, plain, json or off")
      ->check(CLI::IsMember({"auto", "plain", "json", "off"}));
  command.add_option("--seed", arguments->seed, "Chooses among equal mail exchangers");
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
             "sluice send weekly.toml\n  sluice send weekly.toml --sandbox\n"
             "  sluice send weekly.toml --only-to me@example.net --row 1");
  command.callback([arguments, &context] { context.exit_code = Send(*arguments, context); });
}

}  // namespace tools
