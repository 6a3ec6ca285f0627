// Module: campaign
// Any bytes as a recipients file, plain or compressed. The first byte chooses CSV or NDJSON.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/campaign/address.h"
#include "engine/campaign/row_reader.h"

namespace {

class Memory final : public campaign::ByteSource {
 public:
  explicit Memory(std::string_view bytes) : bytes_(bytes) {}
  absl::StatusOr<std::size_t> Read(char* out, std::size_t size) override {
    const std::size_t taken = std::min({size, bytes_.size() - at_, std::size_t{4093}});
    std::memcpy(out, bytes_.data() + at_, taken);
    at_ += taken;
    return taken;
  }
  std::uint64_t consumed() const override { return at_; }

 private:
  const std::string_view bytes_;
  std::size_t at_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto format = data[0] % 2 == 0 ? campaign::RowFormat::kCsv : campaign::RowFormat::kNdjson;
  auto source = campaign::Decompressed(std::make_unique<Memory>(bytes), "f");
  if (!source.ok()) return 0;
  auto reader = campaign::MakeRowReader(*std::move(source), "f", format);
  if (!reader.ok()) return 0;
  campaign::Row row;
  std::uint64_t number = 0, line = 0;
  for (;;) {
    const absl::StatusOr<bool> more = (*reader)->Next(row);
    if (!more.ok()) {
      CHECK(std::string_view(more.status().message().data(), more.status().message().size()).substr(0, 1) == "f");
      return 0;
    }
    if (!*more) return 0;
    CHECK(row.number == ++number && row.line > line);
    line = row.line;
    if (!row.error.empty()) continue;
    if ((*reader)->format() == campaign::RowFormat::kCsv) {
      CHECK(row.fields.size() == (*reader)->columns().size());
    } else {
      CHECK(!row.json.empty());
    }
    CHECK(number < 3'000'000);
  }
}
