#include "engine/message/eml.h"

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_join.h"
#include "engine/message/content_type_field.h"
#include "engine/message/mime_decoding.h"
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
using testing::ReadParts;
using testing::Renderer;
using ::testing::StartsWith;

constexpr std::string_view kMail = R"(Received: from a by b
From: Somebody <x@example.org>
To: you@example.org
Date: Mon, 1 Jan 2024 00:00:00 +0000
Message-ID: <1@example.org>
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_an?= {{name}},
 and more
X-Edition: 48 for {{name}}
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

A preamble.
--outer
Content-Type: multipart/alternative; boundary="in ner"

--in ner
Content-Type: text/plain; charset=us-ascii; format=flowed

Dear {{name}},
hello.
--in ner
Content-Type: text/html; charset="UTF-8"
Content-Transfer-Encoding: quoted-printable

<p>Gr=C3=BC=C3=9Fe, {{na=
me}}</p>
--in ner--
--outer
Content-Type: image/png; name="l.png"
Content-Transfer-Encoding: base64
Content-ID: <logo@example.org>

AAEC
/w==
--outer
Content-Type: text/csv
Content-Disposition: attachment;
 filename="{x}.csv"

{{not a field}}
--outer--
An epilogue.
)";

MessageSpec EmlSpec(std::string_view eml) {
  MessageSpec spec = BasicSpec();
  spec.html.reset();
  spec.text.reset();
  spec.subject = {};
  spec.eml = TemplateText{std::string(eml), "m.eml", 1};
  return spec;
}

std::vector<Entity> Within(Entity part) {
  part.body += "\r\n";
  return ReadParts(part).value_or(std::vector<Entity>());
}

TEST(Eml, KeepsTheStructureAndFillsInTheTexts) {
  Renderer renderer(EmlSpec(kMail));
  const Entity whole = renderer.Read(Name("Zo\xC3\xAB & Co"));
  EXPECT_EQ(DecodeWords(whole.Get("Subject")),
            "Gr\xC3\xBC\xC3\x9F"
            "e an Zo\xC3\xAB & Co, and more");
  EXPECT_EQ(DecodeWords(whole.Get("X-Edition")), "48 for Zo\xC3\xAB & Co");
  EXPECT_EQ(whole.Get("From"), "Example News <news@example.com>");
  for (const char* once : {"From", "To", "Date", "Message-ID", "Subject", "MIME-Version", "Content-Type"})
    EXPECT_EQ(whole.Count(once), 1U) << once;
  EXPECT_EQ(whole.Count("Received"), 0U);
  const std::vector<Entity> mixed = renderer.Parts(Name("Zo\xC3\xAB & Co"));
  ASSERT_EQ(mixed.size(), 3U);
  const std::vector<Entity> texts = Within(mixed[0]);
  ASSERT_EQ(texts.size(), 2U);
  EXPECT_EQ(texts[0].Get("Content-Type"), "text/plain; charset=utf-8; format=\"flowed\"");
  EXPECT_EQ(DecodedBody(texts[0]), "Dear Zo\xC3\xAB & Co,\r\nhello.");
  EXPECT_EQ(DecodedBody(texts[1]),
            "<p>Gr\xC3\xBC\xC3\x9F"
            "e, Zo\xC3\xAB &amp; Co</p>");
  EXPECT_EQ(mixed[1].Get("Content-Type"), "image/png; name=\"l.png\"");
  EXPECT_EQ(mixed[1].Get("Content-ID"), "<logo@example.org>");
  EXPECT_EQ(DecodedBody(mixed[1]), std::string("\0\1\2\xFF", 4));
  EXPECT_EQ(mixed[2].Get("Content-Disposition"), "attachment; filename=\"{x}.csv\"");
  EXPECT_EQ(DecodedBody(mixed[2]), "{{not a field}}");
}

