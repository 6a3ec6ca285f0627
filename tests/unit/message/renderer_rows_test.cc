#include "engine/message/renderer.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/message/render_probe.h"

namespace message {
namespace {

using testing::BasicSpec;
using testing::CompileError;
using ::testing::HasSubstr;
using testing::Name;
using ::testing::Not;
using testing::Renderer;
using testing::Source;

TEST(RendererRows, OffersTheBuiltInFields) {
  MessageSpec spec = BasicSpec();
  spec.html.reset();
  spec.text->text =
      "{{sluice.row}} {{sluice.email}} {{sluice.token}} {{sluice.campaign}} {{sluice.email_url}} {{email}} {{token}}";
  Renderer renderer(spec);
  renderer.input.typed_address = "Zoe+x@EXAMPLE.net";
  EXPECT_EQ(renderer.Read(Name("Zoe")).body,
            "7 Zoe+x@EXAMPLE.net v1abcdefghijklmnop weekly-48 Zoe%2Bx%40EXAMPLE.net Zoe+x@EXAMPLE.net "
            "v1abcdefghijklmnop\r\n");
  const Value own = Value::Text("own");
  EXPECT_THAT(renderer.Read({{"name", own}, {"email", own}}).body, HasSubstr(" own v1abcdefghijklmnop"));
  EXPECT_TRUE(MessageTemplate::IsBuiltin("sluice.row"));
  EXPECT_FALSE(MessageTemplate::IsBuiltin("row"));
  spec.text->text = "\n{{sluice.rwo}}";
  EXPECT_THAT(CompileError(spec), HasSubstr("t.txt:2: \"sluice.rwo\" is not a built-in field"));
}

TEST(RendererRows, F11_ReportsWhatARowLacks) {
  Renderer renderer(BasicSpec());
  EXPECT_THAT(renderer.Try({}).message(), HasSubstr("the field \"name\" (c.toml:1) is absent"));
  const Value empty{Value::Kind::kObject, {}, {}, {}};
  const std::vector<Member> no_text = {{"name", Value::Text("x")}, {"token", {Value::Kind::kList, {}, {}, {}}}};
  EXPECT_THAT(renderer.Try(no_text).message(), HasSubstr("\"token\" (c.toml:9) is a list"));
  EXPECT_EQ(renderer.compiled().CheckFields({Value::Kind::kObject, {}, {}, no_text}).message(),
            renderer.Try(no_text).message());
  EXPECT_EQ(renderer.compiled().CheckFields(empty).message(), "the field \"name\" (c.toml:1) is absent");
  const std::vector<Member> members = Name("");
  EXPECT_TRUE(renderer.compiled().CheckFields({Value::Kind::kObject, {}, {}, members}).ok());
  MessageSpec spec = BasicSpec();
  spec.on_missing = OnMissing::kEmpty;
  Renderer lenient(spec);
  EXPECT_EQ(lenient.Read({}).Get("To"), "zoe@example.net");
  EXPECT_TRUE(lenient.compiled().CheckFields(empty).ok());
}

TEST(RendererRows, F11_ChecksSectionsAndDottedNamesOfARowToo) {
  MessageSpec spec = BasicSpec();
  spec.text->text = "{{#vip}}{{level}}{{/vip}}{{city.name}}";
  Renderer renderer(spec);
  const auto missing = [&](const std::vector<Member>& members) {
    return std::string(renderer.compiled().CheckFields({Value::Kind::kObject, {}, {}, members}).message());
  };
  const std::vector<Member> city_members = Name("Rome");
  const Member city{"city", {Value::Kind::kObject, {}, {}, city_members}};
  const Member name{"name", Value::Text("Zoe")};
  EXPECT_EQ(missing({name, city}), "");
  EXPECT_THAT(missing({name}), HasSubstr("city.name"));
  EXPECT_THAT(missing({name, city, {"vip", Value::Text("yes")}}), HasSubstr("\"level\" (t.txt:1) is absent"));
  EXPECT_THAT(missing({city, {"name", {Value::Kind::kList, {}, {}, {}}}}), HasSubstr("a list"));
}

TEST(RendererRows, ListsTheFieldsThatRowsMustSupply) {
  MessageSpec spec = BasicSpec();
  spec.text->text = "{{token}}{{email}}\n{{#vip}}{{sluice.row}}{{level}}{{/vip}}";
  Renderer renderer(spec);
  std::string all;
  for (const FieldUse& field : renderer.compiled().Fields()) {
    all += field.name + (field.is_section ? "#" : "") + (field.in_section ? "+" : "") + "@" + field.file + ":" +
           std::to_string(field.line) + " ";
  }
  EXPECT_EQ(all, "name@c.toml:1 name@c.toml:12 vip#@t.txt:2 level+@t.txt:2 name@h.html:1 ");
}

TEST(RendererRows, ReportsAllMistakesOfTheSpecAtOnce) {
  MessageSpec spec = BasicSpec();
  spec.subject = Source("{{#x}}", 12);
  spec.html->text = "\n{{/p}}";
  spec.list_id = "no dots";
  spec.headers = {{"Subject", Source("x", 30)},
                  {"content-type", Source("x", 31)},
                  {"X Y", Source("x", 32)},
                  {"X-A", Source("1", 33)},
                  {"x-a", Source("2", 34)}};
  spec.envelope_sender = Source("nobody", 9);
  const std::string errors = CompileError(spec);
  for (const char* part :
       {"c.toml:12: the section", "h.html:2: \"/p\"", "list id \"no dots\"", "c.toml:30: the header \"Subject\"",
        "c.toml:31: the header \"content-type\"", "c.toml:32: \"X Y\" is not a header name",
        "c.toml:34: the header \"x-a\" is set twice", "c.toml:9: the envelope sender"}) {
    EXPECT_THAT(errors, HasSubstr(part));
  }
  EXPECT_THAT(errors, Not(HasSubstr("c.toml:33")));
  spec = BasicSpec();
  spec.text.reset();
  spec.html.reset();
  EXPECT_THAT(CompileError(spec), HasSubstr("no text"));
  spec = BasicSpec();
  spec.from_address = "news@example.com\r\nX: y";
  EXPECT_THAT(CompileError(spec), HasSubstr("From address"));
}

TEST(RendererRows, RefusesARowWhoseEnvelopeSenderIsNoAddress) {
  MessageSpec spec = BasicSpec();
  spec.envelope_sender = Source("{{name}}@bounces.example.com");
  Renderer renderer(spec);
  EXPECT_TRUE(renderer.Try(Name("b+1")).ok());
  for (const std::string& bad :
       {std::string("a b"), std::string("a>\r\nRSET"), std::string(65, 'x'), std::string(), std::string("\xC3\xA9")}) {
    EXPECT_THAT(renderer.Try(Name(bad)).message(), HasSubstr("envelope sender")) << bad;
  }
  spec.envelope_sender = Source("");
  Renderer plain(spec);
  plain.Read(Name("x"));
  EXPECT_EQ(plain.rendered.envelope_sender(), "news@example.com");
}

TEST(RendererRows, AnEnvelopeSenderThatIsTheSameForAllIsCheckedAsItIsRendered) {
  MessageSpec spec = BasicSpec();
  spec.partials = {{"s", Source("bounces@example.com")}, {"line", Source("bounces@example.com\n")}};
  for (const char* good : {"{{> s}}", "{{! of all }}bounces@example.com", "bounces@{{> s}}"}) {
    spec.envelope_sender = Source(good, 9);
    if (std::string_view(good).starts_with("bounces@{")) {
      EXPECT_THAT(CompileError(spec), HasSubstr("c.toml:9: the envelope sender \"bounces@bounces@example.com\""));
      continue;
    }
    Renderer renderer(spec);
    renderer.Read(Name("x"));
    EXPECT_EQ(renderer.rendered.envelope_sender(), "bounces@example.com");
  }
  spec.envelope_sender = Source("{{> line}}", 9);
  EXPECT_THAT(CompileError(spec), HasSubstr("c.toml:9: the envelope sender"));
}

TEST(RendererRows, ChecksOnceWhatNoRowChangesAndTheRestInEachRow) {
  MessageSpec spec = BasicSpec();
  spec.reply_to_address = Source("{{reply}}", 10);
  spec.unsubscribe_url = Source("https://example.com/{{token}}", 11);
  Renderer renderer(spec);
  const Value no_row{Value::Kind::kObject, {}, {}, {}};
  renderer.input.row = &no_row;
  const auto check = [&](std::string_view own) {
    const auto checks =
        renderer.compiled().CheckOnce(renderer.input, [own](std::string_view name) { return name == own; });
    EXPECT_TRUE(checks.ok()) << checks.status();
    return checks.value_or(MessageTemplate::RowChecks());
  };
  EXPECT_FALSE(check("").sender);
  EXPECT_TRUE(check("").headers);
  EXPECT_TRUE(check("token").sender);
  const std::vector<Member> good = {{"reply", Value::Text("a@example.com")}}, bad = {{"reply", Value::Text("a")}};
  Rendered scratch;
  for (const auto& [members, is_good] : {std::pair(good, true), std::pair(bad, false)}) {
    const Value row{Value::Kind::kObject, {}, {}, members};
    renderer.input.row = &row;
    EXPECT_EQ(renderer.compiled().CheckRow(renderer.input, check(""), scratch).ok(), is_good);
    EXPECT_TRUE(renderer.compiled().CheckRow(renderer.input, {.sender = false, .headers = false}, scratch).ok());
  }
}

}  // namespace
}  // namespace message
