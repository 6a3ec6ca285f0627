// What outlives a campaign on this host: what the limits owe to receivers and have learned of them, and which program
// uses which source address. One for a program that sends real mail, whichever campaigns it runs; any thread.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/base/log.h"
#include "engine/delivery/host_limits.h"
#include "engine/delivery/source.h"
#include "engine/io/disk.h"
#include "engine/io/file_lock.h"

namespace engine {

class HostState {
 public:
  // `directory`: <state_dir>/host.
  HostState(io::Disk& disk, std::string directory, base::Log& log)
      : disk_(disk), directory_(std::move(directory)), log_(log) {}
  ~HostState();  // Saves, exactly.
  HostState(const HostState&) = delete;
  HostState& operator=(const HostState&) = delete;

  // Takes the sources for this program, and takes up what the last one that had them left behind. Again and for other
  // sources, too. Errors: Unavailable, another program has one of them (the text says which).
  absl::Status Use(const std::vector<delivery::Source>& sources);
  delivery::HostLimits& limits() { return limits_; }
  // Writes down what has changed; to be called all the time, does it about once a second, and at once where a site is
  // new. What may have passed since then when the program is killed counts as passed.
  void SaveSometimes();

 private:
  std::string path() const { return directory_ + "/limits"; }
  void Load();
  void Save(base::Duration unsaved);

  io::Disk& disk_;
  const std::string directory_;
  base::Log& log_;
  delivery::HostLimits limits_;
  std::mutex mutex_;                                            // Guards what follows.
  std::map<std::string, std::unique_ptr<io::FileLock>> locks_;  // By the source's address.
  bool loaded_ = false;
  bool warned_ = false;
  std::optional<base::Instant> failing_since_;
  base::Instant next_save_;
  std::string saved_;  // Without its first line.
};

}  // namespace engine
