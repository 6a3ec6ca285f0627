// The content transfer encodings of RFC 2045: quoted-printable and base64, and the test whether a text needs either.
// All texts here have CRLF line ends already; AppendWithCrlf makes them so.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace message {

constexpr std::size_t kMaxLine = 998;  // Octets without CRLF (RFC 5322 section 2.1.1).

// Appends `text` with every CR, LF and CRLF as CRLF.
void AppendWithCrlf(std::string_view text, std::string& out);

// What decides whether a text may go as 7bit, such that texts can be joined without looking at their bytes again.
struct LineShape {
  bool plain = true;  // Printable ASCII, TAB and CRLF only.
  bool has_newline = false;
  std::size_t head = 0;     // Octets before the first CRLF (all, when there is none).
  std::size_t longest = 0;  // The longest line between two CRLFs.
  std::size_t tail = 0;     // Octets after the last CRLF (all, when there is none).
};
LineShape ShapeOf(std::string_view text);

// Adds shapes in the order of their texts; says whether the whole is fit for 7bit.
class LineLengths {
 public:
  void Add(const LineShape& shape);
  bool fits() const { return fits_ && line_ <= kMaxLine; }

 private:
  std::size_t line_ = 0;
  bool fits_ = true;
};

// Appends `text` in quoted-printable, starting at `column` of a line, and returns the column where it ends. Lines stay
// within 75 octets, so that a soft break ("=" CRLF) may follow anywhere. A space or TAB at the end is encoded, and so
// is what mail systems touch at the start of a line: "." and "From ".
std::size_t AppendQuotedPrintable(std::string_view text, std::size_t column, std::string& out);
// Octets of the above, without soft breaks: for comparing with base64.
std::size_t QuotedPrintableSize(std::string_view text);

// Appends `bytes` in base64, in lines of 76 with CRLF between them and none at the end.
void AppendBase64Lines(std::string_view bytes, std::string& out);
// Appends `bytes` in base64 without line breaks.
void AppendBase64(std::string_view bytes, std::string& out);
constexpr std::size_t Base64Size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

}  // namespace message
