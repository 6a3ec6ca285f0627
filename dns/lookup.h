// Asking the DNS one question after the other: what rules that follow from answer to answer are written against. The
// engine asks a resolver and waits; tests have tables.
#pragma once

#include <algorithm>
#include <string_view>

#include "dns/resolver.h"

namespace dns {

class Lookup {
 public:
  virtual ~Lookup() = default;
  // The answer, as Resolver has it. The same question twice may be the same answer. A name that NormalizeName refuses
  // does not exist (kNoDomain).
  virtual Answer Ask(std::string_view name, RecordType type) = 0;
};

// The addresses of a name, of the family of `like`.
inline Answer AskAddresses(Lookup& lookup, std::string_view name, const base::IpAddress& like) {
  return lookup.Ask(name, like.IsV6() ? RecordType::kAaaa : RecordType::kA);
}

inline bool HasAddress(const Answer& answer, const base::IpAddress& address) {
  return std::any_of(answer.records.begin(), answer.records.end(),
                     [&address](const Record& record) { return record.address == address; });
}

// There is no answer of which anything follows: asking later may tell more.
inline bool IsTemporary(const Answer& answer) {
  return answer.kind == AnswerKind::kServerFail || answer.kind == AnswerKind::kTimeout;
}

}  // namespace dns
