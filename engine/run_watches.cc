#include "engine/run_watches.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/dns_asker.h"
#include "engine/io/clock.h"
#include "engine/shaping_watch.h"

namespace engine {
namespace {

// The watch with the loop that its questions need.
struct DkimLoop {
  std::unique_ptr<DnsAsker> asker;
  DkimWatch watch;
};

std::shared_ptr<DkimLoop> MakeDkimLoop(const RunRequest& request, const SendingMeans& means, base::Log& log) {
  std::vector<dkim::PublishedKey> keys;
  for (const dkim::SigningKey& key : means.keys) {
    absl::StatusOr<dkim::PublishedKey> published = dkim::PublishedKeyOf(key);
    if (published.ok()) keys.push_back(*std::move(published));
  }
  if (keys.empty()) return nullptr;
  absl::StatusOr<std::unique_ptr<DnsAsker>> asker = DnsAsker::Make(request.config->dns, base::Duration());
  if (!asker.ok()) {
    log.Warning(absl::StrFormat("the DKIM records are not looked at again: %s", std::string(asker.status().message())));
    return nullptr;
  }
  dns::Resolver& resolver = (*asker)->resolver();
  return std::shared_ptr<DkimLoop>(new DkimLoop{
      *std::move(asker), DkimWatch(std::move(keys), resolver, *request.dkim_watch, io::SystemClock().Now())});
}

}  // namespace

void AddWatches(const RunRequest& request, const SendingMeans& means, SuppressionWatch& suppression, base::Log& log,
                EngineOptions& options) {
  if (request.test.has_value()) return;
  std::shared_ptr<SharedShapingWatch> watch(request.shaping_watch, [](SharedShapingWatch*) {});  // Somebody else's.
  if (watch == nullptr)
    watch = std::make_shared<SharedShapingWatch>(*request.config, *request.shaping, request.shaping_warnings);
  options.new_shaping = [watch, seen = std::uint64_t{0}, host = request.host, &log]() mutable {
    std::shared_ptr<const config::Shaping> shaping = watch->Poll(seen, io::SystemClock().Now(), log);
    if (shaping == nullptr || !shaping->HasTotals() || host == nullptr) return shaping;
    if (absl::Status status = host->UseTotals(); !status.ok())
      log.Warning(
          absl::StrFormat("%s; until this program begins anew, they have no bursts", std::string(status.message())));
    return shaping;
  };
  options.new_suppression = [&suppression, &log] { return suppression.Poll(io::SystemClock().Now(), log); };
  if (!request.dkim_watch.has_value()) return;
  const std::shared_ptr<DkimLoop> dkim = MakeDkimLoop(request, means, log);
  if (dkim == nullptr) return;
  const bool is_forced = request.preflight == Preflight::kWarn;
  options.new_pause = [dkim, is_forced, &log]() -> std::optional<delivery::PauseReason> {
    dkim->asker->Turn();
    std::optional<delivery::PauseReason> pause = dkim->watch.Poll(io::SystemClock().Now());
    if (!pause.has_value() || !is_forced) return pause;
    log.Warning(absl::StrFormat("%s; it is sent all the same (--force)", pause->reason));
    return std::nullopt;
  };
  options.on_resume = [dkim] { dkim->watch.LookNow(); };
}

}  // namespace engine
