// sluice bench: measures end-to-end delivery on this machine, with a sink of its own.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/text.h"
#include "engine/io/disk.h"
#include "nlohmann/json.hpp"
#include "tools/bench/flood.h"
#include "tools/bench/generated_campaign.h"
#include "tools/bench/measurement.h"
#include "tools/bench/processor.h"
#include "tools/bench/result.h"
#include "tools/bench/scenario.h"
#include "tools/campaign_access.h"
#include "tools/child_process.h"
#include "tools/command.h"
#include "tools/signals.h"

namespace tools {
namespace {

constexpr double kSecondsMax = 3600;
constexpr std::uint32_t kConnections = 256, kOfTarget = 10;  // Defaults.
constexpr std::uint64_t kReadySizeMax = 1 << 16;

// The command line as typed.
struct Arguments {
  std::string scenario = "tls,rsa";
  std::vector<std::string> compare;
  std::string body = "10k";
  double seconds = 5;
  std::uint64_t recipients = 0, domains = 0;
  std::uint32_t connections = 0, rounds = 9;  // Connections 0: the default.
  std::string io = "auto";
  std::string folder;
  bool json = false, unpinned = false;
  bench::TargetOptions target;
};

// A new folder that goes with everything in it.
class WorkFolder {
 public:
  static absl::StatusOr<std::unique_ptr<WorkFolder>> Make(const std::string& below) {
    std::string name = below + "/sluice-bench-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) {
      return absl::InternalError(absl::StrCat(below, ": no folder can be made there: ", std::strerror(errno)));
    }
    return std::unique_ptr<WorkFolder>(new WorkFolder(std::move(name)));
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  ~WorkFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(name_, ignored);
  }
  const std::string& name() const { return name_; }

 private:
  explicit WorkFolder(std::string name) : name_(std::move(name)) {}
  const std::string name_;
};

// Not /tmp, which is memory on many machines: the ledger is to meet a disk.
std::string BaseFolder(const Arguments& arguments) {
  if (!arguments.folder.empty()) return arguments.folder;
  const char* folder = std::getenv("TMPDIR");
  return folder == nullptr || *folder == '\0' ? "/var/tmp" : folder;
}

absl::StatusOr<bench::Settings> MakeSettings(const Arguments& arguments, const std::string& scenario) {
  const absl::StatusOr<bench::Scenario> parsed = bench::ParseScenario(scenario);
  if (!parsed.ok()) return parsed.status();
  const absl::StatusOr<std::uint64_t> body = bench::ParseBodySize(arguments.body);
  if (!body.ok()) return absl::InvalidArgumentError(absl::StrCat("--body ", body.status().message()));
  if (!(arguments.seconds >= 0.1 && arguments.seconds <= kSecondsMax)) {
    return absl::InvalidArgumentError(absl::StrFormat("--seconds: write a number from 0.1 to %.0f", kSecondsMax));
  }
  const std::uint32_t sessions_max = SessionsMax();
  const bool own = arguments.target.host_port.empty();
  const std::uint32_t connections = arguments.connections != 0 ? arguments.connections : own ? kConnections : kOfTarget;
  if (connections > sessions_max) {
    return absl::InvalidArgumentError(
        absl::StrFormat("--connections: write a number from 1 to %d, as many as files may be open", sessions_max));
  }
  bench::Settings settings;
  settings.scenario = *parsed;
  settings.body_bytes = *body;
  settings.seconds = base::Duration::Microseconds(static_cast<std::int64_t>(arguments.seconds * 1e6));
  settings.recipients = arguments.recipients;
  settings.connections = connections;
  if (!own) {
    const bool shared = parsed->signing == bench::Signing::kShared;
    if (shared || parsed->sites != 0 || parsed->skew != 0 || parsed->rtt > base::Duration())
      return absl::InvalidArgumentError("--scenario: shared, sites, skew and rtt mean nothing to a --target");
    absl::StatusOr<bench::Target> target = bench::FindTarget(arguments.target);
    if (!target.ok()) return target.status();
    settings.target = *std::move(target);
  }
  settings.domains = arguments.domains;
  settings.pinned = !arguments.unpinned;
  settings.io = arguments.io == "epoll"      ? config::IoChoice::kEpoll
                : arguments.io == "io_uring" ? config::IoChoice::kIoUring
                                             : config::IoChoice::kAuto;
  return settings;
}

std::vector<std::string> SinkCommand(const bench::Settings& settings, const bench::GeneratedCampaign& generated) {
  std::vector<std::string> command = {"bench-sink", "--sites", absl::StrCat(settings.SitesInUse()), "--rtt-us",
                                      absl::StrCat(settings.scenario.rtt.microseconds())};
  if (settings.target.has_value()) {
    command.insert(command.end(), {"--target", settings.target->at.address.ToString()});
    return command;
  }
  if (settings.scenario.tls) command.push_back("--tls");
  if (!generated.dkim_name.empty()) {
    command.insert(command.end(), {"--dkim-name", generated.dkim_name, "--dkim-key", generated.key_file});
  }
  return command;
}

class Bench {
 public:
  Bench(std::string base_folder, Signals& signals, StderrLog& log)
      : base_folder_(std::move(base_folder)),
        signals_(signals),
        log_(log),
        disk_(io::MakeFileDisk()),
        allowed_cores_(bench::AllowedCores()) {}

