// sluice cancel: whoever is pending gets no mail any more, for good.
#include <memory>
#include <string>

#include "tools/operation.h"

namespace tools {

void RegisterCancel(CLI::App& app, Context& context) {
  struct Arguments {
    std::string campaign;
    bool json = false;
  };
  CLI::App& command =
      *app.add_subcommand("cancel", "End a campaign for good, running or not: whoever is pending gets no mail");
  auto arguments = std::make_shared<Arguments>();
  command.add_option("CAMPAIGN", arguments->campaign, "Campaign file, or the id of one that was started")->required();
  command.add_flag("--json", arguments->json, "For programs");
  AddEngineOptions(command, context);
  SetExample(command, "sluice cancel weekly-2026-48");
  command.callback([arguments, &context] {
    context.exit_code =
        RunOperation(arguments->campaign, {.operation = engine::Operation::kCancel, .scope = {}, .reason = ""},
                     arguments->json, context);
  });
}

}  // namespace tools
