// Module: ledger
// Sources: tests/sim/crash_disk.cc
// Any bytes as the files of a ledger: recovery says what is true, or that it is damaged; and what it takes, it takes
// again. The first byte says which file; checksums are mended, so that the fuzzer gets beyond them.
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/ledger/codec.h"
#include "engine/ledger/recovery.h"
#include "engine/ledger/segment.h"
#include "engine/ledger/verify.h"
#include "tests/sim/crash_disk.h"

namespace {

constexpr std::uint64_t kHash = 7, kRecipients = 8;

void Put(sim::CrashDisk& disk, const std::string& path, std::string_view content) {
  CHECK(io::WriteFileAtomically(disk, path, content).ok());
}

// A decoder of arbitrary entries never reads beyond them, and what it decodes can be encoded.
void Decode(std::string_view payload) {
  ledger::RecordDecoder decoder;
  ledger::RecordEncoder encoder;
  std::string out;
  while (!payload.empty()) {
    const std::size_t before = payload.size();
    ledger::Record record;
    const ledger::RecordDecoder::Result result = decoder.Next(payload, record);
    if (result == ledger::RecordDecoder::Result::kBad) return;
    CHECK(payload.size() < before);
    if (result == ledger::RecordDecoder::Result::kRecord) encoder.Append(record, out);
  }
  ledger::RecordDecoder again;
  for (std::string_view rest = out; !rest.empty();) {
    ledger::Record record;
    CHECK(again.Next(rest, record) != ledger::RecordDecoder::Result::kBad);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Decode(bytes);
  sim::CrashDisk disk;
  CHECK(disk.MakeDirectories("/ledger").ok());
  if (data[0] % 3 == 0) {
    Put(disk, "/ledger/checkpoint-00000000000000000001", bytes);
  } else {
    std::string segment = ledger::EncodeSegmentHeader({.campaign_hash = kHash, .number = 1, .first_seq = 1});
    if (data[0] % 3 == 1) {
      ledger::AppendFrame({.first_seq = 1, .records = size % 5, .durable_seq = 0, .payload = bytes}, segment);
    } else {
      segment.append(bytes);
    }
    Put(disk, "/ledger/" + ledger::SegmentName(1), segment);
  }
  std::string memory(ledger::StateTable::Bytes(kRecipients), '\0'), second = memory;
  ledger::StateTable table(memory.data(), kRecipients);
  const auto recovered = ledger::Recover(disk, "/ledger", kHash, table);
  if (!recovered.ok()) {
    CHECK(absl::IsDataLoss(recovered.status()));
    return 0;
  }
  ledger::StateTable table2(second.data(), kRecipients);
  const auto again = ledger::Recover(disk, "/ledger", kHash, table2);
  CHECK(again.ok() && again->last_seq == recovered->last_seq && memory == second);
  ledger::RecordBatch batch;
  ledger::ConcludeOpenAttempts(table, base::WallTime::FromSeconds(1), /*resend=*/true, batch);
  return 0;
}
