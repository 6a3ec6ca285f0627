// One text part of a message: its template, prepared so that a rendering copies only what was merged. Constant
// stretches are kept in both forms that can be joined freely, as written (7bit) and in quoted-printable, and are shared
// by all messages.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/message/rendered.h"
#include "engine/message/spec.h"
#include "engine/message/template.h"
#include "engine/message/transfer_encoding.h"
#include "engine/message/value.h"

namespace message {

class BodyPart {
 public:
  // `fields`: the part's Content-* fields, each with its CRLF, apart from Content-Transfer-Encoding. `partials` have
  // CRLF as line ends. Errors: as Template::CompileText.
  static absl::StatusOr<BodyPart> Compile(const TemplateText& text, std::string_view fields, Escape escape,
                                          absl::Span<const Partial> partials);

  // Appends the part to `rendered`: its headers, the empty line and the content. The header lines go to the message's
  // header section when the part is the whole body. The content can hold no line that starts with "--=_", unless
  // `is_whole_body`. Errors: as Template::Execute.
  absl::Status Render(absl::Span<const Value> scope, OnMissing on_missing, bool is_whole_body,
                      Rendered& rendered) const;

  const Template& content() const { return template_; }

 private:
  enum class Encoding : std::uint8_t { k7Bit, kQuotedPrintable, kBase64 };
  struct Constant {
    LineShape shape;
    bool has_mark = false;  // Contains "=_".
    std::string quoted;     // In quoted-printable, from column 0.
    std::size_t quoted_column = 0;
  };

  BodyPart(Template content, std::string_view fields);
  void Merge(Rendered& rendered) const;
  Encoding Choose(bool is_whole_body, const Rendered& rendered) const;
  void Emit7Bit(Rendered& rendered) const;
  void EmitQuotedPrintable(Rendered& rendered) const;
  void EmitBase64(Rendered& rendered) const;

  Template template_;
  std::array<std::string, 3> headers_;  // By Encoding: all fields of the part and the empty line.
  std::vector<Constant> constants_;     // By Fragment::text.
};

}  // namespace message
