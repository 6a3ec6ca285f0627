// SMTP replies (RFC 5321 section 4.2) with enhanced status codes (RFC 2034, RFC 3463), parsed from bytes as they come.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace smtp {

struct EnhancedCode {
  std::uint16_t digits[3] = {};  // class.subject.detail; all zero: none
  bool IsPresent() const { return digits[0] != 0; }
  bool Is(std::uint16_t subject, std::uint16_t detail) const {
    return IsPresent() && digits[1] == subject && digits[2] == detail;
  }
  friend bool operator==(const EnhancedCode&, const EnhancedCode&) = default;
};

struct Reply {
  // What is judged, shown and written down for each attempt; whoever says more says nothing that matters.
  static constexpr std::size_t kTextMax = 1024;
  std::uint16_t code = 0;  // 200 to 599
  EnhancedCode enhanced;   // Its class agrees with the code's (RFC 2034 section 4), or there is none.
  std::string text;        // Without codes; lines joined by one space; printable UTF-8. The first kTextMax bytes.
  std::vector<std::string> lines;  // Without reply codes, as they came; what EHLO's keywords are read from.

  int first_digit() const { return code / 100; }
  bool IsPositive() const { return first_digit() == 2; }
  std::string ToString() const;  // "550 5.1.1 no such user"
};

class ReplyParser {
 public:
  enum class Result : std::uint8_t {
    kNeedMore,  // All bytes are used.
    kReply,     // A reply is complete; the bytes after it are left.
    kGarbage,   // No SMTP reply: no digit 2 to 5, a line or a reply too long. Final.
  };
  static constexpr std::size_t kLineMax =
      4096;  // Far above the 512 of RFC 5321 section 4.5.3.1.5: real servers exceed it.
  static constexpr std::size_t kLinesMax = 256;

  // Takes bytes off the front of `bytes`.
  Result Feed(std::string_view& bytes, Reply& reply);
  // Bytes of a reply that is not complete have come.
  bool IsInside() const { return !line_.empty() || !lines_.empty(); }

 private:
  Result TakeLine(Reply& reply);

  std::string line_;
  std::vector<std::string> lines_;
  std::uint16_t code_ = 0;
};

// Printable UTF-8: controls become spaces, bytes that are no UTF-8 become '?'.
std::string Printable(std::string_view bytes);

}  // namespace smtp
