#include "engine/message/header_block.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "engine/base/date.h"
#include "engine/base/text.h"
#include "engine/message/header_encoding.h"

namespace message {
namespace {

constexpr std::size_t kLongestUri = 900;  // With its brackets and name it must fit into a line of 998.

std::string Where(const TemplateText& text) { return absl::StrFormat("%s:%d: ", text.file, text.line); }

// Made by Sluice or by servers on the way; names that end in "-" stand for all that begin so.
bool IsReserved(std::string_view name, MailKind kind) {
  constexpr std::array kNames = {"From",
                                 "To",
                                 "Cc",
                                 "Bcc",
                                 "Sender",
                                 "Reply-To",
                                 "Subject",
                                 "Date",
                                 "Message-ID",
                                 "MIME-Version",
                                 "List-Id",
                                 "Feedback-ID",
                                 "Return-Path",
                                 "Received",
                                 "Authentication-Results",
                                 "Content-",
                                 "Resent-",
                                 "ARC-",
                                 "DKIM-",
                                 "List-Unsubscribe",
                                 "List-Unsubscribe-Post",
                                 "Received-SPF"};
  constexpr std::array kMarketing = {"Precedence", "X-Auto-Response-Suppress"};
  const auto matches = [&](std::string_view reserved) {
    return reserved.back() == '-' ? base::StartsWithIgnoreCase(name, reserved) : base::EqualsIgnoreCase(name, reserved);
  };
  return std::any_of(kNames.begin(), kNames.end(), matches) ||
         (kind == MailKind::kMarketing && std::any_of(kMarketing.begin(), kMarketing.end(), matches));
}

// RFC 5322 section 2.2: printable ASCII without the colon.
bool IsFieldName(std::string_view name) {
  return !name.empty() && name.size() <= 60 &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7F && c != ':'; });
}

// RFC 2919 section 2: a dot-atom. It is no template.
bool IsListId(std::string_view id) {
  return !id.empty() && id.size() <= 255 && id.front() != '.' && id.back() != '.' &&
         id.find('.') != std::string_view::npos && IsAscii(id) && id.find("{{") == std::string_view::npos &&
         id.find_first_of(" <>@,;:\\\"()[]") == std::string_view::npos &&
         std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

// Google's format: up to three fields and the id of the sender, 5 to 15 characters that are the same for all mail. The
// fields may be templates.
bool IsFeedbackId(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const std::string_view sender = text.substr(colon == std::string_view::npos ? 0 : colon + 1);
  std::size_t colons = 0;
  std::size_t depth = 0;  // Colons within tags do not count.
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "{{") ++depth;
    if (text.substr(i, 2) == "}}" && depth > 0) --depth;
    if (text[i] == ':' && depth == 0) ++colons;
  }
  return colons <= 3 && sender.size() >= 5 && sender.size() <= 15 && IsAscii(sender) &&
         sender.find_first_of(" \t{}") == std::string_view::npos;
}

absl::Status BadUri(std::string_view what, std::string_view uri, std::string_view rule) {
  std::string shown;
  AppendCleanText(uri.substr(0, 80), shown);
  return absl::InvalidArgumentError(absl::StrFormat("the %s \"%s\" %s", what, shown, rule));
}

constexpr std::string_view kHttps = "https://";
constexpr std::string_view kMailto = "mailto:";
constexpr std::string_view kNotHttps = "is not https; one-click unsubscription needs https://HOST/...";

}  // namespace

void HeaderBlock::Compile(const MessageSpec& spec, std::vector<std::string>& errors) {
  on_missing_ = spec.on_missing;
  from_address_ = spec.from_address;
  from_domain_ = from_address_.substr(from_address_.rfind('@') + 1);
  always_utf8_ = !IsAscii(from_address_);
  if (!IsHarmlessAddress(from_address_, true) || !IsPlainAddress("x@" + from_domain_, false)) {
    errors.push_back(Where(spec.from_name) + "the From address \"" + from_address_ + "\" is not LOCAL-PART@DOMAIN");
    return;
  }
  AddField(Shape::kFrom, "From", {&spec.from_name}, spec, errors);
  AddField(Shape::kTo, "To", {&spec.to_name}, spec, errors);
  if (!spec.reply_to_address.text.empty()) {
    AddField(Shape::kReplyTo, "Reply-To", {&spec.reply_to_address, &spec.reply_to_name}, spec, errors);
  }
  AddField(Shape::kSubject, "Subject", {&spec.subject}, spec, errors);
  AddField(Shape::kDate, "Date", {}, spec, errors);
  AddField(Shape::kMessageId, "Message-ID", {}, spec, errors);
  AddListFields(spec, errors);
  AddExtraFields(spec, errors);
}

