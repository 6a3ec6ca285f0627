#include "engine/smtp/reply.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/base/terminal_text.h"
#include "engine/base/text.h"

namespace smtp {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes "x.y.z" off the front, where x agrees with the reply's first digit (RFC 2034 section 4). Nullopt, and nothing
// taken: none.
std::optional<EnhancedCode> TakeEnhanced(std::string_view& text, int first_digit) {
  EnhancedCode code;
  std::string_view rest = text;
  for (int i = 0; i < 3; ++i) {
    std::size_t digits = 0;
    while (digits < rest.size() && digits < 4 && IsDigit(rest[digits])) ++digits;
    const auto number = base::ParseInteger<std::uint16_t>(rest.substr(0, digits));
    if (digits == 0 || digits > 3 || !number.has_value()) return std::nullopt;
    code.digits[i] = *number;
    rest.remove_prefix(digits);
    if (i == 2) break;
    if (rest.empty() || rest[0] != '.') return std::nullopt;
    rest.remove_prefix(1);
  }
  if (code.digits[0] != first_digit || first_digit == 3 || (!rest.empty() && rest[0] != ' ' && rest[0] != '\t'))
    return std::nullopt;
  text = base::TrimAscii(rest);
  return code;
}

// To kTextMax bytes, between characters.
void CutText(std::string& text) {
  if (text.size() <= Reply::kTextMax) return;
  std::size_t end = Reply::kTextMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
}

}  // namespace

std::string Printable(std::string_view bytes) { return base::Harmless(bytes); }

std::string Reply::ToString() const {
  std::string out = absl::StrFormat("%d", code);
  if (enhanced.IsPresent())
    absl::StrAppendFormat(&out, " %d.%d.%d", enhanced.digits[0], enhanced.digits[1], enhanced.digits[2]);
  if (!text.empty()) absl::StrAppendFormat(&out, " %s", text);
  return out;
}

ReplyParser::Result ReplyParser::Feed(std::string_view& bytes, Reply& reply) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (line_.size() + part.size() > kLineMax) return Result::kGarbage;
    line_.append(part);
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    if (end == std::string_view::npos) break;
    if (!line_.empty() && line_.back() == '\r') line_.pop_back();
    const Result result = TakeLine(reply);
    line_.clear();
    if (result != Result::kNeedMore) return result;
  }
  return Result::kNeedMore;
}

// One whole line is in line_. The last line's code decides (row S30).
ReplyParser::Result ReplyParser::TakeLine(Reply& reply) {
  const std::string_view line = line_;
  const bool well_formed = line.size() >= 3 && line[0] >= '2' && line[0] <= '5' && IsDigit(line[1]) &&
                           IsDigit(line[2]) && (line.size() == 3 || line[3] == ' ' || line[3] == '-');
  if (!well_formed || lines_.size() >= kLinesMax) return Result::kGarbage;
  code_ = *base::ParseInteger<std::uint16_t>(line.substr(0, 3));
  const bool last = line.size() == 3 || line[3] == ' ';
  lines_.emplace_back(line.size() <= 4 ? "" : line.substr(4));
  if (!last) return Result::kNeedMore;

  reply = Reply();
  reply.code = code_;
  for (const std::string& one : lines_) {
    std::string_view text = base::TrimAscii(one);
    if (const auto enhanced = TakeEnhanced(text, reply.first_digit());
        enhanced.has_value() && !reply.enhanced.IsPresent()) {
      reply.enhanced = *enhanced;
    }
    if (text.empty() || reply.text.size() >= Reply::kTextMax) continue;
    if (reply.text.empty()) {
      reply.text = Printable(text);
    } else {
      reply.text.append(1, ' ').append(Printable(text));
    }
  }
  CutText(reply.text);
  reply.lines = std::exchange(lines_, {});
  return Result::kReply;
}

}  // namespace smtp
