#include "tests/sim/crash_disk.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sim {
namespace {

constexpr std::size_t kSector = 512;

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

struct CrashDisk::Content {
  struct Write {
    std::uint64_t offset;
    std::string bytes;
  };
  std::string now;              // As programs see it.
  std::string synced;           // As the last sync left it.
  std::vector<Write> unsynced;  // In order.
  bool is_other = true;         // `now` is not just `synced` and then `unsynced`…
  bool is_mapped = false;       // …or may be something else at any time.
};

class CrashFile final : public io::File {
 public:
  CrashFile(CrashDisk& disk, std::shared_ptr<CrashDisk::Content> content) : disk_(disk), content_(std::move(content)) {}

  absl::Status WriteAt(std::uint64_t offset, std::string_view bytes) override {
    if (absl::Status status = disk_.Operate(); !status.ok()) return status;
    const std::uint64_t end = offset + bytes.size();
    if (end > content_->now.size()) {
      if (absl::Status status = disk_.Grow(end - content_->now.size()); !status.ok()) return status;
      content_->now.resize(end);
    }
    content_->now.replace(offset, bytes.size(), bytes);
    content_->unsynced.push_back({offset, std::string(bytes)});
    return absl::OkStatus();
  }
  absl::Status ReadAt(std::uint64_t offset, std::size_t size, std::string& out) const override {
    out = offset >= content_->now.size() ? std::string() : content_->now.substr(offset, size);
    return absl::OkStatus();
  }
  absl::StatusOr<std::uint64_t> Size() const override { return content_->now.size(); }
  absl::Status Truncate(std::uint64_t size) override {
    if (absl::Status status = disk_.Operate(); !status.ok()) return status;
    content_->is_other = true;
    content_->now.resize(size);
    content_->synced.resize(std::min<std::size_t>(content_->synced.size(), size));
    return absl::OkStatus();
  }
  absl::Status Sync() override {
    if (absl::Status status = disk_.Operate(); !status.ok()) return status;
    if (content_->is_other || content_->is_mapped) {
      content_->synced = content_->now;
    } else {  // The file may be large, and what was written is not.
      content_->synced.resize(content_->now.size());
      for (const CrashDisk::Content::Write& write : content_->unsynced)
        content_->synced.replace(write.offset, write.bytes.size(), write.bytes);
    }
    content_->is_other = false;
    content_->unsynced.clear();
    return absl::OkStatus();
  }

 private:
  CrashDisk& disk_;
  std::shared_ptr<CrashDisk::Content> content_;
};

namespace {

// Files are mapped as scratch: what is written through the mapping is in the file, and a crash leaves what the last
// sync left.
class CrashMapping final : public io::Mapping {
 public:
  explicit CrashMapping(std::shared_ptr<CrashDisk::Content> content) : content_(std::move(content)) {
    content_->is_mapped = true;
  }
  char* data() override { return content_->now.data(); }
  const char* data() const override { return content_->now.data(); }
  std::size_t size() const override { return content_->now.size(); }

 private:
  std::shared_ptr<CrashDisk::Content> content_;
};

}  // namespace

absl::Status CrashDisk::Operate() {
  ++operations_;
  if (!fail_after_.has_value()) return absl::OkStatus();
  if (*fail_after_ == 0) return absl::InternalError("input/output error");
  --*fail_after_;
  return absl::OkStatus();
}

absl::Status CrashDisk::Grow(std::uint64_t bytes) {
  if (used_ + bytes > capacity_) return absl::ResourceExhaustedError("no space left on device");
  used_ += bytes;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<io::File>> CrashDisk::Open(const std::string& path, io::OpenMode mode) {
  auto found = names_.find(path);
  if (mode == io::OpenMode::kCreate) {
    if (absl::Status status = Operate(); !status.ok()) return status;
    if (found == names_.end()) found = names_.emplace(path, std::make_shared<Content>()).first;
    // Emptied: a crash may still show the old bytes.
    found->second->is_other = true;
    found->second->now.clear();
  }
  if (found == names_.end()) return absl::NotFoundError(path + ": no such file");
  return std::make_unique<CrashFile>(*this, found->second);
}

absl::StatusOr<std::unique_ptr<io::Mapping>> CrashDisk::Map(const std::string& path, bool) {
  const auto found = names_.find(path);
  if (found == names_.end()) return absl::NotFoundError(path + ": no such file");
  return std::make_unique<CrashMapping>(found->second);
}

bool CrashDisk::Exists(const std::string& path) { return names_.count(path) > 0; }

absl::Status CrashDisk::Rename(const std::string& from, const std::string& to) {
  if (absl::Status status = Operate(); !status.ok()) return status;
  const auto found = names_.find(from);
  if (found == names_.end()) return absl::NotFoundError(from + ": no such file");
  names_[to] = found->second;
  names_.erase(from);
  return absl::OkStatus();
}

absl::Status CrashDisk::Remove(const std::string& path) {
  if (absl::Status status = Operate(); !status.ok()) return status;
  names_.erase(path);
  return absl::OkStatus();
}

absl::Status CrashDisk::MakeDirectories(const std::string&) { return Operate(); }

absl::Status CrashDisk::SyncDirectory(const std::string& path) {
  if (absl::Status status = Operate(); !status.ok()) return status;
  for (auto entry = durable_.begin(); entry != durable_.end();) {
    entry =
        FolderOf(entry->first) == path && names_.count(entry->first) == 0 ? durable_.erase(entry) : std::next(entry);
  }
  for (const auto& [name, content] : names_) {
    if (FolderOf(name) == path) durable_[name] = content;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> CrashDisk::List(const std::string& directory) {
  std::vector<std::string> found;
  for (const auto& [name, content] : names_) {
    if (FolderOf(name) == directory) found.push_back(name.substr(directory.size() + 1));
  }
  return found;
}

absl::StatusOr<std::uint64_t> CrashDisk::FreeBytes(const std::string&) { return capacity_ - used_; }

void CrashDisk::Crash(base::Prng& prng) {
  for (auto& [name, content] : names_) {  // Names that no directory sync made safe.
    const auto safe = durable_.find(name);
    if ((safe == durable_.end() || safe->second != content) && prng.Chance(0.5)) durable_[name] = content;
  }
  for (auto entry = durable_.begin(); entry != durable_.end();) {
    const bool removed = names_.count(entry->first) == 0;
    entry = removed && prng.Chance(0.5) ? durable_.erase(entry) : std::next(entry);
  }
  names_ = durable_;
  for (auto& [name, content] : names_) {
    std::string left = content->synced;
    const bool drop_all = prng.Chance(0.3);
    for (const Content::Write& write : content->unsynced) {
      for (std::size_t at = 0; at < write.bytes.size();) {
        const std::size_t size = std::min(kSector - (write.offset + at) % kSector, write.bytes.size() - at);
        if (!drop_all && prng.Chance(0.7)) {
          if (left.size() < write.offset + at + size) left.resize(write.offset + at + size);
          left.replace(write.offset + at, size, write.bytes, at, size);
        }
        at += size;
      }
    }
    content->now = content->synced = left;
    content->unsynced.clear();
  }
}

}  // namespace sim
