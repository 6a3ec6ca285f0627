#include "engine/message/renderer.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/message/header_encoding.h"
#include "engine/message/transfer_encoding.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/message/mime_reader.h"
#include "tests/unit/message/render_probe.h"

namespace message {
namespace {

using testing::BasicSpec;
using testing::CompileError;
using testing::DecodedBody;
using testing::DecodeWords;
using testing::Entity;
using ::testing::HasSubstr;
using testing::Name;
using testing::Renderer;
using testing::Source;

TEST(Renderer, WritesTheHeadersOfACampaign) {
  MessageSpec spec = BasicSpec();
  spec.reply_to_address = Source("editor@example.com");
  spec.reply_to_name = Source("The Editor");
  spec.headers = {{"X-Edition", Source("48 for {{name}}")}, {"X-Empty", Source("{{empty}}")}};
  spec.list_id = "weekly.example.com";
  spec.unsubscribe_url = Source("https://example.com/u/{{token}}");
  spec.unsubscribe_mailto = Source("unsubscribe+{{token}}@example.com");
  spec.feedback_id = Source("weekly:digest:news:example");
  Renderer renderer(spec);
  const Entity entity = renderer.Read({{"name", Value::Text("Zoe")}, {"empty", Value::Text("")}});
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"From", "Example News <news@example.com>"},
      {"To", "Zoe <zoe@example.net>"},
      {"Reply-To", "The Editor <editor@example.com>"},
      {"Subject", "Hello Zoe"},
      {"Date", "Tue, 24 Nov 2026 08:00:00 +0000"},
      {"Message-ID", "<v1abcdefghijklmnop@example.com>"},
      {"List-Id", "<weekly.example.com>"},
      {"List-Unsubscribe",
       "<https://example.com/u/v1abcdefghijklmnop>, <mailto:unsubscribe+v1abcdefghijklmnop@example.com>"},
      {"List-Unsubscribe-Post", "List-Unsubscribe=One-Click"},
      {"Feedback-ID", "weekly:digest:news:example"},
      {"Precedence", "bulk"},
      {"X-Auto-Response-Suppress", "OOF, AutoReply"},
      {"X-Edition", "48 for Zoe"},
      {"MIME-Version", "1.0"}};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(entity.fields.at(i), expected[i]);
  EXPECT_EQ(entity.fields.size(), expected.size() + 1);
  EXPECT_EQ(renderer.rendered.envelope_sender(), "bounce+v1abcdefghijklmnop@bounces.example.com");
  EXPECT_FALSE(renderer.rendered.needs_smtputf8());
  EXPECT_EQ(renderer.rendered.header(), renderer.rendered.pieces()[0]);
}

TEST(Renderer, L02_SaysOneClickOnlyWithAnHttpsUrl) {
  MessageSpec spec = BasicSpec();
  spec.unsubscribe_mailto = Source("mailto:u@example.com?subject=stop%20{{token}}");
  Renderer renderer(spec);
  const Entity entity = renderer.Read(Name("Zoe"));
  EXPECT_EQ(entity.Get("List-Unsubscribe"), "<mailto:u@example.com?subject=stop%20v1abcdefghijklmnop>");
  EXPECT_EQ(entity.Count("List-Unsubscribe-Post"), 0U);
  spec.unsubscribe_url = Source("http://example.com/{{token}}", 20);
  EXPECT_THAT(CompileError(spec), HasSubstr("c.toml:20: the unsubscribe URL"));
}

TEST(Renderer, L02_ChecksAUnsubscribeUrlThatComesFromTheRow) {
  MessageSpec spec = BasicSpec();
  spec.unsubscribe_url = Source("{{url}}");
  Renderer renderer(spec);
  const auto row = [](std::string_view url) {
    return std::vector<Member>{{"name", Value::Text("Z")}, {"url", Value::Text(url)}};
  };
  EXPECT_EQ(renderer.Read(row("HTTPS://x.example/a b>\r\nBcc: c")).Get("List-Unsubscribe"),
            "<https://x.example/a%20b%3E%20Bcc:%20c>");
  for (const char* bad : {"", "https://", "http://x.example/", "javascript:x"})
    EXPECT_FALSE(renderer.Try(row(bad)).ok()) << bad;
  EXPECT_FALSE(renderer.Try(row("https://x.example/" + std::string(2000, 'x'))).ok());
}