TEST(Eml, ASingleTextIsTheWholeBody) {
  Renderer renderer(EmlSpec("Subject: Hi\n\nDear {{name}}\n"));
  const Entity whole = renderer.Read(Name("Zoe"));
  EXPECT_EQ(whole.Get("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(whole.body, "Dear Zoe\r\n");
}

TEST(Eml, TheCampaignsSubjectComesFirst) {
  MessageSpec spec = EmlSpec("Subject: Hi\n\nDear\n");
  spec.subject = testing::Source("Mine");
  EXPECT_EQ(Renderer(spec).Read(Name("Zoe")).Get("Subject"), "Mine");
}

TEST(Eml, NamesTheLineOfATagThatIsWrong) {
  EXPECT_THAT(CompileError(EmlSpec("Subject: x\n\na\n{{#b}}\n")), HasSubstr("m.eml:4: the section \"b\""));
  EXPECT_THAT(CompileError(EmlSpec("Subject: {{x\n\na\n")), HasSubstr("m.eml:1: the tag"));
  EXPECT_THAT(CompileError(EmlSpec("Content-Transfer-Encoding: base64\n\ne3sjYn19\n")),
              HasSubstr("m.eml:3 (decoded):1: the section \"b\""));
}

TEST(Eml, RefusesWhatItCannotKeepWithItsLine) {
  const auto part = [](std::string_view fields) {
    return "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n" + std::string(fields) + "\nx\n--b--\n";
  };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"Subject: x\nno field\n\nx", "m.eml:2: neither a header field nor the empty line"},
      {"Subject: x\nSubject: y\n\nx", "m.eml:2: a second Subject"},
      {"Subject: x\nCc: a@example.com\n\nx", "m.eml:2: the header \"Cc\" is made by Sluice"},
      {"Subject: x\nList-Unsubscribe: <https://x>\n\nx", "m.eml:2: the header \"List-Unsubscribe\""},
      {"Subject: =?koi8-r?q?x?=\n\nx", "m.eml:1: the field Subject is neither UTF-8"},
      {"Subject: x\nContent-Type: multipart/mixed\n\nx", "m.eml:2: the multipart has no boundary"},
      {"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n", "m.eml:2: the multipart is never closed"},
      {"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b--\n", "m.eml:4: the multipart has no part"},
      {"Subject: x\nContent-Type: what\n\nx", "m.eml:2: the Content-Type is not TYPE/SUBTYPE"},
      {part("Content-Type: multipart/signed; boundary=s\n"), "m.eml:5: multipart/signed cannot be kept"},
      {part("Content-Type: message/rfc822\n"), "m.eml:5: message/rfc822 cannot be kept"},
      {part("Content-Type: text/plain; charset=koi8-r\n"), "m.eml:7: the text is in koi8-r"},
      {part("Content-Transfer-Encoding: binary\n"), "m.eml:5: the transfer encoding is none of"},
      {part("Content-Transfer-Encoding: base64\n"), "m.eml:5: the part is not in base64"},
      {part("Content-Type: image/png; name={{x}}\n"), "m.eml:5: "},
      {part("Content-Disposition: inline; filename=\"{{x}}\"\n"),
       "m.eml:5: the field Content-Disposition of a part cannot be a template"},
      {part("Content-Description: \xC3\xBC\n"),
       "m.eml:5: the field Content-Description of a part has other characters"},
  };
  for (const auto& [eml, expected] : cases) EXPECT_THAT(CompileError(EmlSpec(eml)), HasSubstr(expected)) << eml;
}

TEST(Eml, BoundsDepthAndNumberOfParts) {
  std::string deep = "Subject: x\n";
  for (int i = 0; i < 12; ++i) {
    const std::string b = "b" + std::to_string(i) + "x";
    deep += "Content-Type: multipart/mixed; boundary=" + b + "\n\n--" + b + "\n";
  }
  deep += "\nx\n";
  for (int i = 11; i >= 0; --i) deep += "--b" + std::to_string(i) + "x--\n";
  EXPECT_THAT(CompileError(EmlSpec(deep)), HasSubstr("more than 8 multiparts within each other"));
  std::string wide = "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n";
  for (int i = 0; i < 300; ++i) wide += "--b\n\nx\n";
  EXPECT_THAT(CompileError(EmlSpec(wide + "--b--\n")), HasSubstr("more than 200 parts"));
}

