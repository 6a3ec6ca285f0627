// Records as bytes, and back (FORMAT.md, "Records"). Pure.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/string_map.h"
#include "engine/ledger/record.h"

namespace ledger {

// Encodes the records of one segment. Strings that come again are written once, as definitions before the record that
// uses them first.
class RecordEncoder {
 public:
  void Append(const Record& record, std::string& out);
  void Reset();  // A new segment begins.

 private:
  static constexpr std::size_t kStringsMax = 65536;  // Per segment; the rest is written in full each time.
  static constexpr std::size_t kStringMax = 256;
  void Body(const Attempt& record, std::string& out);
  void Body(const Outcome& record, std::string& out);
  void Body(const CampaignState& record, std::string& out);
  void Body(const SiteState& record, std::string& out);
  // Interned. `field`: which one of its record it is.
  void Text(std::string_view text, std::size_t field, std::string& out);
  static void FullText(std::string_view text, std::string& out);  // Never interned.

  // What a field held last, and how it was written: it mostly holds the same again, and needs no look-up then.
  struct Last {
    std::string text;
    std::uint64_t written = 0;
  };
  static constexpr std::size_t kFields = 12;  // Of the record that has most.
  std::array<Last, kFields> last_;
  base::StringMap<std::uint64_t> known_;
  std::string definitions_, body_;  // Empty between records; they keep their memory.
};

// Decodes the records of one segment, in order.
class RecordDecoder {
 public:
  enum class Result : std::uint8_t {
    kRecord,      // `record` is set; its strings are valid until Reset, and as long as the bytes are.
    kDefinition,  // It has no sequence number.
    kUnknown,     // A record of a kind that this program does not know, and may pass over.
    kBad,         // Not what an encoder wrote.
  };
  // Takes one entry off the front of `bytes`. Requires: not empty.
  Result Next(std::string_view& bytes, Record& record);
  void Reset();

 private:
  std::vector<std::unique_ptr<std::string>> strings_;
};

}  // namespace ledger
