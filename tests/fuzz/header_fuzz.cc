// Module: message
// Puts arbitrary text into headers and reads it back: it is what went in, within the line limits, and never a second
// header.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/base/text.h"
#include "engine/message/header_encoding.h"
#include "tests/unit/message/mime_reader.h"

namespace {

using message::testing::DecodeWords;
using message::testing::Unfold;

void CheckLines(std::string_view header, std::size_t limit) {
  while (true) {
    const std::size_t end = std::min(header.find("\r\n"), header.size());
    CHECK(end <= limit && header.substr(0, end).find_first_not_of(' ') != std::string_view::npos);
    CHECK(message::IsAscii(header.substr(0, end)) &&
          header.substr(0, end).find_first_of("\r\n") == std::string_view::npos);
    if (end == header.size()) return;
    header.remove_prefix(end + 2);
    CHECK(!header.empty() && header.front() == ' ');
  }
}

// A quoted-string without its quotes; other text as it is.
std::string Unquoted(std::string_view text) {
  if (text.empty() || text.front() != '"') return DecodeWords(text);
  CHECK(text.size() >= 2 && text.back() == '"');
  std::string out;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '\\') ++i;
    CHECK(i + 1 < text.size());
    out.push_back(text[i]);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::string clean;
  message::AppendCleanText(input, clean);
  CHECK(base::IsUtf8(clean));
  std::string again;
  message::AppendCleanText(clean, again);
  CHECK(again == clean);

  std::string subject = "Subject:";
  message::AppendUnstructured(clean, subject.size(), false, subject);
  CheckLines(subject, 78);
  CHECK(DecodeWords(Unfold(subject.substr(8))) == clean);

  std::string extra = "X-Extra-Header-With-A-Long-Name-For-The-First-Line-Of-It:";
  const std::size_t name = extra.size();
  message::AppendUnstructured(clean, name, true, extra);
  CheckLines(extra, 998);
  CHECK(DecodeWords(Unfold(extra.substr(name))) == clean);

  std::string to = "To:";
  message::AppendMailbox(clean, "a@example.com", to.size(), to);
  CheckLines(to, 78);
  const std::string mailbox = Unfold(to.substr(3));
  constexpr std::string_view kAddress = " <a@example.com>";
  CHECK(clean.empty() ? mailbox == "a@example.com" : mailbox.ends_with(kAddress));
  if (!clean.empty()) CHECK(Unquoted(std::string_view(mailbox).substr(0, mailbox.size() - kAddress.size())) == clean);

  std::string uri;
  message::AppendUri(input, uri);
  CHECK(message::IsAscii(uri) && uri.find_first_of(" <>\"\r\n") == std::string::npos);
  return 0;
}
