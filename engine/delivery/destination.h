// One recipient domain, for one source: its pending recipients and its way through the shard. It is either being looked
// up (the router has it) or placed at a site, and in one list there.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "absl/functional/any_invocable.h"
#include "engine/base/intrusive_list.h"
#include "engine/base/time.h"
#include "engine/delivery/recipient_queue.h"
#include "engine/io/timer_wheel.h"
#include "engine/ledger/record.h"
#include "tls/mta_sts.h"
#include "tls/policy.h"

namespace delivery {

class Site;

// Names a destination on every shard.
struct DestinationKey {
  std::uint64_t domain = 0;  // Index in the roster.
  std::uint32_t share = 0;   // Index of the source whose recipients these are.
  std::uint16_t via = 0;     // Not 0: those of them that go by another one, as RecipientEntry::via.
  friend auto operator<=>(const DestinationKey&, const DestinationKey&) = default;
};

// What befalls all pending recipients of a destination that are due, or all of them. The strings are owned: a sweep
// outlives its reason.
struct Sweep {
  ledger::OutcomeKind kind = ledger::OutcomeKind::kBounced;  // kBounced, kDeferred or kExpired.
  bool only_due = false;
  std::string classification, text, command, site, provider, source;
  std::uint16_t enhanced[3] = {};
};

struct Destination {
  enum class Place : std::uint8_t {
    kNowhere,  // On its way.
    kRouting,  // The router has it.
    kReady,    // At a site, in its list of those with somebody due.
    kWaiting,  // At a site; its timer says when somebody is due.
  };

  // What a site counts it for; kept by ReadyDemand.
  struct Demand {
    bool is_counted = false;
    std::uint64_t recipients = 0;
  };

  Destination(DestinationKey destination_key, std::string domain_name, ledger::StateTable& table,
              const RecipientShare& share, absl::AnyInvocable<void()> on_timer)
      : key(destination_key), name(std::move(domain_name)), queue(table, share), timer(std::move(on_timer)) {}

  const DestinationKey key;
  const std::string name;
  RecipientQueue queue;
  Place place = Place::kNowhere;
  std::uint8_t begun_in_turn = 0;  // Of its recipients, since it is at the front of the list.
  Site* site = nullptr;
  base::ListHook hook;                        // In the list of its place.
  io::Timer timer;                            // kRouting: look up again. kWaiting: somebody is due.
  base::Instant route_expires;                // At a site: when to look up again.
  tls::Policy tls;                            // At a site: what its sessions must be.
  Demand demand;                              // kReady: what it counts for there…
  base::ListHook policy_hook;                 // …and in the list of those of its policy.
  std::string canonical;                      // At a site: what the domain is an alias of; empty: it is none.
  std::shared_ptr<const tls::StsPolicy> sts;  // The domain's MTA-STS policy when it was last looked up; null: none.
  std::string left;                           // The site that it left after a rest, until its new route is known.
  std::string came_from;    // The site with some of the same hosts that it left when its MX records changed…
  bool came_whole = false;  // …and all of them are where it goes.
  bool looking_up = false;
  bool leaving = false;               // Its route changed: it moves once nothing is in flight.
  bool missing_before = false;        // The DNS said once that it does not exist.
  base::Instant no_way_at;            // The mail exchangers had no usable address then, and its mail was deferred.
  bool counted = false;               // The coordinator has heard of it.
  bool asks_policy_anew = false;      // No host satisfied its MTA-STS policy: before the next try it is looked up anew.
  std::uint32_t source_shift = 0;     // So many sources after its own: those before cannot reach its hosts.
  std::set<std::uint16_t> elsewhere;  // Where via is 0: destinations of those that go by others, which may exist.
  base::Duration dns_backoff;         // Last wait after a DNS failure; zero: none lately.
  base::Instant dns_since;            // Of the first of these failures.
  bool sweeping = false;
  std::unique_ptr<Sweep> sweep;  // While `sweeping`.
  base::ListHook sweep_hook;
};

}  // namespace delivery