TEST(Renderer, TransactionalMailHasNoBulkHeaders) {
  MessageSpec spec = BasicSpec();
  spec.kind = MailKind::kTransactional;
  const Entity entity = Renderer(spec).Read(Name("Zoe"));
  EXPECT_EQ(entity.Count("Precedence") + entity.Count("X-Auto-Response-Suppress"), 0U);
}

TEST(Renderer, F10_PutsTextBeforeHtmlAndEscapesForEach) {
  Renderer renderer(BasicSpec());
  const std::vector<Entity> parts = renderer.Parts(Name("<b> & \"Co\""));
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].Get("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(parts[0].Get("Content-Transfer-Encoding"), "7bit");
  EXPECT_EQ(parts[0].body, "Dear <b> & \"Co\",\r\nhello.\r\n");
  EXPECT_EQ(parts[1].Get("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(parts[1].body, "<p>Dear &lt;b&gt; &amp; &quot;Co&quot;,</p>\r\n<p>hello.</p>\r\n");
}

TEST(Renderer, P12_ChoosesTheTransferEncodingOfEachPart) {
  MessageSpec spec = BasicSpec();
  spec.html.reset();
  const auto encoding = [&](std::string_view name) {
    Renderer renderer(spec);
    const Entity entity = renderer.Read(Name(name));
    EXPECT_EQ(DecodedBody(entity), "Dear " + std::string(name) + ",\r\nhello.\r\n");
    return entity.Get("Content-Transfer-Encoding");
  };
  EXPECT_EQ(encoding("Zoe"), "7bit");
  EXPECT_EQ(encoding("Zo\xC3\xAB"), "quoted-printable");
  EXPECT_EQ(encoding("a\x1B"), "quoted-printable");
  std::string chinese;
  for (int i = 0; i < 300; ++i) chinese += "\xE4\xB8\xAD";
  EXPECT_EQ(encoding(chinese), "base64");
  EXPECT_EQ(encoding(std::string(993, 'x') + "\r\n"), "7bit");
  EXPECT_EQ(encoding(std::string(994, 'x') + "\r\n"), "quoted-printable");
}

TEST(Renderer, S14_EndsTheBodyWithOneCrlf) {
  MessageSpec spec = BasicSpec();
  spec.html.reset();
  spec.text->text = "{{name}}";
  Renderer renderer(spec);
  EXPECT_EQ(renderer.Read(Name("x")).body, "x\r\n");
  EXPECT_EQ(renderer.Read(Name("x\n")).body, "x\r\n");
  EXPECT_EQ(renderer.Read(Name("x\r\n\r\n")).body, "x\r\n\r\n");
  EXPECT_EQ(renderer.Read(Name("\xC3\xA9")).body, "w6k=\r\n");
  EXPECT_EQ(renderer.Read(Name("")).body, "");
}

TEST(Renderer, S12_NormalisesEveryLineEndOfRowAndTemplate) {
  MessageSpec spec = BasicSpec();
  spec.html.reset();
  spec.text->text = "a\rb\n.\n{{name}}\n.\r\nc";
  Renderer renderer(spec);
  EXPECT_EQ(renderer.Read(Name("\n.\r.\r\n")).body, "a\r\nb\r\n.\r\n\r\n.\r\n.\r\n\r\n.\r\nc\r\n");
}

TEST(Renderer, S13_NoValueLeavesItsHeader) {
  MessageSpec spec = BasicSpec();
  spec.headers = {{"X-Name", Source("{{name}}")}};
  Renderer renderer(spec);
  for (const std::string_view name :
       {std::string_view("a\r\nBcc: b@example.org"), std::string_view("a\n\nbody"), std::string_view("a\0b\rX: y", 7),
        std::string_view("=?utf-8?Q?=0D=0ABcc:_x?="), std::string_view("\", <x@example.org>, \""),
        std::string_view("a\xE2\x80\xA8X: y")}) {
    const Entity entity = renderer.Read(Name(name));
    EXPECT_EQ(entity.Count("Bcc") + entity.Count("X"), 0U);
    for (const char* once : {"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "X-Name"}) {
      EXPECT_EQ(entity.Count(once), 1U) << once;
    }
    std::string clean = "Hello ";
    AppendCleanText(name, clean);
    EXPECT_EQ(DecodeWords(entity.Get("Subject")), clean);
  }
}

TEST(Renderer, F08_TheBoundaryIsInNoPart) {
  MessageSpec spec = BasicSpec();
  Renderer probe(spec);
  const std::string type = probe.Read(Name("x")).Get("Content-Type");
  const std::string boundary = type.substr(type.find("=_"), 34);
  Renderer renderer(spec);
  for (const std::string& name : {"\n--" + boundary + "--\n", "\r\n--" + boundary + "\r\n", std::string("=_")}) {
    const std::vector<Entity> parts = renderer.Parts(Name(name));
    ASSERT_EQ(parts.size(), 2U);
    EXPECT_EQ(parts[0].Get("Content-Transfer-Encoding"), "quoted-printable");
    std::string normal;
    AppendWithCrlf(name, normal);
    EXPECT_EQ(DecodedBody(parts[0]), "Dear " + normal + ",\r\nhello.\r\n");
  }
  spec.text->text = "={{name}}";  // The mark can come about where two pieces meet.
  EXPECT_EQ(Renderer(spec).Parts(Name("_")).at(0).Get("Content-Transfer-Encoding"), "quoted-printable");
}

TEST(Renderer, EncodesConstantTextsOnceAndJoinsThemRight) {
  MessageSpec spec = BasicSpec();
  const std::string constant =
      "Gr\xC3\xBC\xC3\x9F"
      "e " +
      std::string(100, 'x') + " \n. \n";
  spec.text->text = constant + "{{#items}} {{.}} \n{{/items}}" + constant + "{{name}} ";
  spec.html.reset();
  Renderer renderer(spec);
  const std::vector<Value> items = {Value::Text("."), Value::Text("From x"), Value::Text("\xF0\x9F\x98\x80")};
  const Entity entity = renderer.Read({{"name", Value::Text("Zoe")}, {"items", {Value::Kind::kList, {}, items, {}}}});
  std::string expected;
  AppendWithCrlf(constant + " . \n From x \n \xF0\x9F\x98\x80 \n" + constant + "Zoe \n", expected);
  EXPECT_EQ(DecodedBody(entity), expected);
}

TEST(Renderer, SharesLongConstantTexts) {
  MessageSpec spec = BasicSpec();
  spec.html.reset();
  spec.text->text = "{{name}}" + std::string(900, 'x') + "\n" + std::string(900, 'y') + "\n{{name}}";
  Renderer renderer(spec);
  renderer.Read(Name("a"));
  ASSERT_EQ(renderer.rendered.pieces().size(), 4U);
  const char* shared = renderer.rendered.pieces()[2].data();
  Rendered other;
  const std::vector<Member> members = Name("b");
  const Value row{Value::Kind::kObject, {}, {}, members};
  renderer.input.row = &row;
  ASSERT_TRUE(renderer.compiled().Render(renderer.input, other).ok());
  EXPECT_EQ(other.pieces()[2].data(), shared);
}

TEST(Renderer, GivesTheSameBytesForTheSameInput) {
  Renderer a(BasicSpec());
  Renderer b(BasicSpec());
  a.Read(Name("someone \xC3\xA9lse"));
  a.Read(Name("Zoe"));
  b.Read(Name("Zoe"));
  EXPECT_EQ(a.rendered.ToString(), b.rendered.ToString());
}

TEST(Renderer, P13_WritesUtf8OnlyWhereTheAddressNeedsIt) {
  Renderer renderer(BasicSpec());
  renderer.input.address = "zo\xC3\xAB@xn--bcher-kva.example";
  EXPECT_FALSE(renderer.Try(Name("Zo\xC3\xAB")).ok());
  renderer.input.needs_smtputf8 = true;
  const Entity entity = renderer.Read(Name("Zo\xC3\xAB"));
  EXPECT_TRUE(renderer.rendered.needs_smtputf8());
  EXPECT_EQ(DecodeWords(entity.Get("To")), "Zo\xC3\xAB <zo\xC3\xAB@xn--bcher-kva.example>");
  MessageSpec spec = BasicSpec();
  spec.reply_to_address = Source("zo\xC3\xAB@example.com");
  Renderer always(spec);
  always.Read(Name("x"));
  EXPECT_TRUE(always.rendered.needs_smtputf8());
}

TEST(Renderer, F01_HasEachFieldOnce) {
  MessageSpec spec = BasicSpec();
  spec.reply_to_address = Source("editor@example.com");
  spec.list_id = "weekly.example.com";
  spec.unsubscribe_url = Source("https://example.com/u/{{token}}");
  const Entity entity = Renderer(spec).Read(Name("Zoe"));
  for (const char* once : {"From", "Date", "Reply-To", "To", "Message-ID", "Subject", "MIME-Version", "Content-Type",
                           "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"}) {
    EXPECT_EQ(entity.Count(once), 1U) << once;
  }
  for (const char* never : {"Sender", "Cc", "Bcc", "In-Reply-To", "References"}) EXPECT_EQ(entity.Count(never), 0U);
  for (const char* name : {"From", "date", "SENDER", "Reply-To", "To", "Cc", "Bcc", "Message-Id", "Subject"}) {
    spec.headers = {{name, Source("x", 30)}};
    EXPECT_THAT(CompileError(spec), HasSubstr("c.toml:30: the header")) << name;
  }
}

TEST(Renderer, F03_TheDateIsTheOneThatWasGiven) {
  Renderer renderer(BasicSpec());
  EXPECT_EQ(renderer.Read(Name("Zoe")).Get("Date"), "Tue, 24 Nov 2026 08:00:00 +0000");
  renderer.input.date = base::WallTime::FromSeconds(1795507201);
  EXPECT_EQ(renderer.Read(Name("Zoe")).Get("Date"), "Tue, 24 Nov 2026 08:00:01 +0000");
}

TEST(Renderer, F04_TheMessageIdIsTheRecipientsTokenAtOurDomain) {
  Renderer renderer(BasicSpec());
  const std::string first = renderer.Read(Name("Zoe")).Get("Message-ID");
  renderer.input.token = "v1other";
  EXPECT_EQ(first, "<v1abcdefghijklmnop@example.com>");
  EXPECT_EQ(renderer.Read(Name("Zoe")).Get("Message-ID"), "<v1other@example.com>");
}

TEST(Renderer, F05_HasNoSenderForItsOneMailbox) {
  MessageSpec spec = BasicSpec();
  spec.from_name = Source("A, B <b@example.org>, C");
  const Entity entity = Renderer(spec).Read(Name("Zoe"));
  EXPECT_EQ(entity.Get("From"), "\"A, B <b@example.org>, C\" <news@example.com>");
  EXPECT_EQ(entity.Count("Sender"), 0U);
}

TEST(Renderer, L01_TheHttpsUrlComesBeforeTheMailto) {
  MessageSpec spec = BasicSpec();
  spec.unsubscribe_mailto = Source("u@example.com");
  spec.unsubscribe_url = Source("https://example.com/a,b(c)?d=<{{token}}>");
  EXPECT_EQ(Renderer(spec).Read(Name("Zoe")).Get("List-Unsubscribe"),
            "<https://example.com/a,b(c)?d=%3Cv1abcdefghijklmnop%3E>, <mailto:u@example.com>");
}

TEST(Renderer, L04_TheListIdIsTheSameInEveryMessage) {
  MessageSpec spec = BasicSpec();
  spec.list_id = "weekly.example.com";
  Renderer renderer(spec);
  for (const char* name : {"Zoe", "Ann"}) EXPECT_EQ(renderer.Read(Name(name)).Get("List-Id"), "<weekly.example.com>");
  for (const char* bad : {"weekly", "a b.example", "<a.b>", "{{name}}.example.com", ".a.b"}) {
    spec.list_id = bad;
    EXPECT_THAT(CompileError(spec), HasSubstr("the list id")) << bad;
  }
}

TEST(Renderer, L05_MailToPeopleIsNotCalledAutomatic) {
  MessageSpec spec = BasicSpec();
  EXPECT_EQ(Renderer(spec).Read(Name("Zoe")).Get("Precedence"), "bulk");
  EXPECT_EQ(Renderer(spec).Read(Name("Zoe")).Count("Auto-Submitted"), 0U);
  spec.kind = MailKind::kTransactional;
  spec.headers = {{"Auto-Submitted", Source("auto-generated")}};  // Where it is true.
  EXPECT_EQ(Renderer(spec).Read(Name("Zoe")).Get("Auto-Submitted"), "auto-generated");
}

TEST(Renderer, L06_TheFeedbackIdEndsWithASenderId) {
  MessageSpec spec = BasicSpec();
  for (const char* good : {"weekly:{{name}}:news:example", "sender", ":::fifteen-letters"}) {
    spec.feedback_id = Source(good);
    EXPECT_EQ(Renderer(spec).Read(Name("Zoe")).Count("Feedback-ID"), 1U) << good;
  }
  for (const char* bad : {"a:b:c:d", "a:b:c:d:sender", "a:sixteen-letters-x", "a:send er", "a:b:c:{{name}}"}) {
    spec.feedback_id = Source(bad, 21);
    EXPECT_THAT(CompileError(spec), HasSubstr("c.toml:21: the feedback id")) << bad;
  }
  EXPECT_THAT(CompileError([&] {
                spec.headers = {{"Feedback-ID", Source("x")}};
                return spec;
              }()),
              HasSubstr("the header \"Feedback-ID\""));
}

TEST(Renderer, KeepsLittleMemoryOfAVeryLargeMessage) {
  MessageSpec spec = BasicSpec();
  spec.text->text = "{{#items}}{{.}}{{/items}}";
  Renderer renderer(spec);
  const std::string large(100'000, 'x');
  const std::vector<Value> items(100, Value::Text(large));
  const Member all{"items", {Value::Kind::kList, {}, items, {}}};
  ASSERT_TRUE(renderer.Try({{"name", Value::Text("x")}, all}).ok());
  EXPECT_GT(renderer.rendered.memory(), 10'000'000U);
  renderer.rendered.FreeExcess();
  EXPECT_LT(renderer.rendered.memory(), 4'000'000U);
  ASSERT_TRUE(renderer.Try({{"name", Value::Text("x")}}).ok());
  const std::size_t small = renderer.rendered.memory();
  renderer.rendered.FreeExcess();
  EXPECT_EQ(renderer.rendered.memory(), small);
}

TEST(Renderer, ReusesItsMemoryAfterRefusals) {
  Renderer renderer(BasicSpec());
  renderer.Read(Name("Zoe"));
  const std::string first = renderer.rendered.ToString();
  EXPECT_FALSE(renderer.Try({}).ok());
  renderer.Read(Name("\xE4\xB8\xAD"));
  renderer.Read(Name("Zoe"));
  EXPECT_EQ(renderer.rendered.ToString(), first);
}

}  // namespace
}  // namespace message
