// The header section of a campaign's messages, apart from the MIME fields: fields that are the same in all messages are
// made once, the others are rendered for each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/message/rendered.h"
#include "engine/message/spec.h"
#include "engine/message/template.h"
#include "engine/message/value.h"

namespace message {

class HeaderBlock {
 public:
  // Adds a line to `errors` for each thing that is wrong with the spec's header texts.
  void Compile(const MessageSpec& spec, std::vector<std::string>& errors);

  // Appends all fields to the rendered header section. Errors: a field's value cannot be sent, and why.
  absl::Status Render(absl::Span<const Value> scope, const RenderInput& input, Rendered& rendered) const;

  // The templates of all fields.
  std::vector<const Template*> Templates() const;

 private:
  enum class Shape : std::uint8_t {
    kConstant,     // `name` is the whole of one or several fields.
    kTo,           // The display name's template; the address is the recipient's.
    kReplyTo,      // The address and then the display name.
    kFrom,         // The display name.
    kSubject,      // Unstructured.
    kExtra,        // Unstructured; left out when empty.
    kDate,         //
    kMessageId,    //
    kUnsubscribe,  // The https URL and then the mailto address; either may be missing.
    kFeedbackId,   // ASCII tokens.
  };
  struct Field {
    Shape shape = Shape::kConstant;
    std::string name;                 // "Subject"
    std::vector<Template> templates;  // As the shape says.
  };

  void AddConstant(std::string text);
  void AddField(Shape shape, std::string_view name, const std::vector<const TemplateText*>& texts,
                std::vector<std::string>& errors);
  void AddExtraHeaders(const MessageSpec& spec, std::vector<std::string>& errors);
  void AddListFields(const MessageSpec& spec, std::vector<std::string>& errors);
  absl::Status RenderField(const Field& field, absl::Span<const Value> scope, const RenderInput& input,
                           Rendered& rendered) const;
  absl::Status RenderUnsubscribe(const Field& field, absl::Span<const Value> scope, Rendered& rendered) const;

  std::vector<Field> fields_;
  OnMissing on_missing_ = OnMissing::kInvalid;
  std::string from_address_;
  std::string from_domain_;
  bool utf8_from_ = false;
};

}  // namespace message
