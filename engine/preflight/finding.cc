#include "engine/preflight/finding.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/terminal_text.h"
#include "engine/base/text.h"

namespace preflight {
namespace {

// Who asks for what: Gmail's and Yahoo's requirements for bulk senders, Microsoft's for domains with more than 5,000
// messages a day, and what everybody may expect of a mail server.
struct Rule {
  std::string_view check;
  std::vector<Receiver> receivers;
};
const std::vector<Rule>& Rules() {
  using enum Receiver;
  static const std::vector<Rule> rules = {
      {"spf", {kGmail, kYahoo, kMicrosoft}},
      {"dkim", {kGmail, kYahoo, kMicrosoft}},
      {"dmarc", {kGmail, kYahoo, kMicrosoft}},
      {"alignment", {kGmail, kYahoo, kMicrosoft}},
      {"from", {kGmail, kOthers}},
      {"ptr", {kGmail, kYahoo}},
      {"ehlo", {kOthers}},
      {"return_path", {kOthers}},
      {"replies", {kMicrosoft}},
      {"one_click", {kGmail, kYahoo}},
      {"unsubscribe", {kGmail}},
      {"tls", {kGmail}},
  };
  return rules;
}

constexpr std::size_t kCharacterStringMax = 255;

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted.push_back('\\');
    quoted.push_back(c);
  }
  return Printable(quoted + "\"");
}

template <typename Wanted>
std::vector<std::string> NamesOf(const std::vector<Finding>& findings, const Wanted& wanted) {
  std::vector<std::string> names;
  for (const Finding& finding : findings) {
    const bool is_new = std::find(names.begin(), names.end(), finding.check) == names.end();
    if (is_new && wanted(finding)) names.push_back(finding.check);
  }
  return names;
}

}  // namespace

std::string_view ToString(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return "pass";
    case Verdict::kWarn:
      return "warn";
    case Verdict::kFail:
      return "fail";
  }
  return "fail";
}

std::string_view ToString(Receiver receiver) {
  switch (receiver) {
    case Receiver::kGmail:
      return "gmail";
    case Receiver::kYahoo:
      return "yahoo";
    case Receiver::kMicrosoft:
      return "microsoft";
    case Receiver::kOthers:
      return "others";
  }
  return "others";
}

std::string_view TitleOf(Receiver receiver) {
  switch (receiver) {
    case Receiver::kGmail:
      return "Gmail";
    case Receiver::kYahoo:
      return "Yahoo";
    case Receiver::kMicrosoft:
      return "Microsoft";
    case Receiver::kOthers:
      return "others";
  }
  return "others";
}

std::string Printable(std::string_view text) {
  const bool is_utf8 = base::IsUtf8(text);
  std::string printable;
  for (std::size_t i = 0; i < text.size();) {
    const bool is_stray = !is_utf8 && static_cast<unsigned char>(text[i]) >= 0x80;
    const std::size_t control = is_stray ? 1 : std::max(base::ControlAt(text, i), base::DirectionControlAt(text, i));
    if (control == 0) printable.push_back(text[i++]);
    for (const std::size_t end = i + control; control != 0 && i < end; ++i)
      absl::StrAppendFormat(&printable, "\\%03d", static_cast<unsigned char>(text[i]));
  }
  return printable;
}

std::string DnsRecord::ToString() const {
  std::string line = absl::StrCat(Printable(name), ". ", type);
  if (type != "TXT") return absl::StrCat(line, " ", Printable(value), type == "MX" || type == "PTR" ? "." : "");
  std::string_view rest = value;
  do {
    line += " " + Quoted(rest.substr(0, kCharacterStringMax));
    rest.remove_prefix(std::min(rest.size(), kCharacterStringMax));
  } while (!rest.empty());
  return line;
}

bool Finding::IsAskedForBy(Receiver receiver) const {
  for (const Rule& rule : Rules()) {
    if (rule.check != check) continue;
    return std::find(rule.receivers.begin(), rule.receivers.end(), receiver) != rule.receivers.end();
  }
  return false;
}

Verdict Report::Worst() const {
  Verdict worst = Verdict::kPass;
  for (const Finding& finding : findings) worst = std::max(worst, finding.verdict);
  return worst;
}

Verdict Report::WorstFor(Receiver receiver) const {
  Verdict worst = Verdict::kPass;
  for (const Finding& finding : findings) {
    if (finding.IsAskedForBy(receiver)) worst = std::max(worst, finding.verdict);
  }
  return worst;
}

std::vector<std::string> Report::ChecksWith(Verdict verdict) const {
  return NamesOf(findings, [verdict](const Finding& finding) { return finding.verdict == verdict; });
}

std::vector<std::string> Report::ChecksFor(Receiver receiver, Verdict verdict) const {
  return NamesOf(findings,
                 [=](const Finding& finding) { return finding.verdict == verdict && finding.IsAskedForBy(receiver); });
}

}  // namespace preflight
