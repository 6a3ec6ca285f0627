#include "engine/ledger/reader.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace ledger {
namespace {

constexpr std::size_t kWindow = 1u << 20;

// Of what was safe something is gone. Nothing can make it again, and nobody goes on by guessing.
absl::Status Damage(std::string what) {
  return absl::DataLossError(absl::StrCat(
      what,
      "; put the ledger back from a copy of the state (sluice ledger verify says whether the ledger is whole then); "
      "sluice events prints what is before the damage"));
}

RecipientId RecipientOf(const Record& record) {  // 0 for those that are of none.
  if (const auto* attempt = std::get_if<Attempt>(&record)) return attempt->recipient;
  const auto* outcome = std::get_if<Outcome>(&record);
  return outcome == nullptr ? 0 : outcome->recipient;
}

}  // namespace

// Segments are made in order: one that is absent while a later one is there was lost.
absl::Status Reader::CheckNoneAfter(std::uint64_t number) {
  const absl::StatusOr<std::vector<std::string>> names = disk_.List(options_.directory);
  if (!names.ok()) return absl::IsNotFound(names.status()) ? absl::OkStatus() : names.status();
  for (const std::string& name : *names) {
    const std::optional<std::uint64_t> other = ParseSegmentName(name);
    if (!other.has_value() || *other <= number) continue;
    return Damage(absl::StrFormat("%s/%s: the ledger is damaged: this segment is missing, and %s is there",
                                  options_.directory, SegmentName(number), name));
  }
  return absl::OkStatus();
}

// Whether a segment is more than zeros that were prepared ahead.
absl::StatusOr<bool> Reader::IsBegun(std::uint64_t number) {
  const std::string path = options_.directory + "/" + SegmentName(number);
  if (!disk_.Exists(path)) {
    if (absl::Status status = CheckNoneAfter(number); !status.ok()) return status;
    return false;
  }
  absl::StatusOr<std::unique_ptr<io::File>> file = disk_.Open(path, io::OpenMode::kRead);
  if (!file.ok()) return file.status();
  std::string bytes;
  // The first frame counts, too: a header of zeros before it is damage.
  if (absl::Status status = (*file)->ReadAt(0, kSegmentHeaderSize + kFrameHeaderSize, bytes); !status.ok())
    return status;
  return bytes.find_first_not_of('\0') != std::string::npos;
}

absl::StatusOr<bool> Reader::OpenSegment() {
  if (file_ != nullptr) return true;
  if (absl::StatusOr<bool> begun = IsBegun(segment_); !begun.ok() || !*begun) return begun;
  const std::string path = options_.directory + "/" + SegmentName(segment_);
  absl::StatusOr<std::unique_ptr<io::File>> file = disk_.Open(path, io::OpenMode::kRead);
  if (!file.ok()) return file.status();
  std::string bytes;
  if (absl::Status status = (*file)->ReadAt(0, kSegmentHeaderSize, bytes); !status.ok()) return status;
  const std::optional<SegmentHeader> header = DecodeSegmentHeader(bytes);
  if (!header.has_value()) return Damage(absl::StrFormat("%s:0: the ledger is damaged: no header of a segment", path));
  if (header->campaign_hash != options_.campaign_hash || header->number != segment_) {
    return Damage(absl::StrFormat("%s:0: the ledger is damaged: a segment of another campaign or place", path));
  }
  if (header->first_seq != expected_) {
    return Damage(absl::StrFormat("%s:0: the ledger is damaged: it begins with record %d where %d is due", path,
                                  header->first_seq, expected_));
  }
  file_ = *std::move(file);
  offset_ = kSegmentHeaderSize;
  ForgetWindow();
  decoder_.Reset();
  return true;
}

// Brings at least `wanted` bytes at offset_ into the window; false: the file ends before.
absl::StatusOr<bool> Reader::Refill(std::size_t wanted) {
  if (window().size() >= wanted) return true;
  window_begin_ = 0;
  if (absl::Status status = file_->ReadAt(offset_, std::max(wanted, kWindow), window_); !status.ok()) return status;
  return window_.size() >= wanted;
}

absl::StatusOr<bool> Reader::LoadFrame() {
  if (absl::StatusOr<bool> enough = Refill(kFrameHeaderSize); !enough.ok() || !*enough) return enough;
  for (int attempt = 0; attempt < 2; ++attempt) {
    std::string_view bytes = window();
    const std::optional<Frame> frame = TakeFrame(bytes);
    if (frame.has_value()) {
      if (frame->first_seq != expected_) {
        return Damage(absl::StrFormat("%s/%s:%d: the ledger is damaged: record %d where %d is due", options_.directory,
                                      SegmentName(segment_), offset_, frame->first_seq, expected_));
      }
      frame_.assign(frame->payload);
      rest_ = frame_;
      frame_first_ = frame->first_seq;
      frame_left_ = frame->records;
      expected_ += frame->records;
      durable_ = std::max(durable_, frame->durable_seq);
      const std::size_t used = window().size() - bytes.size();
      window_begin_ += used;
      offset_ += used;
      return true;
    }
    // It may be cut off by the window, or have been written since the window was read.
    ForgetWindow();
    if (absl::StatusOr<bool> enough = Refill(kFrameSizeMax + 2 * kFrameHeaderSize); !enough.ok()) return enough;
  }
  return false;
}

