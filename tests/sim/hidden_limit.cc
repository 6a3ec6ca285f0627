#include "tests/sim/hidden_limit.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <string>

#include "absl/strings/str_format.h"
#include "engine/base/prng.h"
#include "engine/delivery/rate_gate.h"
#include "tests/sim/scenario.h"

namespace sim {
namespace {

using base::Duration;
using base::Instant;

constexpr int kLearning = 120, kMeasured = 60;  // Seconds.

// How the receiver counts: with a leaky bucket, in the second that has passed, or in each of its clock.
enum class Counting : std::uint8_t { kBucket, kLastSecond, kEachSecond };

// Drawn so that 90% of it can be had, where the rate falls by steps of 3%: what is sent evenly arrives as unevenly as
// the network makes it, and that must be no reason to refuse more than a few. A message comes up to three latencies
// late, after an idle session has asked first: less than 7% of a second, and a bucket has room for as much. Recipients
// are enough until the end, and so are connections.
struct HiddenLimit {
  explicit HiddenLimit(base::Prng& prng)
      : per_second(DrawPerSecond(prng)),
        most(per_second * (5 + prng.Below(36)) / 10),
        counting(static_cast<Counting>(prng.Below(3))),
        latency(prng.Chance(0.3) ? Duration::Milliseconds(20) : Duration::Milliseconds(5)),
        burst(2 + per_second * static_cast<std::uint64_t>(latency.milliseconds()) * 3 / 1000 + prng.Below(per_second)),
        two_sources(prng.Chance(0.2)),
        at_first(prng.Chance(0.2) ? per_second * (70 + prng.Below(25)) / 100 : per_second) {}

  std::uint64_t PerSecond(Instant now) const { return now < Instant() + kRises ? at_first : per_second; }

  const std::uint64_t per_second, most;  // `most`: as configured; from half of it to four times as many.
  const Counting counting;
  const Duration latency;
  const std::uint64_t burst;
  const bool two_sources;
  const std::uint64_t at_first;  // It takes so many until kRises: what was learned by then has to grow.

 private:
  static constexpr Duration kRises =
      Duration::Seconds(25);  // Before the rate has grown, and found that to be too much.
  // 20 to 639, of each order as often.
  static std::uint64_t DrawPerSecond(base::Prng& prng) {
    const std::uint64_t least = std::uint64_t{20} << prng.Below(5);
    return least + prng.Below(least);
  }
};

// What the receiver has of one source.
class Source {
 public:
  Source(const HiddenLimit& limit, Instant now)
      : limit_(limit), bucket_({limit.PerSecond(now), Duration::Seconds(1), limit.burst}, now) {}
  bool Takes(Instant now) {
    const bool takes = limit_.counting == Counting::kBucket ? BucketTakes(now) : TakesInItsSecond(now);
    ++(takes ? accepted : refused);
    return takes;
  }
  std::uint64_t accepted = 0, refused = 0;

 private:
  bool BucketTakes(Instant now) {
    bucket_.SetOptions({limit_.PerSecond(now), Duration::Seconds(1), limit_.burst}, now);
    return bucket_.TryPass(now);
  }
  bool TakesInItsSecond(Instant now) {
    const Instant begin = limit_.counting == Counting::kLastSecond
                              ? now - Duration::Seconds(1)
                              : Instant() + Duration::Seconds((now - Instant()).seconds());
    while (!taken_.empty() && taken_.front() < begin) taken_.pop_front();
    if (taken_.size() >= limit_.PerSecond(now)) return false;
    taken_.push_back(now);
    return true;
  }

