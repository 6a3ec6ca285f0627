// sluice pause: stops a campaign, or a part of it, until it is resumed.
#include "tools/operation.h"

namespace tools {

void RegisterPause(CLI::App& app, Context& context) {
  OperationCommand pause =
      AddOperation(app, context, engine::Operation::kPause, "Stop a campaign, running or not, until it is resumed",
                   "sluice pause weekly-2026-48\n"
                   "  sluice pause weekly-2026-48 --provider google --reason \"ask first\"");
  engine::OperationOrder& order = pause.arguments->order;
  pause.command.add_option("--provider", order.scope.provider, "Only the mail to this provider; the rest goes on");
  pause.command.add_option("--source", order.scope.source, "Only the mail from this source");
  pause.command.add_option("--reason", order.reason, "Shown to whoever asks why");
}

}  // namespace tools
