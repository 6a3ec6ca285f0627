#include "engine/ledger/verify.h"

#include <variant>

#include "absl/strings/str_format.h"
#include "engine/ledger/reader.h"

namespace ledger {
namespace {

constexpr std::size_t kFindingsMax = 100;

class Checker {
 public:
  Checker(StateTable& table, Verification& result) : table_(table), result_(result) {}

  void operator()(const Attempt& record) {
    ++result_.attempts;
    if (!Exists(record.recipient)) return;
    const RecipientEntry& entry = table_[record.recipient];
    if (IsFinal(entry.state)) Find(record.recipient, "an attempt after its final state");
    if ((entry.flags & kAttemptOpen) != 0) Find(record.recipient, "an attempt while another one is open");
    if (record.number != entry.attempts + 1 && entry.attempts != UINT16_MAX)
      Find(record.recipient, "an attempt out of order");
    table_.Apply(record);
  }
  void operator()(const Outcome& record) {
    ++result_.outcomes;
    if (!Exists(record.recipient)) return;
    const RecipientEntry& entry = table_[record.recipient];
    const bool open = (entry.flags & kAttemptOpen) != 0;
    const bool resend = record.kind == OutcomeKind::kResend;
    if (IsFinal(entry.state) && !(resend && entry.state == State::kInDoubt))
      Find(record.recipient, "an outcome after its final state");
    if (record.kind == OutcomeKind::kDelivered && !open) Find(record.recipient, "delivered without an attempt");
    if (record.kind == OutcomeKind::kInDoubt && !open) Find(record.recipient, "in doubt without an attempt");
    if (resend && entry.state != State::kInDoubt) Find(record.recipient, "resent without having been in doubt");
    table_.Apply(record);
  }
  void operator()(const CampaignState&) {}
  void operator()(const SiteState&) {}

  std::uint64_t seq = 0;

 private:
  bool Exists(RecipientId id) {
    if (id < table_.size()) return true;
    Find(id, "no such recipient");
    return false;
  }
  void Find(RecipientId id, std::string_view what) {
    if (result_.findings.size() < kFindingsMax)
      result_.findings.push_back(absl::StrFormat("record %d, recipient %d: %s", seq, id, what));
  }

  StateTable& table_;
  Verification& result_;
};

}  // namespace

absl::StatusOr<Verification> Verify(io::Disk& disk, const std::string& directory, std::uint64_t campaign_hash,
                                    StateTable& table, bool live) {
  Verification result;
  Checker checker(table, result);
  Reader reader(disk, {.directory = directory, .campaign_hash = campaign_hash, .first_segment = 1, .live = live});
  while (true) {
    absl::StatusOr<std::optional<ReadRecord>> next = reader.Next();
    if (!next.ok()) {
      result.findings.emplace_back(next.status().message());
      return result;
    }
    if (!next->has_value()) break;
    checker.seq = (*next)->seq;
    ++result.records;
    std::visit(checker, (*next)->record);
  }
  for (RecipientId id = 0; id < table.size(); ++id)
    result.open_attempts += (table[id].flags & kAttemptOpen) != 0 ? 1 : 0;
  return result;
}

}  // namespace ledger
