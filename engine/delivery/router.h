// Brings destinations to their sites: asks for the MX, decides by the answer what a domain's recipients have to expect,
// and asks again when the answer's time is over. One per shard; it handles the destinations that have no site.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "dns/mx_lookup.h"
#include "engine/delivery/context.h"
#include "engine/delivery/destination.h"
#include "engine/delivery/sts_policies.h"
#include "engine/delivery/sweeper.h"

namespace delivery {

class Router {
 public:
  // What the router needs from its shard.
  class Owner {
   public:
    virtual ~Owner() = default;
    // Mail to the destination is to keep to its MTA-STS policy, if it has one. `route`: null while it is not known.
    virtual bool WantsSts(const Destination& destination, const dns::Route* route) = 0;
    // Of these families, the addresses of mail exchangers are to be part of the route.
    virtual dns::MxLookup::Families WantedFamilies() = 0;
    // The destination has a route: it goes to the site's shard, perhaps this one.
    virtual void PlaceAtSite(Destination& destination, const dns::Route& route) = 0;
    virtual void StartSweep(Destination& destination, Sweep sweep) = 0;
    // The sources that have recipients of the domain, pending or not.
    virtual std::vector<std::uint32_t> SharesOf(std::uint64_t domain) = 0;
    virtual Destination& MakeDestination(DestinationKey key) = 0;
    virtual void RemoveDestination(Destination& destination) = 0;
    virtual Destination* FindDestination(DestinationKey key) = 0;
  };

  // `sts`: null where no policy counts. It ends before the router.
  Router(const Context& context, StsPolicies* sts, Owner& owner) : context_(context), sts_(sts), owner_(owner) {}

  // The domains whose pending recipients nobody has looked at yet, in this order. Once.
  void Feed(std::vector<std::uint64_t> domains) { unfed_domains_ = std::move(domains); }
  // Takes a destination without a site, and looks it up when somebody is due.
  void Adopt(Destination& destination);
  // A sweep of one of the router's destinations is complete.
  void OnSwept(Destination& destination);
  // The destination's timer fired while the router has it.
  void OnTimer(Destination& destination);
  // Asks again for the route of a destination that is at a site.
  void Refresh(Destination& destination);
  // Starts look-ups while there is room. Once per turn.
  void Pump();
  // The next destination that nobody has looked at yet; it is the caller's now. Nullopt: there is none.
  std::optional<DestinationKey> TakeUnfed();
  // No look-up is started any more (the campaign pauses or the program ends).
  void Stop() { stopped_ = true; }
  bool MayLookUp() const { return looking_up_ < kLookupsAtOnce / 2; }  // The other half is for those who have no route.
  // There are destinations that nobody has looked at yet.
  bool HasUnfed() const { return !unfed_.empty() || fed_domains_ < unfed_domains_.size(); }
  // Destinations and domains whose look-up is under way or has not begun.
  std::size_t waiting() const { return looking_up_ + unfed_.size() + (unfed_domains_.size() - fed_domains_); }
  std::size_t unanswered() const { return unanswered_; }  // Destinations that wait because the DNS gives no answer.

 private:
  static constexpr std::size_t kLookupsAtOnce = 256;

  // What is asked about a domain at once.
  struct Lookup {
    DestinationKey key;
    std::optional<dns::Route> route;
    bool asks_policy = false;
    bool knows_policy = false;
    StsPolicies::Found policy = nullptr;
  };

  bool MayBegin() const { return !stopped_ && looking_up_ < kLookupsAtOnce; }
  void LookUp(Destination& destination);
  void AskPolicy(const std::shared_ptr<Lookup>& lookup, Destination& destination);
  void OnRouteKnown(const std::shared_ptr<Lookup>& lookup, const dns::Route& route);
  void Finish(Lookup& lookup);
  void LookUpSmarthost(DestinationKey key);
  void OnRoute(DestinationKey key, const dns::Route& route);
  void Count(Destination& destination, const dns::Route& route, bool missing);
  void OnMissing(Destination& destination, const dns::Route& route);
  void OnNoAnswer(Destination& destination, const dns::Route& route);
  void WaitUntil(Destination& destination, base::Instant at);

  const Context& context_;
  StsPolicies* const sts_;
  Owner& owner_;
  std::vector<std::uint64_t> unfed_domains_;
  std::size_t fed_domains_ = 0;         // So many of them have had their turn.
  std::deque<DestinationKey> unfed_;    // Of the last one of these.
  std::deque<DestinationKey> put_off_;  // For whose policies there was no room. Some may be gone.
  std::size_t looking_up_ = 0;          // Routes that are being asked for.
  std::vector<bool> counted_;           // Domains, by number, that the coordinator has heard of.
  std::size_t unanswered_ = 0;
  bool stopped_ = false;
};

}  // namespace delivery
