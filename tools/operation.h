// What status, pause, resume and cancel have in common: they ask the program that is at work on the campaign, and act
// on the state themselves where there is none.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/base/time.h"
#include "engine/campaign_operation.h"
#include "nlohmann/json.hpp"
#include "tools/campaign_access.h"
#include "tools/command.h"

namespace tools {

// The answer of the program that is at work on the campaign. Errors: NotFound, there is none; Unavailable, it does not
// answer, or not in time.
absl::StatusOr<nlohmann::ordered_json> AskRunning(const engine::StatePaths& paths, const nlohmann::json& request,
                                                  base::Duration patience);

// Errors: InvalidArgument, the configuration has no such source, or there is no such provider; the nearest is named.
absl::Status CheckScope(const config::Config& config, const delivery::PauseScope& scope);
absl::Status NoSuch(std::string_view what, const std::string& name, const std::vector<std::string>& names);

struct OperationArguments {
  std::string campaign;
  engine::OperationOrder order;
  bool json = false;
};
struct OperationCommand {
  CLI::App& command;                              // For options of its own,
  std::shared_ptr<OperationArguments> arguments;  // which go here.
};
// Adds the command that carries the operation out and prints how it went.
OperationCommand AddOperation(CLI::App& app, Context& context, engine::Operation operation,
                              const std::string& description, const std::string& example);

}  // namespace tools
