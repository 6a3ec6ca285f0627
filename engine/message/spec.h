// The message part of a campaign as plain data: everything that decides the bytes of its messages, apart from the row.
// It can be written to bytes and read back, so that a resumed campaign sends what was started, whatever became of its
// files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace message {

// A Mustache text and where it stands, for error lines.
struct TemplateText {
  std::string text;
  std::string file;
  std::uint32_t line = 1;  // Of the text's first character, from 1.
  friend bool operator==(const TemplateText&, const TemplateText&) = default;
};

struct ExtraHeader {
  std::string name;
  TemplateText value;
  friend bool operator==(const ExtraHeader&, const ExtraHeader&) = default;
};

// A text that templates take in by its name: {{> name}}.
struct Partial {
  std::string name;
  TemplateText text;
  friend bool operator==(const Partial&, const Partial&) = default;
};

// A file that goes with the message.
struct Attachment {
  std::string name;        // As the recipient sees it; its extension says what it is.
  std::string content_id;  // Without angle brackets; empty: an attachment, else HTML shows it by "cid:".
  std::string content;
  friend bool operator==(const Attachment&, const Attachment&) = default;
};

enum class MailKind : std::uint8_t { kMarketing, kTransactional };
// What a field that is absent from one row means: the row is invalid, or it renders as nothing.
enum class OnMissing : std::uint8_t { kInvalid, kEmpty };
// What the Date header says: the planned start, or the moment of sending. The caller of Render fills in the date
// accordingly.
enum class DateMode : std::uint8_t { kStart, kSend };

// An empty text means that the campaign does not have it. Addresses are in wire form: the domain as A-labels.
struct MessageSpec {
  std::string campaign_id;
  MailKind kind = MailKind::kMarketing;
  OnMissing on_missing = OnMissing::kInvalid;
  DateMode date_mode = DateMode::kStart;
  std::string from_address;  // Never a template.
  TemplateText from_name;
  TemplateText reply_to_address;
  TemplateText reply_to_name;
  TemplateText to_name;
  TemplateText envelope_sender;  // MAIL FROM; empty: from_address.
  TemplateText subject;
  std::optional<TemplateText> html;  // At least one of these two, or:
  std::optional<TemplateText> text;
  std::optional<TemplateText> eml;  // A complete message (eml.h), without html, text, inlines and attachments.
  std::vector<Attachment> inlines;
  std::vector<Attachment> attachments;
  std::vector<ExtraHeader> headers;
  std::vector<Partial> partials;    // Each name once.
  std::string list_id;              // The list-id of RFC 2919, without angle brackets.
  TemplateText unsubscribe_url;     // https, one-click (RFC 8058).
  TemplateText unsubscribe_mailto;  // With or without "mailto:".
  TemplateText feedback_id;
  friend bool operator==(const MessageSpec&, const MessageSpec&) = default;
};

// Versioned and self-contained; equal specs have equal bytes.
std::string Serialize(const MessageSpec& spec);
// Errors: DataLoss, when `bytes` is not what Serialize wrote.
absl::StatusOr<MessageSpec> Deserialize(std::string_view bytes);

}  // namespace message
