// sluice pause: stops a campaign, or a part of it, until it is resumed.
#include <memory>
#include <string>

#include "tools/operation.h"

namespace tools {

void RegisterPause(CLI::App& app, Context& context) {
  struct Arguments {
    std::string campaign;
    engine::OperationOrder order;
    bool json = false;
  };
  CLI::App& command = *app.add_subcommand("pause", "Stop a campaign, running or not, until it is resumed");
  auto arguments = std::make_shared<Arguments>();
  arguments->order.operation = engine::Operation::kPause;
  command.add_option("CAMPAIGN", arguments->campaign, "Campaign file, or the id of one that was started")->required();
  command.add_option("--provider", arguments->order.scope.provider, "Only the mail to this provider; the rest goes on");
  command.add_option("--source", arguments->order.scope.source, "Only the mail from this source");
  command.add_option("--reason", arguments->order.reason, "Shown to whoever asks why");
  command.add_flag("--json", arguments->json, "For programs");
  AddEngineOptions(command, context);
  SetExample(command,
             "sluice pause weekly-2026-48\n  sluice pause weekly-2026-48 --provider google --reason \"ask first\"");
  command.callback([arguments, &context] {
    context.exit_code = RunOperation(arguments->campaign, arguments->order, arguments->json, context);
  });
}

}  // namespace tools