  // One run with a new campaign and a new sink. Errors: Cancelled, by a signal.
  absl::StatusOr<bench::Result> Run(const bench::Settings& settings) {
    const absl::StatusOr<std::unique_ptr<WorkFolder>> folder = WorkFolder::Make(base_folder_);
    if (!folder.ok()) return folder.status();
    bench::Result result;
    result.settings = settings;
    result.folder = base_folder_;
    if (settings.pinned) result.cores = bench::PlanCores(allowed_cores_, settings.scenario.shards);
    const absl::StatusOr<bench::GeneratedCampaign> generated =
        bench::GenerateCampaign(settings, (*folder)->name(), [this] { return signals_.Stops() > 0; });
    if (!generated.ok()) return generated.status();
    std::optional<bench::SealTimes> sealing;
    if (settings.scenario.signing == bench::Signing::kSealed) {
      if (!allowed_cores_.empty()) bench::PinTo(0, allowed_cores_);
      const absl::StatusOr<bench::SealTimes> times =
          bench::SealBefore(settings, *generated, (*folder)->name(), *disk_, log_, [this] { return signals_.Stops(); });
      if (!times.ok()) return times.status();
      sealing = *times;
    }
    absl::StatusOr<std::unique_ptr<ChildProcess>> sink =
        ChildProcess::Start(SinkCommand(settings, *generated), signals_);
    if (!sink.ok()) return sink.status();
    if (!Pin((*sink)->pid(), result.cores)) result.cores = {};
    absl::StatusOr<bench::SinkAddress> address = AddressOf(**sink);
    if (!address.ok()) return address.status();
    if (settings.target.has_value()) address->smtp_port = settings.target->at.port;
    bench::FloodResult flood;
    if (!settings.target.has_value()) {
      const absl::StatusOr<bench::FloodResult> result_of_flood = Flood(settings, *address);
      if (!result_of_flood.ok()) return result_of_flood.status();
      flood = *result_of_flood;
    }
    absl::StatusOr<bench::Measurement> measurement = bench::Measure(settings, *generated, *address, (*folder)->name(),
                                                                    *disk_, log_, [this] { return signals_.Stops(); });
    result.sink_totals = (*sink)->End();
    if (!measurement.ok()) return measurement.status();
    result.measurement = *std::move(measurement);
    result.measurement.sink_measured_per_s = flood.messages_per_s;
    result.measurement.sink_measured_cpu_share = flood.sink_cpu_share;
    if (sealing.has_value()) {
      result.measurement.prepare_seconds = sealing->prepare_seconds;
      result.measurement.seal_seconds = sealing->seal_seconds;
    }
    if (absl::Status status = bench::Reconcile(settings, result.measurement, result.sink_totals); !status.ok())
      return status;
    return result;
  }

 private:
  bool Pin(pid_t sink, const bench::CorePlan& cores) {
    return !cores.sender.empty() && bench::PinTo(sink, cores.sink) && bench::PinTo(0, cores.sender);
  }

