#include "engine/message/body_part.h"

#include <utility>

namespace message {
namespace {

constexpr std::string_view kMark =
    "=_";  // What the boundary begins with; it occurs in no quoted-printable and no base64.

// Appends the value as it stands in the part's text: entities where asked for, line ends as CRLF.
void AppendMerged(const Template::Fragment& fragment, std::string& scratch, std::string& out) {
  const std::string_view value = fragment.bytes;
  bool escape = false;
  bool newlines = false;
  for (char c : value) {
    if (c == '\r' || c == '\n') newlines = true;
    if (c == '&' || c == '<' || c == '>' || c == '"' || c == '\'') escape = true;
  }
  escape = escape && fragment.escape;
  if (escape && newlines) {
    scratch.clear();
    AppendHtmlEscaped(value, scratch);
    AppendWithCrlf(scratch, out);
  } else if (escape) {
    AppendHtmlEscaped(value, out);
  } else if (newlines) {
    AppendWithCrlf(value, out);
  } else {
    out.append(value);
  }
}

}  // namespace

absl::StatusOr<BodyPart> BodyPart::Compile(const TemplateText& text, std::string_view fields, Escape escape,
                                           absl::Span<const Partial> partials) {
  TemplateText source{"", text.file, text.line};
  AppendWithCrlf(text.text, source.text);
  absl::StatusOr<Template> content = Template::CompileText(source, escape, partials);
  if (!content.ok()) return content.status();
  return BodyPart(*std::move(content), fields);
}

BodyPart::BodyPart(Template content, std::string_view fields) : template_(std::move(content)) {
  const auto header = [&](Encoding encoding) -> std::string& { return headers_[static_cast<std::size_t>(encoding)]; };
  for (const auto& [encoding, name] :
       {std::pair(Encoding::k7Bit, "7bit"), std::pair(Encoding::kQuotedPrintable, "quoted-printable"),
        std::pair(Encoding::kBase64, "base64")}) {
    header(encoding).append(fields).append("Content-Transfer-Encoding: ").append(name).append("\r\n\r\n");
  }
  constants_.resize(template_.text_count());
  for (std::size_t i = 0; i < constants_.size(); ++i) {
    const std::string_view text = template_.text(i);
    Constant& constant = constants_[i];
    constant.shape = ShapeOf(text);
    constant.has_mark = text.find(kMark) != std::string_view::npos;
    constant.quoted_column = AppendQuotedPrintable(text, 0, constant.quoted);
  }
}

absl::Status BodyPart::Render(absl::Span<const Value> scope, OnMissing on_missing, bool is_whole_body,
                              Rendered& rendered) const {
  if (absl::Status status = template_.Execute(scope, on_missing, rendered.fragments_); !status.ok()) return status;
  Merge(rendered);
  const Encoding encoding = Choose(is_whole_body, rendered);
  const std::string& header = headers_[static_cast<std::size_t>(encoding)];
  if (is_whole_body) {
    rendered.header_.append(header);
  } else {
    rendered.AddShared(header);
  }
  switch (encoding) {
    case Encoding::k7Bit:
      Emit7Bit(rendered);
      break;
    case Encoding::kQuotedPrintable:
      EmitQuotedPrintable(rendered);
      break;
    case Encoding::kBase64:
      EmitBase64(rendered);
      break;
  }
  return absl::OkStatus();
}

// Makes the values ready to be joined with the constant texts, and points the fragments at them.
void BodyPart::Merge(Rendered& rendered) const {
  rendered.values_.clear();
  rendered.merged_.clear();
  for (const Template::Fragment& fragment : rendered.fragments_) {
    if (fragment.text != Template::Fragment::kValue) continue;
    const std::size_t begin = rendered.values_.size();
    AppendMerged(fragment, rendered.flat_, rendered.values_);
    rendered.merged_.push_back({begin, rendered.values_.size() - begin});
  }
  std::size_t next = 0;
  for (Template::Fragment& fragment : rendered.fragments_) {
    if (fragment.text != Template::Fragment::kValue) continue;
    const Rendered::Merged& merged = rendered.merged_[next++];
    fragment.bytes = std::string_view(rendered.values_).substr(merged.begin, merged.size);
  }
}

BodyPart::Encoding BodyPart::Choose(bool is_whole_body, const Rendered& rendered) const {
  LineLengths lines;
  bool has_mark = false;
  char last = '\0';
  for (const Template::Fragment& fragment : rendered.fragments_) {
    const bool is_value = fragment.text == Template::Fragment::kValue;
    lines.Add(is_value ? ShapeOf(fragment.bytes) : constants_[fragment.text].shape);
    has_mark = has_mark || (last == kMark[0] && fragment.bytes.front() == kMark[1]) ||
               (is_value ? fragment.bytes.find(kMark) != std::string_view::npos : constants_[fragment.text].has_mark);
    last = fragment.bytes.back();
    if (!lines.fits()) break;
  }
  if (lines.fits() && (is_whole_body || !has_mark)) return Encoding::k7Bit;
  std::size_t raw = 0;
  std::size_t quoted = 0;
  for (const Template::Fragment& fragment : rendered.fragments_) {
    raw += fragment.bytes.size();
    quoted += fragment.text == Template::Fragment::kValue ? QuotedPrintableSize(fragment.bytes)
                                                          : constants_[fragment.text].quoted.size();
  }
  return quoted <= Base64Size(raw) ? Encoding::kQuotedPrintable : Encoding::kBase64;
}

void BodyPart::Emit7Bit(Rendered& rendered) const {
  for (const Template::Fragment& fragment : rendered.fragments_) {
    if (fragment.text == Template::Fragment::kValue) {
      const std::size_t begin = rendered.own_.size();
      rendered.own_.append(fragment.bytes);
      rendered.AddOwnSince(begin);
    } else {
      rendered.AddShared(fragment.bytes);
    }
  }
}

// Constant texts were encoded from column 0: a soft line break goes before each that does not start a line anyway.
void BodyPart::EmitQuotedPrintable(Rendered& rendered) const {
  std::size_t column = 0;
  for (const Template::Fragment& fragment : rendered.fragments_) {
    const std::size_t begin = rendered.own_.size();
    if (fragment.text == Template::Fragment::kValue) {
      column = AppendQuotedPrintable(fragment.bytes, column, rendered.own_);
      rendered.AddOwnSince(begin);
    } else {
      if (column != 0) rendered.own_.append("=\r\n");
      rendered.AddOwnSince(begin);
      const Constant& constant = constants_[fragment.text];
      rendered.AddShared(constant.quoted);
      column = constant.quoted_column;
    }
  }
}

void BodyPart::EmitBase64(Rendered& rendered) const {
  rendered.flat_.clear();
  for (const Template::Fragment& fragment : rendered.fragments_) rendered.flat_.append(fragment.bytes);
  const std::size_t begin = rendered.own_.size();
  AppendBase64Lines(rendered.flat_, rendered.own_);
  rendered.AddOwnSince(begin);
}

}  // namespace message
