// The `sluice` program: finds the command and runs it.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "CLI/CLI.hpp"
#include "engine/base/text.h"
#include "tools/command.h"

namespace {

constexpr int kHelpIndent = 34;

std::string NoSuchCommand(const CLI::App& app, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::App* known : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(known->get_name());
  const std::string_view nearest = base::Nearest(word, names);
  return "there is no command \"" + word + "\"" +
         (nearest.empty() ? "" : "; did you mean \"" + std::string(nearest) + "\"?");
}

// What CLI11 throws becomes one line and exit code 2; help and version are no errors.
int Parse(CLI::App& app, tools::Context& context, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);
    std::string what = error.what();
    if (const std::size_t end = what.find('\n'); end != std::string::npos) what.resize(end);
    if (app.get_subcommands().empty() && argc > 1 && argv[1][0] != '-') what = NoSuchCommand(app, argv[1]);
    std::string command = "sluice";
    for (const CLI::App* chosen : app.get_subcommands()) command += " " + chosen->get_name();
    context.log.Error(what + "; see \"" + command + " --help\"");
    return tools::kExitUsage;
  }
  return context.exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  tools::Context context;
  CLI::App app("Sends one campaign to many recipients, and knows what happened to each of them.", "sluice");
  app.set_version_flag("--version", "sluice " SLUICE_VERSION);
  app.get_formatter()->column_width(kHelpIndent);
  app.require_subcommand(1);
  app.footer("sluice COMMAND --help explains a command.");
  tools::RegisterSend(app, context);
  tools::RegisterSeal(app, context);
  tools::RegisterCheck(app, context);
  tools::RegisterRender(app, context);
  tools::RegisterReport(app, context);
  tools::RegisterEvents(app, context);
  tools::RegisterRemainder(app, context);
  tools::RegisterStatus(app, context);
  tools::RegisterPause(app, context);
  tools::RegisterPlan(app, context);
  tools::RegisterResume(app, context);
  tools::RegisterCancel(app, context);
  tools::RegisterSuppress(app, context);
  tools::RegisterToken(app, context);
  tools::RegisterConfig(app, context);
  tools::RegisterKeygen(app, context);
  tools::RegisterLedger(app, context);
  tools::RegisterSink(app, context);
  tools::RegisterSandbox(app, context);
  tools::RegisterBench(app, context);
  tools::RegisterBenchFlood(app, context);
  tools::RegisterBenchSink(app, context);
  return Parse(app, context, argc, argv);
}
