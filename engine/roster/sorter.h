// Sorts records that do not fit into memory: runs of what fits, written out and merged (external merge sort). Memory is
// bounded by the arena and the merge buffers, whatever the number of records.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "engine/io/disk.h"

namespace roster {

// What records are ordered by: the group's hash, the group, the key's hash, the key, the number.
struct SortRecord {
  std::uint64_t group_hash = 0;
  std::uint64_t key_hash = 0;
  std::uint64_t number = 0;
  std::string_view group, key, payload;
};

class Sorter {
 public:
  struct Options {
    std::string directory;      // For the runs; they are removed at the end.
    std::string name = "sort";  // What the files of the runs begin with: different where two sort in one directory.
    std::size_t arena_bytes = 16u << 20;
    std::size_t buffer_bytes = 64u << 10;  // For each run in a merge.
    std::size_t fan_in_max = 256;
  };
  Sorter(io::Disk& disk, const Options& options);
  ~Sorter();

  // Copies the record. Errors: those of the disk; one record larger than the arena is ResourceExhausted.
  absl::Status Add(const SortRecord& record);
  // Calls `visit` for each record in order; its views are valid within the call. An error of `visit` ends it. Call
  // once, at the end.
  absl::Status Finish(absl::FunctionRef<absl::Status(const SortRecord&)> visit);

 private:
  struct Run {
    std::string path;
    std::uint64_t size = 0;
  };
  class RunReader;
  void SortArena();
  absl::Status Spill();
  absl::Status Merge(std::size_t first, std::size_t count, absl::FunctionRef<absl::Status(const SortRecord&)> visit);
  absl::Status MergeIntoRun(std::size_t count);
  absl::StatusOr<Run> WriteRun(
      absl::FunctionRef<absl::Status(absl::FunctionRef<absl::Status(const SortRecord&)>)> produce);

  io::Disk& disk_;
  const Options options_;
  std::string arena_;
  // A record in the arena. What nearly always decides stands beside its offset: sorting hardly looks at the records.
  struct Entry {
    std::uint64_t group_hash, key_hash;
    std::uint32_t offset;
  };
  void Prefetch(std::vector<Entry>::const_iterator at) const;

  std::vector<Entry> entries_;
  std::vector<Run> runs_;
  std::uint64_t runs_made_ = 0;
};

}  // namespace roster
