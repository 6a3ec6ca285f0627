// What a look at the sender finds: each check passes, warns or fails, with the record that would make it pass, and with
// who asks for it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace preflight {

enum class Verdict : std::uint8_t {
  kPass,
  kWarn,  // Not good, or not known: the DNS gave no answer, or the configuration does not say.
  kFail,  // Receivers will refuse the mail, or some of it.
};
std::string_view ToString(Verdict verdict);  // "pass"

// Whose published rules for senders ask for a check.
enum class Receiver : std::uint8_t { kGmail, kYahoo, kMicrosoft, kOthers };
inline constexpr Receiver kReceivers[] = {Receiver::kGmail, Receiver::kYahoo, Receiver::kMicrosoft, Receiver::kOthers};
std::string_view ToString(Receiver receiver);  // "gmail"
std::string_view TitleOf(Receiver receiver);   // "Gmail"

// For terminals and logs: control characters, and bytes that are no UTF-8, as in master files: \DDD (RFC 1035 section
// 5.1).
std::string Printable(std::string_view text);

// A record to publish.
struct DnsRecord {
  std::string name;
  std::string type;
  std::string value;  // As the type has it; of TXT the text, whatever its length.
  // As a line of a zone file. TXT is in strings of at most 255 octets.
  std::string ToString() const;
  friend bool operator==(const DnsRecord&, const DnsRecord&) = default;
};

struct Finding {
  std::string check;  // "spf", "dkim", "dmarc", "alignment", "from", "ptr", "ehlo", "return_path", "replies",
                      // "one_click", "tls", "source"
  Verdict verdict = Verdict::kPass;
  std::string what;                // One line for people.
  std::vector<DnsRecord> publish;  // What would make it pass, where that is known.
  bool is_open = false;            // It could not be checked: the DNS gave no answer, or nobody knows the address.
  bool is_told = false;  // `send` tells of it although it does not fail, as of what is open: some will refuse the mail.
  bool IsAskedForBy(Receiver receiver) const;
};

struct Report {
  std::vector<Finding> findings;
  bool HasFailed() const { return Worst() == Verdict::kFail; }
  Verdict Worst() const;
  // The worst that a receiver's rules meet.
  Verdict WorstFor(Receiver receiver) const;
  // The names of the checks that end so, each once.
  std::vector<std::string> ChecksWith(Verdict verdict) const;
  std::vector<std::string> ChecksFor(Receiver receiver, Verdict verdict) const;
};

}  // namespace preflight
