#include "engine/ledger/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "absl/strings/str_format.h"
#include "engine/base/crc32c.h"
#include "engine/base/text.h"
#include "engine/ledger/codec.h"
#include "engine/ledger/segment.h"

namespace ledger {
namespace {

constexpr std::string_view kMagic = "SLUICEC1";
constexpr std::string_view kPrefix = "checkpoint-";
constexpr std::size_t kFixedSize = 72;
constexpr std::size_t kChunk = 1u << 20;
constexpr std::size_t kKept = 2;

void Put(std::uint64_t value, std::string& out) {
  char bytes[8];
  std::memcpy(bytes, &value, 8);
  out.append(bytes, 8);
}

std::uint64_t Get(std::string_view bytes, std::size_t at) {
  std::uint64_t value;
  std::memcpy(&value, bytes.data() + at, 8);
  return value;
}

// The facts as the records that would make them.
std::string EncodeFacts(const CampaignFacts& facts) {
  RecordEncoder encoder;
  std::string out;
  const auto append = [&](CampaignStateKind kind, base::WallTime time, std::string_view scope, std::string_view by,
                          std::string_view reason, std::string_view sample) {
    encoder.Append(
        CampaignState{.kind = kind, .time = time, .scope = scope, .by = by, .reason = reason, .sample = sample}, out);
  };
  if (facts.resolver_trusted) {
    append(CampaignStateKind::kPaused, facts.since, kWholeCampaign, kResolverSuspect, "", "");
    append(CampaignStateKind::kResumed, facts.since, kWholeCampaign, "", "", "");
  }
  if (facts.kind != CampaignStateKind::kPaused) append(facts.kind, facts.since, kWholeCampaign, "", "", "");
  for (const auto& [scope, pause] : facts.pauses)
    append(CampaignStateKind::kPaused, pause.since, scope, pause.by, pause.reason, pause.sample);
  for (const auto& [key, suspension] : facts.suspensions) {
    encoder.Append(SiteState{.time = suspension.since,
                             .site = key.site,
                             .source = key.source,
                             .until = suspension.until,
                             .reason = suspension.reason,
                             .sample = suspension.sample,
                             .scope = key.scope},
                   out);
  }
  return out;
}

bool DecodeFacts(std::string_view bytes, CampaignFacts& facts) {
  RecordDecoder decoder;
  Record record;
  while (!bytes.empty()) {
    switch (decoder.Next(bytes, record)) {
      case RecordDecoder::Result::kBad:
        return false;
      case RecordDecoder::Result::kDefinition:
      case RecordDecoder::Result::kUnknown:
        continue;
      case RecordDecoder::Result::kRecord:
        break;
    }
    if (const auto* campaign = std::get_if<CampaignState>(&record)) facts.Apply(*campaign);
    if (const auto* site = std::get_if<SiteState>(&record)) facts.Apply(*site);
  }
  return true;
}

// Sequence numbers of the checkpoints there are, newest first.
std::vector<std::uint64_t> ListCheckpoints(io::Disk& disk, const std::string& directory) {
  std::vector<std::uint64_t> found;
  const absl::StatusOr<std::vector<std::string>> names = disk.List(directory);
  if (!names.ok()) return found;
  for (const std::string& name : *names) {
    if (!name.starts_with(kPrefix)) continue;
    if (const auto seq = base::ParseInteger<std::uint64_t>(std::string_view(name).substr(kPrefix.size())))
      found.push_back(*seq);
  }
  std::sort(found.rbegin(), found.rend());
  return found;
}

std::string NameOf(const std::string& directory, std::uint64_t seq) {
  return absl::StrFormat("%s/%s%d", directory, kPrefix, seq);
}

std::string_view Bytes(const StateTable& table) {
  return table.size() == 0
             ? std::string_view()
             : std::string_view(reinterpret_cast<const char*>(&table[0]), StateTable::Bytes(table.size()));
}

absl::Status WriteAll(io::File& file, const std::string& head, const StateTable& table) {
  if (absl::Status status = file.WriteAt(0, head); !status.ok()) return status;
  std::uint64_t offset = head.size();
  std::uint32_t crc = base::Crc32c(head);
  for (std::string_view rest = Bytes(table); !rest.empty();) {
    const std::string_view chunk = rest.substr(0, kChunk);
    crc = base::Crc32c(chunk, crc);
    if (absl::Status status = file.WriteAt(offset, chunk); !status.ok()) return status;
    offset += chunk.size();
    rest.remove_prefix(chunk.size());
  }
  std::string tail;
  Put(crc, tail);
  if (absl::Status status = file.WriteAt(offset, tail); !status.ok()) return status;
  return file.Sync();
}

// One file; nullopt: it is not whole, or of another campaign.
std::optional<CheckpointHeader> ReadOne(io::Disk& disk, const std::string& path, std::uint64_t campaign_hash,
                                        CampaignFacts& facts, StateTable& table) {
  const absl::StatusOr<std::unique_ptr<io::Mapping>> mapping = disk.Map(path, /*writable=*/false);
  if (!mapping.ok()) return std::nullopt;
  const std::string_view all = (*mapping)->view();
  if (all.size() < kFixedSize + 8 || all.substr(0, 8) != kMagic) return std::nullopt;
  const std::uint64_t facts_size = Get(all, 48), entries = Get(all, 40);
  const bool sizes_fit = entries == table.size() && facts_size <= all.size() &&
                         all.size() == kFixedSize + facts_size + StateTable::Bytes(entries) + 8;
  if (!sizes_fit || Get(all, 8) != kFormat || Get(all, 16) != campaign_hash) return std::nullopt;
  if (Get(all, all.size() - 8) != base::Crc32c(all.substr(0, all.size() - 8))) return std::nullopt;
  CampaignFacts read;
  if (!DecodeFacts(all.substr(kFixedSize, facts_size), read)) return std::nullopt;
  read.started_at = base::WallTime::FromMicroseconds(static_cast<std::int64_t>(Get(all, 56)));
  read.runs = Get(all, 64);
  facts = std::move(read);
  if (entries > 0)
    std::memcpy(static_cast<void*>(&table[0]), all.data() + kFixedSize + facts_size, StateTable::Bytes(entries));
  return CheckpointHeader{campaign_hash, Get(all, 24), Get(all, 32)};
}

}  // namespace

absl::Status WriteCheckpoint(io::Disk& disk, const std::string& directory, const CheckpointHeader& header,
                             const CampaignFacts& facts, const StateTable& table) {
  const std::string fact_bytes = EncodeFacts(facts);
  std::string head(kMagic);
  for (const std::uint64_t value :
       {std::uint64_t{kFormat}, header.campaign_hash, header.seq, header.next_segment, table.size(),
        std::uint64_t{fact_bytes.size()}, static_cast<std::uint64_t>(facts.started_at.microseconds()), facts.runs}) {
    Put(value, head);
  }
  head += fact_bytes;
  const std::string temporary = directory + "/checkpoint.tmp";
  {
    absl::StatusOr<std::unique_ptr<io::File>> file = disk.Open(temporary, io::OpenMode::kCreate);
    if (!file.ok()) return file.status();
    if (absl::Status status = WriteAll(**file, head, table); !status.ok()) return status;
  }
  if (absl::Status status = disk.Rename(temporary, NameOf(directory, header.seq)); !status.ok()) return status;
  if (absl::Status status = disk.SyncDirectory(directory); !status.ok()) return status;
  const std::vector<std::uint64_t> all = ListCheckpoints(disk, directory);
  for (std::size_t i = kKept; i < all.size(); ++i) {
    if (absl::Status status = disk.Remove(NameOf(directory, all[i])); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<CheckpointHeader> ReadCheckpoint(io::Disk& disk, const std::string& directory,
                                                std::uint64_t campaign_hash, CampaignFacts& facts, StateTable& table) {
  for (const std::uint64_t seq : ListCheckpoints(disk, directory)) {
    const auto header = ReadOne(disk, NameOf(directory, seq), campaign_hash, facts, table);
    if (header.has_value()) return *header;
  }
  return absl::NotFoundError("no checkpoint");
}

}  // namespace ledger
