// One campaign of a simulated program: what it is to send, and at the end, what its ledger says against what the mail
// exchangers saw.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/delivery/job.h"
#include "engine/ledger/state.h"
#include "tests/sim/campaign.h"
#include "tests/sim/crash_disk.h"
#include "tests/sim/simulation.h"
#include "tests/sim/world.h"

namespace sim {

// Its recipients are named "cNUMBER-user1@d3.example" and so on.
class SimulatedCampaign {
 public:
  using Report = std::function<void(std::string violation)>;
  struct Seen {  // By the mail exchangers, of one recipient: how often it was accepted, with a reply or without.
    std::uint64_t accepted = 0, silent = 0;
  };
  // Draws its recipients and what the campaign file says. Both references outlive it.
  SimulatedCampaign(World& world, CrashDisk& disk, std::uint32_t number, std::uint64_t domains);

  // Whose recipient that is; of ten campaigns at most.
  static std::size_t NumberOf(std::string_view address) { return static_cast<std::size_t>(address[1] - '0'); }

  delivery::Job& job() { return *job_; }
  const roster::Roster& roster() const { return campaign_->roster(); }
  const std::string& folder() const { return folder_; }
  std::string ledger_folder() const { return folder_ + "/ledger"; }
  // Lets it take a day or two.
  void TakeDays(base::Prng& prng);
  // Gives it signatures that were made before, by the simulated signer.
  void Seal();

  // What a mail exchanger has accepted is that recipient's message, and each of its signatures is one of this message.
  void CheckMessage(const std::string& recipient, const std::string& content, const Report& report) const;
  // Adds up what has become of its recipients. `end`: "finished" or why not.
  void CheckLedger(const std::map<std::string, Seen>& seen, std::string_view end, Findings& findings,
                   const Report& report);

  std::uint64_t reported = 0;  // Finals that were told before the last crash, of all runs.
  std::string end;             // "finished", "paused"; empty: not yet.

 private:
  void CountStates(const ledger::StateTable& table, std::string_view end, Findings& findings,
                   const Report& report) const;
  void CheckCopies(const ledger::StateTable& table, const std::map<std::string, Seen>& seen, const Report& report);

  World& world_;
  CrashDisk& disk_;
  const std::string folder_;
  std::unique_ptr<Campaign> campaign_;
  std::unique_ptr<delivery::Job> job_;
};

}  // namespace sim
