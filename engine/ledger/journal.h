// Appends records to the ledger's segments: the one writer. Synchronous and without a thread of its own: JournalThread
// runs it in production, the simulator steps it. Any error is final: what a failed write or sync left behind is for
// recovery to find out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/io/disk.h"
#include "engine/ledger/codec.h"
#include "engine/ledger/record_batch.h"
#include "engine/ledger/segment.h"
#include "engine/ledger/state.h"

namespace ledger {

class Journal {
 public:
  struct Options {
    std::string directory;  // Exists.
    std::uint64_t campaign_hash = 0;
    std::uint64_t last_seq = 0;      // Of recovery: the next record gets the number after it.
    std::uint64_t next_segment = 1;  // Of recovery: made anew; nothing is ever appended to an old segment.
    std::uint64_t segment_bytes = 64u << 20;
  };
  // `facts` and `table` say what is true up to `last_seq`; the journal keeps them true of what is durable. The table
  // outlives it.
  Journal(io::Disk& disk, const Options& options, CampaignFacts facts, StateTable table);

  // Makes the first segment. Call once, before anything else.
  absl::Status Start();
  // Writes the batches as one group and makes them durable.
  absl::Status Commit(absl::Span<const RecordBatch* const> batches);
  // Tells readers that the last group is durable, when no other follows at once.
  absl::Status Confirm();
  // A slice of preparing the next segment; false: there is nothing to prepare now. To be called between commits.
  absl::StatusOr<bool> PrepareNext();
  // Writes a checkpoint of what is durable; to be called at the end of a run.
  absl::Status Close();

  std::uint64_t last_seq() const { return last_seq_; }
  const CampaignFacts& facts() const { return facts_; }
  const StateTable& table() const { return table_; }

 private:
  static constexpr std::size_t kZeroSlice = 1u << 20, kZeroWrite = 64u << 10;
  absl::Status WriteFrame(const Frame& frame);
  absl::Status OpenNext();
  absl::Status Checkpoint();
  void Fold(const RecordBatch& batch);

  io::Disk& disk_;
  const Options options_;
  CampaignFacts facts_;
  StateTable table_;
  RecordEncoder encoder_;
  std::string payload_, frame_;  // Empty between groups; they keep their memory.
  std::uint64_t last_seq_;
  std::uint64_t durable_seq_;
  std::uint64_t segment_;  // Number of the open one.
  std::unique_ptr<io::File> file_;
  std::uint64_t offset_ = 0;             // Where the next frame goes.
  std::unique_ptr<io::File> next_file_;  // The next segment, being filled with zeros.
  std::uint64_t next_zeroed_ = 0;
  bool confirmed_ = true;
};

}  // namespace ledger
