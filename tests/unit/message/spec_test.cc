#include "engine/message/spec.h"

#include <string>

#include "gtest/gtest.h"

namespace message {
namespace {

MessageSpec Full() {
  MessageSpec spec;
  spec.campaign_id = "c-1";
  spec.kind = MailKind::kTransactional;
  spec.on_missing = OnMissing::kEmpty;
  spec.date_mode = DateMode::kSend;
  spec.from_address = "a@example.com";
  spec.from_name = {"Name", "c.toml", 3};
  spec.reply_to_address = {"r@example.com", "c.toml", 4};
  spec.reply_to_name = {"R", "c.toml", 5};
  spec.to_name = {"{{n}}", "c.toml", 6};
  spec.envelope_sender = {"b+{{token}}@example.com", "c.toml", 7};
  spec.subject = {"S \xC3\xA9", "c.toml", 8};
  spec.html = TemplateText{"<p>", "h.html", 1};
  spec.text = TemplateText{std::string("\0x", 2), "t.txt", 1};
  spec.eml = TemplateText{"Subject: x\n\nx", "m.eml", 1};
  spec.inlines = {{"logo.png", "logo", std::string("\0\xFF", 2)}, {"b.png", "b", ""}};
  spec.attachments = {{"menu.pdf", "", "%PDF"}};
  spec.headers = {{"X-A", {"1", "c.toml", 10}}, {"X-B", {"2", "c.toml", 11}}};
  spec.partials = {{"header", {"<h1>", "h.html", 1}}, {"footer", {"{{> legal}}", "c.toml", 14}}};
  spec.list_id = "l.example.com";
  spec.unsubscribe_url = {"https://x", "c.toml", 12};
  spec.unsubscribe_mailto = {"u@example.com", "c.toml", 13};
  spec.feedback_id = {"a:b", "c.toml", 0xFFFFFFFF};
  return spec;
}

TEST(MessageSpec, ReadsBackWhatItWrote) {
  for (const MessageSpec& spec : {Full(), MessageSpec()}) {
    const absl::StatusOr<MessageSpec> read = Deserialize(Serialize(spec));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(*read == spec);
  }
}

TEST(MessageSpec, RefusesWhatIsCutOffOrLonger) {
  const std::string bytes = Serialize(Full());
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(Deserialize(bytes.substr(0, size)).ok()) << size;
  EXPECT_FALSE(Deserialize(bytes + "x").ok());
  std::string other_version = bytes;
  other_version[4] = 1;
  EXPECT_FALSE(Deserialize(other_version).ok());
}

}  // namespace
}  // namespace message
