#include "engine/message/eml.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/text.h"
#include "engine/message/content_type_field.h"
#include "engine/message/header_encoding.h"
#include "engine/message/mime_decoding.h"
#include "engine/message/transfer_encoding.h"

namespace message {
namespace {

constexpr std::size_t kDepthMax = 8;
constexpr std::size_t kPartsMax = 200;

struct Field {
  std::string_view name;
  std::string_view raw;  // All its lines, with their CRLF.
  std::string value;     // Unfolded and trimmed.
  std::uint32_t line = 0;
};

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// Sluice or the servers on the way make these anew; names that end in "-" stand for all that begin so.
bool GivesWay(std::string_view name) {
  constexpr std::array kNames = {
      "From",     "To",           "Date",  "Message-ID", "MIME-Version",           "Return-Path",
      "Received", "Delivered-To", "DKIM-", "ARC-",       "Authentication-Results", "Received-SPF"};
  return std::any_of(kNames.begin(), kNames.end(), [&](std::string_view known) {
    return known.back() == '-' ? base::StartsWithIgnoreCase(name, known) : base::EqualsIgnoreCase(name, known);
  });
}

std::size_t LongestLine(std::string_view text) {
  const LineShape shape = ShapeOf(text);
  return std::max({shape.head, shape.longest, shape.tail});
}

class Reader {
 public:
  Reader(std::string_view bytes, const TemplateText& source, std::vector<std::string>& errors)
      : bytes_(bytes), source_(source), errors_(errors) {}

  EmlMessage Read();

 private:
  // A stretch of lines [begin, end) of bytes_; `line` is the number of the first.
  struct Lines {
    std::size_t begin = 0, end = 0;
    std::uint32_t line = 1;
  };

  void Error(std::uint32_t line, std::string_view what) {
    errors_.push_back(absl::StrFormat("%s:%d: %s", source_.file, line, what));
  }
  std::string_view LineAt(std::size_t begin, std::size_t end) const;  // Without its CRLF.
  std::vector<Field> ReadFields(Lines& lines);
  MimePart ReadEntity(const std::vector<Field>& fields, const Lines& content, std::size_t depth);
  MimePart ReadMultipart(const ContentTypeField& type, const Lines& content, std::uint32_t line, std::size_t depth);
  void ReadLeaf(const ContentTypeField& type, const std::vector<Field>& fields, const Lines& content, MimePart& part);
  void KeepFields(const std::vector<Field>& fields, bool with_type, MimePart& part);
  void TakeMessageFields(const std::vector<Field>& fields, EmlMessage& message, std::vector<Field>& content_fields);

