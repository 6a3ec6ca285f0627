// Module: delivery
// Any bytes as the file of the signatures that were made before: what is taken for a record can be written again as it
// is. Checksums are mended, so that the fuzzer gets beyond them.
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/base/crc32c.h"
#include "engine/delivery/signature_file.h"

namespace {

void Mend(std::string& bytes, std::size_t at, std::uint32_t previous) {
  const std::uint32_t checksum = base::Crc32c(std::string_view(bytes).substr(0, at), previous);
  std::memcpy(bytes.data() + at, &checksum, sizeof checksum);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  static_cast<void>(delivery::SignatureHead::Decode(bytes));
  std::string head_bytes = bytes;
  head_bytes.resize(delivery::SignatureHead::kSize);
  Mend(head_bytes, 32 + 36 * (data[0] % 65u), 0);
  const std::optional<delivery::SignatureHead> read = delivery::SignatureHead::Decode(head_bytes);
  if (read.has_value()) CHECK(delivery::SignatureHead::Decode(read->Encode()) == read);

  delivery::SignatureHead head;
  head.recipients = 1;
  head.keys = {{{}, 1u + data[0]}, {{}, 64}};
  std::string record = bytes;
  record.resize(head.RecordSize());
  const char id[8] = {};
  Mend(record, record.size() - 4, base::Crc32c({id, sizeof id}));
  const std::optional<delivery::MadeSignatures> made = delivery::DecodeSignatures(head, 0, record);
  if (!made.has_value()) return 0;
  static_cast<void>(delivery::IsFresh(*made, base::Duration::Hours(1), base::WallTime::FromSeconds(1'795'510'800)));
  std::string again;
  delivery::EncodeSignatures(head, 0, *made, again);
  CHECK(again == record);
  return 0;
}
