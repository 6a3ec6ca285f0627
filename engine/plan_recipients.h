// Who is to be sent to by a campaign that is planned. One that is new is prepared into the scratch folder: everybody.
// Of one that was begun: whoever is pending, by its ledger, which a program that is at work on it may be writing. Takes
// no lock, and writes to the scratch folder only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/io/disk.h"
#include "engine/ledger/state.h"
#include "engine/plan_model.h"
#include "engine/plan_request.h"
#include "engine/roster/roster.h"
#include "engine/state_folder.h"

namespace engine {

class PlanRecipients {
 public:
  // Errors: as PrepareCampaign and, of one that was begun, as OpenStarted, CheckUnchanged, CheckKind and
  // ledger::Reader; DataLoss, what is known of its sources is damaged.
  static absl::StatusOr<std::unique_ptr<const PlanRecipients>> Open(io::Disk& disk, const PlanRequest& request);

  const roster::Roster& roster() const { return roster_ != nullptr ? *roster_ : *started_.roster; }
  std::uint64_t left() const { return left_; }
  std::uint64_t to_sign() const { return to_sign_; }   // Of those, whose signatures are not sealed, or too old.
  const std::string& state() const { return state_; }  // As reports have it; "": it was not begun.
  const ledger::CampaignFacts& facts() const { return facts_; }
  bool HasAny(const roster::DomainView& domain) const;
  // Of the domain's, by source of the pool.
  std::vector<DueCounts> Of(const roster::DomainView& domain) const;

 private:
  explicit PlanRecipients(const PlanRequest& request);
  absl::Status Prepare(io::Disk& disk);
  absl::Status TakeUp(io::Disk& disk);
  absl::Status ReadLedger(io::Disk& disk, bool running);
  absl::Status KeepSources(io::Disk& disk);
  absl::Status LeaveOut(io::Disk& disk, bool running);
  void CountSignatures(io::Disk& disk);
  bool IsLeft(ledger::RecipientId id) const;
  base::Duration WaitOf(ledger::RecipientId id) const;  // Until it is due.

  const PlanRequest& request_;
  std::vector<std::uint32_t> weights_;  // Of the sources.
  std::unique_ptr<const roster::Roster> roster_;
  StartedCampaign started_;
  std::unique_ptr<io::Mapping> memory_;
  std::unique_ptr<ledger::StateTable> table_;  // The plan's own; null: it was not begun.
  ledger::CampaignFacts facts_;
  std::string state_;
  std::uint64_t left_ = 0, to_sign_ = 0;
};

}  // namespace engine
