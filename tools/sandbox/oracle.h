// What the fake mail exchangers know about each recipient, exactly: the other side's truth, to compare a ledger with.
// About 120 bytes per recipient. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "engine/io/disk.h"

namespace sandbox {

class Oracle {
 public:
  using Id = std::uint32_t;  // Of a recipient.

  struct Totals {
    std::uint64_t recipients = 0;          // Addresses seen.
    std::uint64_t accepted = 0;            // Times that a recipient's message was accepted with a reply.
    std::uint64_t accepted_silent = 0;     // Accepted, but the connection ended without the reply.
    std::uint64_t duplicates = 0;          // Accepted, with or without reply, although the same Message-ID was before.
    std::uint64_t shared_message_ids = 0;  // Accepted for one recipient, with a Message-ID that another one had first.
    std::uint64_t faulty = 0;              // Accepted, although MessageCheck objects.
    std::uint64_t temporary = 0;           // 4yz replies to RCPT or content.
    std::uint64_t permanent = 0;           // 5yz replies to RCPT or content.
  };

  // The address as in RCPT. Upper and lower case are the same.
  Id Find(std::string_view address);
  // Another RCPT for it; which one it is, from 1.
  std::uint32_t CountAttempt(Id id);
  void CountRefusal(Id id, int code);                                // Requires: 400 <= code <= 599.
  void CountAccepted(Id id, int code, std::string_view message_id);  // After the content.
  void CountAcceptedSilent(Id id, std::string_view message_id);
  void CountFaulty(Id id);  // What was just accepted is not as it should be.
  const Totals& totals() const { return totals_; }

  // One line per recipient, sorted by address: address, accepted, accepted_silent, last_code, temp_failures,
  // message_ids, faulty. CSV where `path` ends with ".csv", else NDJSON. The old file stays until the new one is
  // complete.
  absl::Status Write(io::Disk& disk, const std::string& path) const;

 private:
  struct Entry {
    std::uint64_t address = 0;           // Offset into addresses_.
    std::uint64_t first_message_id = 0;  // Hash; 0: none accepted yet.
    std::uint32_t accepted = 0;
    std::uint32_t accepted_silent = 0;
    std::uint32_t temp_failures = 0;
    std::uint32_t attempts = 0;
    std::uint16_t address_size = 0;
    std::uint16_t last_code = 0;
    std::uint32_t message_ids = 0;  // Different ones among the accepted.
    std::uint32_t faulty = 0;
  };
  std::string_view Address(const Entry& entry) const {
    return std::string_view(addresses_).substr(entry.address, entry.address_size);
  }
  void AppendLine(const Entry& entry, bool csv, std::string& out) const;
  void CountMessageId(Id id, std::string_view message_id);

  Totals totals_;
  std::string addresses_;
  std::vector<Entry> entries_;
  absl::flat_hash_map<std::uint64_t, Id> by_hash_;
  absl::flat_hash_map<std::uint64_t, Id> owners_;        // Who had a Message-ID first, by its hash.
  absl::flat_hash_set<std::uint64_t> more_message_ids_;  // Of recipient and Message-ID, beyond the first one.
};

}  // namespace sandbox
