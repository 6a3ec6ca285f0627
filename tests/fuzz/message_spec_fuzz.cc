// Module: message
// Reads arbitrary bytes as a message snapshot: what is accepted is exactly what writing it gives.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/check.h"
#include "engine/message/spec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto spec = message::Deserialize(bytes);
  if (spec.ok()) CHECK(message::Serialize(*spec) == bytes);
  return 0;
}
