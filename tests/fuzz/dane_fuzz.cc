// Module: tls
// TLSA records: any bytes; those that are said to be usable can be given to a channel, and the handshake with anything
// opens nothing.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/check.h"
#include "tls/context.h"

namespace {

class Dropped final : public tls::Channel::Output {
 public:
  void Write(std::string_view) override {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static tls::Context& context = *new tls::Context({.authorities = ""});
  std::vector<std::string> records;
  for (std::size_t at = 0; at < size;) {  // The first byte of each says how long it is.
    const std::size_t length = std::min<std::size_t>(data[at], size - at - 1);
    records.emplace_back(reinterpret_cast<const char*>(data) + at + 1, length);
    at += 1 + length;
  }
  const std::vector<tls::TlsaRecord> usable = tls::UsableTlsa(records);
  CHECK(usable.size() <= tls::kTlsaMax);
  for (const tls::TlsaRecord& record : usable) CHECK(tls::IsUsable(record));
  const auto channel =
      context.MakeClient({.host_name = "mx.example", .address = base::IpAddress::V4(1), .policy = {}, .tlsa = usable});
  Dropped dropped;
  channel->Start(dropped);
  std::string plain;
  static_cast<void>(channel->Receive({reinterpret_cast<const char*>(data), size}, plain, dropped));
  CHECK(channel->state() != tls::Channel::State::kOpen && plain.empty());
  return 0;
}