TEST(MimeDecoding, ReadsWhatOthersWrite) {
  EXPECT_EQ(DecodeBase64("AA EC\r\n/w="), std::nullopt);
  EXPECT_EQ(DecodeBase64("AAEC\r\n/w=="), std::string("\0\1\2\xFF", 4));
  EXPECT_EQ(DecodeBase64("===="), std::nullopt);
  EXPECT_EQ(DecodeBase64("=AAA"), std::nullopt);
  EXPECT_EQ(DecodeQuotedPrintable("a=3db=  \r\nc  \r\n=C3=BC "), "a=bc\r\n\xC3\xBC");
  EXPECT_EQ(DecodeQuotedPrintable("a=b"), std::nullopt);
  EXPECT_EQ(DecodeQuotedPrintable("=4"), std::nullopt);
  EXPECT_EQ(DecodeHeaderText("a =?utf-8?B?w7w=?= =?UTF-8*de?q?=C3=9F_x?= b"), "a \xC3\xBC\xC3\x9F x b");
  EXPECT_EQ(DecodeHeaderText("=?x"), "=?x");
  EXPECT_EQ(DecodeHeaderText("=?iso-8859-1?q?=FC?="), std::nullopt);
  EXPECT_EQ(DecodeHeaderText("\xFC"), std::nullopt);
}

TEST(ContentTypeField, ReadsParameters) {
  const auto field = ParseContentType("Text/HTML ; Charset=\"a\\\"b\" ;x*=utf-8''y;");
  ASSERT_TRUE(field.has_value());
  EXPECT_EQ(field->type, "text/html");
  EXPECT_EQ(field->Get("charset"), "a\"b");
  EXPECT_EQ(field->ParametersWithout("charset"), ";\r\n x*=utf-8''y");
  EXPECT_EQ(field->ParametersWithout("x*"), ";\r\n charset=\"a\\\"b\"");
  for (const char* bad : {"", "text", "text/", "/html", "text/html (x)", "text/html; x", "text/html; x=\"y", "a/b c"})
    EXPECT_FALSE(ParseContentType(bad).has_value()) << bad;
}

TEST(Eml, APartThatEndsWithinItsHeaderSectionKeepsItsFieldsApart) {
  for (const std::string end : {"", "\n", "\n\n"}) {
    MessageSpec spec = BasicSpec();
    spec.text.reset();
    spec.html.reset();
    spec.subject = {};
    spec.eml = TemplateText{
        "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nHello.\n--b\n"
        "Content-Type: image/png" +
            end + "\n--b--\n",
        "m.eml", 1};
    Renderer renderer(spec);
    const std::vector<Entity> parts = renderer.Parts(Name("x"));
    ASSERT_EQ(parts.size(), 2U);
    EXPECT_EQ(parts[1].Get("Content-Type"), "image/png");
    EXPECT_EQ(parts[1].Get("Content-Transfer-Encoding"), "base64");
  }
}

TEST(Eml, AMessageWithoutABodyKeepsItsFieldsApart) {
  for (const std::string last : {"Content-Type: image/png", "Content-Language: en", "Content-Type: text/html"}) {
    MessageSpec spec = BasicSpec();
    spec.text.reset();
    spec.html.reset();
    spec.subject = {};
    spec.eml = TemplateText{"Subject: x\n" + last, "m.eml", 1};
    Renderer renderer(spec);
    const Entity message = renderer.Read(Name("x"));
    EXPECT_THAT(message.Get("Content-Transfer-Encoding"), ::testing::AnyOf("7bit", "base64")) << last;
  }
}

}  // namespace
}  // namespace message
