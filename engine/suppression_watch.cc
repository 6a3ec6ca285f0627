#include "engine/suppression_watch.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_format.h"

namespace engine {
namespace {

constexpr std::uint64_t kFileMax = 4ull << 30;
constexpr base::Duration kPollEvery = base::Duration::Seconds(2);

}  // namespace

std::string HostSuppressionFile(const config::Config& config) {
  return config.engine.state_dir.has_value() ? *config.engine.state_dir + "/suppressed.txt" : "";
}

std::vector<SuppressionFile> SuppressionFilesOf(const config::Config& config, const campaign::Campaign& campaign) {
  std::vector<SuppressionFile> files;
  if (const std::string own = HostSuppressionFile(config); !own.empty()) files.push_back({own, true});
  for (const std::vector<std::string>* paths : {&config.suppression_files, &campaign.recipients.suppress}) {
    for (const std::string& path : *paths) {
      if (files.empty() || path != files.front().path || !files.front().may_be_absent) files.push_back({path, false});
    }
  }
  return files;
}

SuppressionWatch::SuppressionWatch(io::Disk& disk, std::vector<SuppressionFile> files) : disk_(disk) {
  for (SuppressionFile& file : files) files_.emplace_back().file = std::move(file);
  Join();
}

void SuppressionWatch::Join() {
  auto lists = std::make_shared<campaign::SuppressionLists>();
  for (const Watched& watched : files_) {
    for (const auto& list : {watched.good, watched.bad}) {
      if (list != nullptr) lists->Add(list);
    }
  }
  lists_ = std::move(lists);
}

SuppressionWatch::Reading SuppressionWatch::Read(io::Disk& disk, Reading read) {
  const std::string& path = read.file.path;
  read.stamp = io::StampOf(path);  // First: what is written meanwhile is read the next time.
  if (!read.stamp.has_value() && read.file.may_be_absent) return read;
  const absl::StatusOr<std::string> text = io::ReadFile(disk, path, kFileMax);
  read.is_unread = !text.ok() && !absl::IsNotFound(text.status()) && !absl::IsResourceExhausted(text.status());
  if (!text.ok()) {
    read.status = absl::InvalidArgumentError(text.status().message());
    return read;
  }
  read.list = std::make_shared<campaign::Suppression>();
  read.status = read.list->Add(*text, path);
  read.list->Seal();
  return read;
}

std::vector<SuppressionWatch::Reading> SuppressionWatch::ReadAll(io::Disk& disk, std::vector<Reading> files) {
  for (Reading& file : files) file = Read(disk, std::move(file));
  return files;
}

absl::Status SuppressionWatch::TakeUp(Reading read) {
  Watched& watched = files_[read.number];
  watched.stamp = read.stamp;
  for (const io::Appended& own : std::exchange(watched.own, {})) PassOwn(own, watched);
  watched.is_unread = read.is_unread;
  if (read.list == nullptr) return read.status;
  if (read.status.ok()) watched.good.reset();
  watched.bad.reset();
  (read.status.ok() ? watched.good : watched.bad) = std::move(read.list);
  return read.status;
}

absl::Status SuppressionWatch::Load() {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    Reading file;
    file.number = i;
    file.file = files_[i].file;
    if (absl::Status status = TakeUp(Read(disk_, std::move(file))); !status.ok()) return status;
  }
  Join();
  return absl::OkStatus();
}

std::shared_ptr<const campaign::SuppressionLists> SuppressionWatch::Poll(base::Instant now, base::Log& log) {
  if (reading_.valid()) {
    if (reading_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return nullptr;
    return TakeUpAll(reading_.get(), log);
  }
  if (now < next_) return nullptr;
  next_ = now + kPollEvery;
  std::vector<Reading> changed = FindChanged(/*patient=*/true);
  if (changed.empty()) return nullptr;
  reading_ = std::async(std::launch::async, [&disk = disk_, changed = std::move(changed)]() mutable {
    return ReadAll(disk, std::move(changed));
  });
  return nullptr;
}

std::shared_ptr<const campaign::SuppressionLists> SuppressionWatch::PollAtOnce(base::Log& log) {
  return TakeUpAll(ReadAll(disk_, FindChanged(/*patient=*/false)), log);
}

std::vector<SuppressionWatch::Reading> SuppressionWatch::FindChanged(bool patient) {
  std::vector<Reading> changed;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    Watched& watched = files_[i];
    const std::optional<io::FileStamp> stamp = io::StampOf(watched.file.path);
    if (!watched.is_unread && stamp == watched.stamp) continue;
    // A change by others beside its own is seen at the next look.
    if (patient && watched.expects_own && !std::exchange(watched.was_put_off, true)) continue;
    watched.was_put_off = false;
    const bool is_shorter = stamp.has_value() && watched.stamp.has_value() && stamp->inode == watched.stamp->inode &&
                            stamp->size < watched.stamp->size;
    if (patient && is_shorter &&
        watched.shorter != stamp) {  // Perhaps it is being written: it has to look the same twice.
      watched.shorter = stamp;
      continue;
    }
    Reading file;
    file.number = i;
    file.file = watched.file;
    changed.push_back(std::move(file));
  }
  return changed;
}

std::shared_ptr<const campaign::SuppressionLists> SuppressionWatch::TakeUpAll(std::vector<Reading> all,
                                                                              base::Log& log) {
  bool news = false;
  for (Reading& read : all) {
    const Watched& watched = files_[read.number];
    const bool was_unread = watched.is_unread;
    const absl::Status status = TakeUp(std::move(read));
    news = news || !watched.is_unread;
    if (!status.ok() && !(was_unread && watched.is_unread)) {
      log.Warning(absl::StrFormat("%s; the list counts as it was before, too", std::string(status.message())));
    }
  }
  if (!news) return nullptr;
  Join();
  return lists_;
}

SuppressionWatch::Watched* SuppressionWatch::Find(const std::string& path) {
  const auto watched =
      std::find_if(files_.begin(), files_.end(), [&path](const Watched& known) { return known.file.path == path; });
  return watched == files_.end() ? nullptr : &*watched;
}

void SuppressionWatch::ExpectOwn(const std::string& path) {
  if (Watched* const watched = Find(path)) watched->expects_own = true;
}

// What it was before is known, and so is what it is now.
void SuppressionWatch::PassOwn(const io::Appended& own, Watched& watched) {
  const bool was_made = !watched.stamp.has_value() && own.before.size == 0;
  if (was_made || watched.stamp == own.before) {
    watched.stamp = own.after;
    watched.was_put_off = false;
  }
  if (watched.shorter == own.before) watched.shorter = own.after;
}

void SuppressionWatch::NoteOwn(const std::string& path, const std::optional<io::Appended>& appended) {
  Watched* const watched = Find(path);
  if (watched == nullptr) return;
  watched->expects_own = false;
  if (!appended.has_value() || !appended->is_all) return;
  PassOwn(*appended, *watched);
  if (reading_.valid()) watched->own.push_back(*appended);
}

}  // namespace engine
