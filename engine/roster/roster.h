// The prepared snapshot of all recipients, grouped by domain. Read-only, over mapped files; any number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/io/disk.h"
#include "engine/roster/manifest.h"

namespace roster {

struct DomainView {
  std::string_view name;    // A-labels, lower case.
  std::uint64_t first = 0;  // Recipient id.
  std::uint64_t count = 0;
};

struct RecipientView {
  std::uint64_t row = 0;
  std::uint64_t line = 0;
  std::string_view address;  // As on the wire: local part as typed, domain as A-labels.
  std::string_view shown;    // What the message says; another one in a test send only.
  std::string_view key;
  bool needs_smtputf8 = false;
  bool is_json = false;
  std::string_view payload;  // See layout.h; row_value.h reads it.
};

// A row that is no recipient.
struct Reject {
  enum class Type : std::uint8_t { kInvalid, kDuplicate, kSuppressed };
  Type type = Type::kInvalid;
  std::uint64_t row = 0, line = 0;
  std::string address;  // As typed.
  std::string reason;
  std::uint64_t first_row = 0;  // kDuplicate: the row that counts.
};

class Roster {
 public:
  // Errors: NotFound, nothing is prepared; DataLoss, a file is missing or not the one that was prepared.
  static absl::StatusOr<std::unique_ptr<const Roster>> Open(io::Disk& disk, const std::string& directory);
  Roster(const Roster&) = delete;
  Roster& operator=(const Roster&) = delete;

  const Manifest& manifest() const { return manifest_; }
  std::uint64_t recipients() const { return manifest_.recipients; }
  std::uint64_t domains() const { return manifest_.domains; }
  DomainView Domain(std::uint64_t index) const;                          // Requires: index < domains().
  RecipientView Recipient(std::uint64_t id) const;                       // Requires: id < recipients().
  std::string_view DomainOf(std::uint64_t id) const;                     // Requires: id < recipients().
  std::optional<std::uint64_t> FindDomain(std::string_view name) const;  // Its index. A-labels, lower case.
  std::optional<std::uint64_t> FindRow(std::uint64_t row) const;         // Reads the roster through.
  std::optional<std::uint64_t> FindAddress(
      std::string_view address) const;  // Likewise; as on the wire, domain in any case.
  std::string_view template_snapshot() const { return template_->view(); }

  // Compares every file with its checksum.
  absl::Status Verify() const;
  // Calls `visit` for each row that is no recipient, in the order of the file.
  absl::Status VisitRejects(absl::FunctionRef<void(const Reject&)> visit) const;

 private:
  Roster() = default;
  Manifest manifest_;
  std::string directory_;
  std::unique_ptr<io::Mapping> data_, index_, domains_, rejects_, template_;
};

}  // namespace roster