  const std::string_view bytes_;  // With CRLF line ends.
  const TemplateText& source_;
  std::vector<std::string>& errors_;
  std::size_t parts_ = 0;
};

const Field* Find(const std::vector<Field>& fields, std::string_view name) {
  for (const Field& field : fields) {
    if (base::EqualsIgnoreCase(field.name, name)) return &field;
  }
  return nullptr;
}

std::string_view Reader::LineAt(std::size_t begin, std::size_t end) const {
  return bytes_.substr(begin, std::min(bytes_.find("\r\n", begin), end) - begin);
}

// Reads up to the empty line, and moves `lines` behind it.
std::vector<Field> Reader::ReadFields(Lines& lines) {
  std::vector<Field> fields;
  while (lines.begin < lines.end) {
    const std::string_view text = LineAt(lines.begin, lines.end);
    const std::size_t next = std::min(lines.begin + text.size() + 2, lines.end);
    const std::uint32_t line = lines.line++;
    const std::size_t begin = std::exchange(lines.begin, next);
    if (text.empty()) return fields;
    if (IsBlank(text[0]) && !fields.empty()) {
      Field& field = fields.back();
      field.raw =
          bytes_.substr(static_cast<std::size_t>(field.raw.data() - bytes_.data()), field.raw.size() + next - begin);
      field.value.append(" ").append(base::TrimAscii(text));
      continue;
    }
    const std::size_t colon = text.find(':');
    const std::string_view name = base::TrimAscii(text.substr(0, colon));
    if (colon == std::string_view::npos || name.empty() || name.find_first_of(" \t") != std::string_view::npos ||
        IsBlank(text[0])) {
      Error(line, "neither a header field nor the empty line that ends the header section");
      return fields;
    }
    fields.push_back(
        {name, bytes_.substr(begin, next - begin), std::string(base::TrimAscii(text.substr(colon + 1))), line});
  }
  return fields;
}

// Fields of a part go out as they are: they cannot be templates.
void Reader::KeepFields(const std::vector<Field>& fields, bool with_type, MimePart& part) {
  for (const Field& field : fields) {
    if (base::EqualsIgnoreCase(field.name, "Content-Transfer-Encoding")) continue;
    if (!with_type && base::EqualsIgnoreCase(field.name, "Content-Type")) continue;
    const std::string shown(field.name);
    if (!IsAscii(field.raw)) {
      Error(field.line,
            "the field " + shown + " of a part has other characters than ASCII; write them as RFC 2231 says");
    } else if (field.raw.find("{{") != std::string_view::npos) {
      Error(field.line, "the field " + shown + " of a part cannot be a template");
    } else if (std::any_of(field.raw.begin(), field.raw.end(),
                           [](char c) { return c != '\r' && c != '\n' && c != '\t' && (c < ' ' || c > '~'); })) {
      Error(field.line, "the field " + shown + " of a part has a control character");
    } else {
      part.fields.append(field.raw);
      if (!field.raw.ends_with("\r\n")) part.fields.append("\r\n");  // The part ended there.
    }
  }
}

MimePart Reader::ReadEntity(const std::vector<Field>& fields, const Lines& content, std::size_t depth) {
  const Field* type_field = Find(fields, "Content-Type");
  const std::uint32_t line = type_field == nullptr ? content.line : type_field->line;
  const std::optional<ContentTypeField> type =
      ParseContentType(type_field == nullptr ? "text/plain" : std::string_view(type_field->value));
  MimePart part;
  if (++parts_ > kPartsMax) {
    if (parts_ == kPartsMax + 1) Error(line, absl::StrFormat("more than %d parts", kPartsMax));
    return part;
  }
  if (!type.has_value()) {
    Error(line, "the Content-Type is not TYPE/SUBTYPE with parameters (comments are not supported)");
    return part;
  }
  if (type_field != nullptr && type_field->raw.find("{{") != std::string_view::npos) {
    Error(line, "the Content-Type of a part cannot be a template");
    return part;
  }
  if (type->type == "multipart/signed" || type->type == "multipart/encrypted" || type->type.starts_with("message/")) {
    Error(line, type->type + " cannot be kept: its bytes would change; leave it out, or attach it as a file");
    return part;
  }
  if (type->type.starts_with("multipart/")) {
    part = ReadMultipart(*type, content, line, depth);
    KeepFields(fields, /*with_type=*/false, part);
  } else {
    ReadLeaf(*type, fields, content, part);
  }
  if (LongestLine(part.fields) > kMaxLine || LongestLine(part.type) > kMaxLine - 40) {
    Error(line, absl::StrFormat("a line of the part's fields is longer than %d octets", kMaxLine));
  }
  return part;
}

MimePart Reader::ReadMultipart(const ContentTypeField& type, const Lines& content, std::uint32_t line,
                               std::size_t depth) {
  MimePart part;
  part.kind = MimePart::Kind::kMultipart;
  part.type = type.type + type.ParametersWithout("boundary");
  const std::string boundary = type.Get("boundary");
  if (boundary.empty() || boundary.size() > 70) {
    Error(line, "the multipart has no boundary of 1 to 70 characters");
    return part;
  }
  if (depth == kDepthMax) {
    Error(line, absl::StrFormat("more than %d multiparts within each other", kDepthMax));
    return part;
  }
  const std::string delimiter = "--" + boundary;
  std::optional<Lines> open;  // The part that is being passed.
  Lines rest = content;
  while (rest.begin < rest.end) {
    const std::string_view text = LineAt(rest.begin, rest.end);
    const std::size_t begin = rest.begin;
    const std::uint32_t text_line = rest.line++;
    rest.begin = std::min(begin + text.size() + 2, rest.end);
    if (!text.starts_with(delimiter)) continue;
    const std::string_view after = base::TrimAscii(text.substr(delimiter.size()));
    if (!after.empty() && after != "--") continue;
    if (open.has_value()) {
      open->end = std::max(open->begin, begin < 2 ? 0 : begin - 2);  // The CRLF before it is the delimiter's.
      const std::vector<Field> fields = ReadFields(*open);
      part.children.push_back(ReadEntity(fields, *open, depth + 1));
    }
    if (after == "--") {
      if (part.children.empty()) Error(text_line, "the multipart has no part");
      return part;
    }
    open = Lines{rest.begin, rest.end, rest.line};
  }
  Error(line, absl::StrFormat("the multipart is never closed; there is no line %s--", delimiter));
  return part;
}

void Reader::ReadLeaf(const ContentTypeField& type, const std::vector<Field>& fields, const Lines& content,
                      MimePart& part) {
  const Field* encoding_field = Find(fields, "Content-Transfer-Encoding");
  const Field* disposition = Find(fields, "Content-Disposition");
  const std::uint32_t line = encoding_field == nullptr ? content.line : encoding_field->line;
  const std::string encoding = encoding_field == nullptr ? "7bit" : base::LowerAscii(encoding_field->value);
  const std::string_view raw = bytes_.substr(content.begin, content.end - content.begin);
  std::optional<std::string> decoded;
  const bool is_raw = encoding == "7bit" || encoding == "8bit";
  if (encoding == "base64") {
    decoded = DecodeBase64(raw);
  } else if (encoding == "quoted-printable") {
    decoded = DecodeQuotedPrintable(raw);
  } else if (is_raw) {
    decoded = std::string(raw);
  } else {
    return Error(line, "the transfer encoding is none of 7bit, 8bit, quoted-printable and base64");
  }
  if (!decoded.has_value()) return Error(line, "the part is not in " + encoding);
  const bool is_attachment = disposition != nullptr && base::StartsWithIgnoreCase(disposition->value, "attachment");
  if (!type.type.starts_with("text/") || is_attachment) {
    part.kind = MimePart::Kind::kData;
    part.data = *std::move(decoded);
    if (Find(fields, "Content-Type") == nullptr) part.fields = "Content-Type: text/plain\r\n";
    return KeepFields(fields, /*with_type=*/true, part);
  }
  const std::string charset = type.Get("charset");
  if (!charset.empty() && !base::EqualsIgnoreCase(charset, "utf-8") && !base::EqualsIgnoreCase(charset, "us-ascii")) {
    return Error(line, "the text is in " + charset + "; save it as UTF-8");
  }
  part.fields = "Content-Type: " + type.type + "; charset=utf-8" + type.ParametersWithout("charset") + "\r\n";
  KeepFields(fields, /*with_type=*/false, part);
  part.escape = type.type.find("html") != std::string::npos ? Escape::kHtml : Escape::kNone;
  part.text.text = *std::move(decoded);
  // Lines of an encoded text are not the lines of the file.
  part.text.file = is_raw ? source_.file : absl::StrFormat("%s:%d (decoded)", source_.file, content.line);
  part.text.line = is_raw ? content.line : 1;
}

void Reader::TakeMessageFields(const std::vector<Field>& fields, EmlMessage& message,
                               std::vector<Field>& content_fields) {
  bool has_subject = false;
  for (const Field& field : fields) {
    if (base::StartsWithIgnoreCase(field.name, "Content-")) {
      content_fields.push_back(field);
      continue;
    }
    if (GivesWay(field.name)) continue;
    std::optional<std::string> text = DecodeHeaderText(field.value);
    if (!text.has_value()) {
      Error(field.line, "the field " + std::string(field.name) + " is neither UTF-8 nor in encoded-words of UTF-8");
      continue;
    }
    TemplateText value{*std::move(text), source_.file, field.line};
    if (!base::EqualsIgnoreCase(field.name, "Subject")) {
      message.headers.push_back({std::string(field.name), std::move(value)});
    } else if (std::exchange(has_subject, true)) {
      Error(field.line, "a second Subject; keep one");
    } else {
      message.subject = std::move(value);
    }
  }
}

EmlMessage Reader::Read() {
  EmlMessage message;
  Lines lines{0, bytes_.size(), source_.line};
  const std::vector<Field> fields = ReadFields(lines);
  std::vector<Field> content_fields;
  TakeMessageFields(fields, message, content_fields);
  message.root = ReadEntity(content_fields, lines, 0);
  return message;
}

}  // namespace

EmlMessage ReadEml(const TemplateText& source, std::vector<std::string>& errors) {
  std::string bytes;
  AppendWithCrlf(source.text, bytes);
  return Reader(bytes, source, errors).Read();
}

}  // namespace message
