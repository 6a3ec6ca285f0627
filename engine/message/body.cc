#include "engine/message/body.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/stable_hash.h"
#include "engine/message/transfer_encoding.h"

namespace message {
namespace {

// The fields of a part that is no text; a multipart's end with its boundary.
std::string ConstantFields(const MimePart& part, std::string_view boundary) {
  if (part.kind == MimePart::Kind::kData) return part.fields + "Content-Transfer-Encoding: base64\r\n\r\n";
  return "Content-Type: " + part.type + ";\r\n boundary=\"" + std::string(boundary) + "\"\r\n" + part.fields + "\r\n";
}

}  // namespace

void Body::Compile(const MimePart& root, std::string_view seed, absl::Span<const Partial> partials,
                   std::vector<std::string>& errors) {
  boundary_prefix_ = base::StableHash(seed, 1);
  boundary_number_ = base::StableHash(seed, 2);
  LayOut(root, partials, errors);
}

// All have the same length, so that none is the beginning of another. No text that goes as 7bit into a multipart has a
// line that could be one (BodyPart::Render).
std::string Body::NextBoundary() { return absl::StrFormat("=_%016x%016x", boundary_prefix_, boundary_number_++); }

void Body::LayOut(const MimePart& part, absl::Span<const Partial> partials, std::vector<std::string>& errors) {
  switch (part.kind) {
    case MimePart::Kind::kText: {
      absl::StatusOr<BodyPart> text = BodyPart::Compile(part.text, part.fields, part.escape, partials);
      if (!text.ok()) {
        errors.emplace_back(text.status().message());
        return;
      }
      steps_.push_back({"", parts_.size()});
      parts_.push_back(*std::move(text));
      return;
    }
    case MimePart::Kind::kData: {
      AddFields(ConstantFields(part, ""));
      std::string encoded;
      AppendBase64Lines(part.data, encoded);
      AddConstant(encoded);
      return;
    }
    case MimePart::Kind::kMultipart:
      return LayOutMultipart(part, partials, errors);
  }
}

void Body::LayOutMultipart(const MimePart& part, absl::Span<const Partial> partials, std::vector<std::string>& errors) {
  const std::string boundary = NextBoundary();
  AddFields(ConstantFields(part, boundary));
  bool first = true;
  for (const MimePart& child : part.children) {
    AddConstant((first ? "--" : "\r\n--") + boundary + "\r\n");
    first = false;
    LayOut(child, partials, errors);
  }
  AddConstant("\r\n--" + boundary + "--");
}

// The first part that is laid out is the whole message: its fields are the message's.
void Body::AddFields(std::string_view fields) {
  if (steps_.empty() && fields_.empty()) {
    fields_ = fields;
  } else {
    AddConstant(fields);
  }
}

void Body::AddConstant(std::string_view bytes) {
  if (steps_.empty() || steps_.back().part != kNoPart) steps_.emplace_back();
  steps_.back().bytes.append(bytes);
}

absl::Status Body::Render(absl::Span<const Value> scope, OnMissing on_missing, Rendered& rendered) const {
  rendered.header_.append("MIME-Version: 1.0\r\n").append(fields_);
  const bool is_whole_body = fields_.empty();
  for (const Step& step : steps_) {
    if (step.part == kNoPart) {
      rendered.AddShared(step.bytes);
    } else if (absl::Status status = parts_[step.part].Render(scope, on_missing, is_whole_body, rendered);
               !status.ok()) {
      return status;
    }
  }
  const std::size_t begin = rendered.own_.size();
  if (!rendered.EndsWithNewline()) rendered.own_.append("\r\n");
  rendered.AddOwnSince(begin);
  return absl::OkStatus();
}

std::vector<const Template*> Body::Templates() const {
  std::vector<const Template*> templates;
  for (const BodyPart& part : parts_) templates.push_back(&part.content());
  return templates;
}

}  // namespace message
