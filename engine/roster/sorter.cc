#include "engine/roster/sorter.h"

#include <algorithm>
#include <cstring>
#include <queue>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/check.h"

namespace roster {
namespace {

// A record as bytes: the fixed part, then group, key and payload.
struct Fixed {
  std::uint64_t group_hash, key_hash, number;
  std::uint32_t group_size, key_size, payload_size, reserved;
};

std::size_t SizeOf(const SortRecord& record) {
  return sizeof(Fixed) + record.group.size() + record.key.size() + record.payload.size();
}

void Append(const SortRecord& record, std::string& out) {
  const Fixed fixed{record.group_hash,
                    record.key_hash,
                    record.number,
                    static_cast<std::uint32_t>(record.group.size()),
                    static_cast<std::uint32_t>(record.key.size()),
                    static_cast<std::uint32_t>(record.payload.size()),
                    0};
  out.append(reinterpret_cast<const char*>(&fixed), sizeof fixed);
  out.append(record.group);
  out.append(record.key);
  out.append(record.payload);
}

SortRecord Parse(const char* bytes) {
  Fixed fixed;
  std::memcpy(&fixed, bytes, sizeof fixed);
  const char* text = bytes + sizeof fixed;
  return {fixed.group_hash,
          fixed.key_hash,
          fixed.number,
          {text, fixed.group_size},
          {text + fixed.group_size, fixed.key_size},
          {text + fixed.group_size + fixed.key_size, fixed.payload_size}};
}

bool Less(const SortRecord& a, const SortRecord& b) {
  if (a.group_hash != b.group_hash) return a.group_hash < b.group_hash;
  if (const int order = a.group.compare(b.group); order != 0) return order < 0;
  if (a.key_hash != b.key_hash) return a.key_hash < b.key_hash;
  if (const int order = a.key.compare(b.key); order != 0) return order < 0;
  return a.number < b.number;
}

}  // namespace

// One run, read through a buffer.
class Sorter::RunReader {
 public:
  RunReader(std::unique_ptr<io::File> file, std::uint64_t size, std::size_t buffer)
      : file_(std::move(file)), size_(size), buffer_size_(buffer) {}

  // Moves to the next record; false at the end.
  absl::StatusOr<bool> Next() {
    begin_ += record_size_;
    record_size_ = 0;
    if (offset_ + begin_ >= size_) return false;
    if (absl::Status status = Fill(sizeof(Fixed)); !status.ok()) return status;
    Fixed fixed;
    std::memcpy(&fixed, buffer_.data() + begin_, sizeof fixed);
    const std::size_t whole = sizeof fixed + fixed.group_size + fixed.key_size + fixed.payload_size;
    if (absl::Status status = Fill(whole); !status.ok()) return status;
    record_size_ = whole;
    record_ = Parse(buffer_.data() + begin_);
    return true;
  }
  const SortRecord& record() const { return record_; }

 private:
  absl::Status Fill(std::size_t wanted) {
    if (buffer_.size() - begin_ >= wanted) return absl::OkStatus();
    offset_ += begin_;
    begin_ = 0;
    if (absl::Status status = file_->ReadAt(offset_, std::max(wanted, buffer_size_), buffer_); !status.ok())
      return status;
    return buffer_.size() >= wanted ? absl::OkStatus()
                                    : absl::DataLossError("a temporary file of the sort is cut short");
  }

