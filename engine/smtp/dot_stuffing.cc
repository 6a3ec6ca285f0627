#include "engine/smtp/dot_stuffing.h"

namespace smtp {

void AppendDotStuffed(absl::Span<const std::string_view> content, std::vector<std::string_view>& out) {
  bool line_start = true;  // The next byte begins a line.
  bool after_cr = false;   // The last byte was CR.
  bool empty = true;
  for (const std::string_view piece : content) {
    if (piece.empty()) continue;
    empty = false;
    std::size_t begin = 0;
    if (line_start && piece[0] == '.') out.push_back(".");
    if (after_cr && piece[0] == '\n' && piece.size() > 1 && piece[1] == '.') {
      out.push_back(piece.substr(0, 1));
      out.push_back(".");
      begin = 1;
    }
    for (std::size_t at = piece.find("\r\n.", begin); at != std::string_view::npos; at = piece.find("\r\n.", at + 2)) {
      out.push_back(piece.substr(begin, at + 2 - begin));
      out.push_back(".");
      begin = at + 2;
    }
    out.push_back(piece.substr(begin));
    const bool ends_line = piece.back() == '\n' && (piece.size() > 1 ? piece[piece.size() - 2] == '\r' : after_cr);
    line_start = ends_line;
    after_cr = piece.back() == '\r';
  }
  out.push_back(empty || line_start ? ".\r\n" : "\r\n.\r\n");
}

}  // namespace smtp
