// The suppression lists of a campaign: read before it starts, and again while it runs, when their files change.
#pragma once

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

  // Looks after the files, every two seconds, and reads those that have changed. Null: there is nothing new. A file
  // that cannot be read counts as it was and is tried again, and one with lines that are no entries counts as it was
  // without them, besides.
  std::shared_ptr<const campaign::SuppressionLists> Poll(base::Instant now, base::Log& log);
  // The same, whenever it is asked, and without patience for a list that may be in the middle of being written.
  std::shared_ptr<const campaign::SuppressionLists> PollAtOnce(base::Log& log);
  // Adds lines to a file. What this program adds itself is nothing new.
  absl::Status Add(const std::string& path, std::string_view lines);

 private:
  struct Watched {
    SuppressionFile file;
    std::optional<io::FileStamp> stamp;                 // When it was read; none: it was not there.
    std::optional<io::FileStamp> shorter;               // When it was last seen to have become shorter.
    bool is_unread = false;                             // It was there, and could not be read: tried again.
    std::shared_ptr<const campaign::Suppression> good;  // As it was when it was last without fault; null: never.
    std::shared_ptr<const campaign::Suppression> bad;   // As it is, where it has lines that are no entries.
  };
  absl::Status Read(Watched& watched);
  std::shared_ptr<const campaign::SuppressionLists> ReadChanged(base::Log& log, bool patient);
  void Join();

  io::Disk& disk_;
  std::vector<Watched> files_;
  std::shared_ptr<const campaign::SuppressionLists> lists_;
  base::Instant next_;
};

}  // namespace engine
