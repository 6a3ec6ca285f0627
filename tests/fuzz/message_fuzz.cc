// Module: message
// Renders a message around an arbitrary value, and reads it back: well-formed on the wire, the headers that were meant
// and no others, and the texts of both parts as they were.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/check.h"
#include "engine/message/header_encoding.h"
#include "engine/message/renderer.h"
#include "engine/message/transfer_encoding.h"
#include "tests/unit/message/mime_reader.h"

namespace {

using message::Member;
using message::MessageSpec;
using message::MessageTemplate;
using message::Value;
using message::testing::Entity;

std::unique_ptr<const MessageTemplate> Compiled(bool html_too) {
  MessageSpec spec;
  spec.campaign_id = "c";
  spec.from_address = "a@example.com";
  spec.from_name.text = "{{v}}";
  spec.to_name.text = "{{v}}";
  spec.subject.text = "{{v}}";
  spec.headers = {{"X-V", {"x {{v}}", "f", 1}}};
  spec.unsubscribe_url.text = "https://example.com/{{{v}}}";
  spec.text = message::TemplateText{"a {{v}} b\r\n=", "f", 1};
  spec.text->text += "{{v}}\n.{{v}}{{v}}";
  if (html_too) spec.html = message::TemplateText{"<p>\xC3\xA9 {{{v}}}", "f", 1};
  auto compiled = MessageTemplate::Compile(spec);
  CHECK(compiled.ok());
  return *std::move(compiled);
}

std::string Crlf(std::string_view text) {
  std::string out;
  message::AppendWithCrlf(text, out);
  return out;
}

void CheckContent(const Entity& part, std::string expected, bool whole) {
  const auto decoded = message::testing::DecodedBody(part);
  CHECK(decoded.has_value());
  if (whole && part.Get("Content-Transfer-Encoding") != "base64" && !expected.ends_with("\r\n")) expected += "\r\n";
  CHECK(*decoded == expected);
}

void CheckMessage(const MessageTemplate& compiled, std::string_view value, bool html_too) {
  const std::vector<Member> members = {{"v", Value::Text(value)}};
  const Value row{Value::Kind::kObject, {}, {}, members};
  message::RenderInput input;
  input.row = &row;
  input.address = "b@example.net";
  input.token = "v1x";
  message::Rendered rendered;
  if (!compiled.Render(input, rendered).ok()) {
    CHECK(value.size() > 90);  // Only its URL can be refused, for its length: an octet takes up to nine (%EF%BF%BD).
    return;
  }
  const std::string bytes = rendered.ToString();
  CHECK(bytes.size() == rendered.size());
  CHECK(message::testing::WireFault(bytes, false).empty());
  const auto entity = message::testing::ReadEntity(bytes);
  CHECK(entity.has_value());
  CHECK(entity->fields.size() == (html_too ? 12U : 13U));
  std::string clean;
  message::AppendCleanText(value, clean);
  CHECK(message::testing::DecodeWords(entity->Get("Subject")) == clean);
  const std::string text = "a " + Crlf(value) + " b\r\n=" + Crlf(value) + "\r\n." + Crlf(value) + Crlf(value);
  if (!html_too) {
    CheckContent(*entity, text, true);
    return;
  }
  const auto parts = message::testing::ReadParts(*entity);
  CHECK(parts.has_value() && parts->size() == 2);
  CheckContent((*parts)[0], text, false);
  CheckContent((*parts)[1], "<p>\xC3\xA9 " + Crlf(value), false);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::unique_ptr<const MessageTemplate> one = Compiled(false);
  static const std::unique_ptr<const MessageTemplate> two = Compiled(true);
  const std::string_view value(reinterpret_cast<const char*>(data), size);
  CheckMessage(*one, value, false);
  CheckMessage(*two, value, true);
  return 0;
}
