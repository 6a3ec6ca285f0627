// What the host's state says of receivers when a planned campaign begins: read once; nothing is taken or locked, so
// that another program may be using it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "engine/base/time.h"
#include "engine/campaign/campaign.h"
#include "engine/config/shaping.h"
#include "engine/delivery/host_limits.h"
#include "engine/delivery/source.h"
#include "engine/io/disk.h"
#include "engine/plan_model.h"

namespace engine {

class PlanHost {
 public:
  // The campaign begins at `begin`.
  PlanHost(const campaign::Campaign& campaign, base::WallTime now, base::WallTime begin);
  // What the last programs that had these sources left in `directory`, or the ones that have them now. `names`: as
  // HostState has it.
  void Read(io::Disk& disk, const std::string& directory, const std::vector<delivery::Source>& sources,
            const std::string& names);

  // Of one (source, site).
  struct Site {
    delivery::SiteStanding::Kept known;
    base::Duration suspended;  // How long the campaign's mail is held there; zero: it is not.
  };
  Site At(const std::string& source, const std::string& site) const;
  // Nothing is suspended there now, and no other program has the source, whose limits a connection would count for.
  bool MayConnect(const std::string& source, const std::string& site) const;
  RateDebt DebtOf(const delivery::HostLimits::GroupName& group) const;
  // Of all that a source is to send, by its limits over all receivers; none of them is named where it has none.
  PlannedTime TimeOf(const delivery::Source& source, const SharedLoad& load) const;
  // Of a source at a provider; `provider` empty: at the site, which has none.
  delivery::Warmup::Kept WarmupOf(const std::string& source, const std::string& site, const std::string& provider,
                                  const std::vector<std::uint32_t>& numbers);
  base::WallTime begin() const { return begin_; }

 private:
  base::Duration SuspendedFor(const delivery::SiteStanding::Kept& known) const;

  const std::vector<std::string> scopes_;  // Whose suspensions hold the campaign's mail.
  const base::WallTime begin_;
  const base::Instant now_, begins_at_;
  std::set<std::string> in_use_;  // Sources.
  delivery::HostLimits limits_;
};

}  // namespace engine
