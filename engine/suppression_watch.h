// The suppression lists of a campaign: read before it starts, and again while it runs, when their files change.
#pragma once

#include <cstddef>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/log.h"
#include "engine/base/time.h"
#include "engine/campaign/campaign.h"
#include "engine/campaign/suppression.h"
#include "engine/config/config.h"
#include "engine/io/append.h"
#include "engine/io/disk.h"

namespace engine {

struct SuppressionFile {
  std::string path;
  bool may_be_absent = false;
};

// The host's own list, which `sluice suppress` and `[suppression] learn` add to: <state_dir>/suppressed.txt. Empty: the
// configuration has no state folder.
std::string HostSuppressionFile(const config::Config& config);
// Those of the host, the configuration and the campaign.
std::vector<SuppressionFile> SuppressionFilesOf(const config::Config& config, const campaign::Campaign& campaign);

class SuppressionWatch {
 public:
  SuppressionWatch(io::Disk& disk, std::vector<SuppressionFile> files);

  // Reads all of them. Errors: InvalidArgument, one cannot be read, or has lines that are no entries.
  absl::Status Load();
  std::shared_ptr<const campaign::SuppressionLists> lists() const { return lists_; }

  // Looks after the files, every two seconds; those that have changed are read on a thread of their own, and what they
  // say is returned when they have been. Null: there is nothing new yet. A file that cannot be read counts as it was
  // and is tried again, and one with lines that are no entries counts as it was without them, besides.
  std::shared_ptr<const campaign::SuppressionLists> Poll(base::Instant now, base::Log& log);
  bool IsReading() const { return reading_.valid(); }
  // The same at once, waiting for the disk, and without patience for a list that may be in the middle of being written.
  // Before the first Poll only.
  std::shared_ptr<const campaign::SuppressionLists> PollAtOnce(base::Log& log);
  // This program is about to add lines to the file itself…
  void ExpectOwn(const std::string& path);
  // …and has, or could not (nullopt): they are nothing new.
  void NoteOwn(const std::string& path, const std::optional<io::Appended>& appended);

 private:
  struct Watched {
    SuppressionFile file;
    std::optional<io::FileStamp> stamp;    // When it was read; none: it was not there.
    std::optional<io::FileStamp> shorter;  // When it was last seen to have become shorter.
    bool is_unread = false;                // It was there, and could not be read: tried again.
    bool expects_own = false;              // This program adds lines to it just now: a change may be only that…
    bool was_put_off = false;              // …and a look was put off for that, since it was last known to be so.
    std::vector<io::Appended> own = {};    // Added while it is being read.
    std::shared_ptr<const campaign::Suppression> good;  // As it was when it was last without fault; null: never.
    std::shared_ptr<const campaign::Suppression> bad;   // As it is, where it has lines that are no entries.
  };
  struct Reading {
    std::size_t number = 0;  // In files_.
    SuppressionFile file;
    std::optional<io::FileStamp> stamp;
    bool is_unread = false;
    std::shared_ptr<campaign::Suppression> list;  // Null: it is not there, or could not be read.
    absl::Status status;
  };
  static Reading Read(io::Disk& disk, Reading file);  // Any thread.
  static std::vector<Reading> ReadAll(io::Disk& disk, std::vector<Reading> files);
  absl::Status TakeUp(Reading read);
  std::shared_ptr<const campaign::SuppressionLists> TakeUpAll(std::vector<Reading> all, base::Log& log);
  std::vector<Reading> FindChanged(bool patient);
  static void PassOwn(const io::Appended& own, Watched& watched);
  Watched* Find(const std::string& path);
  void Join();

  io::Disk& disk_;
  std::vector<Watched> files_;
  std::shared_ptr<const campaign::SuppressionLists> lists_;
  base::Instant next_;
  std::future<std::vector<Reading>> reading_;
};

}  // namespace engine
