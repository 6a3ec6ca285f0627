// What the parts of one shard share: the seams to the world and the campaign's constants. Borrowed; the shard owns
// them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dns/mx_lookup.h"
#include "engine/base/log.h"
#include "engine/delivery/broken_tls.h"
#include "engine/delivery/budgets.h"
#include "engine/delivery/campaign_rate.h"
#include "engine/delivery/commit_queue.h"
#include "engine/delivery/job.h"
#include "engine/delivery/limit_group.h"
#include "engine/delivery/session_budget.h"
#include "engine/delivery/settler.h"
#include "engine/io/clock.h"
#include "engine/io/io.h"
#include "engine/io/timer_wheel.h"
#include "tls/channel.h"

namespace smtp {
class Authenticator;
}

namespace delivery {

class Sealer;

// Facts that may pause the campaign or a part of it; they travel to the shard that has the coordinator.
class CampaignFacts {
 public:
  virtual ~CampaignFacts() = default;
  // `domain`: its number in the roster.
  virtual void OnDomain(std::uint64_t domain, bool missing) = 0;
  virtual void OnSenderRefused(std::string_view site, std::string_view normalized_text, bool invalid_sender,
                               std::string_view sample) = 0;
  virtual void OnFirstAttempt(std::string_view provider) = 0;
  virtual void OnBudgetEvent(BudgetEvent event, std::string_view provider, std::string_view source,
                             std::string_view sample) = 0;
  virtual void OnSigningFailed(std::string_view why) = 0;
  virtual void OnMessageFailed(std::uint64_t row, std::string_view why) = 0;
  // The smarthost refuses the login, or must not be connected to. `sample`: its words, where there are any.
  virtual void OnSmarthostUnusable(std::string_view reason, std::string_view sample) = 0;
};

struct Context {
  const Job& job;
  const PlantedBugs& bugs;
  std::uint64_t seed;
  io::Io& io;
  const io::Clock& clock;
  io::TimerWheel& timers;
  dns::MxLookup& mx;
  tls::ChannelFactory& tls;
  BrokenTls& broken_tls;
  CommitQueue& commits;
  Settler& settler;
  Sealer& sealer;
  SessionBudget& budget;
  CampaignLine& line;
  CampaignFacts& facts;
  GroupMember::Caller& caller;  // Reaches the shard's sites from any thread.
  base::Log& log;
  tls::ResultCounts* tls_results = nullptr;      // Null: nobody counts.
  smtp::Authenticator* authenticator = nullptr;  // Logs in to the smarthost; null: nobody wants that.
};

}  // namespace delivery
