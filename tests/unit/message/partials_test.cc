// Partials beyond the rules of the specification (mustache_rules_test.cc): where they are wrong, and what they may
// cost.
#include <string>
#include <string_view>
#include <vector>

#include "engine/message/template.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/message/render_probe.h"

namespace message {
namespace {

using testing::BasicSpec;
using testing::CompileError;
using ::testing::HasSubstr;
using testing::Renderer;
using testing::Source;

using Partials = std::vector<Partial>;

std::string TextError(std::string_view text, const Partials& partials) {
  return std::string(
      Template::CompileText({std::string(text), "t.html", 1}, Escape::kHtml, partials).status().message());
}

TEST(Partials, FieldsAreOfTheFileThatNamesThem) {
  const Partials partials = {{"foot", {"\n  {{city}}", "foot.html", 1}}, {"item", {"{{name}}", "item.html", 7}}};
  const absl::StatusOr<Template> compiled = Template::Compile(
      "{{a}}\n{{#items}}{{>item}}{{/items}}\n{{>item}}\n {{>foot}}", "t.html", 1, Escape::kHtml, partials);
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  std::string seen;
  for (const FieldUse& field : compiled->Fields()) {
    seen +=
        field.file + ":" + std::to_string(field.line) + " " + field.name + (field.in_section ? " (inner)" : "") + "\n";
  }
  EXPECT_EQ(seen, "t.html:1 a\nt.html:2 items\nitem.html:7 name (inner)\nitem.html:7 name\nfoot.html:2 city\n");
  const Member members[] = {{"a", Value::Text("1")}, {"name", Value::Text("n")}};
  const Value row{Value::Kind::kObject, {}, {}, members};
  EXPECT_EQ(compiled->Refusal(absl::MakeConstSpan(&row, 1), OnMissing::kInvalid).message(),
            "the field \"city\" (foot.html:2) is absent");
}

TEST(Partials, MistakesNameTheLineOfThePartial) {
  EXPECT_THAT(TextError("x\n{{> none}}", {}), HasSubstr("t.html:2: there is no partial \"none\"; name it in"));
  EXPECT_THAT(TextError("{{>a}}", {{"a", {"\n{{>b}}", "a.html", 1}}}),
              HasSubstr("a.html:2: there is no partial \"b\""));
  EXPECT_THAT(TextError("{{>a}}", {{"a", {"\n\n{{#x}}", "a.html", 4}}}),
              HasSubstr("a.html:6: the section \"x\" is never closed"));
  EXPECT_THAT(TextError("{{>a}}", {{"a", {"\xFF", "a.html", 1}}}), HasSubstr("a.html:1: the template is not UTF-8"));
  EXPECT_EQ(TextError("{{>a}}", {{"a", {"{{#x}}{{>a}}{{/x}}", "a.html", 1}}, {"unused", {"{{#x}}", "u.html", 1}}}), "");
}

TEST(Partials, WithoutEndTheyAreRefusedAndWithManyListsTheRowIs) {
  EXPECT_THAT(TextError("{{>a}}", {{"a", {"x{{>a}}", "a.html", 1}}}),
              HasSubstr("t.html:1: the partials call each other without end"));
  EXPECT_THAT(TextError("{{>a}}", {{"a", {"x\n  {{>b}}\n", "a.html", 1}}, {"b", {" {{>a}}", "b.html", 1}}}),
              HasSubstr("without end"));
  // Each indentation is another text: two ways at each level are too many.
  EXPECT_THAT(TextError("{{>a}}", {{"a", {"{{#x}}\n {{>a}}\n\t{{>a}}\n{{/x}}\n", "a.html", 1}}}),
              HasSubstr("larger than 8 MB"));
  const Partials tree = {{"node", {"({{#x}}{{>node}}{{/x}})", "n.html", 1}}};
  const absl::StatusOr<Template> compiled = Template::CompileText({"{{>node}}", "t", 1}, Escape::kHtml, tree);
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  const Member members[] = {{"x", Value::Text("1")}};
  const Value row{Value::Kind::kObject, {}, {}, members};
  std::string out;
  EXPECT_THAT(compiled->Render(absl::MakeConstSpan(&row, 1), OnMissing::kEmpty, out).message(),
              HasSubstr("t: the sections and partials go too deeply into each other; at most 32"));
  EXPECT_THAT(compiled->Refusal(absl::MakeConstSpan(&row, 1), OnMissing::kInvalid).message(), HasSubstr("too deeply"));
}

TEST(Partials, StandInAllTextsOfAMessageWithTheEscapesOfTheirPlace) {
  MessageSpec spec = BasicSpec();
  spec.partials = {{"who", {"{{name}}\n", "who.txt", 1}}, {"sign", {"--\n{{>who}}", "sign.txt", 1}}};
  spec.subject = Source("For {{> who}}!");
  spec.text = Source("Hello\n  {{> sign}}\n");
  spec.html = Source("<p>{{> who }}</p>\n");
  Renderer renderer(spec);
  ASSERT_TRUE(renderer.Try({{"name", Value::Text("A & B")}}).ok());
  const std::string message = renderer.rendered.ToString();
  EXPECT_THAT(message, HasSubstr("\r\nSubject: For A & B !\r\n"));
  EXPECT_THAT(message, HasSubstr("\r\n\r\nHello\r\n  --\r\n  A & B\r\n"));
  EXPECT_THAT(message, HasSubstr("<p>A &amp; B\r\n</p>\r\n"));
}

TEST(Partials, AMessageNamesWhatIsMissingAndTheIteratorOutsideSections) {
  MessageSpec spec = BasicSpec();
  spec.partials = {{"dot", {"{{.}}", "dot.html", 3}}};
  spec.html = Source("{{#items}}{{>dot}}{{/items}}");
  EXPECT_EQ(CompileError(spec), "");
  spec.html = Source("{{>dot}}");
  EXPECT_THAT(CompileError(spec), HasSubstr("dot.html:3: {{.}} stands outside a section"));
  spec.html = Source("{{.}}");
  EXPECT_THAT(CompileError(spec), HasSubstr("{{.}} stands outside a section"));
  spec.html = Source("<p>");
  spec.headers = {{"X-A", Source("{{>none}}")}};
  EXPECT_THAT(CompileError(spec), HasSubstr("there is no partial \"none\""));
}

}  // namespace
}  // namespace message
