// Module: sandbox
// Any text as a personality: one that can be asked about any domain, or a message with the file's name.
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "tools/sandbox/personality.h"
#include "tools/sandbox/zone.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<sandbox::Personality> personality = sandbox::ParsePersonality(text, "f.toml");
  if (!personality.ok()) {
    CHECK(std::string(personality.status().message()).rfind("f.toml", 0) == 0);
    return 0;
  }
  CHECK(!personality->providers.empty());
  const sandbox::Zone zone(*personality);
  return 0;
}
