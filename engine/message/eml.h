// A complete message as a template (`eml`): its MIME structure is kept, its texts are templates, everything else in it
// is data. What cannot be kept is refused with its line.
//
// Fields that Sluice or servers make (From, To, Date, Message-ID, MIME-Version, traces and signatures) give way to the
// real ones; Subject and all others are templates.
#pragma once

#include <string>
#include <vector>

#include "engine/message/mime_part.h"
#include "engine/message/spec.h"

namespace message {

struct EmlMessage {
  TemplateText subject;  // Decoded (RFC 2047).
  std::vector<ExtraHeader> headers;
  MimePart root;
};

// Adds "FILE:LINE: ..." to `errors` for each thing that cannot be kept; the result is then of no use.
EmlMessage ReadEml(const TemplateText& source, std::vector<std::string>& errors);

}  // namespace message
