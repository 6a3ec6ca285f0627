#include "engine/message/template.h"

#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace message {
namespace {

using ::testing::HasSubstr;

// Builds values and keeps their memory.
class Data {
 public:
  Value List(std::vector<Value> items) {
    lists_.push_back(std::move(items));
    return {Value::Kind::kList, {}, lists_.back(), {}};
  }
  Value Object(std::vector<Member> members) {
    objects_.push_back(std::move(members));
    return {Value::Kind::kObject, {}, {}, objects_.back()};
  }

 private:
  std::deque<std::vector<Value>> lists_;
  std::deque<std::vector<Member>> objects_;
};

Value Text(std::string_view text) { return Value::Text(text); }
constexpr Value kFalse{Value::Kind::kFalse, {}, {}, {}};
constexpr Value kNull{};

std::string Render(std::string_view source, const Value& row, OnMissing on_missing = OnMissing::kEmpty,
                   Escape escape = Escape::kHtml) {
  const absl::StatusOr<Template> compiled = Template::Compile(source, "t.html", 1, escape);
  if (!compiled.ok()) return std::string(compiled.status().message());
  std::string out;
  const absl::Status status = compiled->Render(absl::MakeConstSpan(&row, 1), on_missing, out);
  return status.ok() ? out : std::string(status.message());
}

TEST(Template, InterpolatesAndEscapesOnlyWhereHtmlAsksForIt) {
  Data data;
  const Value row = data.Object({{"x", Text("& \" < > '")}});
  EXPECT_EQ(Render("a{{x}}b", row), "a&amp; &quot; &lt; &gt; &#39;b");
  EXPECT_EQ(Render("a{{{x}}}b", row), "a& \" < > 'b");
  EXPECT_EQ(Render("a{{& x }}b", row), "a& \" < > 'b");
  EXPECT_EQ(Render("a{{x}}b", row, OnMissing::kEmpty, Escape::kNone), "a& \" < > 'b");
  EXPECT_EQ(Render("  {{x}}\n", data.Object({{"x", Text("y")}})), "  y\n");
  EXPECT_EQ(Render("{{First Name}}", data.Object({{"First Name", Text("Zoe")}})), "Zoe");
}

TEST(Template, RendersTheKindsOfValues) {
  Data data;
  const Value row = data.Object({{"n", Text("1.21")}, {"f", kFalse}, {"z", kNull}, {"e", Text("")}});
  EXPECT_EQ(Render("{{n}}|{{f}}|{{z}}|{{e}}", row, OnMissing::kInvalid), "1.21|false||");
}

TEST(Template, ResolvesDottedNamesFromTheInnermostContext) {
  Data data;
  const Value c = data.Object({{"c", Text("deep")}});
  const Value b = data.Object({{"b", c}});
  const Value empty = data.Object({});
  const Value row = data.Object({{"a", b}, {"s", data.Object({{"a", empty}})}, {"t", Text("x")}});
  EXPECT_EQ(Render("{{a.b.c}}", row), "deep");
  EXPECT_EQ(Render("{{#a}}{{b.c}}{{/a}}", row), "deep");
  EXPECT_EQ(Render("[{{a.b.x}}{{t.y}}]", row), "[]");
  // The first part decides: what is found there is not looked for further out.
  EXPECT_EQ(Render("[{{#s}}{{a.b.c}}{{/s}}]", row), "[]");
  EXPECT_EQ(Render("{{#a.b}}{{c}}{{/a.b}}", row), "deep");
}

TEST(Template, RendersSectionsByTruth) {
  Data data;
  const Value row = data.Object({{"t", Text("x")},
                                 {"f", kFalse},
                                 {"e", Text("")},
                                 {"n", kNull},
                                 {"l", data.List({})},
                                 {"o", data.Object({})},
                                 {"zero", Text("0")}});
  EXPECT_EQ(Render("{{#t}}t{{/t}}{{#f}}f{{/f}}{{#e}}e{{/e}}{{#n}}n{{/n}}{{#l}}l{{/l}}{{#o}}o{{/o}}{{#zero}}0{{/"
                   "zero}}{{#no}}x{{/no}}",
                   row),
            "to0");
  EXPECT_EQ(
      Render("{{^t}}t{{/t}}{{^f}}f{{/f}}{{^e}}e{{/e}}{{^n}}n{{/n}}{{^l}}l{{/l}}{{^o}}o{{/o}}{{^no}}x{{/no}}", row),
      "fenlx");
}

TEST(Template, RepeatsListsWithTheOuterContextInReach) {
  Data data;
  const Value items = data.List({data.Object({{"n", Text("1")}}), data.Object({{"n", Text("2")}, {"x", Text("own")}})});
  const Value row = data.Object({{"items", items}, {"x", Text("outer")}, {"words", data.List({Text("a"), Text("<")})}});
  EXPECT_EQ(Render("{{#items}}{{n}}:{{x}};{{/items}}", row), "1:outer;2:own;");
  EXPECT_EQ(Render("{{#words}}({{.}}){{/words}}", row), "(a)(&lt;)");
  EXPECT_EQ(Render("{{#words}}({{{.}}}){{/words}}", row), "(a)(<)");
  EXPECT_EQ(Render("{{#rows}}{{#.}}{{.}},{{/.}};{{/rows}}",
                   data.Object({{"rows", data.List({data.List({Text("1"), Text("2")}), data.List({Text("3")})})}})),
            "1,2,;3,;");
  EXPECT_EQ(Render("{{#x}}{{.}}{{/x}}", row), "outer");
}

TEST(Template, TakesTheLineOfATagThatStandsAlone) {
  Data data;
  const Value row = data.Object({{"t", Text("x")}, {"f", kFalse}});
  EXPECT_EQ(Render("a\n  {{#t}}  \nb\n{{/t}}\nc", row), "a\nb\nc");
  EXPECT_EQ(Render("a\r\n{{#t}}\r\nb\r\n{{/t}}\r\nc", row), "a\r\nb\r\nc");
  EXPECT_EQ(Render("  {{#t}}\nb\n  {{/t}}", row), "b\n");
  EXPECT_EQ(Render("{{#t}}\n{{/t}}\n/", row), "/");
  EXPECT_EQ(Render("a {{! x }}\nb", row), "a \nb");
  EXPECT_EQ(Render("a\n {{! x\n y }} \nb", row), "a\nb");
  EXPECT_EQ(Render(" {{#t}}b{{/t}}\n", row), " b\n");
  EXPECT_EQ(Render("{{! a }} {{! b }}\nc", row), " \nc");
  EXPECT_EQ(Render("1\n{{^f}}\n2\n{{/f}}\n{{#f}}\n3\n{{/f}}\n4\n", row), "1\n2\n4\n");
  EXPECT_EQ(Render("{{t}}\n{{! x }}\n{{t}}\n", row), "x\nx\n");
}

TEST(Template, ChangesDelimiters) {
  Data data;
  const Value row = data.Object({{"t", Text("x")}});
  EXPECT_EQ(Render("{{=<% %>=}}(<%t%>{{t}})", row), "(x{{t}})");
  EXPECT_EQ(Render("{{=| |=}}|#t|\n{|t|}\n|/t|\n|= {{ }} =|{{t}}", row), "\n{x}\nx");
  EXPECT_EQ(Render("a\n{{= @ @ =}}\nb", row), "a\nb");
  EXPECT_THAT(Render("{{=x=}}", row), HasSubstr("t.html:1: the delimiters"));
  EXPECT_THAT(Render("{{=a b c=}}", row), HasSubstr("t.html:1: the delimiters"));
}

TEST(Template, NamesTheLineOfWhatIsWrong) {
  Data data;
  const Value row = data.Object({});
  EXPECT_THAT(Render("a\n{{#items}}\nb", row), HasSubstr("t.html:2: the section \"items\" is never closed"));
  EXPECT_THAT(Render("a\n\n{{/items}}", row), HasSubstr("t.html:3: \"/items\" closes a section that is not open"));
  EXPECT_THAT(Render("{{#a}}\n{{#b}}\n{{/a}}\n{{/b}}", row),
              HasSubstr("t.html:3: \"/a\" stands where the section \"b\" of line 2"));
  EXPECT_THAT(Render("x\n{{name", row), HasSubstr("t.html:2: the tag \"{{name\" is never closed"));
  EXPECT_THAT(Render("{{{name}}", row), HasSubstr("never closed"));
  EXPECT_THAT(Render("{{ }}", row), HasSubstr("t.html:1: a tag without a name"));
  EXPECT_THAT(Render("{{a..b}}", row), HasSubstr("empty part"));
  EXPECT_THAT(Render("\n{{>}}", row), HasSubstr("t.html:2: a partial without a name"));
  EXPECT_THAT(Render("{{< base}}{{/base}}", row), HasSubstr("inheritance"));
  EXPECT_THAT(Render("{{a\nb}}", row), HasSubstr("several lines"));
  EXPECT_THAT(Render("\xFF", row), HasSubstr("not UTF-8"));
  const absl::StatusOr<Template> later = Template::Compile("\n{{#x}}", "campaign.toml", 40, Escape::kNone);
  EXPECT_THAT(later.status().message(), HasSubstr("campaign.toml:41: "));
}

TEST(Template, BoundsTheDepthOfSections) {
  std::string source;
  for (std::size_t i = 0; i < Template::kMaxDepth; ++i) source += "{{#a}}";
  for (std::size_t i = 0; i < Template::kMaxDepth; ++i) source += "{{/a}}";
  EXPECT_TRUE(Template::Compile(source, "t", 1, Escape::kNone).ok());
  EXPECT_THAT(Template::Compile("{{#a}}" + source + "{{/a}}", "t", 1, Escape::kNone).status().message(),
              HasSubstr("nested too deeply"));
}

TEST(Template, BoundsWhatNestedListsCanCost) {
  Data data;
  const Value list = data.List(std::vector<Value>(1000, Text("x")));
  const Value row = data.Object({{"l", list}});
  EXPECT_THAT(Render("{{#l}}{{#l}}{{#l}}{{.}}{{/l}}{{/l}}{{/l}}", row), HasSubstr("too large"));
  const Value big = data.Object({{"l", list}, {"big", Text(std::string_view("x"))}});
  const std::string text(1 << 16, 'x');
  EXPECT_THAT(Render("{{#l}}" + text + "{{big}}{{/l}}", big), HasSubstr("at most 32 MB"));
}

TEST(Template, FindsTheFieldThatARowLacks) {
  Data data;
  const absl::StatusOr<Template> compiled =
      Template::Compile("{{a}}\n{{#items}}{{b}}{{/items}}{{^no}}{{c.d}}{{/no}}", "t", 1, Escape::kHtml);
  ASSERT_TRUE(compiled.ok());
  const auto missing = [&](const Value& row) {
    return std::string(compiled->Refusal(absl::MakeConstSpan(&row, 1), OnMissing::kInvalid).message());
  };
  const Value cd = data.Object({{"d", kNull}});
  EXPECT_EQ(missing(data.Object({{"a", Text("")}, {"c", cd}})), "");
  EXPECT_EQ(missing(data.Object({{"c", cd}})), "the field \"a\" (t:1) is absent");
  EXPECT_EQ(missing(data.Object({{"a", Text("1")}})), "the field \"c.d\" (t:2) is absent");
  EXPECT_EQ(missing(data.Object({{"a", cd}})), "the field \"a\" (t:1) is an object, not a text");
  EXPECT_EQ(missing(data.Object({{"a", data.List({})}})), "the field \"a\" (t:1) is a list, not a text");
  // A section over an absent name asks; within a section that renders, names must be there.
  const Value items = data.List({data.Object({{"b", Text("1")}}), data.Object({})});
  EXPECT_EQ(missing(data.Object({{"a", Text("1")}, {"c", cd}, {"items", items}})), "the field \"b\" (t:2) is absent");
  EXPECT_EQ(missing(data.Object({{"a", Text("1")}, {"c", cd}, {"items", items}, {"b", Text("row's")}})), "");
}

TEST(Template, ListsItsFields) {
  const absl::StatusOr<Template> compiled =
      Template::Compile("{{a}}\n{{# city }}{{ city . name }}{{.}}{{/city}}", "t", 7, Escape::kHtml);
  ASSERT_TRUE(compiled.ok());
  const std::vector<FieldUse> fields = compiled->Fields();
  ASSERT_EQ(fields.size(), 4U);
  EXPECT_EQ(fields[0].name, "a");
  EXPECT_EQ(fields[0].line, 7U);
  EXPECT_FALSE(fields[0].in_section);
  EXPECT_TRUE(fields[1].is_section);
  EXPECT_FALSE(fields[1].in_section);
  EXPECT_EQ(fields[2].name, "city.name");
  EXPECT_EQ(fields[2].TopLevel(), "city");
  EXPECT_EQ(fields[2].line, 8U);
  EXPECT_TRUE(fields[2].in_section);
  EXPECT_EQ(fields[3].name, ".");
  EXPECT_TRUE(fields[3].in_section);
}

// A leaf without children of its own finds those of its parent: the tree never ends.
TEST(Template, OneRenderingHasABoundedNumberOfTextsAndValues) {
  const std::vector<Partial> partials = {{"node", {"<{{#children}}{{> node}}{{/children}}>", "node.html", 1}}};
  const absl::StatusOr<Template> compiled = Template::CompileText({"{{> node}}", "t.html", 1}, Escape::kHtml, partials);
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  const Value leaf{Value::Kind::kObject, {}, {}, {}};
  const std::vector<Value> leaves = {leaf, leaf};
  const Member children{"children", {Value::Kind::kList, {}, leaves, {}}};
  const Value row{Value::Kind::kObject, {}, {}, absl::MakeConstSpan(&children, 1)};
  std::vector<Template::Fragment> fragments;
  const absl::Status status = compiled->Execute(absl::MakeConstSpan(&row, 1), OnMissing::kEmpty, fragments);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_LE(fragments.size(), 200'000U);
  EXPECT_EQ(compiled->Refusal(absl::MakeConstSpan(&row, 1), OnMissing::kEmpty), status);
}

TEST(Template, SaysHowLongValuesMayBe) {
  const absl::StatusOr<Template> compiled = Template::CompileText({"ab{{x}}cd{{x}}", "t", 1}, Escape::kNone, {});
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  EXPECT_EQ(compiled->LongestSafeValue(), (Template::kMaxRenderedBytes - 4) / 2);
  std::string many;
  for (std::size_t i = 0; i <= Template::kMaxFragments / 2; ++i) many += "a{{x}}";
  const absl::StatusOr<Template> large = Template::CompileText({many, "t", 1}, Escape::kNone, {});
  ASSERT_TRUE(large.ok()) << large.status();
  EXPECT_EQ(large->LongestSafeValue(), 0U);
}

}  // namespace
}  // namespace message
