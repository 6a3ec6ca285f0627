#include "tools/sandbox/content_reader.h"

#include <cstring>

namespace sandbox {
namespace {

std::size_t Find(std::string_view bytes, char wanted, std::size_t from) {
  const void* at = from < bytes.size() ? std::memchr(bytes.data() + from, wanted, bytes.size() - from) : nullptr;
  return at == nullptr ? bytes.size() : static_cast<std::size_t>(static_cast<const char*>(at) - bytes.data());
}

bool HasHighBit(std::string_view bytes) {
  unsigned char all = 0;
  for (const char c : bytes) all = static_cast<unsigned char>(all | static_cast<unsigned char>(c));
  return all >= 0x80;
}

}  // namespace

void LineChecker::Finish() {
  faults_.bare_cr |= after_cr_;
  faults_.no_final_line_end |= after_cr_ || length_ > 0;
}

void LineChecker::Feed(std::string_view bytes) {
  if (bytes.empty()) return;
  faults_.nul |= Find(bytes, '\0', 0) != bytes.size();
  faults_.eight_bit |= HasHighBit(bytes);
  if (after_cr_ && bytes[0] != '\n') {
    faults_.bare_cr = true;
    after_cr_ = false;
  }
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t lf = Find(bytes, '\n', at);
    // A CR is fine only directly before the LF, which may come with the next piece.
    const bool cr_at_end = lf > at && bytes[lf - 1] == '\r';
    const std::size_t text_end = cr_at_end ? lf - 1 : lf;
    faults_.bare_cr |= Find(bytes.substr(0, text_end), '\r', at) != text_end;
    length_ += lf - at - (cr_at_end ? 1 : 0);
    faults_.long_line |= length_ > kLineMax;
    if (lf == bytes.size()) {
      after_cr_ = cr_at_end;
      return;
    }
    const bool crlf = cr_at_end || (lf == 0 && after_cr_);
    faults_.bare_lf |= !crlf;
    after_cr_ = false;
    length_ = 0;
    at = lf + 1;
  }
}

bool ContentReader::Feed(std::string_view& bytes, absl::FunctionRef<void(std::string_view)> sink) {
  std::size_t begin = 0;  // Content from here on is not passed on yet.
  std::size_t at = 0;
  while (at < bytes.size()) {
    const char c = bytes[at];
    switch (state_) {
      case State::kLineStart:
        if (c == '.') {  // The stuffed dot, or the final one.
          if (at > begin) sink(bytes.substr(begin, at - begin));
          begin = ++at;
          state_ = State::kDot;
          break;
        }
        state_ = State::kInLine;
        break;
      case State::kInLine:
        at = Find(bytes, '\r', at);
        if (at < bytes.size()) {
          ++at;
          state_ = State::kAfterCr;
        }
        break;
      case State::kAfterCr:
        state_ = c == '\n' ? State::kLineStart : State::kInLine;
        at += c == '\n' ? 1 : 0;
        break;
      case State::kDot:
        if (c == '\r') {
          // Passed on only if no LF follows.
          ++at;
          state_ = State::kDotCr;
        } else {
          unstuffed_dot_ |= c != '.';
          state_ = State::kInLine;
        }
        break;
      case State::kDotCr:
        if (c == '\n') {
          bytes.remove_prefix(at + 1);
          return true;
        }
        unstuffed_dot_ = true;
        if (at == 0) sink("\r");  // It came with an earlier piece.
        state_ = State::kInLine;
        break;
    }
  }
  const std::size_t end = state_ == State::kDotCr && at > begin ? at - 1 : at;
  if (end > begin) sink(bytes.substr(begin, end - begin));
  bytes.remove_prefix(bytes.size());
  return false;
}

}  // namespace sandbox