void HeaderBlock::AddListFields(const MessageSpec& spec, std::vector<std::string>& errors) {
  if (!spec.list_id.empty()) {
    if (IsListId(spec.list_id)) {
      AddConstant("List-Id: <" + spec.list_id + ">\r\n");
    } else {
      errors.push_back(Where(spec.subject) + "the list id \"" + spec.list_id +
                       "\" is not a name such as weekly.example.com");
    }
  }
  const std::string_view url = spec.unsubscribe_url.text;
  const std::string_view start = url.substr(0, std::min(url.find("{{"), kHttps.size()));
  if (!base::EqualsIgnoreCase(start, kHttps.substr(0, start.size()))) {
    errors.push_back(Where(spec.unsubscribe_url) + std::string(BadUri("unsubscribe URL", url, kNotHttps).message()));
  } else if (!url.empty() || !spec.unsubscribe_mailto.text.empty()) {
    AddField(Shape::kUnsubscribe, "List-Unsubscribe", {&spec.unsubscribe_url, &spec.unsubscribe_mailto}, spec, errors);
  }
  if (!spec.feedback_id.text.empty() && !IsFeedbackId(spec.feedback_id.text)) {
    errors.push_back(Where(spec.feedback_id) + "the feedback id \"" + spec.feedback_id.text +
                     "\" does not end with a sender id; write up to three fields and 5 to 15 characters, such as "
                     "weekly:digest:news:example");
  } else if (!spec.feedback_id.text.empty()) {
    AddField(Shape::kExtra, "Feedback-ID", {&spec.feedback_id}, spec, errors);
  }
  if (spec.kind == MailKind::kMarketing) {
    AddConstant("Precedence: bulk\r\nX-Auto-Response-Suppress: OOF, AutoReply\r\n");
  }
}

void HeaderBlock::AddExtraFields(const MessageSpec& spec, std::vector<std::string>& errors) {
  std::vector<std::string> seen;
  for (const ExtraHeader& header : spec.headers) {
    if (!IsFieldName(header.name)) {
      errors.push_back(Where(header.value) + "\"" + header.name +
                       "\" is not a header name; use letters, digits and \"-\", at most 60");
    } else if (IsReserved(header.name, spec.kind)) {
      errors.push_back(Where(header.value) + "the header \"" + header.name +
                       "\" is made by Sluice or by servers and cannot be set here; remove it");
    } else if (std::find(seen.begin(), seen.end(), base::LowerAscii(header.name)) != seen.end()) {
      errors.push_back(Where(header.value) + "the header \"" + header.name + "\" is set twice; keep one");
    } else {
      seen.push_back(base::LowerAscii(header.name));
      AddField(Shape::kExtra, header.name, {&header.value}, spec, errors);
    }
  }
}

void HeaderBlock::AddConstant(std::string_view text) {
  if (fields_.empty() || fields_.back().shape != Shape::kConstant) fields_.emplace_back();
  fields_.back().name.append(text);
}

void HeaderBlock::AddField(Shape shape, std::string_view name, const std::vector<const TemplateText*>& texts,
                           const MessageSpec& spec, std::vector<std::string>& errors) {
  Field field;
  field.shape = shape;
  field.name = name;
  if (!texts.empty()) field.where = {"", texts.front()->file, texts.front()->line};
  bool constant = shape != Shape::kTo && !texts.empty();
  for (const TemplateText* text : texts) {
    absl::StatusOr<Template> compiled = Template::CompileText(*text, Escape::kNone, spec.partials);
    if (!compiled.ok()) {
      errors.emplace_back(compiled.status().message());
      return;
    }
    constant = constant && !compiled->HasFields();
    field.templates.push_back(*std::move(compiled));
  }
  if (!constant) {
    fields_.push_back(std::move(field));
    return;
  }
  Rendered once;
  if (absl::Status status = RenderField(field, {}, RenderInput(), once); !status.ok()) {
    errors.push_back(Where(*texts.front()) + std::string(status.message()));
    return;
  }
  always_utf8_ = always_utf8_ || once.needs_smtputf8_;
  AddConstant(once.header_);
}

std::vector<const Template*> HeaderBlock::Templates() const {
  std::vector<const Template*> templates;
  for (const Field& field : fields_) {
    for (const Template& source : field.templates) templates.push_back(&source);
  }
  return templates;
}

