#include "tools/sandbox/oracle.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/stable_hash.h"
#include "engine/base/text.h"

namespace sandbox {
namespace {

constexpr std::size_t kBlock = 1 << 20;  // Bytes per write.

void AppendJsonString(std::string_view text, std::string& out) {
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);  // An address holds no control characters.
  }
  out.push_back('"');
}

void AppendCsvField(std::string_view text, std::string& out) {
  if (text.find_first_of(",\"") == std::string_view::npos) {
    out.append(text);
    return;
  }
  out.push_back('"');
  for (const char c : text) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
}

}  // namespace

Oracle::Id Oracle::Find(std::string_view address) {
  const std::string folded = base::LowerAscii(address);
  // Two addresses with the same hash would be counted as one: the next seed is tried until the address is the same.
  for (std::uint64_t seed = 0;; ++seed) {
    const std::uint64_t hash = base::StableHash(folded, seed);
    const auto [found, fresh] = by_hash_.try_emplace(hash, static_cast<Id>(entries_.size()));
    if (fresh) {
      Entry& entry = entries_.emplace_back();
      entry.address = addresses_.size();
      entry.address_size = static_cast<std::uint16_t>(folded.size());
      addresses_.append(folded);
      ++totals_.recipients;
    } else if (Address(entries_[found->second]) != folded) {
      continue;
    }
    return found->second;
  }
}

std::uint32_t Oracle::CountAttempt(Id id) { return ++entries_[id].attempts; }

void Oracle::CountRefusal(Id id, int code) {
  CHECK(code >= 400 && code <= 599);
  Entry& entry = entries_[id];
  entry.last_code = static_cast<std::uint16_t>(code);
  if (code < 500) {
    ++entry.temp_failures;
    ++totals_.temporary;
  } else {
    ++totals_.permanent;
  }
}

void Oracle::CountAccepted(Id id, int code, std::string_view message_id) {
  Entry& entry = entries_[id];
  ++entry.accepted;
  ++totals_.accepted;
  entry.last_code = static_cast<std::uint16_t>(code);
  CountMessageId(id, message_id);
}

void Oracle::CountAcceptedSilent(Id id, std::string_view message_id) {
  Entry& entry = entries_[id];
  ++entry.accepted_silent;
  ++totals_.accepted_silent;
  entry.last_code = 0;
  CountMessageId(id, message_id);
}

void Oracle::CountFaulty(Id id) {
  ++entries_[id].faulty;
  ++totals_.faulty;
}

void Oracle::CountMessageId(Id id, std::string_view message_id) {
  Entry& entry = entries_[id];
  const std::uint64_t hash = base::StableHash(message_id) | 1;  // 0 says none.
  if (!message_id.empty() && owners_.try_emplace(hash, id).first->second != id) ++totals_.shared_message_ids;
  if (entry.first_message_id == 0) {
    entry.first_message_id = hash;
  } else if (entry.first_message_id == hash || !more_message_ids_.insert(base::StableHashCombine(id, hash)).second) {
    ++totals_.duplicates;
    return;
  }
  ++entry.message_ids;
}

void Oracle::AppendLine(const Entry& entry, bool csv, std::string& out) const {
  if (csv) {
    AppendCsvField(Address(entry), out);
    absl::StrAppend(&out, ",", entry.accepted, ",", entry.accepted_silent, ",", entry.last_code, ",",
                    entry.temp_failures, ",", entry.message_ids, ",", entry.faulty, "\n");
    return;
  }
  out.append("{\"address\":");
  AppendJsonString(Address(entry), out);
  absl::StrAppend(&out, ",\"accepted\":", entry.accepted, ",\"accepted_silent\":", entry.accepted_silent,
                  ",\"last_code\":", entry.last_code, ",\"temp_failures\":", entry.temp_failures,
                  ",\"message_ids\":", entry.message_ids, ",\"faulty\":", entry.faulty, "}\n");
}

absl::Status Oracle::Write(io::Disk& disk, const std::string& path) const {
  const bool csv = path.ends_with(".csv");
  std::vector<Id> order(entries_.size());
  for (Id id = 0; id < order.size(); ++id) order[id] = id;
  std::sort(order.begin(), order.end(), [this](Id a, Id b) { return Address(entries_[a]) < Address(entries_[b]); });

  const std::string temporary = path + ".tmp";
  absl::StatusOr<std::unique_ptr<io::File>> file = disk.Open(temporary, io::OpenMode::kCreate);
  if (!file.ok()) return file.status();
  std::string block = csv ? "address,accepted,accepted_silent,last_code,temp_failures,message_ids,faulty\n" : "";
  std::uint64_t offset = 0;
  const auto flush = [&] {
    const absl::Status status = (*file)->WriteAt(offset, block);
    offset += block.size();
    block.clear();
    return status;
  };
  for (const Id id : order) {
    AppendLine(entries_[id], csv, block);
    if (block.size() < kBlock) continue;
    if (absl::Status status = flush(); !status.ok()) return status;
  }
  if (absl::Status status = flush(); !status.ok()) return status;
  return disk.Rename(temporary, path);
}

}  // namespace sandbox
