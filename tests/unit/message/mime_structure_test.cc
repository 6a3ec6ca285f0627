#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/message/content_type.h"
#include "engine/message/header_parameter.h"
#include "engine/message/renderer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/message/mime_reader.h"
#include "tests/unit/message/render_probe.h"

namespace message {
namespace {

using testing::BasicSpec;
using testing::DecodedBody;
using testing::Entity;
using ::testing::HasSubstr;
using testing::Name;
using testing::ReadParts;
using testing::Renderer;
using ::testing::StartsWith;

const std::string kAllBytes = [] {
  std::string bytes;
  for (int c = 0; c < 1024; ++c) bytes.push_back(static_cast<char>(c));
  return bytes;
}();

// The parts of a multipart within a multipart: the CRLF behind its end belongs to the outer delimiter.
std::vector<Entity> Within(Entity part) {
  part.body += "\r\n";
  const auto parts = ReadParts(part);
  EXPECT_TRUE(parts.has_value()) << part.body;
  return parts.value_or(std::vector<Entity>());
}

TEST(MimeStructure, NestsMixedAroundRelatedAroundAlternative) {
  MessageSpec spec = BasicSpec();
  spec.inlines = {{"logo.png", "logo", kAllBytes}};
  spec.attachments = {{"menu.pdf", "", "%PDF"}, {"list.csv", "", "a,b\n"}};
  Renderer renderer(spec);
  const Entity whole = renderer.Read(Name("Zoe"));
  EXPECT_THAT(whole.Get("Content-Type"), StartsWith("multipart/mixed; boundary="));
  const std::vector<Entity> mixed = renderer.Parts(Name("Zoe"));
  ASSERT_EQ(mixed.size(), 3U);
  EXPECT_THAT(mixed[0].Get("Content-Type"), StartsWith("multipart/related; type=\"multipart/alternative\"; boundary="));
  EXPECT_EQ(mixed[1].Get("Content-Type"), "application/pdf");
  EXPECT_EQ(mixed[1].Get("Content-Disposition"), "attachment; filename=\"menu.pdf\"");
  EXPECT_EQ(DecodedBody(mixed[1]), "%PDF");
  EXPECT_EQ(DecodedBody(mixed[2]), "a,b\n");
  const std::vector<Entity> related = Within(mixed[0]);
  ASSERT_EQ(related.size(), 2U);
  EXPECT_THAT(related[0].Get("Content-Type"), StartsWith("multipart/alternative; boundary="));
  EXPECT_EQ(related[1].Get("Content-Type"), "image/png");
  EXPECT_EQ(related[1].Get("Content-ID"), "<logo>");
  EXPECT_EQ(related[1].Get("Content-Disposition"), "inline; filename=\"logo.png\"");
  EXPECT_EQ(DecodedBody(related[1]), kAllBytes);
  const std::vector<Entity> texts = Within(related[0]);
  ASSERT_EQ(texts.size(), 2U);
  EXPECT_EQ(texts[0].body, "Dear Zoe,\r\nhello.\r\n");
  EXPECT_EQ(texts[1].Get("Content-Type"), "text/html; charset=utf-8");
}

TEST(MimeStructure, NestsNothingNeedlessly) {
  MessageSpec spec = BasicSpec();
  spec.text.reset();
  EXPECT_EQ(Renderer(spec).Read(Name("Zoe")).Get("Content-Type"), "text/html; charset=utf-8");
  spec.inlines = {{"logo.png", "logo", "x"}};
  {
    Renderer renderer(spec);
    const std::vector<Entity> parts = renderer.Parts(Name("Zoe"));
    EXPECT_THAT(renderer.Read(Name("Zoe")).Get("Content-Type"), StartsWith("multipart/related; type=\"text/html\";"));
    ASSERT_EQ(parts.size(), 2U);
    EXPECT_EQ(parts[0].Get("Content-Type"), "text/html; charset=utf-8");
  }
  spec.inlines.clear();
  spec.attachments = {{"a.zip", "", ""}};
  Renderer renderer(spec);
  const std::vector<Entity> parts = renderer.Parts(Name("Zoe"));
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].Get("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(DecodedBody(parts[1]), "");
}

TEST(MimeStructure, EncodesAnAttachmentOnceForAllMessages) {
  MessageSpec spec = BasicSpec();
  spec.attachments = {{"a.bin", "", std::string(100'000, 'x')}};
  Renderer renderer(spec);
  renderer.Read(Name("Zoe"));
  const auto longest = [](const Rendered& rendered) {
    std::string_view found;
    for (const std::string_view piece : rendered.pieces()) found = piece.size() > found.size() ? piece : found;
    return found;
  };
  const std::string_view first = longest(renderer.rendered);
  EXPECT_GT(first.size(), 133'000U);
  Rendered other;
  const std::vector<Member> members = Name("Ann");
  const Value row{Value::Kind::kObject, {}, {}, members};
  renderer.input.row = &row;
  ASSERT_TRUE(renderer.compiled().Render(renderer.input, other).ok());
  EXPECT_EQ(longest(other).data(), first.data());
}

TEST(MimeStructure, F08_BoundariesOfNestedMultipartsDifferAndAreInNoPart) {
  MessageSpec spec = BasicSpec();
  spec.inlines = {{"a.png", "a", kAllBytes}};
  spec.attachments = {{"b.bin", "", kAllBytes}};
  Renderer probe(spec);
  probe.Read(Name("x"));
  const std::string bytes = probe.rendered.ToString();
  std::vector<std::string> boundaries;
  for (std::size_t at = bytes.find("boundary=\""); at != std::string::npos; at = bytes.find("boundary=\"", at + 1)) {
    boundaries.push_back(bytes.substr(at + 10, bytes.find('"', at + 10) - at - 10));
  }
  ASSERT_EQ(boundaries.size(), 3U);
  for (const std::string& boundary : boundaries) {
    EXPECT_LE(boundary.size(), 70U);
    Renderer renderer(spec);
    const std::vector<Entity> mixed = renderer.Parts(Name("\n--" + boundary + "--\n--" + boundary + "\n"));
    ASSERT_EQ(mixed.size(), 2U);
    const std::vector<Entity> texts = Within(Within(mixed[0]).at(0));
    ASSERT_EQ(texts.size(), 2U);
    EXPECT_EQ(DecodedBody(texts[0]), "Dear \r\n--" + boundary + "--\r\n--" + boundary + "\r\n,\r\nhello.\r\n");
  }
  EXPECT_NE(boundaries[0], boundaries[1]);
  EXPECT_NE(boundaries[1], boundaries[2]);
}

TEST(MimeStructure, KnowsWhetherAllBodiesAreTheSame) {
  MessageSpec spec = BasicSpec();
  EXPECT_FALSE(Renderer(spec).compiled().HasConstantBody());
  spec.html.reset();
  spec.text->text = "The same for all.\n";
  spec.attachments = {{"a.bin", "", "x"}};
  EXPECT_TRUE(Renderer(spec).compiled().HasConstantBody());
}

TEST(ContentTypes, GoByTheExtensionInAnyCase) {
  EXPECT_EQ(ContentTypeOf("a.b.PDF"), "application/pdf");
  EXPECT_EQ(ContentTypeOf("x.jpeg"), "image/jpeg");
  EXPECT_EQ(ContentTypeOf("x.csv"), "text/csv; charset=utf-8");
  for (const char* unknown : {"pdf", "x.", "x.pdfx", "", "x.tar.unknown"})
    EXPECT_EQ(ContentTypeOf(unknown), "application/octet-stream") << unknown;
}

std::string Parameter(std::string_view value) {
  std::string out = "Content-Disposition: attachment";
  AppendParameter("filename", value, out.size(), out);
  return out.substr(31);
}

// Reads a parameter back by RFC 2231; checks lines and the numbering of sections.
std::string Decoded(const std::string& parameter) {
  std::string joined;
  std::size_t next = 0;
  for (std::size_t at = parameter.find("filename*"); at != std::string::npos;
       at = parameter.find("filename*", at + 1)) {
    std::string text = parameter.substr(at + 9, parameter.find(';', at) - at - 9);
    if (text[0] != '=') {
      EXPECT_THAT(text, StartsWith(std::to_string(next) + "*="));
      text.erase(0, text.find('='));
      ++next;
    }
    text.erase(0, 1);
    if (joined.empty()) {
      EXPECT_THAT(text, StartsWith("utf-8''"));
      text.erase(0, 7);
    }
    joined += text;
  }
  std::string out;
  for (std::size_t i = 0; i < joined.size(); ++i) {
    if (joined[i] != '%') {
      out.push_back(joined[i]);
      continue;
    }
    out.push_back(static_cast<char>(std::stoi(joined.substr(i + 1, 2), nullptr, 16)));
    i += 2;
  }
  return out;
}

TEST(HeaderParameter, F09_IsAQuotedStringWhereThatIsEnough) {
  EXPECT_EQ(Parameter("menu.pdf"), "; filename=\"menu.pdf\"");
  EXPECT_EQ(Parameter("a \"b\" \\.pdf"), "; filename=\"a \\\"b\\\" \\\\.pdf\"");
  EXPECT_EQ(Parameter("a\r\nX: y.pdf"), "; filename=\"a X: y.pdf\"");
  EXPECT_EQ(Parameter(std::string(40, 'x')), ";\r\n filename=\"" + std::string(40, 'x') + "\"");
}

TEST(HeaderParameter, F09_UsesNumberedSectionsOfRfc2231ForAnyUnicode) {
  EXPECT_EQ(Parameter("Men\xC3\xBC.pdf"), "; filename*=utf-8''Men%C3%BC.pdf");
  for (std::size_t length = 1; length < 120; ++length) {
    std::string name;
    for (std::size_t i = 0; i < length; ++i) name += i % 3 == 0 ? "\xF0\x9F\x98\x80" : i % 3 == 1 ? "x" : "\xC3\xBC";
    const std::string parameter = Parameter(name);
    EXPECT_EQ(Decoded(parameter), name);
    std::size_t begin = 0;
    for (std::size_t end = 0; end != std::string::npos; begin = end + 2) {
      end = parameter.find("\r\n", begin);
      EXPECT_LE(std::min(end, parameter.size()) - begin + (begin == 0 ? 31 : 0), 78U) << parameter;
      if (end == std::string::npos) break;
    }
  }
  EXPECT_EQ(Decoded(Parameter(std::string(300, 'y'))), std::string(300, 'y'));
}

}  // namespace
}  // namespace message
