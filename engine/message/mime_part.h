// The MIME structure of a message before it is compiled: a tree of texts (templates), data and multiparts. It comes
// from the texts and files of a campaign, or from an `eml` template.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/message/spec.h"
#include "engine/message/template.h"

namespace message {

struct MimePart {
  enum class Kind : std::uint8_t { kText, kData, kMultipart };
  Kind kind = Kind::kText;
  // The Content-* fields as they are sent, each with its CRLF; without Content-Transfer-Encoding, and in a multipart
  // without the boundary: Content-Type comes first there, and `type` is its value.
  std::string fields;
  std::string type;                // kMultipart: "multipart/mixed", with its parameters apart from the boundary.
  TemplateText text;               // kText
  Escape escape = Escape::kNone;   // kText
  std::string data;                // kData, as it is before encoding.
  std::vector<MimePart> children;  // kMultipart
};

// The structure of what is in the spec's text, html, inlines and attachments: mixed around related around alternative
// (RFC 2046 section 5.1, RFC 2387), each only where there is something to join. Requires: a text or html.
MimePart StructureOf(const MessageSpec& spec);

}  // namespace message