absl::Status HeaderBlock::Render(absl::Span<const Value> scope, const RenderInput& input, Rendered& rendered) const {
  rendered.needs_smtputf8_ = rendered.needs_smtputf8_ || always_utf8_;
  for (const Field& field : fields_) {
    if (absl::Status status = RenderField(field, scope, input, rendered); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status HeaderBlock::RenderRefusable(absl::Span<const Value> scope, const RenderInput& input, Rendered& scratch,
                                          absl::FunctionRef<bool(const Field& field)> is_wanted) const {
  for (const Field& field : fields_) {
    if (field.shape != Shape::kReplyTo && field.shape != Shape::kUnsubscribe) continue;
    if (!is_wanted(field)) continue;
    if (absl::Status status = RenderField(field, scope, input, scratch); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status HeaderBlock::RenderField(const Field& field, absl::Span<const Value> scope, const RenderInput& input,
                                      Rendered& rendered) const {
  std::string& out = rendered.header_;
  if (field.shape == Shape::kConstant) {
    out.append(field.name);
    return absl::OkStatus();
  }
  if (field.shape == Shape::kReplyTo) return RenderReplyTo(field, scope, rendered);
  if (field.shape == Shape::kUnsubscribe) return RenderUnsubscribe(field, scope, rendered);
  if (!field.templates.empty()) {
    absl::Status status = RenderClean(field.templates[0], scope, rendered, rendered.clean_);
    if (!status.ok()) return status;
    if (field.shape == Shape::kExtra && rendered.clean_.empty()) return status;
  }
  out.append(field.name).push_back(':');
  const std::size_t column = field.name.size() + 1;
  if (field.shape == Shape::kFrom) {
    AppendMailbox(rendered.clean_, from_address_, column, out);
  } else if (field.shape == Shape::kTo) {
    AppendMailbox(rendered.clean_, input.address, column, out);
  } else if (field.shape == Shape::kDate) {
    if (rendered.date_.empty() || rendered.date_second_ != input.date.seconds()) {
      rendered.date_second_ = input.date.seconds();
      rendered.date_ = base::FormatRfc5322(input.date);
    }
    out.append(" ").append(rendered.date_);
  } else if (field.shape == Shape::kMessageId) {
    out.append(" <").append(input.token).append("@").append(from_domain_).append(">");
  } else {
    AppendUnstructured(rendered.clean_, column, field.shape == Shape::kExtra, out);
  }
  out.append("\r\n");
  return absl::OkStatus();
}

absl::Status HeaderBlock::RenderReplyTo(const Field& field, absl::Span<const Value> scope, Rendered& rendered) const {
  std::string& address = rendered.values_;
  if (absl::Status status = RenderClean(field.templates[0], scope, rendered, address); !status.ok()) return status;
  if (!IsPlainAddress(address, true)) return BadUri("Reply-To address", address, "is not LOCAL-PART@DOMAIN");
  if (!IsAscii(address)) rendered.needs_smtputf8_ = true;
  if (absl::Status status = RenderClean(field.templates[1], scope, rendered, rendered.clean_); !status.ok())
    return status;
  rendered.header_.append("Reply-To:");
  AppendMailbox(rendered.clean_, address, 9, rendered.header_);
  rendered.header_.append("\r\n");
  return absl::OkStatus();
}

absl::Status HeaderBlock::RenderUnsubscribe(const Field& field, absl::Span<const Value> scope,
                                            Rendered& rendered) const {
  std::string& out = rendered.header_;
  std::string& word = rendered.values_;
  std::string& text = rendered.clean_;
  const bool has_url = !field.templates[0].IsEmpty();
  const bool has_mailto = !field.templates[1].IsEmpty();
  out.append("List-Unsubscribe:");
  std::size_t column = 17;
  for (const bool mailto : {false, true}) {
    if (!(mailto ? has_mailto : has_url)) continue;
    if (absl::Status status = RenderClean(field.templates[mailto ? 1 : 0], scope, rendered, text); !status.ok())
      return status;
    const std::string_view scheme = mailto ? kMailto : kHttps;
    const bool has_scheme = base::StartsWithIgnoreCase(text, scheme);
    if (!mailto && (!has_scheme || text.size() == kHttps.size())) return BadUri("unsubscribe URL", text, kNotHttps);
    const std::string_view rest = std::string_view(text).substr(has_scheme ? scheme.size() : 0);
    if (mailto && !IsPlainAddress(rest.substr(0, rest.find('?')), false)) {
      return BadUri("unsubscribe mailto", text, "is not LOCAL-PART@DOMAIN in ASCII");
    }
    word.assign("<").append(scheme);
    AppendUri(rest, word);
    word.append(!mailto && has_mailto ? ">," : ">");
    if (word.size() > kLongestUri)
      return BadUri(mailto ? "unsubscribe mailto" : "unsubscribe URL", text, "is longer than 900 octets");
    column = AppendWord(word, column, out);
  }
  out.append("\r\n");
  if (has_url) out.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
  return absl::OkStatus();
}

absl::Status HeaderBlock::RenderClean(const Template& source, absl::Span<const Value> scope, Rendered& rendered,
                                      std::string& out) const {
  out.clear();
  if (absl::Status status = source.Execute(scope, on_missing_, rendered.fragments_); !status.ok()) return status;
  rendered.flat_.clear();
  for (const Template::Fragment& fragment : rendered.fragments_) rendered.flat_.append(fragment.bytes);
  AppendCleanText(rendered.flat_, out);
  return absl::OkStatus();
}

}  // namespace message
