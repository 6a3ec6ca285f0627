// The body of a campaign's messages: its MIME structure laid out once as constant stretches (delimiters, headers of
// parts, attachments in base64) with texts between them. The constant stretches are shared by all messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/message/body_part.h"
#include "engine/message/mime_part.h"
#include "engine/message/rendered.h"
#include "engine/message/spec.h"
#include "engine/message/template.h"
#include "engine/message/value.h"

namespace message {

class Body {
 public:
  // `seed` makes the boundaries: it must depend on all that decides the bytes. Adds a line to `errors` for each text
  // that is not a template. `partials` have CRLF as line ends, and are borrowed for the call.
  void Compile(const MimePart& root, std::string_view seed, absl::Span<const Partial> partials,
               std::vector<std::string>& errors);

  // Appends the MIME fields and the empty line to the header section, and the body. Errors: as Template::Execute.
  absl::Status Render(absl::Span<const Value> scope, OnMissing on_missing, Rendered& rendered) const;

  // The templates of all texts.
  std::vector<const Template*> Templates() const;

 private:
  static constexpr std::size_t kNoPart = static_cast<std::size_t>(-1);
  struct Step {
    std::string bytes;           // Constant; or empty:
    std::size_t part = kNoPart;  // a text.
  };

  void LayOut(const MimePart& part, absl::Span<const Partial> partials, std::vector<std::string>& errors);
  void LayOutMultipart(const MimePart& part, absl::Span<const Partial> partials, std::vector<std::string>& errors);
  void AddFields(std::string_view fields);
  void AddConstant(std::string_view bytes);
  std::string NextBoundary();

  std::string fields_;  // Of the whole message, with the empty line; empty: the only part is a text and brings them.
  std::vector<Step> steps_;
  std::vector<BodyPart> parts_;
  std::uint64_t boundary_prefix_ = 0;
  std::uint64_t boundary_number_ = 0;
};

}  // namespace message
