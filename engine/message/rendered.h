// One rendered message with its envelope sender. It owns what differs from message to message and shares the rest with
// the MessageTemplate, which must outlive its use. Reuse one for many messages: in steady state a rendering allocates
// nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "engine/base/time.h"
#include "engine/message/template.h"
#include "engine/message/value.h"

namespace message {

// What one rendering is made from. All bytes are borrowed for the duration of the call.
struct RenderInput {
  const Value* row = nullptr;  // An object, with the campaign's defaults already applied.
  std::uint64_t row_number = 0;
  std::string_view address;        // The recipient on the wire: local part as typed, domain as A-labels.
  std::string_view typed_address;  // What sluice.email says; empty: `address`.
  std::string_view token;
  base::WallTime date;
  bool needs_smtputf8 = false;  // The recipient's local part is not ASCII.
};

class Rendered {
 public:
  Rendered() = default;
  Rendered(const Rendered&) = delete;
  Rendered& operator=(const Rendered&) = delete;

  // The message's bytes in order; the first piece is header(). Valid until the next rendering into this object.
  absl::Span<const std::string_view> pieces() const { return pieces_; }
  std::size_t size() const { return size_; }  // In octets, of all pieces.
  // The header section with the empty line that ends it.
  std::string_view header() const { return header_; }
  // MAIL FROM: ASCII, local-part@domain.
  std::string_view envelope_sender() const { return envelope_sender_; }
  // The header section holds UTF-8, or an envelope address does: the message may go to servers with SMTPUTF8 only.
  bool needs_smtputf8() const { return needs_smtputf8_; }

  // Frees what a very large message has left behind, for a Rendered that is kept for others. Nothing is rendered then.
  void FreeExcess();
  std::size_t memory() const;  // In bytes, kept for the next rendering.

  // All pieces as one text.
  std::string ToString() const;

 private:
  friend class Body;
  friend class BodyPart;
  friend class HeaderBlock;
  friend class MessageTemplate;

  // A value of one part after escaping and line-end normalisation.
  struct Merged {
    std::size_t begin = 0;  // In values_.
    std::size_t size = 0;
  };
  struct Piece {
    const char* shared = nullptr;  // Null: own bytes, at `begin` in own_.
    std::size_t begin = 0;
    std::size_t size = 0;
  };

  void Clear();
  bool EndsWithNewline() const;            // What was added; true when nothing was.
  void AddShared(std::string_view bytes);  // The template's bytes; short ones are copied, to keep pieces few.
  void AddOwnSince(std::size_t begin);     // What was appended to own_ from there on.
  void Finish();                           // Makes pieces_ of header_ and what was added.

  std::string header_;
  std::string envelope_sender_;
  std::string own_;
  std::vector<Piece> parts_;
  std::vector<std::string_view> pieces_;
  std::size_t size_ = 0;
  bool needs_smtputf8_ = false;

  // Memory that is kept from one rendering to the next.
  std::vector<Template::Fragment> fragments_;
  std::vector<Merged> merged_;
  std::string values_;
  std::string flat_;
  std::string clean_;
  std::string email_url_;
  std::string date_;  // The Date header's value at date_second_.
  std::int64_t date_second_ = 0;
};

}  // namespace message
