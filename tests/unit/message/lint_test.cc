#include "engine/message/lint.h"

#include <string>
#include <string_view>
#include <vector>

#include "engine/message/html_tags.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/message/render_probe.h"

namespace message {
namespace {

using testing::BasicSpec;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Source;

// A message that nothing can be said against.
MessageSpec Clean() {
  MessageSpec spec = BasicSpec();
  spec.list_id = "weekly.example.com";
  spec.unsubscribe_url = Source("https://example.com/u/{{token}}", 20);
  return spec;
}

MessageSpec WithHtml(std::string html) {
  MessageSpec spec = Clean();
  spec.html = TemplateText{std::move(html), "h.html", 1};
  return spec;
}

// "file:line name", with "!" where it refuses the campaign.
std::vector<std::string> Lints(const MessageSpec& spec) {
  std::vector<std::string> lines;
  for (const Finding& finding : LintMessage(spec)) {
    lines.push_back(finding.file + ":" + std::to_string(finding.line) + " " + finding.check +
                    (finding.fails ? "!" : ""));
  }
  return lines;
}

TEST(Lint, HasNothingAgainstACleanMessage) {
  EXPECT_THAT(Lints(Clean()), IsEmpty());
  MessageSpec text_only = Clean();
  text_only.html.reset();
  EXPECT_THAT(Lints(text_only), IsEmpty());
}

TEST(Lint, HtmlWantsATextPart) {
  MessageSpec spec = Clean();
  spec.text.reset();
  EXPECT_THAT(Lints(spec), ElementsAre("h.html:1 no_text"));
}

TEST(Lint, ImagesWantAnAlt) {
  EXPECT_THAT(
      Lints(WithHtml("<p>\n<IMG src='a>b.png'>\n<img alt='' src=x><img\nalt=\"A\"/>\n<!-- <img> -->\n<img\nsrc=y>")),
      ElementsAre("h.html:2 image_without_alt", "h.html:6 image_without_alt"));
}

TEST(Lint, LinksWantEscapedFields) {
  EXPECT_THAT(
      Lints(WithHtml("\n<a href=\"https://x/{{{path}}}\">\n<a href='https://x/{{& path}}'><a href=\"{{path}}\">")),
      ElementsAre("h.html:2 unescaped_link", "h.html:3 unescaped_link"));
  EXPECT_THAT(Lints(WithHtml("<a href=\"https://x/?e={{email}}\">")), ElementsAre("h.html:1 unescaped_link"));
  EXPECT_THAT(
      Lints(WithHtml("<a href=\"https://x/?e={{sluice.email_url}}\"> {{{html}}} <a href=\"mailto:{{email}}\">")),
      IsEmpty());
}

TEST(Lint, InlineFilesAndTheirUsesBelongTogether) {
  MessageSpec spec = WithHtml("<img alt='' src='cid:logo'><td style='background:url(cid:back)'>");
  EXPECT_THAT(Lints(spec), ElementsAre("h.html:1 missing_inline!", "h.html:1 missing_inline!"));
  spec.inlines = {{"a.png", "logo", "x"}, {"b.png", "back", "x"}};
  EXPECT_THAT(Lints(spec), IsEmpty());
  spec.inlines.push_back({"c.png", "spare", "x"});
  EXPECT_THAT(Lints(spec), ElementsAre("h.html:1 unused_inline"));
  spec.html->text += "<img alt='' src='cid:{{image}}'>";
  EXPECT_THAT(Lints(spec), IsEmpty());
}

TEST(Lint, LooksIntoThePartialsThatHtmlCalls) {
  MessageSpec spec = WithHtml("{{=<% %>=}}\n<%> outer%>");
  spec.partials = {{"outer", {"{{> inner}}", "outer.html", 1}},
                   {"inner", {"<img alt='' src='cid:logo'>", "inner.html", 1}},
                   {"text", {"<img src='cid:other'>", "text.txt", 1}}};
  EXPECT_THAT(Lints(spec), ElementsAre("h.html:1 missing_inline!"));
  spec.text->text += "{{> text}}";
  spec.inlines = {{"a.png", "logo", "x"}};
  EXPECT_THAT(Lints(spec), IsEmpty());
}

TEST(Lint, TheUnsubscribeUrlWantsTheToken) {
  MessageSpec spec = Clean();
  spec.unsubscribe_url = Source("https://example.com/u", 20);
  EXPECT_THAT(Lints(spec), ElementsAre("c.toml:20 no_token!"));
  spec.unsubscribe_url = Source("https://example.com/u/{{id}}", 20);
  EXPECT_THAT(Lints(spec), ElementsAre("c.toml:20 no_token"));
  spec.unsubscribe_url = Source("https://example.com/u/{{sluice.token}}", 20);
  EXPECT_THAT(Lints(spec), IsEmpty());
}

TEST(Lint, MailToAListWantsOneClick) {
  MessageSpec spec = Clean();
  spec.kind = MailKind::kTransactional;
  spec.unsubscribe_url = {};
  EXPECT_THAT(Lints(spec), ElementsAre("c.toml:12 no_one_click"));
  spec.unsubscribe_mailto = Source("u@example.com", 21);
  EXPECT_THAT(Lints(spec), ElementsAre("c.toml:21 no_one_click"));
  spec.unsubscribe_mailto = {};
  spec.list_id.clear();
  EXPECT_THAT(Lints(spec), IsEmpty());
}

TEST(Lint, AttachmentsHaveASizeThatServersTake) {
  MessageSpec spec = Clean();
  spec.attachments = {{"a.zip", "", std::string(std::size_t{7} << 20, 'x')}};
  EXPECT_THAT(Lints(spec), IsEmpty());
  spec.attachments[0].content.resize(std::size_t{8} << 20);
  EXPECT_THAT(Lints(spec), ElementsAre("c.toml:12 large_attachments"));
  spec.attachments[0].content.resize(std::size_t{19} << 20);
  EXPECT_THAT(Lints(spec), ElementsAre("c.toml:12 large_attachments!"));
}

TEST(Lint, LooksIntoAnEml) {
  MessageSpec spec = Clean();
  spec.text.reset();
  spec.html.reset();
  spec.eml = TemplateText{"Subject: x\nContent-Type: text/html\n\n<p>\n<img>\n", "m.eml", 1};
  EXPECT_THAT(Lints(spec), ElementsAre("m.eml:5 image_without_alt", "m.eml:4 no_text"));
}

TEST(HtmlTags, ReadsNamesAttributesAndLines) {
  const std::vector<HtmlTag> tags = HtmlTags("a < b <a\nHref = 'x>y' b=c d>\n</a><Br/><!-- <i> --><img a=\"", 5);
  ASSERT_EQ(tags.size(), 3U);
  EXPECT_EQ(tags[0].name, "a");
  EXPECT_EQ(tags[0].line, 5U);
  EXPECT_EQ(tags[0].Get("href"), "x>y");
  EXPECT_EQ(tags[0].Get("b"), "c");
  EXPECT_EQ(tags[0].Get("d"), "");
  EXPECT_EQ(tags[0].Get("c"), std::nullopt);
  EXPECT_EQ(tags[1].name, "Br");
  EXPECT_EQ(tags[1].line, 7U);
  EXPECT_EQ(tags[2].Get("a"), "");
}

}  // namespace
}  // namespace message