  HiddenLimit limit_;
  delivery::RateGate bucket_;
  std::deque<Instant> taken_;
};
using Sources = std::map<std::string, Source>;

Scenario::Options DrawScenario(base::Prng& prng, const HiddenLimit& limit, std::uint64_t domains,
                               const Settings& settings) {
  Scenario::Options options;
  const std::uint64_t recipients = limit.per_second * (kLearning + kMeasured + 30) * (limit.two_sources ? 2 : 1);
  for (std::uint64_t i = 0; i < recipients; ++i)
    options.addresses.push_back(absl::StrFormat("a%d@d%d.example", i, i % domains));
  options.shaping = absl::StrFormat("[\"default\"]\nmax_message_rate = \"%d/s\"\nconnection_limit = %d\n", limit.most,
                                    10 + limit.per_second / 4);
  options.sessions_max = 1000;
  options.shards = static_cast<std::uint32_t>(1 + prng.Below(3));
  options.keep_limits = true;
  options.network.latency_most = limit.latency;
  options.seed = settings.seed;
  options.bugs = settings.bugs;
  return options;
}

void Serve(base::Prng& prng, const HiddenLimit& limit, Scenario& scenario, Sources& sources) {
  static constexpr Point kPoints[] = {Point::kMail, Point::kRcpt, Point::kContent};
  static constexpr const char* kReplies[] = {"451 4.7.1 Our rate limit was exceeded", "450 4.7.1 Frequency limited",
                                             "450 4.3.2 Server busy"};
  Receiver& receiver = scenario.AddReceiver("mx.example");
  const Point point = kPoints[prng.Below(std::size(kPoints))];
  const std::string reply = kReplies[prng.Below(std::size(kReplies))];
  receiver.At(Point::kContent, Always({.reply = "250 2.0.0 Taken",
                                       .wait = Duration::Milliseconds(static_cast<std::int64_t>(prng.Below(100)))}));
  receiver.At(point, [&limit, &scenario, &sources, reply](const Question& question) -> std::optional<Answer> {
    const Instant now = scenario.world().now();
    const bool takes = sources.try_emplace(question.client.ToString(), limit, now).first->second.Takes(now);
    return takes ? std::nullopt : std::optional(Answer{.reply = reply});
  });
}

}  // namespace

Findings SimulateHiddenLimit(const Settings& settings) {
  base::Prng prng(settings.seed);
  const HiddenLimit limit(prng);
  const std::uint64_t domains = 1 + prng.Below(6);
  Scenario scenario(DrawScenario(prng, limit, domains, settings));
  if (limit.two_sources) scenario.UseTwoSources();
  Sources sources;
  Serve(prng, limit, scenario, sources);
  for (std::uint64_t i = 0; i < domains; ++i) scenario.names().SetMx(absl::StrFormat("d%d.example", i), {"mx.example"});

  Findings findings;
  // What has to grow is not to wait anew.
  const bool restarts = limit.at_first == limit.per_second && prng.Chance(0.3);
  const auto killed_at = static_cast<std::int64_t>(20 + prng.Below(kLearning - 40));
  scenario.RunFor(Duration::Seconds(restarts ? killed_at : kLearning));
  if (restarts) {
    scenario.Restart();
    ++findings.crashes;
    scenario.RunFor(Duration::Seconds(kLearning - killed_at));
  }
  const Sources before = sources;
  scenario.RunFor(Duration::Seconds(kMeasured));
  for (const auto& [name, source] : sources) {
    const Source* const then = before.contains(name) ? &before.at(name) : nullptr;
    const std::uint64_t accepted = source.accepted - (then == nullptr ? 0 : then->accepted);
    const std::uint64_t refused = source.refused - (then == nullptr ? 0 : then->refused);
    if (accepted * 10 < std::min(limit.per_second, limit.most) * kMeasured * 9 || refused * 100 >= accepted + refused)
      findings.violations.push_back(absl::StrFormat(
          "hidden limit of %d/s (%d/s at first), from %d/s: %d messages of %s were taken in %d s, and %d "
          "refused",
          limit.per_second, limit.at_first, limit.most, accepted, name, kMeasured, refused));
    findings.delivered += source.accepted;
  }
  if (sources.size() != (limit.two_sources ? 2u : 1u)) findings.violations.emplace_back("a source has sent nothing");
  findings.campaigns = 1;
  findings.trace = scenario.world().trace();
  findings.end = "time is over";
  return findings;
}

}  // namespace sim
