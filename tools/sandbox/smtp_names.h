// Names of the SMTP server's extensions and of the points of its dialogue, as options and files spell them.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sandbox {

enum class Extension : std::uint8_t {
  kPipelining,
  kChunking,
  kEightBitMime,
  kSize,
  kSmtpUtf8,
  kEnhancedStatusCodes,
  kStartTls,
};

// In the order of the enumeration: the EHLO keywords.
inline constexpr std::array<std::string_view, 7> kExtensionKeywords = {
    "PIPELINING", "CHUNKING", "8BITMIME", "SIZE", "SMTPUTF8", "ENHANCEDSTATUSCODES", "STARTTLS"};

// Which extensions a server offers. All of them, unless some are taken away.
class ExtensionSet {
 public:
  static ExtensionSet None() { return ExtensionSet(0); }
  ExtensionSet() : ExtensionSet(0x7f) {}
  bool Has(Extension extension) const { return (bits_ >> static_cast<unsigned>(extension) & 1u) != 0; }
  void Add(Extension extension) { bits_ |= 1u << static_cast<unsigned>(extension); }
  void Remove(Extension extension) { bits_ &= ~(1u << static_cast<unsigned>(extension)); }
  // By EHLO keyword, in any case. False: no such extension here.
  [[nodiscard]] bool Add(std::string_view keyword);
  [[nodiscard]] bool Remove(std::string_view keyword);
  bool operator==(const ExtensionSet&) const = default;

 private:
  explicit ExtensionSet(unsigned bits) : bits_(bits) {}
  unsigned bits_;
};

// Where in the dialogue a reply is due.
enum class Phase : std::uint8_t {
  kGreeting,
  kEhlo,
  kHelo,
  kMail,
  kRcpt,
  kData,     // The DATA command.
  kChunk,    // A BDAT chunk that is not the last.
  kContent,  // The whole message has arrived: final dot, or BDAT LAST.
  kStartTls,
  kRset,
  kNoop,
  kVrfy,
  kQuit,
};
inline constexpr int kPhases = 13;
std::string_view PhaseName(Phase phase);  // "greeting", "ehlo", …
// From PhaseName, in any case. Also "connect" for the greeting, "bdat" for a chunk, "." and "dot" for the end of the
// content.
[[nodiscard]] bool ParsePhase(std::string_view name, Phase& phase);

}  // namespace sandbox
