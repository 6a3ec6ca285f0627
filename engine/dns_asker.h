// Asks the DNS and waits for the answer, with a loop of its own: for commands, and for the thread that runs the engine.
// One thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "dns/cares_resolver.h"
#include "dns/lookup.h"
#include "dns/mx_lookup.h"
#include "engine/base/log.h"
#include "engine/base/string_map.h"
#include "engine/base/time.h"
#include "engine/config/config.h"
#include "engine/io/clock.h"
#include "engine/io/reactor.h"
#include "engine/io/timer_wheel.h"

namespace engine {

class DnsAsker final : public dns::Lookup {
 public:
  // `limit`: what has no answer so long after this gets none (kTimeout). Errors: no resolver works here.
  static absl::StatusOr<std::unique_ptr<DnsAsker>> Make(const config::DnsConfig& config, base::Duration limit);
  DnsAsker(const DnsAsker&) = delete;
  DnsAsker& operator=(const DnsAsker&) = delete;

  // The same question twice is the same answer, and is asked once.
  dns::Answer Ask(std::string_view name, dns::RecordType type) override;
  // The mail exchangers of each domain, with their addresses; kTemporary where there is no answer in time. Waits no
  // longer once `go_on` (asked about ten times a second) is false.
  std::vector<dns::Route> Routes(
      const std::vector<std::string>& domains, dns::MxLookup::Families families,
      absl::FunctionRef<bool()> go_on = [] { return true; });
  // Asks without waiting, so that Ask finds the answers.
  void Begin(const std::vector<std::pair<std::string, dns::RecordType>>& questions);
  // Runs rules that ask one question after the other until each has its answer: again and again, as answers come, and
  // what has none yet is a kTimeout. So all that needs no other answer first is asked at once. The last run counts.
  void InRounds(absl::FunctionRef<void(dns::Lookup&)> rules);
  // What is to be done about ten times a second while Ask or InRounds waits; false: they wait no longer.
  void WhileWaiting(std::function<bool()> work) { while_waiting_ = std::move(work); }
  std::vector<std::string> Servers() const { return resolver_->Servers(); }

  // For who asks now and then, and does not wait: the resolver, and one turn of its loop.
  dns::Resolver& resolver() { return *resolver_; }
  void Turn() { TurnUntil(clock_.Now()); }

 private:
  class Round;

  explicit DnsAsker(base::Duration limit);
  void TurnUntil(base::Instant until);
  bool MayWait() const { return clock_.Now() < end_ && goes_on_; }
  void Wait();  // For something to happen, a tenth of a second at most.

  io::SystemClock clock_;
  io::TimerWheel timers_;
  const base::Instant end_;
  std::unique_ptr<io::Reactor> reactor_;
  std::unique_ptr<dns::CaresResolver> resolver_;
  base::StringMap<std::optional<dns::Answer>> answers_;  // Nullopt: on its way.
  std::size_t answered_ = 0;                             // Of them.
  std::function<bool()> while_waiting_ = [] { return true; };
  bool goes_on_ = true;
};

}  // namespace engine
