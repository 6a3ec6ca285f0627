// sluice cancel: whoever is pending gets no mail any more, for good.
#include "tools/operation.h"

namespace tools {

void RegisterCancel(CLI::App& app, Context& context) {
  AddOperation(app, context, engine::Operation::kCancel,
               "End a campaign for good, running or not: whoever is pending gets no mail",
               "sluice cancel weekly-2026-48");
}

}  // namespace tools
