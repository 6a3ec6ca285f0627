// sluice events: one JSON object per line, rendered from the ledger.
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/date.h"
#include "engine/io/file_lock.h"
#include "engine/ledger/reader.h"
#include "engine/report/events.h"
#include "tools/campaign_access.h"
#include "tools/command.h"
#include "tools/operation.h"
#include "tools/signals.h"

namespace tools {
namespace {

constexpr int kFollowEveryMilliseconds = 200;

struct Arguments {
  std::string campaign;
  bool follow = false;
  std::vector<std::string> types;
  std::uint64_t after = 0;
  std::string since;
};

const std::vector<std::string>& Types() {
  static const std::vector<std::string> kTypes = {"Delivery",   "TransientFailure", "Bounce",      "InDoubt",
                                                  "Expiration", "Withdrawn",        "AdminBounce", "CampaignState",
                                                  "SiteState",  "Invalid",          "Duplicate",   "Suppressed"};
  return kTypes;
}

// Which events are wanted.
struct Filter {
  const std::vector<std::string>& types;
  std::uint64_t after;
  std::optional<base::WallTime> since;

  bool Wants(std::string_view type) const {
    return !type.empty() && (types.empty() || std::find(types.begin(), types.end(), type) != types.end());
  }
  bool Wants(const ledger::ReadRecord& read) const {
    if (read.seq <= after || !Wants(report::EventRenderer::TypeOf(read.record))) return false;
    if (!since.has_value()) return true;
    return std::visit([this](const auto& record) { return record.time >= *since; }, read.record);
  }
};

void Print(const std::string& line) { std::printf("%s\n", line.c_str()); }

// Prints what the reader finds; stops when standard output is closed.
absl::Status PrintNew(ledger::Reader& reader, const Filter& filter, report::EventRenderer& renderer) {
  while (true) {
    absl::StatusOr<std::optional<ledger::ReadRecord>> next = reader.Next();
    if (!next.ok()) return next.status();
    if (!next->has_value()) break;
    if (filter.Wants(**next)) Print(renderer.Render((*next)->record, (*next)->seq));
  }
  std::fflush(stdout);
  return absl::OkStatus();
}

int Events(const Arguments& arguments, Context& context) {
  for (const std::string& type : arguments.types) {
    if (std::find(Types().begin(), Types().end(), type) == Types().end())
      return Fail(context.log, NoSuch("type of events", type, Types()), kExitUsage);
  }
  absl::StatusOr<Access> access = OpenCampaign(context, arguments.campaign);
  if (!access.ok()) return Fail(context.log, access.status(), ExitCodeOf(access.status()));
  Filter filter{arguments.types, arguments.after, std::nullopt};
  if (!arguments.since.empty()) {
    filter.since = base::ParseRfc3339(arguments.since);
    if (!filter.since.has_value()) {
      return Fail(context.log,
                  absl::InvalidArgumentError("--since " + arguments.since +
                                             ": a time such as 2026-11-24T09:00:00Z belongs here"),
                  kExitUsage);
    }
  }
  absl::StatusOr<std::string> node = engine::LoadNodeId(*access->disk, *access->config.engine.state_dir);
  if (!node.ok()) return Fail(context.log, node.status(), kExitFailure);
  const engine::StartedCampaign& started = access->started;
  report::EventRenderer renderer(
      *started.roster, {*node, [&started](std::uint64_t row) { return started.Token(row); }, started.message.get()});
  if (filter.after == 0 && !filter.since.has_value()) {
    const absl::Status status = started.roster->VisitRejects([&](const roster::Reject& reject) {
      if (filter.Wants(report::EventRenderer::TypeOf(reject))) Print(renderer.Render(reject));
    });
    if (!status.ok()) return Fail(context.log, status, kExitFailure);
  }
  absl::StatusOr<std::unique_ptr<Signals>> signals = Signals::Make();
  if (!signals.ok()) return Fail(context.log, signals.status(), kExitFailure);
  const bool live = access->running || arguments.follow;
  ledger::Reader reader(*access->disk, {.directory = started.paths.ledger(),
                                        .campaign_hash = started.hash(),
                                        .recipients = started.roster->recipients(),
                                        .live = live});
  const int watch = inotify_init1(IN_CLOEXEC);
  if (arguments.follow && watch >= 0) inotify_add_watch(watch, started.paths.ledger().c_str(), IN_MODIFY | IN_CREATE);
  pollfd changed{watch, POLLIN, 0};
  do {
    if (absl::Status status = PrintNew(reader, filter, renderer); !status.ok())
      return Fail(context.log, status, kExitFailure);
    if (!arguments.follow) break;
    char buffer[8192];
    if (poll(&changed, 1, kFollowEveryMilliseconds) > 0 && read(watch, buffer, sizeof buffer) < 0) break;
  } while ((*signals)->Stops() == 0 && std::ferror(stdout) == 0);
  close(watch);
  return kExitOk;
}

}  // namespace

void RegisterEvents(CLI::App& app, Context& context) {
  CLI::App& command = *app.add_subcommand("events", "What happened, one JSON object per line");
  auto arguments = std::make_shared<Arguments>();
  command.add_option("CAMPAIGN", arguments->campaign, "Campaign file, or the id of one that was started")->required();
  command.add_flag("--follow", arguments->follow, "Go on with what happens from now on");
  command.add_option("--type", arguments->types, "Only events of this type, such as Bounce; may be repeated");
  command.add_option("--after", arguments->after, "Only events with a higher seq");
  command.add_option("--since", arguments->since, "Only events from this time on (RFC 3339)");
  AddEngineOptions(command, context);
  SetExample(command, "sluice events weekly-2026-48 --type Bounce");
  command.callback([arguments, &context] { context.exit_code = Events(*arguments, context); });
}

}  // namespace tools
