// A message template with one recipient, for tests: renders rows of texts and shows the result as a strict reader sees
// it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/message/renderer.h"
#include "gtest/gtest.h"
#include "tests/unit/message/mime_reader.h"

namespace message::testing {

inline constexpr std::string_view kToken = "v1abcdefghijklmnop";

inline TemplateText Source(std::string text, std::uint32_t line = 1) { return {std::move(text), "c.toml", line}; }

inline MessageSpec BasicSpec() {
  MessageSpec spec;
  spec.campaign_id = "weekly-48";
  spec.from_address = "news@example.com";
  spec.from_name = Source("Example News");
  spec.to_name = Source("{{name}}");
  spec.envelope_sender = Source("bounce+{{token}}@bounces.example.com", 9);
  spec.subject = Source("Hello {{name}}", 12);
  spec.text = TemplateText{"Dear {{name}},\nhello.\n", "t.txt", 1};
  spec.html = TemplateText{"<p>Dear {{name}},</p>\n<p>hello.</p>\n", "h.html", 1};
  return spec;
}

class Renderer {
 public:
  explicit Renderer(MessageSpec spec) {
    absl::StatusOr<std::unique_ptr<const MessageTemplate>> compiled = MessageTemplate::Compile(std::move(spec));
    EXPECT_TRUE(compiled.ok()) << compiled.status();
    if (compiled.ok()) template_ = *std::move(compiled);
    input.address = "zoe@example.net";
    input.row_number = 7;
    input.token = kToken;
    input.date = base::WallTime::FromSeconds(1795507200);
  }

  absl::Status Try(std::vector<Member> members) {
    members_ = std::move(members);
    const Value row{Value::Kind::kObject, {}, {}, members_};
    input.row = &row;
    return template_->Render(input, rendered);
  }

  Entity Read(std::vector<Member> members) {
    const absl::Status status = Try(std::move(members));
    EXPECT_TRUE(status.ok()) << status;
    const std::string bytes = rendered.ToString();
    EXPECT_EQ(bytes.size(), rendered.size());
    EXPECT_EQ(WireFault(bytes, rendered.needs_smtputf8()), "") << bytes;
    std::optional<Entity> entity = ReadEntity(bytes);
    EXPECT_TRUE(entity.has_value()) << bytes;
    return entity.value_or(Entity());
  }

  std::vector<Entity> Parts(const std::vector<Member>& members) {
    const auto parts = ReadParts(Read(members));
    EXPECT_TRUE(parts.has_value()) << rendered.ToString();
    return parts.value_or(std::vector<Entity>());
  }

  const MessageTemplate& compiled() const { return *template_; }

  RenderInput input;
  Rendered rendered;

 private:
  std::unique_ptr<const MessageTemplate> template_;
  std::vector<Member> members_;
};

inline std::vector<Member> Name(std::string_view name) { return {{"name", Value::Text(name)}}; }

inline std::string CompileError(MessageSpec spec) {
  return std::string(MessageTemplate::Compile(std::move(spec)).status().message());
}

}  // namespace message::testing
