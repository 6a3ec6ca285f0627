// The [smarthost] of the configuration, made ready for the shards: the password or token comes from its file, and a
// token that another program renews there is taken up while the campaign runs.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "engine/base/log.h"
#include "engine/config/config.h"
#include "engine/delivery/smarthost.h"
#include "engine/io/disk.h"

namespace engine {

class SmarthostLogin {
 public:
  // Errors (kInvalidArgument): the file cannot be read, or holds nothing that can be a password. Warns of a file that
  // everybody can read. `disk` outlives the result.
  static absl::StatusOr<std::unique_ptr<SmarthostLogin>> Load(io::Disk& disk, const config::SmarthostConfig& config,
                                                              base::Log& log);

  // Borrows from this. Its account's secret may be asked for from any thread.
  delivery::Smarthost smarthost() const;
  // Reads the file again; keeps what it had where that fails. Not for a shard's thread: the disk blocks.
  void Refresh();

 private:
  SmarthostLogin(io::Disk& disk, const config::SmarthostConfig& config) : disk_(disk), config_(config) {}
  absl::StatusOr<std::string> ReadSecret() const;
  std::string Secret() const;

  io::Disk& disk_;
  const config::SmarthostConfig config_;
  mutable std::mutex mutex_;  // Guards secret_.
  std::string read_last_;     // By Refresh.
  std::string secret_;
};

}  // namespace engine