// No whole frame followed: the end of what was written, or damage before it. False: a frame was written since.
absl::StatusOr<bool> Reader::IsAtEnd() {
  std::string rest;
  for (int attempt = 0; attempt < 2; ++attempt) {
    absl::StatusOr<std::uint64_t> size = file_->Size();
    if (!size.ok()) return size.status();
    if (*size <= offset_) return true;
    if (absl::Status status = file_->ReadAt(offset_, *size - offset_, rest); !status.ok()) return status;
    if (std::string_view bytes = rest; TakeFrame(bytes).has_value()) return false;
    if (!HasFrameThatConfirms(rest, expected_)) return true;
    // One that confirms is written after the one that it confirms: what is not there now will never be.
  }
  return Damage(absl::StrFormat("%s/%s:%d: the ledger is damaged: record %d was durable and cannot be read",
                                options_.directory, SegmentName(segment_), offset_, expected_));
}

// Whether the records of the frame at hand are known to be durable: by it, or by what follows it.
absl::StatusOr<bool> Reader::IsFrameDurable() {
  const std::uint64_t last = frame_first_ + frame_left_ - 1;
  if (last <= durable_) return true;
  std::string_view ahead = window();
  std::optional<Frame> next = TakeFrame(ahead);
  if (!next.has_value()) {
    ForgetWindow();
    if (absl::StatusOr<bool> more = Refill(kFrameHeaderSize); !more.ok()) return more.status();
    ahead = window();
    next = TakeFrame(ahead);
  }
  if (next.has_value()) {
    durable_ = std::max(durable_, next->durable_seq);
  } else {
    absl::StatusOr<bool> begun = IsBegun(segment_ + 1);
    if (!begun.ok()) return begun.status();
    if (*begun) durable_ = std::max(durable_, expected_ - 1);
  }
  return last <= durable_;
}

// Decodes the next record of the frame at hand; nullopt: it has no more.
absl::StatusOr<std::optional<ReadRecord>> Reader::NextOfFrame() {
  while (frame_left_ > 0) {
    ReadRecord read;
    const RecordDecoder::Result result =
        rest_.empty() ? RecordDecoder::Result::kBad : decoder_.Next(rest_, read.record);
    if (result == RecordDecoder::Result::kDefinition) continue;
    if (result == RecordDecoder::Result::kBad) {
      return Damage(
          absl::StrFormat("%s/%s:%d: the ledger is damaged: a record that cannot be read, in the frame before",
                          options_.directory, SegmentName(segment_), offset_));
    }
    read.seq = seq_ = frame_first_++;
    --frame_left_;
    if (result == RecordDecoder::Result::kUnknown) continue;
    if (const RecipientId id = RecipientOf(read.record); id >= options_.recipients) {
      return Damage(absl::StrFormat("%s/%s: the ledger is damaged: record %d names recipient %d of %d",
                                    options_.directory, SegmentName(segment_), read.seq, id, options_.recipients));
    }
    return std::optional<ReadRecord>(std::move(read));
  }
  return std::optional<ReadRecord>();
}

absl::Status Reader::PassSegmentsBefore(std::uint64_t number) {
  while (segment_ < number) {
    absl::StatusOr<bool> is_there = OpenSegment();
    if (!is_there.ok()) return is_there.status();
    if (!*is_there) {
      return Damage(absl::StrFormat("%s/%s:0: the ledger is damaged: this segment is missing or empty, and was in use",
                                    options_.directory, SegmentName(segment_)));
    }
    absl::StatusOr<bool> loaded = LoadFrame();
    if (!loaded.ok()) return loaded.status();
    frame_left_ = 0;
    if (*loaded) continue;
    absl::StatusOr<bool> at_end = IsAtEnd();
    if (!at_end.ok()) return at_end.status();
    if (!*at_end) continue;
    ++segment_;
    file_.reset();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<ReadRecord>> Reader::Next() {
  while (true) {
    if (frame_left_ > 0) {
      if (options_.live) {
        absl::StatusOr<bool> durable = IsFrameDurable();
        if (!durable.ok()) return durable.status();
        if (!*durable) return std::optional<ReadRecord>();
      }
      absl::StatusOr<std::optional<ReadRecord>> read = NextOfFrame();
      if (!read.ok() || read->has_value()) return read;
    }
    absl::StatusOr<bool> open = OpenSegment();
    if (!open.ok()) return open.status();
    if (!*open) return std::optional<ReadRecord>();
    absl::StatusOr<bool> loaded = LoadFrame();
    if (!loaded.ok()) return loaded.status();
    if (*loaded) continue;
    absl::StatusOr<bool> next = IsBegun(segment_ + 1);
    if (!next.ok()) return next.status();
    absl::StatusOr<bool> at_end = IsAtEnd();
    if (!at_end.ok()) return at_end.status();
    if (!*at_end) continue;
    if (!*next) return std::optional<ReadRecord>();
    ++segment_;
    file_.reset();
  }
}

}  // namespace ledger
