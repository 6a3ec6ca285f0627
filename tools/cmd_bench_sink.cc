// sluice bench-sink: the receiving side of `sluice bench`, which starts it. Not for people, and in no help text.
#include <memory>
#include <string>

#include "engine/io/clock.h"
#include "engine/io/disk.h"
#include "engine/io/reactor.h"
#include "engine/io/timer_wheel.h"
#include "tools/bench/sink_server.h"
#include "tools/command.h"
#include "tools/sandbox/dkim_record.h"
#include "tools/signals.h"

namespace tools {
namespace {

constexpr std::uint64_t kKeySizeMax = 1 << 16;

struct Arguments {
  bench::SinkSettings settings;
  std::int64_t rtt_us = 0;
  std::string key_file, ready_file, json, target;
};

absl::Status Serve(const Arguments& arguments, Context& context) {
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  bench::SinkSettings settings = arguments.settings;
  settings.rtt = base::Duration::Microseconds(arguments.rtt_us);
  settings.target = base::IpAddress::Parse(arguments.target);
  if (!arguments.key_file.empty()) {
    const absl::StatusOr<std::string> key = io::ReadFile(*disk, arguments.key_file, kKeySizeMax);
    if (!key.ok()) return key.status();
    const absl::StatusOr<std::string> record = sandbox::DkimRecord(*key);
    if (!record.ok()) return record.status();
    settings.dkim_record = *record;
  }
  const absl::StatusOr<std::unique_ptr<Signals>> signals = Signals::Make();
  if (!signals.ok()) return signals.status();
  const absl::StatusOr<std::unique_ptr<io::Reactor>> reactor = io::MakeReactor({}, context.log);
  if (!reactor.ok()) return reactor.status();
  io::SystemClock clock;
  io::TimerWheel wheel(clock.Now());
  bench::SinkServer server(**reactor, wheel, clock, *disk, context.log, settings);
  absl::Status status = server.Start();
  if (status.ok()) status = io::WriteFileAtomically(*disk, arguments.ready_file, server.ReadyJson());
  if (!status.ok()) return status;
  (*signals)->Attach(**reactor);
  while ((*signals)->Stops() == 0) {
    (*reactor)->RunOnce(wheel.NextAt());
    clock.Update();
    wheel.Advance(clock.Now());
  }
  (*signals)->Detach();
  return io::WriteFileAtomically(*disk, arguments.json, server.TotalsJson());
}

}  // namespace

void RegisterBenchSink(CLI::App& app, Context& context) {
  CLI::App& command = *app.add_subcommand("bench-sink", "The receiving side of `sluice bench`, which starts it");
  command.group("");  // Hidden.
  const auto arguments = std::make_shared<Arguments>();
  command.add_flag("--tls", arguments->settings.tls);
  command.add_option("--target", arguments->target);
  command.add_option("--rtt-us", arguments->rtt_us);
  command.add_option("--sites", arguments->settings.sites)->check(CLI::PositiveNumber);
  command.add_option("--dkim-name", arguments->settings.dkim_name);
  command.add_option("--dkim-key", arguments->key_file);
  command.add_option("--ready-file", arguments->ready_file)->required();
  command.add_option("--json", arguments->json)->required();
  AddLogLevelOption(command, context);
  command.callback([arguments, &context] {
    const absl::Status status = Serve(*arguments, context);
    context.exit_code = status.ok() ? kExitOk : Fail(context.log, status, kExitFailure);
  });
}

}  // namespace tools
