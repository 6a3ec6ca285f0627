#include "engine/dkim_watch.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/preflight/sender.h"

namespace engine {
namespace {

constexpr int kFaultsToTell = 2;

}  // namespace

DkimWatch::DkimWatch(std::vector<dkim::PublishedKey> keys, dns::Resolver& resolver, const Times& times,
                     base::Instant now)
    : resolver_(resolver), times_(times) {
  for (dkim::PublishedKey& key : keys) {
    Watched& watched = keys_.emplace_back();
    watched.key = std::move(key);
    watched.next = now + times.again;
  }
}

void DkimWatch::LookNow() {
  for (Watched& watched : keys_) {
    watched.next = base::Instant();
    watched.faults = kFaultsToTell - 1;
    watched.is_told = false;
  }
}

std::optional<delivery::PauseReason> DkimWatch::Poll(base::Instant now) {
  for (Watched& watched : keys_) {
    if (watched.answer.has_value()) {
      if (std::optional<delivery::PauseReason> pause = Judge(watched, now)) return pause;
    }
    if (watched.asks || now < watched.next) continue;
    watched.asks = true;
    resolver_.Resolve(watched.key.name, dns::RecordType::kTxt,
                      [&watched](const dns::Answer& answer) { watched.answer = answer; });
  }
  return std::nullopt;
}

std::optional<delivery::PauseReason> DkimWatch::Judge(Watched& watched, base::Instant now) {
  const preflight::KeyVerdict verdict = preflight::CheckKeyAnswer(*watched.answer, watched.key);
  const base::Duration ttl = watched.answer->ttl;
  watched.answer.reset();
  watched.asks = false;
  watched.is_known = watched.is_known || verdict.is_known;
  watched.next = now + (watched.faults > 0 || !watched.is_known ? times_.again : times_.every);
  if (!verdict.is_known) return std::nullopt;
  if (verdict.verdict != preflight::Verdict::kFail) {
    watched.faults = 0;
    watched.is_told = false;
    watched.next = now + times_.every;
    return std::nullopt;
  }
  // The resolver remembers what it said: the second look is to be another one.
  watched.next =
      now + std::clamp(ttl + base::Duration::Seconds(1), times_.again, std::max(times_.again, times_.again_max));
  if (++watched.faults < kFaultsToTell || std::exchange(watched.is_told, true)) return std::nullopt;
  const preflight::DnsRecord record{watched.key.name, "TXT", watched.key.record};
  delivery::PauseReason pause;
  pause.by = "dkim";
  pause.reason = absl::StrFormat("%s; publish: %s", verdict.what, record.ToString());
  return pause;
}

}  // namespace engine
