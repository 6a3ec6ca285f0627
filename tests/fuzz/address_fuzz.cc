// Module: campaign
// Any text as an address: what is taken for one is safe on the wire, and is the same when it is read again.
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/campaign/address.h"
#include "engine/campaign/suppression.h"
#include "engine/campaign/token.h"

namespace {

void CheckAddress(std::string_view text) {
  campaign::Address address;
  std::string_view reason;
  if (!campaign::ParseAddress(text, address, reason)) {
    CHECK(!reason.empty());
    return;
  }
  CHECK(address.wire.size() <= 254 && !address.domain.empty() && address.wire.ends_with("@" + address.domain));
  for (const char c : address.wire) {
    const auto byte = static_cast<unsigned char>(c);
    CHECK(byte >= ' ' && byte != 0x7F && (address.needs_smtputf8 || byte < 0x80));
  }
  campaign::Address again;
  CHECK(campaign::ParseAddress(address.wire, again, reason));
  CHECK(again.wire == address.wire && again.folded == address.folded && again.domain == address.domain);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckAddress(text);
  static_cast<void>(campaign::ToALabels(text));
  campaign::Suppression suppression;
  if (suppression.Add(text, "f").ok()) {
    suppression.Seal();
    static_cast<void>(suppression.Contains(text, text));
  }
  static_cast<void>(campaign::TokenKey::Parse(text));
  static const campaign::TokenKey key =
      *campaign::TokenKey::Parse("sluice-token-key 1 1 " + std::string(64, 'a') + "\n");
  CHECK(!key.Decode(text).ok());  // It has no way to know a MAC.
  return 0;
}
