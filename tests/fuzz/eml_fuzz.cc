// Module: message
// Reads any text as a complete message that is a template. What is kept makes a message that is well-formed on the
// wire; what is not is refused with lines of the file.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/check.h"
#include "engine/message/renderer.h"
#include "tests/unit/message/mime_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  message::MessageSpec spec;
  spec.campaign_id = "c";
  spec.on_missing = message::OnMissing::kEmpty;
  spec.from_address = "a@example.com";
  spec.eml = message::TemplateText{std::string(reinterpret_cast<const char*>(data), size), "f", 1};
  const auto compiled = message::MessageTemplate::Compile(spec);
  if (!compiled.ok()) {
    CHECK(std::string(compiled.status().message()).rfind("f:", 0) == 0);
    return 0;
  }
  const std::vector<message::Member> members = {{"v", message::Value::Text("a\r\n.\n\xFF")}};
  const message::Value row{message::Value::Kind::kObject, {}, {}, members};
  message::RenderInput input;
  input.row = &row;
  input.address = "b@example.net";
  input.token = "v1x";
  message::Rendered rendered;
  if (!(*compiled)->Render(input, rendered).ok()) return 0;
  CHECK(message::testing::WireFault(rendered.ToString(), false).empty());
  return 0;
}
