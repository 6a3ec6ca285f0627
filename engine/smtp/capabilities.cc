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

// RFC 9422 section 4: 1 to 999,999. Names that are not known and values that are malformed say nothing; each message
// here has one recipient, so that RCPTMAX and RCPTDOMAINMAX hold always.
std::uint32_t MailMax(std::string_view limits) {
  constexpr std::string_view kName = "MAILMAX=";
  for (std::string_view word = TakeWord(limits); !word.empty(); word = TakeWord(limits)) {
    if (!base::StartsWithIgnoreCase(word, kName)) continue;
    const std::string_view value = word.substr(kName.size());
    if (value.size() <= 6 && !value.starts_with('0')) return base::ParseInteger<std::uint32_t>(value).value_or(0);
  }
  return 0;
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
    if (is("LIMITS")) offered.mail_max = MailMax(rest);
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
