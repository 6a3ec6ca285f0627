// Lines at the end of a file that several programs add to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace io {

// What changes when a file does.
struct FileStamp {
  std::uint64_t inode = 0, size = 0;
  std::int64_t changed_ns = 0;  // Of the content or its name.
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};
std::optional<FileStamp> StampOf(const std::string& path);  // Nullopt: there is no such file.

// The file that lines were added to, while no other program that adds lines could.
struct Appended {
  FileStamp before, after;
  bool is_all = false;  // Nothing else was added between the two.
};
// Adds whole lines (each with its "\n") to a file, and makes them durable; the file is made where there is none, with
// mode 0640. Waits for other programs that do the same. Errors: PermissionDenied; ResourceExhausted; Internal.
absl::StatusOr<Appended> AppendLines(const std::string& path, std::string_view lines);

}  // namespace io
