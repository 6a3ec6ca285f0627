#include "engine/message/rendered.h"

namespace message {
namespace {

constexpr std::size_t kWorthSharing = 256;  // Shorter stretches are copied: a piece costs more than its bytes.

}  // namespace

std::string Rendered::ToString() const {
  std::string text;
  text.reserve(size_);
  for (std::string_view piece : pieces_) text.append(piece);
  return text;
}

void Rendered::Clear() {
  header_.clear();
  envelope_sender_.clear();
  own_.clear();
  parts_.clear();
  pieces_.clear();
  size_ = 0;
  needs_smtputf8_ = false;
}

void Rendered::AddShared(std::string_view bytes) {
  if (bytes.size() < kWorthSharing) {
    const std::size_t begin = own_.size();
    own_.append(bytes);
    AddOwnSince(begin);
  } else {
    parts_.push_back({bytes.data(), 0, bytes.size()});
  }
}

void Rendered::AddOwnSince(std::size_t begin) {
  const std::size_t size = own_.size() - begin;
  if (size == 0) return;
  if (!parts_.empty() && parts_.back().shared == nullptr && parts_.back().begin + parts_.back().size == begin) {
    parts_.back().size += size;
  } else {
    parts_.push_back({nullptr, begin, size});
  }
}

bool Rendered::EndsWithNewline() const {
  if (parts_.empty()) return true;
  const Piece& last = parts_.back();
  return (last.shared != nullptr ? last.shared[last.size - 1] : own_[last.begin + last.size - 1]) == '\n';
}

void Rendered::Finish() {
  pieces_.push_back(header_);
  size_ = header_.size();
  for (const Piece& part : parts_) {
    pieces_.emplace_back(part.shared != nullptr ? part.shared : own_.data() + part.begin, part.size);
    size_ += part.size;
  }
}

}  // namespace message
