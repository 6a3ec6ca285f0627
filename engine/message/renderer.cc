#include "engine/message/renderer.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "engine/base/check.h"
#include "engine/message/eml.h"
#include "engine/message/header_encoding.h"
#include "engine/message/transfer_encoding.h"

namespace message {
namespace {

constexpr std::string_view kReserved = "sluice";
constexpr std::array<std::string_view, 8> kBuiltins = {
    "sluice", "sluice.row", "sluice.email", "sluice.token", "sluice.campaign", "sluice.email_url", "email", "token"};

bool IsToken(std::string_view token) {
  return !token.empty() && token.size() <= 64 && std::all_of(token.begin(), token.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.';
  });
}

enum class Presence { kAbsent, kText, kNoText };

Presence PresenceOf(const Value& row, std::string_view name) {
  for (const Member& member : row.members) {
    if (member.name != name) continue;
    const bool is_text = member.value.kind != Value::Kind::kList && member.value.kind != Value::Kind::kObject;
    return is_text ? Presence::kText : Presence::kNoText;
  }
  return Presence::kAbsent;
}

constexpr std::size_t kLongestBuiltin = 1024;  // sluice.email_url: three octets for each of an address.

absl::Status CheckInput(const RenderInput& input) {
  CHECK(input.row != nullptr);
  if (!IsHarmlessAddress(input.address, input.needs_smtputf8)) {
    return absl::InvalidArgumentError("the recipient's address cannot stand in a header");
  }
  if (!IsToken(input.token)) return absl::InvalidArgumentError("the token cannot stand in a Message-ID");
  return absl::OkStatus();
}

absl::Status BadSender(std::string_view sender) {
  std::string shown;
  AppendCleanText(sender.substr(0, 80), shown);
  return absl::InvalidArgumentError(absl::StrFormat(
      "the envelope sender \"%s\" is not LOCAL-PART@DOMAIN in ASCII, with at most 64 octets before the @", shown));
}

}  // namespace

