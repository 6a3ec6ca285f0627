// Reads a ledger's records in order, also while somebody writes it: then it stops where nothing is known to be durable.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/io/disk.h"
#include "engine/ledger/codec.h"
#include "engine/ledger/segment.h"

namespace ledger {

struct ReadRecord {
  std::uint64_t seq = 0;
  Record record;  // Its strings are valid until the next call of Next.
};

class Reader {
 public:
  struct Options {
    std::string directory;
    std::uint64_t campaign_hash = 0;
    std::uint64_t first_segment = 1;
    std::uint64_t first_seq = 1;            // Of the first record in it.
    std::uint64_t recipients = UINT64_MAX;  // A record of one beyond them is damage.
    // True: records are shown only once a later frame says that they are durable. False: nobody writes, and all that is
    // whole is shown.
    bool live = false;
  };
  Reader(io::Disk& disk, const Options& options)
      : disk_(disk), options_(options), segment_(options.first_segment), expected_(options.first_seq) {}

  // The next record. Nullopt: no more; where somebody writes, later calls may find some.
  // Errors: DataLoss, damage before the end: the text names file and offset.
  absl::StatusOr<std::optional<ReadRecord>> Next();

  // Looks whether all frames before segment `number` are whole, and decodes none. To be called before Next.
  // Errors: as Next.
  absl::Status PassSegmentsBefore(std::uint64_t number);

  std::uint64_t next_seq() const { return expected_; }  // After the last whole frame.
  std::uint64_t last_seq() const { return seq_; }       // Of the last record returned; 0: none.
  std::uint64_t segment() const { return segment_; }    // The one being read.
  std::uint64_t offset() const { return offset_; }      // After the last whole frame in it.

 private:
  absl::StatusOr<bool> OpenSegment();  // False: it does not exist yet.
  absl::StatusOr<bool> LoadFrame();    // False: no whole frame follows in this segment yet.
  absl::StatusOr<bool> IsFrameDurable();
  absl::StatusOr<std::optional<ReadRecord>> NextOfFrame();
  absl::StatusOr<bool> IsAtEnd();
  absl::StatusOr<bool> Refill(std::size_t wanted);
  absl::StatusOr<bool> IsBegun(std::uint64_t number);
  absl::Status CheckNoneAfter(std::uint64_t number);
  std::string_view window() const { return std::string_view(window_).substr(window_begin_); }
  void ForgetWindow() {
    window_.clear();
    window_begin_ = 0;
  }

  io::Disk& disk_;
  const Options options_;
  std::uint64_t segment_;
  std::unique_ptr<io::File> file_;
  std::uint64_t offset_ = 0;
  RecordDecoder decoder_;
  std::string window_;            // Bytes of the file…
  std::size_t window_begin_ = 0;  // …from here on those at offset_.
  std::string frame_;             // The payload being decoded.
  std::string_view rest_;         // Of it.
  std::uint64_t frame_first_ = 0, frame_left_ = 0;
  std::uint64_t seq_ = 0;
  std::uint64_t expected_;     // First number of the next frame.
  std::uint64_t durable_ = 0;  // As the frames say.
};

}  // namespace ledger
