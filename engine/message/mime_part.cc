#include "engine/message/mime_part.h"

#include <utility>

#include "engine/message/content_type.h"
#include "engine/message/header_parameter.h"

namespace message {
namespace {

MimePart TextPart(const TemplateText& text, bool html) {
  MimePart part;
  part.fields = html ? "Content-Type: text/html; charset=utf-8\r\n" : "Content-Type: text/plain; charset=utf-8\r\n";
  part.text = text;
  part.escape = html ? Escape::kHtml : Escape::kNone;
  return part;
}

MimePart DataPart(const Attachment& attachment) {
  MimePart part;
  part.kind = MimePart::Kind::kData;
  part.fields.append("Content-Type: ").append(ContentTypeOf(attachment.name)).append("\r\n");
  if (!attachment.content_id.empty()) part.fields.append("Content-ID: <").append(attachment.content_id).append(">\r\n");
  const std::string_view disposition =
      attachment.content_id.empty() ? "Content-Disposition: attachment" : "Content-Disposition: inline";
  part.fields.append(disposition);
  AppendParameter("filename", attachment.name, disposition.size(), part.fields);
  part.fields.append("\r\n");
  part.data = attachment.content;
  return part;
}

MimePart Multipart(std::string type, std::vector<MimePart> children) {
  MimePart part;
  part.kind = MimePart::Kind::kMultipart;
  part.type = std::move(type);
  part.children = std::move(children);
  return part;
}

}  // namespace

MimePart StructureOf(const MessageSpec& spec) {
  std::vector<MimePart> texts;  // In rising order of preference (RFC 2046 section 5.1.4).
  if (spec.text.has_value()) texts.push_back(TextPart(*spec.text, /*html=*/false));
  if (spec.html.has_value()) texts.push_back(TextPart(*spec.html, /*html=*/true));
  const bool alternative = texts.size() > 1;
  MimePart body = alternative ? Multipart("multipart/alternative", std::move(texts)) : std::move(texts.front());
  if (!spec.inlines.empty()) {
    std::vector<MimePart> related;
    related.push_back(std::move(body));
    for (const Attachment& image : spec.inlines) related.push_back(DataPart(image));
    // RFC 2387 section 3.1: the type of the part that the others belong to.
    const std::string_view root = alternative             ? "multipart/alternative"
                                  : spec.html.has_value() ? "text/html"
                                                          : "text/plain";
    body = Multipart("multipart/related; type=\"" + std::string(root) + "\"", std::move(related));
  }
  if (spec.attachments.empty()) return body;
  std::vector<MimePart> mixed;
  mixed.push_back(std::move(body));
  for (const Attachment& attachment : spec.attachments) mixed.push_back(DataPart(attachment));
  return Multipart("multipart/mixed", std::move(mixed));
}

}  // namespace message