  absl::StatusOr<bench::SinkAddress> AddressOf(const ChildProcess& sink) {
    const absl::StatusOr<std::string> text = io::ReadFile(*disk_, sink.ready_file(), kReadySizeMax);
    if (!text.ok()) return text.status();
    const nlohmann::json ready = nlohmann::json::parse(*text);
    return bench::SinkAddress{sink.pid(), ready.at("dns").get<std::string>(),
                              ready.at("smtp_port").get<std::uint16_t>(), ready.at("flood_port").get<std::uint16_t>()};
  }

  // What the sink can take, found out by another process on the sender's cores.
  absl::StatusOr<bench::FloodResult> Flood(const bench::Settings& settings, const bench::SinkAddress& sink) {
    std::vector<std::string> command = {"bench-flood",
                                        "--port",
                                        absl::StrCat(sink.flood_port),
                                        "--sink",
                                        absl::StrCat(sink.process),
                                        "--connections",
                                        absl::StrCat(settings.FloodConnections()),
                                        "--body-bytes",
                                        absl::StrCat(settings.body_bytes),
                                        "--time-us",
                                        absl::StrCat(settings.FloodTime().microseconds())};
    if (settings.scenario.tls) command.push_back("--tls");
    const absl::StatusOr<std::unique_ptr<ChildProcess>> flood = ChildProcess::Start(command, signals_);
    if (signals_.Stops() > 0) return absl::CancelledError("stopped");
    if (!flood.ok()) return flood.status();
    const absl::StatusOr<std::string> text = io::ReadFile(*disk_, (*flood)->ready_file(), kReadySizeMax);
    if (!text.ok()) return text.status();
    const nlohmann::json figures = nlohmann::json::parse(*text);
    return bench::FloodResult{figures.at("messages_per_s").get<double>(), figures.at("sink_cpu_share").get<double>()};
  }

  const std::string base_folder_;
  Signals& signals_;
  StderrLog& log_;
  const std::unique_ptr<io::Disk> disk_;
  const std::vector<int> allowed_cores_;
};

int FailRun(const absl::Status& status, Context& context) {
  if (absl::IsCancelled(status)) {
    context.log.Error("interrupted: nothing was measured");
    return kExitInterrupted;
  }
  return Fail(context.log, status, absl::IsInvalidArgument(status) ? kExitUsage : kExitFailure);
}

void Print(const std::string& text) {
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), stdout));
  static_cast<void>(std::fflush(stdout));
}

// Both in each round, first the one, then the other.
int RunRounds(const Arguments& arguments, const std::vector<bench::Settings>& both, Bench& bench, Context& context) {
  std::vector<bench::Result> results[2];
  for (std::uint32_t round = 0; round < arguments.rounds; ++round) {
    for (std::uint32_t turn = 0; turn < 2; ++turn) {
      const std::uint32_t side = (round + turn) % 2;
      absl::StatusOr<bench::Result> result = bench.Run(both[side]);
      if (!result.ok()) return FailRun(result.status(), context);
      results[side].push_back(*std::move(result));
    }
    const auto rate = [&](int side) { return results[side].back().measurement.messages_per_s(); };
    context.log.Info(
        absl::StrFormat("round %d of %d: %.0f and %.0f messages/s", round + 1, arguments.rounds, rate(0), rate(1)));
  }
  Print(arguments.json ? bench::CompareJson(results[0], results[1]).dump() + "\n"
                       : bench::CompareText(results[0], results[1]));
  return kExitOk;
}

int Run(const Arguments& arguments, Context& context) {
  std::vector<bench::Settings> settings;
  const std::vector<std::string> scenarios =
      arguments.compare.empty() ? std::vector<std::string>{arguments.scenario} : arguments.compare;
  for (const std::string& scenario : scenarios) {
    const absl::StatusOr<bench::Settings> one = MakeSettings(arguments, scenario);
    if (!one.ok()) return Fail(context.log, one.status(), kExitUsage);
    settings.push_back(*one);
  }
  const absl::StatusOr<std::unique_ptr<Signals>> signals = Signals::Make();
  if (!signals.ok()) return Fail(context.log, signals.status(), kExitFailure);
  Bench bench(BaseFolder(arguments), **signals, context.log);
  if (!arguments.compare.empty()) return RunRounds(arguments, settings, bench, context);
  const absl::StatusOr<bench::Result> result = bench.Run(settings.front());
  if (!result.ok()) return FailRun(result.status(), context);
  Print(arguments.json ? bench::ToJson(*result).dump() + "\n" : bench::ToText(*result));
  return kExitOk;
}

