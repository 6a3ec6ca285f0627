// The shaping files of a simulated program: drawn, changed in mid-run, and what the receivers see of them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/config/shaping.h"
#include "tests/sim/limit_checks.h"
#include "tests/sim/rule_checks.h"
#include "tests/sim/shaping_draw.h"
#include "tests/sim/simulation.h"
#include "tests/sim/warmup_checks.h"
#include "tests/sim/world.h"
#include "tools/sandbox/exchanger.h"

namespace sim {

class ShapingChecks {
 public:
  using Shaping = std::shared_ptr<const config::Shaping>;
  ShapingChecks(World& world, const std::function<void(std::string violation)>& report)
      : world_(world), limits_(report), rules_(report), warmups_(report) {}

  // Draws what holds from the start. The personality outlives this.
  void Draw(const sandbox::Personality& personality, const std::vector<delivery::Source>& sources);
  // The first version; `others` are files of it, too.
  Shaping Parse(const std::vector<config::Shaping::File>& others);
  // Draws changes of the limits; each is told when it comes.
  void PlanChanges(std::function<void(Shaping)> change);

  bool empty() const { return drawn_.limits.empty(); }
  bool IsLimited(std::size_t provider) const { return drawn_.limits.contains(provider); }
  bool HasWarmups() const { return !drawn_.warmups.empty(); }

  void AddCampaign(std::size_t campaign, const base::Rate& rate) { limits_.AddCampaign(campaign, rate); }
  void OnRecipient(std::size_t campaign, const sandbox::Exchanger::Named& named);
  void OnRefusal(const sandbox::Exchanger::Named& named, std::string_view reply);
  // To a server of the provider.
  void OnConnection(std::size_t provider, const base::IpAddress& client, const base::IpAddress& server, bool begins);
  // One to a server of the provider breaks: what was said just before may be lost.
  void OnBreak(std::size_t provider, const base::IpAddress& client, const base::IpAddress& server);
  void OnCrash() { rules_.OnCrash(world_.now()); }
  void OnStart() { rules_.OnStart(); }

  void Tell(Findings& findings) const;

 private:
  void TellLimits();
  Shaping ParseAgain() const;
  void Change();
  Place PlaceOf(std::size_t provider, const base::IpAddress& client, const base::IpAddress& server) const;

  World& world_;
  const sandbox::Personality* personality_ = nullptr;
  std::vector<delivery::Source> sources_;
  DrawnShaping drawn_;
  std::vector<config::Shaping::File> others_;
  std::function<void(Shaping)> change_;
  LimitChecks limits_;
  RuleChecks rules_;
  WarmupChecks warmups_;
  std::uint64_t changes_ = 0;
};

}  // namespace sim
