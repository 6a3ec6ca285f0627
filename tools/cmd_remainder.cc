// sluice remainder: the rows of recipients in certain states, as a new recipients file.
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "engine/ledger/reader.h"
#include "engine/roster/remainder.h"
#include "engine/smtp/classification.h"
#include "tools/campaign_access.h"
#include "tools/command.h"
#include "tools/operation.h"

namespace tools {
namespace {

struct Arguments {
  std::string campaign;
  std::string which;
  std::vector<std::string> classes;
  std::vector<std::string> providers;
};

const std::map<std::string, ledger::State>& States() {
  static const std::map<std::string, ledger::State> kStates = {
      {"unattempted", ledger::State::kUnattempted}, {"deferred", ledger::State::kDeferred},
      {"bounced", ledger::State::kBounced},         {"expired", ledger::State::kExpired},
      {"cancelled", ledger::State::kCancelled},     {"withdrawn", ledger::State::kWithdrawn},
      {"in_doubt", ledger::State::kInDoubt}};
  return kStates;
}

absl::StatusOr<std::vector<ledger::State>> ParseStates(const std::string& which) {
  std::vector<ledger::State> states;
  for (const auto word : absl::StrSplit(which, ',')) {
    const auto found = States().find(std::string(word));
    if (found == States().end()) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "--which %s: unattempted, deferred, bounced, expired, cancelled, withdrawn or in_doubt belong here", word));
    }
    states.push_back(found->second);
  }
  return states;
}

std::vector<std::string> ClassNames() {
  std::vector<std::string> names;
  for (int i = 1; i <= static_cast<int>(smtp::Classification::kUnclassified); ++i)
    names.emplace_back(smtp::ToString(static_cast<smtp::Classification>(i)));
  return names;
}

bool Contains(const std::vector<std::string>& list, std::string_view text) {
  return list.empty() || std::find(list.begin(), list.end(), text) != list.end();
}

int Remainder(const Arguments& arguments, Context& context) {
  absl::StatusOr<std::vector<ledger::State>> states = ParseStates(arguments.which);
  if (!states.ok()) return Fail(context.log, states.status(), kExitUsage);
  for (const std::string& name : arguments.classes) {
    if (!smtp::ParseClassification(name).has_value())
      return Fail(context.log, NoSuch("class", name, ClassNames()), kExitUsage);
  }
  absl::StatusOr<Access> access = OpenCampaign(context, arguments.campaign);
  if (!access.ok()) return Fail(context.log, access.status(), ExitCodeOf(access.status()));
  const std::uint64_t recipients = access->started.roster->recipients();
  TableMemory memory(recipients);
  ledger::StateTable table = memory.table();
  // Whether a recipient's last outcome is of a wanted class and provider; one that has none is of no class.
  const bool by_outcome = !arguments.classes.empty() || !arguments.providers.empty();
  std::vector<bool> fits(recipients, !by_outcome);
  std::set<std::string, std::less<>> seen_providers;  // As few as the shaping files name.
  ledger::Reader reader(*access->disk, {.directory = access->started.paths.ledger(),
                                        .campaign_hash = access->started.hash(),
                                        .recipients = recipients,
                                        .live = access->running});
  while (true) {
    absl::StatusOr<std::optional<ledger::ReadRecord>> next = reader.Next();
    if (!next.ok()) return Fail(context.log, next.status(), kExitFailure);
    if (!next->has_value()) break;
    if (const auto* attempt = std::get_if<ledger::Attempt>(&(*next)->record)) table.Apply(*attempt);
    const auto* outcome = std::get_if<ledger::Outcome>(&(*next)->record);
    if (outcome == nullptr) continue;
    table.Apply(*outcome);
    if (!by_outcome) continue;
    const std::string_view provider =
        outcome->provider.empty() ? std::string_view(delivery::kOtherProvider) : outcome->provider;
    if (seen_providers.find(provider) == seen_providers.end()) seen_providers.emplace(provider);
    fits[outcome->recipient] =
        Contains(arguments.classes, outcome->classification) && Contains(arguments.providers, provider);
  }
  for (const std::string& name : arguments.providers) {  // Old ones may be in no file any more.
    const absl::Status known = CheckScope(access->config, {.provider = name, .source = ""});
    if (!known.ok() && seen_providers.find(name) == seen_providers.end()) return Fail(context.log, known, kExitUsage);
  }
  const absl::Status status = roster::WriteRows(
      *access->started.roster,
      [&](std::uint64_t id) {
        return fits[id] && std::find(states->begin(), states->end(), table[id].state) != states->end();
      },
      [](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); });
  if (!status.ok()) return Fail(context.log, status, kExitFailure);
  return kExitOk;
}

}  // namespace

void RegisterRemainder(CLI::App& app, Context& context) {
  CLI::App& command =
      *app.add_subcommand("remainder", "Rows of recipients in certain states, as a new recipients file");
  auto arguments = std::make_shared<Arguments>();
  command.add_option("CAMPAIGN", arguments->campaign, "Campaign file, or the id of one that was started")->required();
  command
      .add_option("--which", arguments->which,
                  "Comma list of unattempted, deferred, bounced, expired, cancelled, withdrawn, in_doubt")
      ->required();
  command.add_option("--class", arguments->classes,
                     "Only where the last outcome was of this class, such as PolicyRelated; may be repeated");
  command.add_option("--provider", arguments->providers, "Only recipients of this provider; may be repeated");
  AddEngineOptions(command, context);
  SetExample(command, "sluice remainder weekly-2026-48 --which deferred,in_doubt > again.csv");
  command.callback([arguments, &context] { context.exit_code = Remainder(*arguments, context); });
}

}  // namespace tools
