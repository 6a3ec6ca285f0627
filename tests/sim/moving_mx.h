// Domains whose mail exchangers change while a campaign runs: to another provider's, to others of the same, to another
// site of it, to those of two providers, and back. What must not happen: mail for a domain goes where its MX has not
// said for longer than its answer lives.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dns/resolver.h"
#include "engine/base/time.h"
#include "tests/sim/provider_sites.h"
#include "tests/sim/resolver.h"
#include "tests/sim/world.h"
#include "tools/sandbox/personality.h"

namespace sim {

class MovingMx {
 public:
  MovingMx(const World& world, std::function<void(std::string violation)> report)
      : world_(world), report_(std::move(report)) {}
  // Draws who moves, when and whereto, for domains "d0.example" and so on. `whole`: providers whose sites
  // are never parted, nor mixed with others.
  void Draw(base::Prng& prng, std::uint64_t domains, const sandbox::Personality& personality,
            const std::set<std::size_t>& whole);
  // The names as they are, but for the exchangers of those domains.
  Names Over(Names names) const;
  // How long after a look-up that did not say so may mail still go there.
  base::Duration Patience(std::string_view domain) const;

  // A campaign's program was told so.
  void OnAnswer(std::size_t campaign, const std::string& name, dns::RecordType type, const dns::Answer& answer);
  // A server of the site heard of a recipient in this domain.
  void CheckRecipient(std::size_t campaign, const std::string& domain, const SiteNumber& site);
  std::uint64_t moved() const { return moved_; }  // Recipients that went elsewhere than their domain's first ones.

 private:
  struct Move {
    base::Instant at;
    std::vector<std::string> hosts;  // By preference.
  };
  struct Told {
    base::Instant at;
    std::set<SiteNumber> sites;
    bool any = false;  // It has no MX.
  };
  std::vector<std::string> DrawHosts(base::Prng& prng, const sandbox::Personality& personality,
                                     const std::set<std::size_t>& whole) const;

  const World& world_;
  const std::function<void(std::string)> report_;
  std::map<std::string, std::vector<Move>, std::less<>> moves_;  // By domain; the first is from the start.
  std::map<std::string, base::Duration, std::less<>> ttls_;
  std::map<std::string, std::vector<base::Instant>, std::less<>> silent_at_;  // Look-ups without an answer.
  std::map<std::pair<std::size_t, std::string>, std::vector<Told>> told_;     // By campaign and domain.
  std::map<std::string, SiteNumber> first_;                                   // Where the first recipient went.
  std::uint64_t moved_ = 0;
};

}  // namespace sim
