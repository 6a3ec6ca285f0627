// Files that are made once, by whichever of several programs comes first.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "engine/io/disk.h"

namespace io {

// Makes a file of the machine's disk with this content, durable, mode 0600: whole, or not at all. A file that is there
// already stays as it is, and that is no error: who comes second reads what the first one has written. Errors: as
// Disk::Open; Internal.
absl::Status MakeFileOnce(Disk& disk, const std::string& path, std::string_view content);

}  // namespace io
