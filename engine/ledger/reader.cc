#include "engine/ledger/reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"

namespace ledger {
namespace {

constexpr std::size_t kWindow = 1u << 20;

}  // namespace

absl::StatusOr<bool> Reader::OpenSegment() {
  if (file_ != nullptr) return true;
  const std::string path = options_.directory + "/" + SegmentName(segment_);
  if (!disk_.Exists(path)) return false;
  absl::StatusOr<std::unique_ptr<io::File>> file = disk_.Open(path, io::OpenMode::kRead);
  if (!file.ok()) return file.status();
  std::string bytes;
  if (absl::Status status = (*file)->ReadAt(0, kSegmentHeaderSize, bytes); !status.ok()) return status;
  const std::optional<SegmentHeader> header = DecodeSegmentHeader(bytes);
  if (!header.has_value()) {  // Prepared ahead, and not begun.
    if (bytes.find_first_not_of('\0') == std::string::npos) return false;
    return absl::DataLossError(absl::StrFormat("%s:0: the ledger is damaged: no header of a segment", path));
  }
  if (header->campaign_hash != options_.campaign_hash || header->number != segment_) {
    return absl::DataLossError(
        absl::StrFormat("%s:0: the ledger is damaged: a segment of another campaign or place", path));
  }
  if (expected_ != 0 && header->first_seq != expected_) {
    return absl::DataLossError(absl::StrFormat("%s:0: the ledger is damaged: records %d to %d are missing", path,
                                               expected_, header->first_seq - 1));
  }
  expected_ = header->first_seq;
  file_ = *std::move(file);
  offset_ = kSegmentHeaderSize;
  window_.clear();
  decoder_.Reset();
  return true;
}

// Brings at least `wanted` bytes at offset_ into the window; false: the file ends before.
absl::StatusOr<bool> Reader::Refill(std::size_t wanted) {
  if (window_.size() >= wanted) return true;
  if (absl::Status status = file_->ReadAt(offset_, std::max(wanted, kWindow), window_); !status.ok()) return status;
  return window_.size() >= wanted;
}

absl::StatusOr<bool> Reader::LoadFrame() {
  if (absl::StatusOr<bool> enough = Refill(kFrameHeaderSize); !enough.ok() || !*enough) return enough;
  for (int attempt = 0; attempt < 2; ++attempt) {
    std::string_view bytes = window_;
    const std::optional<Frame> frame = TakeFrame(bytes);
    if (frame.has_value()) {
      if (frame->first_seq != expected_) {
        return absl::DataLossError(absl::StrFormat("%s/%s:%d: the ledger is damaged: record %d where %d is due",
                                                   options_.directory, SegmentName(segment_), offset_, frame->first_seq,
                                                   expected_));
      }
      frame_ = std::string(frame->payload);
      rest_ = frame_;
      frame_first_ = frame->first_seq;
      frame_left_ = frame->records;
      expected_ += frame->records;
      durable_ = std::max(durable_, frame->durable_seq);
      const std::size_t used = window_.size() - bytes.size();
      window_.erase(0, used);
      offset_ += used;
      return true;
    }
    // It may be cut off by the window, or have been written since the window was read.
    window_.clear();
    if (absl::StatusOr<bool> enough = Refill(kFrameSizeMax + 2 * kFrameHeaderSize); !enough.ok()) return enough;
  }
  return false;
}

absl::StatusOr<bool> Reader::NextExists() {
  const std::string path = options_.directory + "/" + SegmentName(segment_ + 1);
  if (!disk_.Exists(path)) return false;
  absl::StatusOr<std::unique_ptr<io::File>> file = disk_.Open(path, io::OpenMode::kRead);
  if (!file.ok()) return file.status();
  std::string bytes;
  if (absl::Status status = (*file)->ReadAt(0, kSegmentHeaderSize, bytes); !status.ok()) return status;
  return bytes.find_first_not_of('\0') != std::string::npos;
}

// No whole frame follows: the end of what was written, or damage before it.
absl::Status Reader::CheckEnd() {
  std::string rest;
  absl::StatusOr<std::uint64_t> size = file_->Size();
  if (!size.ok()) return size.status();
  if (*size <= offset_) return absl::OkStatus();
  if (absl::Status status = file_->ReadAt(offset_, *size - offset_, rest); !status.ok()) return status;
  if (!HasFrameThatConfirms(rest, expected_)) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrFormat("%s/%s:%d: the ledger is damaged: record %d was durable and cannot be read", options_.directory,
                      SegmentName(segment_), offset_, expected_));
}

absl::StatusOr<std::optional<ReadRecord>> Reader::Next() {
  while (true) {
    while (frame_left_ > 0 && !rest_.empty()) {
      if (options_.live && frame_first_ + frame_left_ - 1 >
                               durable_) {  // Not known to be durable yet: look whether a later frame says so.
        std::string_view ahead = window_;
        std::optional<Frame> next = TakeFrame(ahead);
        if (!next.has_value()) {
          window_.clear();
          if (absl::StatusOr<bool> more = Refill(kFrameHeaderSize); !more.ok()) return more.status();
          ahead = window_;
          next = TakeFrame(ahead);
        }
        absl::StatusOr<bool> next_segment = next.has_value() ? absl::StatusOr<bool>(false) : NextExists();
        if (!next_segment.ok()) return next_segment.status();
        if (next.has_value()) durable_ = std::max(durable_, next->durable_seq);
        if (*next_segment) durable_ = std::max(durable_, expected_ - 1);
        if (frame_first_ + frame_left_ - 1 > durable_) return std::optional<ReadRecord>();
      }
      ReadRecord read;
      switch (decoder_.Next(rest_, read.record)) {
        case RecordDecoder::Result::kSkipped:
          continue;
        case RecordDecoder::Result::kBad:
          return absl::DataLossError(
              absl::StrFormat("%s/%s:%d: the ledger is damaged: a record that cannot be read, in the frame before",
                              options_.directory, SegmentName(segment_), offset_));
        case RecordDecoder::Result::kRecord:
          read.seq = frame_first_++;
          --frame_left_;
          seq_ = read.seq;
          return std::optional<ReadRecord>(std::move(read));
      }
    }
    frame_left_ = 0;
    absl::StatusOr<bool> open = OpenSegment();
    if (!open.ok()) return open.status();
    if (!*open) return std::optional<ReadRecord>();
    absl::StatusOr<bool> loaded = LoadFrame();
    if (!loaded.ok()) return loaded.status();
    if (*loaded) continue;
    absl::StatusOr<bool> next = NextExists();
    if (!next.ok()) return next.status();
    if (absl::Status status = CheckEnd(); !status.ok()) return status;
    if (!*next) return std::optional<ReadRecord>();
    ++segment_;
    file_.reset();
  }
}

}  // namespace ledger
