// sluice bench-flood: what `sluice bench` finds out with it is how much its sink can take. A process of its own, so
// that its memory is not the sender's. Not for people, and in no help text.
#include <memory>
#include <string>

#include "engine/io/disk.h"
#include "nlohmann/json.hpp"
#include "tools/bench/flood.h"
#include "tools/command.h"

namespace tools {
namespace {

struct Arguments {
  bench::FloodSettings settings;
  std::int64_t time_us = 0;
  std::string ready_file, json;
};

// The file that says that a server is ready has the figures here.
absl::Status Run(const Arguments& arguments) {
  bench::FloodSettings settings = arguments.settings;
  settings.time = base::Duration::Microseconds(arguments.time_us);
  const absl::StatusOr<bench::FloodResult> result = bench::Flood(settings);
  if (!result.ok()) return result.status();
  const nlohmann::json json = {{"messages_per_s", result->messages_per_s}, {"sink_cpu_share", result->sink_cpu_share}};
  return io::WriteFileAtomically(*io::MakeFileDisk(), arguments.ready_file, json.dump() + "\n");
}

}  // namespace

void RegisterBenchFlood(CLI::App& app, Context& context) {
  CLI::App& command = *app.add_subcommand("bench-flood", "What the sink of `sluice bench` can take");
  command.group("");  // Hidden.
  const auto arguments = std::make_shared<Arguments>();
  command.add_flag("--tls", arguments->settings.tls);
  command.add_option("--port", arguments->settings.port)->required();
  command.add_option("--sink", arguments->settings.sink)->required();
  command.add_option("--connections", arguments->settings.connections)->check(CLI::PositiveNumber);
  command.add_option("--body-bytes", arguments->settings.body_bytes);
  command.add_option("--time-us", arguments->time_us)->check(CLI::PositiveNumber);
  command.add_option("--ready-file", arguments->ready_file)->required();
  command.add_option("--json", arguments->json);  // A server's totals: there are none.
  AddLogLevelOption(command, context);
  command.callback([arguments, &context] {
    const absl::Status status = Run(*arguments);
    context.exit_code = status.ok() ? kExitOk : Fail(context.log, status, kExitFailure);
  });
}

}  // namespace tools
