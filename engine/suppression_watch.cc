#include "engine/suppression_watch.h"

#include <algorithm>
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

absl::Status SuppressionWatch::Read(Watched& watched) {
  const std::string& path = watched.file.path;
  watched.stamp = io::StampOf(path);  // First: what is written meanwhile is read the next time.
  if (!watched.stamp.has_value() && watched.file.may_be_absent) return absl::OkStatus();
  const absl::StatusOr<std::string> text = io::ReadFile(disk_, path, kFileMax);
  watched.is_unread = !text.ok() && !absl::IsNotFound(text.status()) && !absl::IsResourceExhausted(text.status());
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  auto list = std::make_shared<campaign::Suppression>();
  const absl::Status status = list->Add(*text, path);
  list->Seal();
  if (status.ok()) watched.good.reset();
  watched.bad.reset();
  (status.ok() ? watched.good : watched.bad) = std::move(list);
  return status;
}

absl::Status SuppressionWatch::Load() {
  for (Watched& watched : files_) {
    if (absl::Status status = Read(watched); !status.ok()) return status;
  }
  Join();
  return absl::OkStatus();
}

std::shared_ptr<const campaign::SuppressionLists> SuppressionWatch::Poll(base::Instant now, base::Log& log) {
  if (now < next_) return nullptr;
  next_ = now + kPollEvery;
  return ReadChanged(log, /*patient=*/true);
}

std::shared_ptr<const campaign::SuppressionLists> SuppressionWatch::PollAtOnce(base::Log& log) {
  return ReadChanged(log, /*patient=*/false);
}

std::shared_ptr<const campaign::SuppressionLists> SuppressionWatch::ReadChanged(base::Log& log, bool patient) {
  bool news = false;
  for (Watched& watched : files_) {
    const bool was_unread = watched.is_unread;
    const std::optional<io::FileStamp> stamp = io::StampOf(watched.file.path);
    if (!was_unread && stamp == watched.stamp) continue;
    const bool is_shorter = stamp.has_value() && watched.stamp.has_value() && stamp->inode == watched.stamp->inode &&
                            stamp->size < watched.stamp->size;
    if (patient && is_shorter &&
        watched.shorter != stamp) {  // Perhaps it is being written: it has to look the same twice.
      watched.shorter = stamp;
      continue;
    }
    const absl::Status status = Read(watched);
    news = news || !watched.is_unread;
    if (!status.ok() && !(was_unread && watched.is_unread)) {
      log.Warning(absl::StrFormat("%s; the list counts as it was before, too", std::string(status.message())));
    }
  }
  if (!news) return nullptr;
  Join();
  return lists_;
}

absl::Status SuppressionWatch::Add(const std::string& path, std::string_view lines) {
  const auto watched =
      std::find_if(files_.begin(), files_.end(), [&path](const Watched& known) { return known.file.path == path; });
  const absl::StatusOr<io::Appended> appended = io::AppendLines(path, lines);
  if (!appended.ok()) return appended.status();
  if (watched == files_.end() || !appended->is_all) return absl::OkStatus();
  if (watched->stamp == appended->before) watched->stamp = appended->after;
  if (watched->shorter == appended->before) watched->shorter = appended->after;
  return absl::OkStatus();
}

}  // namespace engine
