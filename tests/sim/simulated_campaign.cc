#include "tests/sim/simulated_campaign.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/check.h"
#include "engine/ledger/verify.h"
#include "tests/sim/engine_process.h"
#include "tests/sim/residual_risk.h"
#include "tests/unit/dkim/naive_verifier.h"

namespace sim {

SimulatedCampaign::SimulatedCampaign(World& world, CrashDisk& disk, std::uint32_t number, std::uint64_t domains)
    : world_(world), disk_(disk), folder_(absl::StrFormat("%s%d", kStateFolder, number)) {
  base::Prng& prng = world_.prng();
  CHECK(disk_.MakeDirectories(ledger_folder()).ok());
  Campaign::Options options;
  const std::uint64_t count = 5 + prng.Below(120);
  for (std::uint64_t row = 1; row <= count; ++row)
    options.addresses.push_back(absl::StrFormat("c%d-user%d@d%d.example", number, row, prng.Below(domains)));
  options.body += std::string(prng.Below(3000), '.') + "\n";
  options.manifest.campaign_hash = kCampaignHash;
  options.manifest.campaign = absl::StrFormat("simulated%d", number);
  campaign_ = std::make_unique<Campaign>(disk_, folder_, std::move(options));
  CHECK(disk_.SyncDirectory(ledger_folder()).ok());
  job_ = std::make_unique<delivery::Job>(campaign_->MakeJob());
  job_->campaign_number = number;
  job_->weight = static_cast<std::uint32_t>(1 + prng.Below(5));
  if (prng.Chance(0.3))
    job_->finish_by = world_.wall_now() + base::Duration::Minutes(static_cast<std::int64_t>(1 + prng.Below(600)));
  if (prng.Chance(0.2)) {
    const base::Duration period = prng.Chance(0.5) ? base::Duration::Seconds(1) : base::Duration::Minutes(1);
    job_->max_message_rate = base::Rate{1 + prng.Below(50), period, std::nullopt};
    if (prng.Chance(0.7)) job_->max_message_rate->burst_max = 1 + prng.Below(20);
  }
  // Where a receiver never satisfies a policy, recipients come back until they are too old: that is not to take days.
  job_->max_age = base::Duration::Minutes(static_cast<std::int64_t>(30 + prng.Below(prng.Chance(0.8) ? 300 : 1500)));
}

void SimulatedCampaign::TakeDays(base::Prng& prng) {
  job_->max_age = base::Duration::Hours(static_cast<std::int64_t>(20 + prng.Below(40)));
  job_->finish_by = world_.wall_now() + job_->max_age;  // Who was never tried grows no older.
  job_->retry_plan = delivery::RetryPlan({base::Duration::Minutes(1), base::Duration::Hours(2)});
}

void SimulatedCampaign::Seal() {
  campaign_->Seal(disk_, *job_, world_.prng(), world_.wall_now(), SimSigner::SignatureOf);
}

void SimulatedCampaign::CheckMessage(const std::string& recipient, const std::string& content,
                                     const Report& report) const {
  if (content.find("\r\nTo: " + recipient + "\r\n") == std::string::npos)
    report(recipient + " got a message that is not addressed to it");
  const std::vector<dkim::testing::CheckedSignature> signatures = dkim::testing::CheckSignatures(content);
  if (signatures.size() != job_->keys.size())
    return report(absl::StrFormat("%s got %d signatures", recipient, signatures.size()));
  for (std::uint32_t key = 0; key < signatures.size(); ++key) {
    const bool good = signatures[key].body_hash_fits && signatures[key].tags.at("d") == job_->keys[key].spec.domain &&
                      signatures[key].signature == SimSigner::SignatureOf(key, signatures[key].digest);
    if (!good) report(absl::StrFormat("signature %d of the message to %s is not of this message", key, recipient));
  }
}

// ---- the end ----

void SimulatedCampaign::CheckLedger(const std::map<std::string, Seen>& seen, std::string_view how_it_ended,
                                    Findings& findings, const Report& report) {
  const std::uint64_t recipients = roster().recipients();
  std::string memory(ledger::StateTable::Bytes(recipients), '\0');
  ledger::StateTable table(memory.data(), recipients);
  const absl::StatusOr<ledger::Verification> verification =
      ledger::Verify(disk_, ledger_folder(), kCampaignHash, table, /*live=*/false);
  if (!verification.ok()) return report("the ledger cannot be read: " + std::string(verification.status().message()));
  for (const std::string& finding : verification->findings) report("ledger: " + finding);
  CountStates(table, how_it_ended, findings, report);
  CheckCopies(table, seen, report);
}

void SimulatedCampaign::CountStates(const ledger::StateTable& table, std::string_view how_it_ended, Findings& findings,
                                    const Report& report) const {
  std::uint64_t pending = 0;
  for (ledger::RecipientId id = 0; id < roster().recipients(); ++id) {
    switch (table[id].state) {
      case ledger::State::kUnattempted:
      case ledger::State::kDeferred:
        ++pending;
        break;
      case ledger::State::kDelivered:
        ++findings.delivered;
        break;
      case ledger::State::kBounced:
        ++findings.bounced;
        break;
      case ledger::State::kExpired:
        ++findings.expired;
        break;
      case ledger::State::kInDoubt:
        ++findings.in_doubt;
        break;
      case ledger::State::kWithdrawn:
      case ledger::State::kCancelled:
        report(absl::StrFormat("recipient %d is in a state that nobody asked for", id));
        break;
    }
  }
  findings.pending += pending;
  if (how_it_ended == "finished" && pending > 0) report(absl::StrFormat("finished, with %d pending", pending));
}

void SimulatedCampaign::CheckCopies(const ledger::StateTable& table, const std::map<std::string, Seen>& seen,
                                    const Report& report) {
  const std::map<ledger::RecipientId, std::uint64_t> risks = ResidualRisks(disk_, ledger_folder());
  for (ledger::RecipientId id = 0; id < roster().recipients(); ++id) {
    const std::string address(roster().Recipient(id).address);
    const auto known = seen.find(address);
    const std::uint64_t copies = known == seen.end() ? 0 : known->second.accepted + known->second.silent;
    const std::uint64_t allowed = 1 + (risks.contains(id) ? risks.at(id) : 0);
    if (copies > allowed) report(absl::StrFormat("%s was accepted %d times", address, copies));
    const ledger::State state = table[id].state;
    if (state == ledger::State::kDelivered && copies == 0) report(address + " is delivered, and no exchanger has it");
    if (state != ledger::State::kDelivered && state != ledger::State::kInDoubt && copies >= allowed)
      report(absl::StrFormat("%s was accepted, and its state is %d", address, static_cast<int>(state)));
  }
}

}  // namespace sim