void AddOptions(CLI::App& command, Arguments& arguments) {
  CLI::Option* scenario =
      command
          .add_option(
              "--scenario", arguments.scenario,
              "What is measured: plain or tls; unsigned, shared (one signature for all), rsa, ed25519 or sealed; "
              "rtt=50ms, sites=1000, skew=60, ledger=off, shards=1 (default: tls,rsa)")
          ->type_name("LIST");
  CLI::Option* compare =
      command.add_option("--compare", arguments.compare, "Two scenarios in turn, and the ratio of their medians")
          ->type_name("LIST")
          ->expected(2)
          ->excludes(scenario);
  command.add_option("--rounds", arguments.rounds, "With --compare: how often each runs (default: 9)")
      ->check(CLI::Range(1, 1000))
      ->needs(compare);
  command.add_option("--body", arguments.body, "Size of the text: 10k (default), 2m or a number of bytes")
      ->type_name("SIZE");
  CLI::Option* seconds = command.add_option("--seconds", arguments.seconds,
                                            "How long it is measured, after a warm-up of half a second (default: 5)");
  CLI::Option* recipients =
      command
          .add_option("--recipients", arguments.recipients,
                      "Instead: send to so many, and measure all of it from the first to the last")
          ->check(CLI::Range(1, 30'000'000))
          ->excludes(seconds);
  CLI::Option* target =
      command.add_option("--target", arguments.target.host_port, "Send to this server instead, as --to says")
          ->type_name("HOST:PORT")
          ->excludes(seconds)
          ->excludes(recipients)
          ->excludes(compare);
  CLI::Option* to =
      command.add_option("--to", arguments.target.to, "With --target: who gets all of it")->type_name("ADDRESS");
  CLI::Option* messages = command.add_option("--messages", arguments.recipients, "With --target: so many messages")
                              ->check(CLI::Range(1, 1'000'000));
  CLI::Option* rate =
      command.add_option("--rate", arguments.target.rate, "With --target: so fast, at most: 100/s")->type_name("RATE");
  for (CLI::Option* option : {to, messages, rate}) {
    target->needs(option);
    option->needs(target);
  }
  command.add_option("--from", arguments.target.from, "With --target: the sender (default: as --to)")
      ->type_name("ADDRESS")
      ->needs(target);
  command
      .add_flag("--with-permission", arguments.target.permitted,
                "With a --target that is not this machine: whoever runs it agrees")
      ->needs(target);
  command
      .add_option("--domains", arguments.domains, "Domains of the recipients, over all sites (default: one for each)")
      ->check(CLI::Range(1, 10'000'000));
  command.add_option("--connections", arguments.connections, "Open at once, at most (default: 256; 10 to a --target)")
      ->check(CLI::PositiveNumber);
  command.add_option("--io", arguments.io, "auto (default), io_uring or epoll")
      ->check(CLI::IsMember({"auto", "io_uring", "epoll"}));
  command
      .add_option("--dir", arguments.folder,
                  "Where the campaign and its ledger are while it runs: a disk (default: $TMPDIR, else /var/tmp)")
      ->type_name("DIR");
  command.add_flag("--unpinned", arguments.unpinned, "Sender and sink share all cores, instead of having their own");
  command.add_flag("--json", arguments.json, "One line of JSON");
}

}  // namespace

void RegisterBench(CLI::App& app, Context& context) {
  CLI::App& command = *app.add_subcommand("bench", "Measure delivery on this machine, to a sink of its own");
  const auto arguments = std::make_shared<Arguments>();
  AddOptions(command, *arguments);
  AddLogLevelOption(command, context);
  SetExample(command,
             "sluice bench --scenario plain,unsigned --json\n"
             "  sluice bench --compare tls,unsigned tls,unsigned,ledger=off --seconds 2\n"
             "  sluice bench --target 127.0.0.1:2525 --to me@example.net --messages 1000 --rate 100/s");
  command.callback([arguments, &context] { context.exit_code = Run(*arguments, context); });
}

}  // namespace tools
