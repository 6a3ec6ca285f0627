#include "engine/smtp/capabilities.h"

#include "engine/base/text.h"

namespace smtp {
namespace {

std::string_view TakeWord(std::string_view& text) {
  text = base::TrimAscii(text);
  const std::size_t end = text.find_first_of(" \t");
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(word.size());
  return word;
}

}  // namespace

Capabilities Capabilities::FromEhlo(const Reply& reply) {
  Capabilities offered;
  for (std::size_t i = 1; i < reply.lines.size(); ++i) {  // The first line is the greeting.
    std::string_view rest = reply.lines[i];
    std::string_view keyword = TakeWord(rest);
    if (base::StartsWithIgnoreCase(keyword, "AUTH=")) {  // An old spelling.
      rest = std::string_view(reply.lines[i]).substr(reply.lines[i].find('=') + 1);
      keyword = "AUTH";
    }
    const auto is = [keyword](std::string_view name) { return base::EqualsIgnoreCase(keyword, name); };
    if (is("PIPELINING")) offered.pipelining = true;
    if (is("CHUNKING")) offered.chunking = true;
    if (is("8BITMIME")) offered.eight_bit_mime = true;
    if (is("SMTPUTF8")) offered.smtputf8 = true;
    if (is("ENHANCEDSTATUSCODES")) offered.enhanced_codes = true;
    if (is("STARTTLS")) offered.starttls = true;
    if (is("SIZE")) {
      offered.size = true;
      offered.size_max = base::ParseInteger<std::uint64_t>(TakeWord(rest)).value_or(0);
    }
    if (!is("AUTH")) continue;
    for (std::string_view word = TakeWord(rest); !word.empty(); word = TakeWord(rest)) {
      std::string name(word);
      for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      offered.auth.push_back(std::move(name));
    }
  }
  return offered;
}

}  // namespace smtp
