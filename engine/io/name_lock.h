// A name that one process holds, of all that share its network: whoever runs them, and whichever folders they use. It
// is the name of an abstract socket (unix(7)), which belongs to the network namespace as addresses do, needs no folder,
// and ends with the process, however that ends.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace io {

class NameLock {
 public:
  // `name`: at most 100 bytes. Errors: Unavailable, somebody holds it (the text says which process); Internal.
  static absl::StatusOr<std::unique_ptr<NameLock>> Take(const std::string& name);
  // The names that begin so and are held, those of this process too.
  static std::vector<std::string> Held(std::string_view prefix);
  // "process 17 of user 0"; of one that cannot be asked: "another process".
  static std::string HolderOf(const std::string& name);
  ~NameLock();
  NameLock(const NameLock&) = delete;
  NameLock& operator=(const NameLock&) = delete;

 private:
  explicit NameLock(int fd) : fd_(fd) {}
  const int fd_;
};

}  // namespace io
