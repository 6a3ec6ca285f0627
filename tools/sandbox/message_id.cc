#include "tools/sandbox/message_id.h"

#include "engine/base/text.h"

namespace sandbox {
namespace {

constexpr std::string_view kName = "Message-ID:";

}  // namespace

void MessageIdFinder::Start() {
  id_.clear();
  line_.clear();
  found_name_ = false;
  done_ = false;
}

bool MessageIdFinder::Feed(std::string_view bytes) {
  while (!done_ && !bytes.empty()) {
    const std::size_t lf = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, lf == std::string_view::npos ? bytes.size() : lf + 1);
    bytes.remove_prefix(piece.size());
    if (lf == std::string_view::npos || !line_.empty()) {
      if (line_.size() < kLineMax) line_.append(piece);
      if (lf == std::string_view::npos) return true;
      done_ = !OnLine(line_);
      line_.clear();
    } else {
      done_ = !OnLine(piece);
    }
  }
  return !done_;
}

bool MessageIdFinder::OnLine(std::string_view line) {
  const std::string_view text = base::TrimAscii(line);
  if (text.empty()) return false;  // The empty line that ends the header.
  if (found_name_) {               // The value stands alone on the continuation line.
    id_ = text;
    return false;
  }
  if (!base::StartsWithIgnoreCase(line, kName)) return true;
  id_ = base::TrimAscii(line.substr(kName.size()));
  found_name_ = id_.empty();
  return found_name_;
}

}  // namespace sandbox
