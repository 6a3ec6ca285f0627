#include "engine/delivery/sealer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/base/check.h"
#include "engine/roster/roster.h"

namespace delivery {
namespace {

constexpr std::size_t kKeptMost = 64;
constexpr base::Duration kKeptLongest = base::Duration::Minutes(5);  // Its date, and that of its signatures, get old.

}  // namespace

void Sealed::OnSigned(Signature& signature, const absl::Status& status) {
  CHECK(unsigned_ > 0);
  --unsigned_;
  if (!status.ok()) {
    Cancel();
    if (waiter_ != nullptr) waiter_->OnSealed(status);
    return;
  }
  dkim::CompleteField(signature.signature, signature.field);
  if (unsigned_ > 0) return;
  Assemble();
  if (waiter_ != nullptr) waiter_->OnSealed(absl::OkStatus());
}

std::vector<MadeSignatures::One> Sealed::signatures() const {
  CHECK(IsReady());
  std::vector<MadeSignatures::One> made;
  for (const auto& signature : signatures_) made.push_back({signature->digest, signature->signature});
  return made;
}

void Sealed::Cancel() {
  for (const auto& signature : signatures_) signer_.Cancel(*signature);
  unsigned_ = 0;
}

void Sealed::Assemble() {
  size_ = fixed_header_.size() + message_.size();
  if (!fixed_header_.empty()) pieces_.push_back(fixed_header_);
  for (const auto& signature : signatures_) {
    pieces_.push_back(signature->field);
    size_ += signature->field.size();
  }
  pieces_.insert(pieces_.end(), message_.pieces().begin(), message_.pieces().end());
}

Sealer::Sealer(const Job& job, const io::Clock& clock, dkim::Signer& signer, PlantedBugs bugs)
    : job_(job),
      clock_(clock),
      signer_(signer),
      bugs_(bugs),
      made_age_max_(SignatureAgeMax(job.keys)),
      same_body_(job.message->HasConstantBody()),
      row_value_(job.roster->manifest().columns, job.roster->manifest().defaults) {}

absl::StatusOr<std::unique_ptr<Sealed>> Sealer::Seal(ledger::RecipientId recipient, Sealed::Waiter& waiter) {
  if (std::unique_ptr<Sealed> kept = TakeKept(recipient)) {
    kept->waiter_ = &waiter;
    return kept;
  }
  const std::optional<MadeSignatures> made = MadeBefore(recipient);
  const base::WallTime date = job_.date.value_or(clock_.WallNow());
  std::unique_ptr<Sealed> sealed = TakePooled();
  absl::Status status = Render(recipient, made.has_value() ? made->date : date, *sealed);
  if (status.ok() && made.has_value()) {
    if (UseMadeBefore(*made, *sealed)) return sealed;
    if (made->date != date) status = Render(recipient, date, *sealed);
  }
  if (!status.ok()) {
    Recycle(std::move(sealed));
    return status;
  }
  if (job_.keys.empty()) {
    sealed->Assemble();
    return sealed;
  }
  sealed->waiter_ = &waiter;
  AskForSignatures(*sealed);
  return sealed;
}

std::optional<MadeSignatures> Sealer::MadeBefore(ledger::RecipientId recipient) const {
  if (job_.signatures == nullptr) return std::nullopt;
  std::optional<MadeSignatures> made = job_.signatures->Find(recipient);
  const base::WallTime now = clock_.WallNow();
  if (made.has_value() && (made->date > now || !IsFresh(*made, made_age_max_, now))) made.reset();
  return made;
}

// The message with this Date; its signatures are those that come next.
absl::Status Sealer::Render(ledger::RecipientId recipient, base::WallTime date, Sealed& sealed) {
  const roster::RecipientView view = job_.roster->Recipient(recipient);
  if (absl::Status status = row_value_.SetPayload(view.is_json, view.payload); !status.ok()) return status;
  const std::string token = job_.token(view.row);
  message::RenderInput input;
  input.row = &row_value_.value();
  input.row_number = view.row;
  input.address = view.shown;
  input.token = token;
  input.date = date;
  input.needs_smtputf8 = view.needs_smtputf8;
  sealed.recipient_ = view.address;
  if (absl::Status status = job_.message->Render(input, sealed.message_); !status.ok()) return status;
  if (job_.keys.empty()) return absl::OkStatus();
  composer_.Take(sealed.message_.pieces(), same_body_);
  while (sealed.signatures_.size() < job_.keys.size())
    sealed.signatures_.push_back(std::make_unique<Sealed::Signature>(sealed));
  return absl::OkStatus();
}

// False: they are not those of the message as it is now.
bool Sealer::UseMadeBefore(const MadeSignatures& made, Sealed& sealed) {
  for (std::size_t key = 0; key < job_.keys.size(); ++key) {
    Sealed::Signature& signature = *sealed.signatures_[key];
    if (composer_.Compose(job_.keys[key].spec, made.signed_at, signature.field) != made.by_key[key].digest)
      return false;
  }
  for (std::size_t key = 0; key < job_.keys.size(); ++key)
    dkim::CompleteField(made.by_key[key].signature, sealed.signatures_[key]->field);
  sealed.Assemble();
  sealed.made_before_ = true;
  return true;
}

void Sealer::AskForSignatures(Sealed& sealed) {
  sealed.unsigned_ = job_.keys.size();
  sealed.made_before_ = false;
  for (std::size_t key = 0; key < job_.keys.size(); ++key) {
    Sealed::Signature& signature = *sealed.signatures_[key];
    signature.key = static_cast<std::uint32_t>(key);
    signature.digest = composer_.Compose(job_.keys[key].spec, clock_.WallNow(), signature.field);
    if (bugs_.wrong_signatures) std::swap(signature.digest, last_digest_);
    signer_.Sign(signature);
  }
}

void Sealer::Recycle(std::unique_ptr<Sealed> sealed) {
  sealed->Cancel();
  sealed->pieces_.clear();
  sealed->message_.FreeExcess();
  pool_.push_back(std::move(sealed));
}

std::unique_ptr<Sealed> Sealer::TakePooled() {
  if (pool_.empty()) return std::make_unique<Sealed>(signer_, job_.fixed_header);
  std::unique_ptr<Sealed> sealed = std::move(pool_.back());
  pool_.pop_back();
  return sealed;
}

void Sealer::Keep(ledger::RecipientId recipient, std::unique_ptr<Sealed> sealed) {
  sealed->waiter_ = nullptr;
  kept_.push_back({recipient, clock_.Now() + kKeptLongest, std::move(sealed)});
  if (kept_.size() <= kKeptMost) return;
  Recycle(std::move(kept_.front().sealed));
  kept_.pop_front();
}

// Null: there is none, it is too old, or a key failed meanwhile; then it is signed anew.
std::unique_ptr<Sealed> Sealer::TakeKept(ledger::RecipientId recipient) {
  const auto found =
      std::find_if(kept_.begin(), kept_.end(), [recipient](const Kept& kept) { return kept.recipient == recipient; });
  if (found == kept_.end()) return nullptr;
  std::unique_ptr<Sealed> sealed = std::move(found->sealed);
  const bool is_good = (sealed->IsReady() || sealed->IsUnderWay()) && clock_.Now() < found->until;
  kept_.erase(found);
  if (is_good) return sealed;
  Recycle(std::move(sealed));
  return nullptr;
}

}  // namespace delivery