  std::unique_ptr<io::File> file_;
  const std::uint64_t size_;
  const std::size_t buffer_size_;
  std::uint64_t offset_ = 0;  // Of the buffer in the file.
  std::string buffer_;
  std::size_t begin_ = 0;  // Of the record in the buffer.
  std::size_t record_size_ = 0;
  SortRecord record_;
};

Sorter::Sorter(io::Disk& disk, const Options& options) : disk_(disk), options_(options) {
  CHECK(options.fan_in_max >= 2 && options.arena_bytes <= UINT32_MAX);
}

Sorter::~Sorter() {
  for (const Run& run : runs_) static_cast<void>(disk_.Remove(run.path));
}

absl::Status Sorter::Add(const SortRecord& record) {
  const std::size_t size = SizeOf(record);
  if (size > options_.arena_bytes) return absl::ResourceExhaustedError("a row is too large");
  if (arena_.size() + size > options_.arena_bytes) {
    if (absl::Status status = Spill(); !status.ok()) return status;
  }
  if (arena_.capacity() == 0) arena_.reserve(options_.arena_bytes);
  entries_.push_back({record.group_hash, record.key_hash, static_cast<std::uint32_t>(arena_.size())});
  Append(record, arena_);
  return absl::OkStatus();
}

// Once sorted, records that follow each other lie far apart: asks for the memory of one that is to come.
void Sorter::Prefetch(std::vector<Entry>::const_iterator at) const {
  constexpr std::ptrdiff_t kAhead = 8, kLine = 64;
  if (entries_.end() - at <= kAhead) return;
  const char* const record = arena_.data() + at[kAhead].offset;
  __builtin_prefetch(record);
  __builtin_prefetch(record + kLine);
}

// First as if groups with the same hash were the same; where they are not, those are sorted again, by all of it.
void Sorter::SortArena() {
  const char* base = arena_.data();
  const auto less = [base](const Entry& a, const Entry& b) {
    return Less(Parse(base + a.offset), Parse(base + b.offset));
  };
  std::sort(entries_.begin(), entries_.end(), [&less](const Entry& a, const Entry& b) {
    if (a.group_hash != b.group_hash) return a.group_hash < b.group_hash;
    return a.key_hash != b.key_hash ? a.key_hash < b.key_hash : less(a, b);
  });
  for (auto begin = entries_.begin(); begin != entries_.end();) {
    const std::string_view group = Parse(base + begin->offset).group;
    bool same = true;
    auto end = begin;
    for (; end != entries_.end() && end->group_hash == begin->group_hash; ++end) {
      Prefetch(end);
      same = same && Parse(base + end->offset).group == group;
    }
    if (!same) std::sort(begin, end, less);
    begin = end;
  }
}

absl::StatusOr<Sorter::Run> Sorter::WriteRun(
    absl::FunctionRef<absl::Status(absl::FunctionRef<absl::Status(const SortRecord&)>)> produce) {
  Run run{absl::StrFormat("%s/%s.%d.tmp", options_.directory, options_.name, ++runs_made_), 0};
  absl::StatusOr<std::unique_ptr<io::File>> file = disk_.Open(run.path, io::OpenMode::kCreate);
  if (!file.ok()) return file.status();
  std::string buffer;
  const auto flush = [&]() -> absl::Status {
    absl::Status status = (*file)->WriteAt(run.size, buffer);
    run.size += buffer.size();
    buffer.clear();
    return status;
  };
  absl::Status status = produce([&](const SortRecord& record) -> absl::Status {
    Append(record, buffer);
    return buffer.size() < 4 * options_.buffer_bytes ? absl::OkStatus() : flush();
  });
  if (status.ok()) status = flush();
  if (status.ok()) return run;
  static_cast<void>(disk_.Remove(run.path));
  return status;
}

absl::Status Sorter::Spill() {
  SortArena();
  absl::StatusOr<Run> run = WriteRun([this](absl::FunctionRef<absl::Status(const SortRecord&)> write) -> absl::Status {
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      Prefetch(entry);
      if (absl::Status status = write(Parse(arena_.data() + entry->offset)); !status.ok()) return status;
    }
    return absl::OkStatus();
  });
  if (!run.ok()) return run.status();
  runs_.push_back(*std::move(run));
  arena_.clear();
  entries_.clear();
  return absl::OkStatus();
}

absl::Status Sorter::Merge(std::size_t first, std::size_t count,
                           absl::FunctionRef<absl::Status(const SortRecord&)> visit) {
  std::vector<std::unique_ptr<RunReader>> readers;
  const auto later = [&readers](std::size_t a, std::size_t b) {
    return Less(readers[b]->record(), readers[a]->record());
  };
  std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> heap(later);
  for (std::size_t i = first; i < first + count; ++i) {
    absl::StatusOr<std::unique_ptr<io::File>> file = disk_.Open(runs_[i].path, io::OpenMode::kRead);
    if (!file.ok()) return file.status();
    readers.push_back(std::make_unique<RunReader>(*std::move(file), runs_[i].size, options_.buffer_bytes));
    absl::StatusOr<bool> any = readers.back()->Next();
    if (!any.ok()) return any.status();
    if (*any) heap.push(readers.size() - 1);
  }
  while (!heap.empty()) {
    const std::size_t least = heap.top();
    heap.pop();
    if (absl::Status status = visit(readers[least]->record()); !status.ok()) return status;
    absl::StatusOr<bool> more = readers[least]->Next();
    if (!more.ok()) return more.status();
    if (*more) heap.push(least);
  }
  return absl::OkStatus();
}

// Replaces the first runs by one.
absl::Status Sorter::MergeIntoRun(std::size_t count) {
  absl::StatusOr<Run> merged =
      WriteRun([this, count](absl::FunctionRef<absl::Status(const SortRecord&)> write) -> absl::Status {
        return Merge(0, count, write);
      });
  if (!merged.ok()) return merged.status();
  for (std::size_t i = 0; i < count; ++i) {
    if (absl::Status status = disk_.Remove(runs_[i].path); !status.ok()) return status;
  }
  runs_.erase(runs_.begin(), runs_.begin() + static_cast<std::ptrdiff_t>(count));
  runs_.push_back(*std::move(merged));
  return absl::OkStatus();
}

absl::Status Sorter::Finish(absl::FunctionRef<absl::Status(const SortRecord&)> visit) {
  if (runs_.empty()) {  // Everything fits into memory.
    SortArena();
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      Prefetch(entry);
      if (absl::Status status = visit(Parse(arena_.data() + entry->offset)); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  if (absl::Status status = Spill(); !status.ok()) return status;
  arena_ = std::string();
  entries_ = {};
  while (runs_.size() > options_.fan_in_max) {
    if (absl::Status status = MergeIntoRun(options_.fan_in_max); !status.ok()) return status;
  }
  return Merge(0, runs_.size(), visit);
}

}  // namespace roster