class MessageTemplate::Scope {
 public:
  // `row` in the middle: the reserved name cannot be overridden, the aliases can.
  Scope(const Value& row, std::string_view row_number, std::string_view email, std::string_view email_url,
        std::string_view token, std::string_view campaign)
      : builtins_{{"row", Value::Text(row_number)},
                  {"email", Value::Text(email)},
                  {"token", Value::Text(token)},
                  {"campaign", Value::Text(campaign)},
                  {"email_url", Value::Text(email_url)}},
        aliases_{{"email", Value::Text(email)}, {"token", Value::Text(token)}},
        reserved_{{kReserved, {Value::Kind::kObject, {}, {}, builtins_}}},
        objects_{{Value::Kind::kObject, {}, {}, reserved_}, row, {Value::Kind::kObject, {}, {}, aliases_}} {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  absl::Span<const Value> objects() const { return objects_; }

 private:
  const Member builtins_[5];
  const Member aliases_[2];
  const Member reserved_[1];
  const Value objects_[3];
};

bool MessageTemplate::IsBuiltin(std::string_view name) {
  return std::find(kBuiltins.begin(), kBuiltins.end(), name) != kBuiltins.end();
}

absl::StatusOr<std::unique_ptr<const MessageTemplate>> MessageTemplate::Compile(MessageSpec spec) {
  std::unique_ptr<MessageTemplate> result(new MessageTemplate(std::move(spec)));
  std::vector<std::string> errors;
  result->CompileAll(errors);
  if (!errors.empty()) return absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
  return std::unique_ptr<const MessageTemplate>(std::move(result));
}

void MessageTemplate::CompileAll(std::vector<std::string>& errors) {
  if (spec_.eml.has_value()) {
    EmlMessage eml = ReadEml(*spec_.eml, errors);
    MessageSpec merged = spec_;
    if (merged.subject.text.empty()) merged.subject = std::move(eml.subject);
    if (merged.subject.text.empty()) {
      errors.push_back(absl::StrFormat("%s:%d: there is no Subject; write one here or in the campaign file",
                                       spec_.eml->file, spec_.eml->line));
    }
    for (ExtraHeader& header : eml.headers) merged.headers.push_back(std::move(header));
    headers_.Compile(merged, errors);
    CompileBody(&eml.root, errors);
  } else {
    headers_.Compile(spec_, errors);
    CompileBody(nullptr, errors);
  }
  CompileEnvelopeSender(errors);
  CollectFields(errors);
}

void MessageTemplate::CompileEnvelopeSender(std::vector<std::string>& errors) {
  const TemplateText& sender = spec_.envelope_sender;
  if (sender.text.empty()) {
    if (!IsPlainAddress(spec_.from_address, false)) {
      errors.push_back(
          absl::StrFormat("%s:%d: the From address cannot serve as the envelope sender; set envelope.sender",
                          sender.file, sender.line));
    }
  } else {
    absl::StatusOr<Template> compiled = Template::CompileText(sender, Escape::kNone, spec_.partials);
    if (!compiled.ok()) {
      errors.emplace_back(compiled.status().message());
      return;
    }
    envelope_sender_ = *std::move(compiled);
    if (envelope_sender_->HasFields()) return;
    Rendered once;
    if (const absl::Status status = RenderEnvelopeSender({}, once); !status.ok())
      errors.push_back(absl::StrFormat("%s:%d: %s", sender.file, sender.line, status.message()));
  }
}

void MessageTemplate::CompileBody(const MimePart* eml, std::vector<std::string>& errors) {
  std::vector<Partial> partials = spec_.partials;
  for (Partial& partial : partials) {
    std::string text;
    AppendWithCrlf(partial.text.text, text);
    partial.text.text = std::move(text);
  }
  if (eml != nullptr) {
    body_.Compile(*eml, Serialize(spec_), partials, errors);
  } else if (spec_.text.has_value() || spec_.html.has_value()) {
    body_.Compile(StructureOf(spec_), Serialize(spec_), partials, errors);
  } else {
    errors.push_back(absl::StrFormat("%s:%d: the message has no text; set html, text or both", spec_.subject.file,
                                     spec_.subject.line));
  }
}

bool MessageTemplate::HasConstantBody() const {
  const std::vector<const Template*> texts = body_.Templates();
  return std::none_of(texts.begin(), texts.end(), [](const Template* text) { return text->HasFields(); });
}

void MessageTemplate::CollectFields(std::vector<std::string>& errors) {
  templates_ = headers_.Templates();
  if (envelope_sender_.has_value()) templates_.push_back(&*envelope_sender_);
  for (const Template* text : body_.Templates()) templates_.push_back(text);
  templates_.erase(
      std::remove_if(templates_.begin(), templates_.end(), [](const Template* t) { return !t->HasFields(); }),
      templates_.end());
  for (const Template* source : templates_) {
    bool needs_walk = source->HasSections();  // Else `required_` says it all, but for dotted names.
    for (FieldUse& field : source->Fields()) {
      if (field.name == ".") {
        if (!field.in_section) {
          errors.push_back(
              absl::StrFormat("%s:%d: {{.}} stands outside a section; it means the item of the section around it",
                              field.file, field.line));
        }
        continue;
      }
      const bool is_reserved = field.TopLevel() == kReserved;
      if (field.name == "sluice.email_url" || field.in_section) uses_email_url_ = true;
      if (is_reserved && (!IsBuiltin(field.name) || (field.name == kReserved && !field.is_section))) {
        errors.push_back(
            absl::StrFormat("%s:%d: \"%s\" is not a built-in field; there are sluice.row, sluice.email, sluice.token, "
                            "sluice.campaign and sluice.email_url",
                            field.file, field.line, field.name));
      }
      if (is_reserved) continue;
      if (field.TopLevel() != field.name) needs_walk = true;
      if (!needs_walk && std::none_of(required_.begin(), required_.end(),
                                      [&](const Required& known) { return known.name == field.name; })) {
        required_.push_back({field.name, IsBuiltin(field.name)});
      }
      if (!IsBuiltin(field.name)) fields_.push_back(std::move(field));
    }
    if (needs_walk) {
      conditional_.push_back(source);
    } else {
      longest_safe_value_ = std::min(longest_safe_value_, source->LongestSafeValue());
    }
  }
}

absl::Status MessageTemplate::CheckFields(const Value& row) const {
  std::size_t longest = kLongestBuiltin;
  for (const Member& member : row.members) longest = std::max(longest, member.value.text.size());
  const bool is_complete = spec_.on_missing == OnMissing::kEmpty ||
                           std::all_of(required_.begin(), required_.end(), [&](const Required& required) {
                             const Presence presence = PresenceOf(row, required.name);
                             return presence == Presence::kText || (presence == Presence::kAbsent && required.is_alias);
                           });
  const bool walk_all = !is_complete || longest > longest_safe_value_;
  if (!walk_all && conditional_.empty()) return absl::OkStatus();
  // Built-in fields are there in every row; what they hold matters to no check.
  const Scope scope(row, "1", "x", "x", "x", "x");
  for (const Template* source : walk_all ? templates_ : conditional_) {
    if (absl::Status status = source->Refusal(scope.objects(), spec_.on_missing); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status MessageTemplate::Render(const RenderInput& input, Rendered& rendered) const {
  if (absl::Status status = CheckInput(input); !status.ok()) return status;
  return WithScope(input, rendered, [&](absl::Span<const Value> scope) {
    absl::Status status = RenderEnvelopeSender(scope, rendered);
    if (status.ok()) status = headers_.Render(scope, input, rendered);
    if (status.ok()) status = body_.Render(scope, spec_.on_missing, rendered);
    if (status.ok()) rendered.Finish();
    return status;
  });
}

absl::Status MessageTemplate::RenderEnvelope(const RenderInput& input, Rendered& rendered) const {
  if (absl::Status status = CheckInput(input); !status.ok()) return status;
  return WithScope(input, rendered,
                   [&](absl::Span<const Value> scope) { return RenderEnvelopeSender(scope, rendered); });
}

absl::Status MessageTemplate::CheckRow(const RenderInput& input, RowChecks checks, Rendered& scratch) const {
  if (!checks.sender && !checks.headers) return absl::OkStatus();
  return WithScope(input, scratch, [&](absl::Span<const Value> scope) {
    absl::Status status = checks.sender ? RenderEnvelopeSender(scope, scratch) : absl::OkStatus();
    if (status.ok() && checks.headers) {
      status = headers_.RenderRefusable(scope, input, scratch, [](const HeaderBlock::Field&) { return true; });
    }
    return status;
  });
}

absl::StatusOr<MessageTemplate::RowChecks> MessageTemplate::CheckOnce(
    const RenderInput& input, absl::FunctionRef<bool(std::string_view name)> is_in_rows) const {
  const auto is_same = [&](const Template& source) {
    const std::vector<FieldUse> fields = source.Fields();
    return std::all_of(fields.begin(), fields.end(), [&](const FieldUse& field) {
      return field.name == "sluice.token" || field.name == "sluice.campaign" ||
             (field.name == "token" && !is_in_rows(field.name));
    });
  };
  RowChecks left{.sender = envelope_sender_.has_value() && !is_same(*envelope_sender_), .headers = false};
  Rendered once;
  TemplateText where = spec_.envelope_sender;
  const absl::Status status = WithScope(input, once, [&](absl::Span<const Value> scope) {
    absl::Status sender = left.sender ? absl::OkStatus() : RenderEnvelopeSender(scope, once);
    if (!sender.ok()) return sender;
    return headers_.RenderRefusable(scope, input, once, [&](const HeaderBlock::Field& field) {
      const bool is_constant = std::all_of(field.templates.begin(), field.templates.end(), is_same);
      left.headers = left.headers || !is_constant;
      where = field.where;
      return is_constant;
    });
  });
  if (status.ok()) return left;
  return absl::InvalidArgumentError(absl::StrFormat("%s:%d: %s", where.file, where.line, status.message()));
}

absl::Status MessageTemplate::WithScope(const RenderInput& input, Rendered& rendered,
                                        absl::FunctionRef<absl::Status(absl::Span<const Value> scope)> make) const {
  rendered.Clear();
  rendered.needs_smtputf8_ = input.needs_smtputf8;
  const std::string_view email = input.typed_address.empty() ? input.address : input.typed_address;
  char digits[20];
  const auto [digits_end, error] = std::to_chars(std::begin(digits), std::end(digits), input.row_number);
  CHECK(error == std::errc{});
  const std::string_view row_number(digits, static_cast<std::size_t>(digits_end - digits));
  rendered.email_url_.clear();
  if (uses_email_url_) AppendPercentEncoded(email, rendered.email_url_);
  const Scope scope(*input.row, row_number, email, rendered.email_url_, input.token, spec_.campaign_id);
  return make(scope.objects());
}

absl::Status MessageTemplate::RenderEnvelopeSender(absl::Span<const Value> scope, Rendered& rendered) const {
  std::string& sender = rendered.envelope_sender_;
  if (!envelope_sender_.has_value()) {
    sender = spec_.from_address;
    return absl::OkStatus();
  }
  if (absl::Status status = envelope_sender_->Execute(scope, spec_.on_missing, rendered.fragments_); !status.ok()) {
    return status;
  }
  for (const Template::Fragment& fragment : rendered.fragments_) sender.append(fragment.bytes);
  return IsPlainAddress(sender, false) ? absl::OkStatus() : BadSender(sender);
}

}  // namespace message
