// Renders a campaign's message for one recipient: headers, MIME structure and transfer encodings, and the envelope
// sender. Compiled once; constant then, so that all shards share one. What a rendering needs lives in the Rendered that
// it fills.
//
// Whatever a row holds, the bytes are a well-formed message (RFC 5322, 2045-2047): 7-bit body, lines within 998 octets,
// no bare CR or LF, header values that stay within their header. Header text is 8-bit only in addresses that need
// SMTPUTF8.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/time.h"
#include "engine/message/body.h"
#include "engine/message/header_block.h"
#include "engine/message/mime_part.h"
#include "engine/message/rendered.h"
#include "engine/message/spec.h"
#include "engine/message/template.h"
#include "engine/message/value.h"

namespace message {

class MessageTemplate {
 public:
  // Errors: InvalidArgument with one line per finding, each "FILE:LINE: ...".
  static absl::StatusOr<std::unique_ptr<const MessageTemplate>> Compile(MessageSpec spec);
  MessageTemplate(const MessageTemplate&) = delete;
  MessageTemplate& operator=(const MessageTemplate&) = delete;

  // Fills `rendered`, which then borrows from this template. The bytes depend on `input` and the spec only.
  // Errors: this row cannot be sent, and why; `rendered` is then unspecified, and may be used again.
  absl::Status Render(const RenderInput& input, Rendered& rendered) const;
  // Only the envelope sender.
  absl::Status RenderEnvelope(const RenderInput& input, Rendered& rendered) const;

  // Whether Render would refuse the row for a field that is absent or not a text: `the field "x" (FILE:LINE) is
  // absent` (NotFound). Under OnMissing::kEmpty none is. A section over an absent name is not a missing field. Besides,
  // what is beyond the limits of templates (ResourceExhausted).
  absl::Status CheckFields(const Value& row) const;

  // The addresses and URLs that some rows may spoil.
  struct RowChecks {
    bool sender = true;
    bool headers = true;
  };
  // Tries those that are the same for all rows but for their token, once. `is_in_rows`: whether rows may have a field
  // of this name; where they may not, the aliases are built in. Returns the others. Errors: InvalidArgument,
  // "FILE:LINE: what is wrong".
  absl::StatusOr<RowChecks> CheckOnce(const RenderInput& input,
                                      absl::FunctionRef<bool(std::string_view name)> is_in_rows) const;
  // Whether Render would refuse the row for an address or a URL, found without making the bodies. `scratch` is then
  // unspecified. Errors: as Render.
  absl::Status CheckRow(const RenderInput& input, RowChecks checks, Rendered& scratch) const;

  // Every message has the same body.
  bool HasConstantBody() const;

  // The names that rows must supply, from all templates: without the built-in sluice.* and without email and token.
  // A name outside sections that is in no row and no default is a mistake of the template's line.
  const std::vector<FieldUse>& Fields() const { return fields_; }

  // sluice.row, sluice.email, sluice.token, sluice.campaign, sluice.email_url, and the aliases email and token.
  static bool IsBuiltin(std::string_view name);

  const MessageSpec& spec() const { return spec_; }

 private:
  class Scope;  // The objects that names resolve against, for one row.
  struct Required {
    std::string name;
    bool is_alias = false;  // May be absent, but not be a list or object.
  };

  explicit MessageTemplate(MessageSpec spec) : spec_(std::move(spec)) {}
  // Calls `make` with the scope of the row.
  absl::Status WithScope(const RenderInput& input, Rendered& rendered,
                         absl::FunctionRef<absl::Status(absl::Span<const Value> scope)> make) const;
  void CompileAll(std::vector<std::string>& errors);
  void CompileEnvelopeSender(std::vector<std::string>& errors);
  void CompileBody(const MimePart* eml, std::vector<std::string>& errors);
  void CollectFields(std::vector<std::string>& errors);
  absl::Status RenderEnvelopeSender(absl::Span<const Value> scope, Rendered& rendered) const;

  const MessageSpec spec_;
  HeaderBlock headers_;
  std::optional<Template> envelope_sender_;  // Nullopt: From's address.
  Body body_;
  bool uses_email_url_ = false;

  // For the check of a row.
  std::vector<FieldUse> fields_;
  std::vector<Required> required_;             // Of templates that need no walk; each name once.
  std::vector<const Template*> conditional_;   // Templates that need the whole walk: with sections or dotted names.
  std::size_t longest_safe_value_ = SIZE_MAX;  // For all other templates: values up to it are within the limits.
  std::vector<const Template*> templates_;     // All that have fields.
};

}  // namespace message
