#include "tools/command.h"

#include <string_view>

#include "absl/strings/str_split.h"

namespace tools {

void AddLogLevelOption(CLI::App& command, Context& context) {
  command
      .add_option_function<std::string>(
          "--log-level",
          [&context](const std::string& name) {
            const auto severity = ParseSeverity(name);
            if (severity) context.log.set_lowest(*severity);
          },
          "What goes to standard error: debug, info (default), warning or error")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
}

void AddEngineOptions(CLI::App& command, Context& context) {
  command
      .add_option("--config", context.config,
                  "Engine configuration (default: $SLUICE_CONFIG, ./sluice.toml, /etc/sluice/sluice.toml)")
      ->type_name("FILE");
  command.add_option("--state", context.state, "Where the campaign's state is kept, instead of the configured place")
      ->type_name("DIR");
  AddLogLevelOption(command, context);
}

void SetExample(CLI::App& command, const std::string& example) { command.footer("Example:\n  " + example); }

int Fail(StderrLog& log, const absl::Status& status, int exit_code) {
  for (const auto line : absl::StrSplit(status.message(), '\n')) {
    log.Error(std::string_view(line.data(), line.size()));
  }
  return exit_code;
}

}  // namespace tools
