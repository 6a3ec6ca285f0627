// What outlives a campaign on this host: what the limits owe to receivers and have learned of them, and which program
// uses which source address. One for a program that sends real mail, whichever campaigns it runs; any thread.
#pragma once

#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "engine/base/log.h"
#include "engine/base/time.h"
#include "engine/delivery/host_limits.h"
#include "engine/delivery/source.h"
#include "engine/io/disk.h"
#include "engine/io/file_lock.h"
#include "engine/io/name_lock.h"

namespace engine {

class HostState {
 public:
  // `directory`: <state_dir>/host. Empty: a rehearsal's, which has limits as the others, and leaves nothing behind.
  // `names`: what the names of sources that programs of this host use begin with, and that of what holds over all of
  // them (io/name_lock.h), whichever folder they have. Empty: only those of the same folder are looked for.
  HostState(io::Disk& disk, std::string directory, base::Log& log, std::string names = "")
      : disk_(disk), directory_(std::move(directory)), log_(log), names_(std::move(names)) {}
  ~HostState();  // Saves, exactly.
  HostState(const HostState&) = delete;
  HostState& operator=(const HostState&) = delete;

  // Takes the sources for this program, and takes up what the last ones that had them left behind. Again and for other
  // sources, too. One without an address may leave from any, so nobody has another one beside it but the same program.
  // Errors: Unavailable, another program has one of them (the text says which), still after `patience`.
  absl::Status Use(const std::vector<delivery::Source>& sources, base::Duration patience = {});
  // The same for what holds over all sources (total_connection_limit, total_message_rate): one program at a time, or
  // such a limit would hold twice.
  absl::Status UseTotals();
  delivery::HostLimits& limits() { return limits_; }
  // Writes down what has changed; to be called all the time, does it about once a second, and at once where a site is
  // new. What may have passed since then when the program is killed counts as passed. Never waits for the disk: that is
  // done on a thread of its own.
  void SaveSometimes();

 private:
  struct Used {
    std::string source;  // Its name; "": what holds over all sources.
    std::unique_ptr<io::FileLock> lock;
    std::unique_ptr<io::NameLock> name = nullptr;  // Null: names are not looked at.
    bool is_written = false;                       // There is something in the file; who saves says so.
  };
  std::string PathOf(const std::string& address) const { return directory_ + "/limits-" + address; }
  absl::Status Take(const std::string& address, const std::string& source, const std::string& lock_name,
                    std::string_view what, base::Duration patience);
  absl::StatusOr<std::unique_ptr<io::NameLock>> TakeName(const std::string& address) const;
  void Load(const std::string& address, const std::string& source);
  struct Saved {
    base::Instant end;
    base::Duration took;
  };
  Saved SaveAll(base::Duration unsaved, const std::vector<std::pair<std::string, Used*>>& all);
  void Save(const std::string& address, Used& used, base::Duration unsaved);

  io::Disk& disk_;
  const std::string directory_;  // Before limits_.
  base::Log& log_;
  const std::string names_;
  delivery::HostLimits limits_{/*outlives=*/!directory_.empty()};
  bool warned_ = false;  // Since it last worked. This and the next: of who saves, and nobody else does meanwhile.
  std::optional<base::Instant> failing_since_;
  std::mutex mutex_;                  // Guards what follows.
  std::map<std::string, Used> used_;  // By the source's address; "any": the kernel chooses; "total": over all.
  base::Instant next_save_;
  base::Duration save_took_;
  std::future<Saved> saving_;
};

// The names of those of `sources` that some program has now, or an address that they may leave from. `names`: as in
// HostState.
std::set<std::string> SourcesInUse(const std::string& directory, const std::string& names,
                                   const std::vector<delivery::Source>& sources);
// What the last programs that had these sources left in `directory`, and what holds over all sources; takes none of
// them.
void ReadLimits(io::Disk& disk, const std::string& directory, const std::vector<delivery::Source>& sources,
                delivery::HostLimits& limits);

}  // namespace engine
