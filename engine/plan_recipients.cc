#include "engine/plan_recipients.h"

#include <bit>
#include <optional>
#include <string_view>
#include <utility>

#include "engine/campaign/address.h"
#include "engine/delivery/kept_sources.h"
#include "engine/delivery/recipient_queue.h"
#include "engine/delivery/signature_file.h"
#include "engine/io/file_lock.h"
#include "engine/ledger/fold.h"
#include "engine/ledger/recovery.h"
#include "engine/open_ledger.h"
#include "engine/preparation.h"
#include "engine/report/summary.h"
#include "engine/sealing.h"
#include "engine/signing_keys.h"
#include "engine/suppression_watch.h"

namespace engine {
namespace {

constexpr std::uint64_t kSourcesFileMax = 1ull << 24;

// To the 32nd of itself below, in milliseconds: there are not many different ones then.
base::Duration Rounded(base::Duration wait) {
  const auto ms = static_cast<std::uint64_t>(wait.milliseconds());
  const int shift = std::max(0, static_cast<int>(std::bit_width(ms)) - 6);
  return base::Duration::Milliseconds(static_cast<std::int64_t>(ms >> shift << shift));
}

}  // namespace

PlanRecipients::PlanRecipients(const PlanRequest& request) : request_(request) {
  for (const delivery::Source& source : *request.sources) weights_.push_back(source.weight);
}

absl::StatusOr<std::unique_ptr<const PlanRecipients>> PlanRecipients::Open(io::Disk& disk, const PlanRequest& request) {
  std::unique_ptr<PlanRecipients> recipients(new PlanRecipients(request));
  const bool is_begun = disk.Exists(request.paths.campaign + "/" + std::string(roster::kManifestName));
  const absl::Status status = is_begun ? recipients->TakeUp(disk) : recipients->Prepare(disk);
  if (!status.ok()) return status;
  return recipients;
}

absl::Status PlanRecipients::Prepare(io::Disk& disk) {
  if (absl::Status status = CheckNothingStarted(disk, request_.paths); !status.ok()) return status;
  SuppressionWatch suppression(disk, SuppressionFilesOf(*request_.config, *request_.campaign));
  if (absl::Status status = suppression.Load(); !status.ok()) return status;
  const auto progress = [this](std::uint64_t, std::uint64_t) { return request_.go_on(); };
  const absl::Status status = PrepareCampaign(disk, {.campaign = request_.campaign,
                                                     .suppression = suppression.lists().get(),
                                                     .directory = request_.scratch,
                                                     .dkim_keys = DescribeKeys(*request_.keys),
                                                     .now = request_.now,
                                                     .progress = progress});
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<const roster::Roster>> roster = roster::Roster::Open(disk, request_.scratch);
  if (!roster.ok()) return roster.status();
  roster_ = *std::move(roster);
  left_ = to_sign_ = roster_->recipients();
  return absl::OkStatus();
}

// As Run does, but for what that writes.
absl::Status PlanRecipients::TakeUp(io::Disk& disk) {
  absl::StatusOr<StartedCampaign> started = OpenStarted(disk, request_.paths, request_.token_key_file);
  if (!started.ok()) return started.status();
  started_ = *std::move(started);
  const std::string& folder = request_.paths.campaign;
  const bool running = io::FileLock::IsHeld(request_.paths.lock());
  absl::Status status = CheckKind(request_.rehearsal, roster().manifest(), folder);
  if (status.ok()) status = CheckUnchanged(*request_.campaign, roster().manifest(), folder);
  if (status.ok()) status = ReadLedger(disk, running);
  if (status.ok()) status = KeepSources(disk);
  if (status.ok()) status = LeaveOut(disk, running);
  if (!status.ok()) return status;
  state_ = report::StateName(facts_, CountPending(*table_), running);
  CountSignatures(disk);
  return absl::OkStatus();
}

absl::Status PlanRecipients::ReadLedger(io::Disk& disk, bool running) {
  const std::uint64_t recipients = roster().recipients();
  absl::StatusOr<std::unique_ptr<io::Mapping>> memory =
      ledger::MakeTableFile(disk, request_.scratch + "/plan.table", recipients);
  if (!memory.ok()) return memory.status();
  memory_ = *std::move(memory);
  table_ = std::make_unique<ledger::StateTable>(memory_->data(), recipients);
  ledger::Reader reader(disk, {.directory = request_.paths.ledger(),
                               .campaign_hash = started_.hash(),
                               .recipients = recipients,
                               .live = running});
  return ledger::Fold(reader, *table_, facts_);
}

absl::Status PlanRecipients::KeepSources(io::Disk& disk) {
  const std::string path = request_.paths.campaign + "/sources";
  const absl::StatusOr<std::string> text =
      disk.Exists(path) ? io::ReadFile(disk, path, kSourcesFileMax) : std::string();
  if (!text.ok()) return text.status();
  absl::StatusOr<delivery::KeptSources> kept = delivery::KeptSources::Parse(*text);
  if (!kept.ok()) return kept.status();
  kept->Use(*request_.sources);
  for (ledger::RecipientId id = 0; id < table_->size() && !kept->IsSame(); ++id)
    (*table_)[id].via = kept->InRun(id, (*table_)[id]);
  return absl::OkStatus();
}

// Whoever will get nothing: those in doubt, on a list by now, or of a campaign that was cancelled.
absl::Status PlanRecipients::LeaveOut(io::Disk& disk, bool running) {
  SuppressionWatch suppression(disk, SuppressionFilesOf(*request_.config, *request_.campaign));
  if (absl::Status status = suppression.Load(); !status.ok()) return status;
  const bool resend = request_.campaign->delivery.in_doubt == campaign::InDoubt::kResend;
  campaign::Address address;
  std::string_view reason;
  for (ledger::RecipientId id = 0; id < table_->size(); ++id) {
    ledger::RecipientEntry& entry = (*table_)[id];
    if (!running && (entry.flags & ledger::kAttemptOpen) != 0) entry.state = ledger::State::kInDoubt;
    if (resend && entry.state == ledger::State::kInDoubt) {
      entry.state = ledger::State::kDeferred;
      entry.due_s = 0;
    }
    if (ledger::IsFinal(entry.state)) continue;
    if (facts_.kind == ledger::CampaignStateKind::kCancelled) entry.state = ledger::State::kCancelled;
    if (campaign::ParseAddress(roster().Recipient(id).address, address, reason) &&
        suppression.lists()->Contains(address.folded, address.domain))
      entry.state = ledger::State::kWithdrawn;
  }
  return absl::OkStatus();
}

// Those that a send would take from the file of signatures, as far as that is to be seen before.
void PlanRecipients::CountSignatures(io::Disk& disk) {
  const auto sealed = OpenSealed(disk, started_, *request_.keys, *request_.log);
  const base::Duration age_max = delivery::SignatureAgeMax(*request_.keys);
  for (ledger::RecipientId id = 0; id < table_->size(); ++id) {
    if (!IsLeft(id)) continue;
    ++left_;
    const base::WallTime at = request_.Begin() + WaitOf(id);
    const auto made = sealed == nullptr ? std::nullopt : sealed->Find(id);
    to_sign_ += made.has_value() && made->date <= at && delivery::IsFresh(*made, age_max, at) ? 0 : 1;
  }
}

bool PlanRecipients::IsLeft(ledger::RecipientId id) const {
  return table_ == nullptr || !ledger::IsFinal((*table_)[id].state);
}

base::Duration PlanRecipients::WaitOf(ledger::RecipientId id) const {
  if (table_ == nullptr) return base::Duration();
  const base::Duration wait = base::WallTime::FromSeconds((*table_)[id].due_s) - request_.Begin();
  // Those who are due are looked for by whole seconds.
  return wait <= base::Duration() ? base::Duration() : wait + base::Duration::Milliseconds(500);
}

bool PlanRecipients::HasAny(const roster::DomainView& domain) const {
  for (std::uint64_t i = 0; i < domain.count; ++i) {
    if (IsLeft(domain.first + i)) return true;
  }
  return false;
}

std::vector<DueCounts> PlanRecipients::Of(const roster::DomainView& domain) const {
  std::vector<DueCounts> counts(weights_.size());
  if (table_ == nullptr && weights_.size() == 1) {
    counts[0][base::Duration()] = domain.count;
    return counts;
  }
  for (ledger::RecipientId id = domain.first; id < domain.first + domain.count; ++id) {
    if (!IsLeft(id)) continue;
    const std::size_t via = table_ == nullptr ? 0 : (*table_)[id].via;
    const bool is_kept = via > 0 && via <= weights_.size();
    ++counts[is_kept ? via - 1 : delivery::OwnSource(id, weights_)][Rounded(WaitOf(id))];
  }
  return counts;
}

}  // namespace engine
