// The manifest of a prepared campaign: while it is absent, nothing is prepared. Written last, atomically.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/time.h"
#include "engine/io/disk.h"

namespace roster {

struct FileEntry {
  std::uint64_t size = 0;
  std::uint32_t crc32c = 0;
  friend bool operator==(const FileEntry&, const FileEntry&) = default;
};

// What a test send is: one row's message, to somebody else.
struct TestSend {
  std::uint64_t row = 0;
  std::string token;      // In place of the row's.
  std::string recipient;  // Who gets it, on the wire.
  std::string shown;      // The row's address, on the wire: what the message says.
};

struct Manifest {
  std::string campaign;       // Its id.
  std::string campaign_name;  // For people, in one line; empty: it has none.
  std::uint64_t campaign_hash = 0;
  std::string frozen_digest;           // Of what may not change after the start, apart from message_files.
  std::vector<std::string> dkim_keys;  // What it was started with: "s1._domainkey.example.com rsa-sha256 FINGERPRINT".
  std::string token_key;               // Fingerprint of what makes the tokens; empty: not known.
  base::WallTime prepared_at;
  std::uint64_t rows = 0, invalid = 0, duplicate = 0, suppressed = 0, recipients = 0, domains = 0;
  std::vector<std::string> columns;  // Of a CSV; empty for NDJSON.
  std::vector<std::string> meta;     // Names copied into events.
  std::map<std::string, std::string> campaign_meta;
  std::vector<std::pair<std::string, std::string>> defaults;  // recipients.defaults
  std::string key;                                            // Column or JSON key; empty: the folded address.
  std::map<std::string, FileEntry> files;
  std::map<std::string, std::string> message_files;  // The SHA-256 of each file of the message, by its key.
  std::optional<TestSend> test;                      // None: it is the campaign itself.
  std::optional<bool> rehearsal;                     // Its mail goes to a sandbox; none: an older program did not say.

  std::string ToJson() const;
  // Errors: DataLoss, not a manifest of this format.
  static absl::StatusOr<Manifest> FromJson(std::string_view json, std::string_view path);
};

inline constexpr std::string_view kManifestName = "manifest.json";
// Errors: NotFound, nothing is prepared there; DataLoss.
absl::StatusOr<Manifest> ReadManifest(io::Disk& disk, const std::string& directory);

}  // namespace roster
