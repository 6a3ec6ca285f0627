// sluice suppress: adds to the host's suppression list, which holds for every campaign, running ones too.
#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/campaign/suppression.h"
#include "engine/io/append.h"
#include "engine/suppression_watch.h"
#include "nlohmann/json.hpp"
#include "tools/campaign_access.h"
#include "tools/command.h"

namespace tools {
namespace {

constexpr std::uint64_t kListMax = 4ull << 30;

struct Arguments {
  std::vector<std::string> entries;
  bool json = false;
};

// The entries as lines, each once. Errors: all entries that are none.
absl::StatusOr<std::set<std::string>> LinesOf(const std::vector<std::string>& entries) {
  std::set<std::string> lines;
  std::string errors;
  for (const std::string& entry : entries) {
    absl::StatusOr<std::string> line = campaign::SuppressionLine(entry);
    if (line.ok()) {
      lines.insert(*std::move(line));
    } else {
      absl::StrAppendFormat(&errors, "%s%s", errors.empty() ? "" : "\n", std::string(line.status().message()));
    }
  }
  if (!errors.empty()) return absl::InvalidArgumentError(errors);
  return lines;
}

int Suppress(const Arguments& arguments, Context& context) {
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  const absl::StatusOr<config::Config> config = LoadConfiguration(context);
  if (!config.ok()) return Fail(context.log, config.status(), ExitCodeOf(config.status()));
  const absl::StatusOr<std::set<std::string>> lines = LinesOf(arguments.entries);
  if (!lines.ok()) return Fail(context.log, lines.status(), kExitInvalid);
  const std::string path = engine::HostSuppressionFile(*config);
  campaign::Suppression known;
  if (disk->Exists(path)) {
    const absl::StatusOr<std::string> text = io::ReadFile(*disk, path, kListMax);
    if (!text.ok()) return Fail(context.log, text.status(), kExitFailure);
    if (absl::Status status = known.Add(*text, path); !status.ok()) context.log.Warning(std::string(status.message()));
  }
  known.Seal();
  std::string added;
  int count = 0;
  for (const std::string& line : *lines) {
    if (known.Has(line)) continue;
    added += line + "\n";
    ++count;
  }
  absl::Status status = disk->MakeDirectories(*config->engine.state_dir);
  if (status.ok() && count > 0) status = io::AppendLines(path, added).status();
  if (!status.ok()) return Fail(context.log, status, kExitFailure);
  const int before = static_cast<int>(lines->size()) - count;
  if (arguments.json) {
    const nlohmann::ordered_json json = {{"format", 1}, {"file", path}, {"added", count}, {"known", before}};
    std::printf("%s\n", json.dump().c_str());
  } else {
    std::printf("%s: %d added, %d there before\n", path.c_str(), count, before);
  }
  return kExitOk;
}

}  // namespace

void RegisterSuppress(CLI::App& app, Context& context) {
  CLI::App& command = *app.add_subcommand("suppress", "Nobody here gets mail any more, from running campaigns neither");
  auto arguments = std::make_shared<Arguments>();
  command.add_option("ADDRESS", arguments->entries, "Addresses, @domains, or sha256:HEX of folded addresses")
      ->required();
  command.add_flag("--json", arguments->json, "One JSON object instead of a line");
  AddEngineOptions(command, context);
  SetExample(command, "sluice suppress zoe@example.net @example.org");
  command.callback([arguments, &context] { context.exit_code = Suppress(*arguments, context); });
}

}  // namespace tools
