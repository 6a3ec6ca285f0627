// sluice resume: takes the pauses of a campaign away.
#include <memory>
#include <string>

#include "tools/operation.h"

namespace tools {

void RegisterResume(CLI::App& app, Context& context) {
  struct Arguments {
    std::string campaign;
    bool json = false;
  };
  CLI::App& command = *app.add_subcommand(
      "resume", "Take pauses and suspensions away; one that has stopped goes on with the next send");
  auto arguments = std::make_shared<Arguments>();
  command.add_option("CAMPAIGN", arguments->campaign, "Campaign file, or the id of one that was started")->required();
  command.add_flag("--json", arguments->json, "For programs");
  AddEngineOptions(command, context);
  SetExample(command, "sluice resume weekly-2026-48");
  command.callback([arguments, &context] {
    context.exit_code =
        RunOperation(arguments->campaign, {.operation = engine::Operation::kResume, .scope = {}, .reason = ""},
                     arguments->json, context);
  });
}

}  // namespace tools
