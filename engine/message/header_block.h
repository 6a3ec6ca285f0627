// The header section of a campaign's messages, apart from the MIME fields: fields that are the same in all messages are
// made once, the others are rendered for each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/message/rendered.h"
#include "engine/message/spec.h"
#include "engine/message/template.h"
#include "engine/message/value.h"

namespace message {

class HeaderBlock {
 public:
  enum class Shape : std::uint8_t {
    kConstant,  // `name` is the whole of one or several fields.
    kFrom,      // Template: the display name.
    kTo,        // Template: the display name.
    kReplyTo,   // Templates: the address, the display name.
    kSubject,   // Template: unstructured text.
    kExtra,     // Template: unstructured text; no field when it is empty.
    kDate,
    kMessageId,
    kUnsubscribe,  // Templates: the https URL, the mailto address; an empty one is not there.
  };
  struct Field {
    Shape shape = Shape::kConstant;
    std::string name;
    TemplateText where;  // Only the place.
    std::vector<Template> templates;
  };

  // Adds a line to `errors` for each thing that is wrong with the spec's header texts.
  void Compile(const MessageSpec& spec, std::vector<std::string>& errors);

  // Appends all fields to the rendered header section. Errors: a field's value cannot be sent, and why.
  absl::Status Render(absl::Span<const Value> scope, const RenderInput& input, Rendered& rendered) const;

  // Tries the fields whose values may be refused, those that `is_wanted`. Errors: as Render.
  absl::Status RenderRefusable(absl::Span<const Value> scope, const RenderInput& input, Rendered& scratch,
                               absl::FunctionRef<bool(const Field& field)> is_wanted) const;

  // The templates of all fields.
  std::vector<const Template*> Templates() const;

 private:
  void AddConstant(std::string_view text);
  void AddField(Shape shape, std::string_view name, const std::vector<const TemplateText*>& texts,
                const MessageSpec& spec, std::vector<std::string>& errors);
  void AddListFields(const MessageSpec& spec, std::vector<std::string>& errors);
  void AddExtraFields(const MessageSpec& spec, std::vector<std::string>& errors);
  absl::Status RenderField(const Field& field, absl::Span<const Value> scope, const RenderInput& input,
                           Rendered& rendered) const;
  absl::Status RenderReplyTo(const Field& field, absl::Span<const Value> scope, Rendered& rendered) const;
  absl::Status RenderUnsubscribe(const Field& field, absl::Span<const Value> scope, Rendered& rendered) const;
  // Replaces `out` by the rendered text, made clean.
  absl::Status RenderClean(const Template& source, absl::Span<const Value> scope, Rendered& rendered,
                           std::string& out) const;

  std::vector<Field> fields_;
  OnMissing on_missing_ = OnMissing::kInvalid;
  std::string from_address_;
  std::string from_domain_;
  bool always_utf8_ = false;  // From or a constant Reply-To needs SMTPUTF8.
};

}  // namespace message
