// sluice resume: takes the pauses and suspensions of a campaign away.
#include "tools/operation.h"

namespace tools {

void RegisterResume(CLI::App& app, Context& context) {
  AddOperation(app, context, engine::Operation::kResume,
               "Take pauses and suspensions away; one that has stopped goes on with the next send",
               "sluice resume weekly-2026-48");
}

}  // namespace tools
