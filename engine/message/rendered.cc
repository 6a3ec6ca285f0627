#include "engine/message/rendered.h"

#include <type_traits>

namespace message {
namespace {

constexpr std::size_t kWorthSharing = 256;  // Shorter stretches are copied: a piece costs more than its bytes.

constexpr std::size_t kKeptBytes = std::size_t{1} << 20;  // Of one buffer: enough for all but a few messages.

template <typename Buffer>
std::size_t BytesOf(const Buffer& buffer) {
  return buffer.capacity() * sizeof(typename Buffer::value_type);
}

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

void Rendered::FreeExcess() {
  Clear();
  const auto free = [](auto& buffer) {
    if (BytesOf(buffer) > kKeptBytes) std::remove_reference_t<decltype(buffer)>().swap(buffer);
  };
  for (std::string* text : {&header_, &envelope_sender_, &own_, &values_, &flat_, &clean_, &email_url_}) free(*text);
  free(parts_);
  free(pieces_);
  free(fragments_);
  free(merged_);
}

std::size_t Rendered::memory() const {
  std::size_t bytes = BytesOf(parts_) + BytesOf(pieces_) + BytesOf(fragments_) + BytesOf(merged_);
  for (const std::string* text : {&header_, &envelope_sender_, &own_, &values_, &flat_, &clean_, &email_url_})
    bytes += BytesOf(*text);
  return bytes;
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
