#include "engine/ledger/journal.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/ledger/checkpoint.h"

namespace ledger {

Journal::Journal(io::Disk& disk, const Options& options, CampaignFacts facts, StateTable table)
    : disk_(disk),
      options_(options),
      facts_(std::move(facts)),
      table_(table),
      last_seq_(options.last_seq),
      durable_seq_(options.last_seq),
      segment_(options.next_segment - 1) {
  CHECK(options.next_segment >= 1 && options.segment_bytes >= 2 * kSegmentHeaderSize);
}

absl::Status Journal::Start() { return OpenNext(); }

absl::StatusOr<bool> Journal::PrepareNext() {
  if (next_file_ == nullptr) {
    absl::StatusOr<std::unique_ptr<io::File>> file =
        disk_.Open(options_.directory + "/" + SegmentName(segment_ + 1), io::OpenMode::kCreate);
    if (!file.ok()) return file.status();
    next_file_ = *std::move(file);
    next_zeroed_ = 0;
  }
  if (next_zeroed_ >= options_.segment_bytes) return false;
  const std::size_t slice = std::min<std::uint64_t>(kZeroSlice, options_.segment_bytes - next_zeroed_);
  // In small writes: the kernel's page cache makes of each a unit, all of which it looks at when a part is overwritten.
  static const std::string zeros(kZeroWrite, '\0');
  for (const std::uint64_t end = next_zeroed_ + slice; next_zeroed_ < end;) {
    const std::string_view part = std::string_view(zeros).substr(0, end - next_zeroed_);
    if (absl::Status status = next_file_->WriteAt(next_zeroed_, part); !status.ok()) return status;
    next_zeroed_ += part.size();
  }
  // Synced while it is all zeros: later syncs then write content only (overwrite + fdatasync). Slice by slice, so that
  // no commit waits long.
  if (absl::Status status = next_file_->Sync(); !status.ok()) return status;
  return next_zeroed_ < options_.segment_bytes;
}

absl::Status Journal::OpenNext() {
  for (bool more = true; more;) {
    absl::StatusOr<bool> prepared = PrepareNext();
    if (!prepared.ok()) return prepared.status();
    more = *prepared;
  }
  const SegmentHeader header{options_.campaign_hash, segment_ + 1, last_seq_ + 1};
  if (absl::Status status = next_file_->WriteAt(0, EncodeSegmentHeader(header)); !status.ok()) return status;
  if (absl::Status status = next_file_->Sync(); !status.ok()) return status;
  if (absl::Status status = disk_.SyncDirectory(options_.directory); !status.ok()) return status;
  file_ = std::move(next_file_);
  offset_ = kSegmentHeaderSize;
  ++segment_;
  encoder_.Reset();
  return absl::OkStatus();
}

absl::Status Journal::WriteFrame(const Frame& frame) {
  frame_.clear();
  AppendFrame(frame, frame_);
  if (absl::Status status = file_->WriteAt(offset_, frame_); !status.ok()) return status;
  offset_ += frame_.size();
  return absl::OkStatus();
}

void Journal::Fold(const RecordBatch& batch) {
  struct Visitor {
    Journal& journal;
    void operator()(const Attempt& record) { journal.table_.Apply(record); }
    void operator()(const Outcome& record) { journal.table_.Apply(record); }
    void operator()(const CampaignState& record) { journal.facts_.Apply(record); }
    void operator()(const SiteState& record) { journal.facts_.Apply(record); }
  };
  for (const Record& record : batch.records()) std::visit(Visitor{*this}, record);
}

absl::Status Journal::Commit(absl::Span<const RecordBatch* const> batches) {
  constexpr std::size_t kFrameTarget = 1u << 20;
  // The whole group goes into one segment where it can: a full one is closed before it.
  if (offset_ + kFrameTarget > options_.segment_bytes && offset_ > kSegmentHeaderSize) {
    if (absl::Status status = Checkpoint(); !status.ok()) return status;
    if (absl::Status status = OpenNext(); !status.ok()) return status;
  }
  payload_.clear();
  std::uint64_t first = last_seq_ + 1, records = 0;
  const auto flush = [&]() -> absl::Status {
    if (records == 0) return absl::OkStatus();
    absl::Status status = WriteFrame({first, records, durable_seq_, payload_});
    last_seq_ += records;
    first = last_seq_ + 1;
    records = 0;
    payload_.clear();
    return status;
  };
  for (const RecordBatch* batch : batches) {
    for (const Record& record : batch->records()) {
      encoder_.Append(record, payload_);
      ++records;
      if (payload_.size() < kFrameTarget / 2) continue;
      if (absl::Status status = flush(); !status.ok()) return status;
    }
  }
  if (absl::Status status = flush(); !status.ok()) return status;
  if (absl::Status status = file_->Sync(); !status.ok()) return status;
  durable_seq_ = last_seq_;
  confirmed_ = false;
  for (const RecordBatch* batch : batches) Fold(*batch);
  return absl::OkStatus();
}

absl::Status Journal::Confirm() {
  if (std::exchange(confirmed_, true)) return absl::OkStatus();
  return WriteFrame({last_seq_ + 1, 0, durable_seq_, {}});
}

absl::Status Journal::Checkpoint() {
  return WriteCheckpoint(disk_, options_.directory, {options_.campaign_hash, durable_seq_, segment_ + 1}, facts_,
                         table_);
}

absl::Status Journal::Close() {
  if (absl::Status status = Confirm(); !status.ok()) return status;
  if (absl::Status status = file_->Sync(); !status.ok()) return status;
  if (absl::Status status = Checkpoint(); !status.ok()) return status;
  // The segment that was prepared ahead, and the zeros behind the last frame, are of no use to anybody.
  if (next_file_ != nullptr) {
    next_file_.reset();
    if (absl::Status status = disk_.Remove(options_.directory + "/" + SegmentName(segment_ + 1)); !status.ok())
      return status;
  }
  if (absl::Status status = file_->Truncate(offset_); !status.ok()) return status;
  return file_->Sync();
}

}  // namespace ledger
