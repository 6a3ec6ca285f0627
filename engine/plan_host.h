// What the host's state says of receivers when a planned campaign begins: read once; nothing is taken or locked, so
// that another program may be using it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/base/time.h"
#include "engine/campaign/campaign.h"
#include "engine/config/shaping.h"
#include "engine/delivery/host_limits.h"
#include "engine/delivery/source.h"
#include "engine/io/disk.h"
#include "engine/ledger/state.h"
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
  // The campaign was begun: its own ledger knows of suspensions, too.
  void Take(const ledger::CampaignFacts& facts);

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
  PlannedTime TimeOf(const delivery::Source& source, const DueLoads& due) const;
  // Of a source at a provider; `provider` empty: at the site, which has none.
  delivery::Warmup::Kept WarmupOf(const std::string& source, const std::string& site, const std::string& provider,
                                  const std::vector<std::uint32_t>& numbers);
  base::WallTime begin() const { return begin_; }

 private:
  // From then on, by what is `known` and by the ledger; and whether that is for everybody's mail.
  struct Suspended {
    base::Duration longest;
    bool is_everybody = false;
  };
  Suspended SuspendedFor(const std::string& source, const std::string& site, const delivery::SiteStanding::Kept& known,
                         base::WallTime from) const;

  const std::vector<std::string> scopes_;  // Whose suspensions hold the campaign's mail.
  const base::WallTime wall_now_, begin_;
  const base::Instant now_, begins_at_;
  std::set<std::string> in_use_;  // Sources.
  delivery::HostLimits limits_;
  std::map<ledger::SuspensionKey, ledger::SuspensionState> suspensions_;  // Of the ledger.
};

}  // namespace engine
