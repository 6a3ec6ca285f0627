#include "dns/spf.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "dns/name.h"
#include "dns/reverse_name.h"
#include "dns/spf_macro.h"
#include "dns/spf_record.h"
#include "engine/base/text.h"

namespace dns {
namespace {

using Kind = SpfMechanism::Kind;

constexpr std::size_t kNamesMax = 10;  // MX hosts and PTR names of one term (section 4.6.4).

// A name that may have a record: several labels, none of them empty or too long (section 4.3).
bool IsCheckable(std::string_view domain) {
  const std::optional<std::string> name = NormalizeName(domain);
  return name.has_value() && name->find('.') != std::string::npos;
}

// An IPv4 address for an IPv4-mapped one ("::ffff:192.0.2.1").
base::IpAddress Unmapped(const base::IpAddress& address) {
  constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  if (!address.IsV6() || !address.bytes().starts_with(kMapped)) return address;
  return base::IpAddress::V4Bytes(reinterpret_cast<const unsigned char*>(address.bytes().data()) + kMapped.size());
}

SpfResult ResultOf(char qualifier) {
  switch (qualifier) {
    case '-':
      return SpfResult::kFail;
    case '~':
      return SpfResult::kSoftFail;
    case '?':
      return SpfResult::kNeutral;
    default:
      return SpfResult::kPass;
  }
}

// What a mechanism says.
enum class Match : std::uint8_t { kYes, kNo, kTempError, kPermError };

class Evaluation {
 public:
  Evaluation(Lookup& lookup, const SpfQuery& query) : lookup_(lookup), query_(query) {
    query_.address = Unmapped(query.address);
    if (query_.local_part.empty()) query_.local_part = "postmaster";
  }

  SpfOutcome Run() {
    if (query_.domain.starts_with('[')) {
      outcome_.detail = absl::StrCat("\"", NameFromBytes(query_.domain), "\" is no domain that could have a record");
    } else {
      outcome_.result = CheckHost(query_.domain);
    }
    return std::move(outcome_);
  }

 private:
  // `domain` as bytes: macros make new ones of it. Other names are as NameFromBytes has them.
  SpfResult CheckHost(const std::string& domain);
  std::optional<SpfResult> FindRecord(const std::string& name, std::string& record);
  Match Matches(const SpfMechanism& mechanism, const std::string& domain);
  Match MatchesInclude(const std::string& target);
  Match MatchesAddress(const SpfMechanism& mechanism, const std::string& name);
  Match MatchesMx(const SpfMechanism& mechanism, const std::string& name);
  Match MatchesPtr(const std::string& target);
  Match MatchesExists(const std::string& name);

  const std::vector<std::string>& ValidatedNames();
  std::string NameForMacro(const std::string& domain);
  std::string MacroValue(char letter, const std::string& domain);
  std::string Target(const std::string& spec, const std::string& domain);

  // Counts a term that asks the DNS; false: there are too many.
  bool CountLookup() {
    if (outcome_.lookups == kSpfLookupsMax) {
      outcome_.detail = absl::StrFormat("more than %d terms ask the DNS; receivers stop there", kSpfLookupsMax);
      return false;
    }
    ++outcome_.lookups;
    return true;
  }
  // Asks, and counts answers that hold nothing. Nullopt: an error that is said in `match`.
  std::optional<Answer> Ask(std::string_view name, RecordType type, Match& match);
  Match PermError(std::string why) {
    outcome_.detail = std::move(why);
    return Match::kPermError;
  }

  Lookup& lookup_;
  SpfQuery query_;
  SpfOutcome outcome_;
  std::optional<std::vector<std::string>> validated_;  // What ValidatedNames has found, once it was asked.
};

std::optional<Answer> Evaluation::Ask(std::string_view name, RecordType type, Match& match) {
  Answer answer = lookup_.Ask(name, type);
  if (IsTemporary(answer)) {
    outcome_.detail = absl::StrCat("no answer about ", base::AbslView(name), ": ", answer.detail);
    match = Match::kTempError;
    return std::nullopt;
  }
  if (answer.kind != AnswerKind::kFound) {
    if (outcome_.voids == kSpfVoidsMax) {
      match = PermError(absl::StrFormat("more than %d questions find nothing, the last about %s; receivers stop there",
                                        kSpfVoidsMax, base::AbslView(name)));
      return std::nullopt;
    }
    ++outcome_.voids;
  }
  return answer;
}

// Section 4.4 and 4.5. A result: there is no record, and why.
std::optional<SpfResult> Evaluation::FindRecord(const std::string& name, std::string& record) {
  if (!IsCheckable(name)) {
    outcome_.detail = absl::StrCat("\"", name, "\" is no domain that could have a record");
    return SpfResult::kNone;
  }
  const Answer answer = lookup_.Ask(name, RecordType::kTxt);
  if (IsTemporary(answer)) {
    outcome_.detail = absl::StrCat("no answer about ", name, ": ", answer.detail);
    return SpfResult::kTempError;
  }
  std::vector<std::string> found;
  for (const Record& text : answer.records) {
    if (IsSpf(text.text)) found.push_back(text.text);
  }
  if (found.empty()) {
    outcome_.detail = absl::StrCat(name, " has no SPF record");
    return SpfResult::kNone;
  }
  if (found.size() > 1) {
    outcome_.detail =
        absl::StrFormat("%s has %d SPF records, and none counts: merge them into one", name, found.size());
    if (outcome_.lookups == 0) outcome_.several = std::move(found);  // No include or redirect yet.
    return SpfResult::kPermError;
  }
  record = std::move(found.front());
  return std::nullopt;
}

SpfResult Evaluation::CheckHost(const std::string& domain) {
  const std::string name = NameFromBytes(domain);
  std::string text;
  if (const std::optional<SpfResult> without = FindRecord(name, text)) return *without;
  if (outcome_.lookups == 0) outcome_.record = text;  // No include or redirect yet.
  const absl::StatusOr<SpfRecord> record = ParseSpf(text);
  if (!record.ok()) {
    outcome_.detail = absl::StrCat("the record of ", name, ": ", record.status().message());
    return SpfResult::kPermError;
  }
  for (const SpfMechanism& mechanism : record->mechanisms) {
    switch (Matches(mechanism, domain)) {
      case Match::kYes:
        outcome_.detail = absl::StrFormat("\"%s\" of %s", mechanism.text, name);
        return ResultOf(mechanism.qualifier);
      case Match::kNo:
        break;
      case Match::kTempError:
        return SpfResult::kTempError;
      case Match::kPermError:
        return SpfResult::kPermError;
    }
  }
  if (!record->redirect.has_value()) {
    outcome_.detail = absl::StrCat("nothing in the record of ", name, " matches");
    return SpfResult::kNeutral;  // Section 4.7.
  }
  if (!CountLookup()) return SpfResult::kPermError;
  const SpfResult result = CheckHost(Target(*record->redirect, domain));
  return result == SpfResult::kNone ? SpfResult::kPermError : result;  // Section 6.1.
}

Match Evaluation::Matches(const SpfMechanism& mechanism, const std::string& domain) {
  switch (mechanism.kind) {
    case Kind::kAll:
      return Match::kYes;
    case Kind::kIp4:
      return InNetwork(query_.address, mechanism.network, mechanism.bits4) ? Match::kYes : Match::kNo;
    case Kind::kIp6:
      return InNetwork(query_.address, mechanism.network, mechanism.bits6) ? Match::kYes : Match::kNo;
    case Kind::kInclude:
    case Kind::kA:
    case Kind::kMx:
    case Kind::kPtr:
    case Kind::kExists:
      break;
  }
  if (!CountLookup()) return Match::kPermError;
  const std::string target = Target(mechanism.domain_spec, domain);
  const std::string name = NameFromBytes(target);
  switch (mechanism.kind) {
    case Kind::kInclude:
      return MatchesInclude(target);
    case Kind::kA:
      return MatchesAddress(mechanism, name);
    case Kind::kMx:
      return MatchesMx(mechanism, name);
    case Kind::kPtr:
      return MatchesPtr(name);
    case Kind::kExists:
      return MatchesExists(name);
    case Kind::kAll:
    case Kind::kIp4:
    case Kind::kIp6:
      break;
  }
  return Match::kNo;
}

Match Evaluation::MatchesInclude(const std::string& target) {
  switch (CheckHost(target)) {  // Section 5.2.
    case SpfResult::kPass:
      return Match::kYes;
    case SpfResult::kFail:
    case SpfResult::kSoftFail:
    case SpfResult::kNeutral:
      return Match::kNo;
    case SpfResult::kTempError:
      return Match::kTempError;
    case SpfResult::kNone:
    case SpfResult::kPermError:
      return Match::kPermError;
  }
  return Match::kPermError;
}

Match Evaluation::MatchesAddress(const SpfMechanism& mechanism, const std::string& name) {
  const bool v6 = query_.address.IsV6();
  Match error = Match::kNo;
  const std::optional<Answer> answer = Ask(name, v6 ? RecordType::kAaaa : RecordType::kA, error);
  if (!answer.has_value()) return error;
  const std::uint8_t bits = v6 ? mechanism.bits6 : mechanism.bits4;
  return std::any_of(answer->records.begin(), answer->records.end(),
                     [this, bits](const Record& record) { return InNetwork(query_.address, record.address, bits); })
             ? Match::kYes
             : Match::kNo;
}

Match Evaluation::MatchesMx(const SpfMechanism& mechanism, const std::string& name) {
  Match error = Match::kNo;
  const std::optional<Answer> answer = Ask(name, RecordType::kMx, error);
  if (!answer.has_value()) return error;
  if (answer->records.size() > kNamesMax) {
    return PermError(absl::StrFormat("\"%s\": %s has more than %d mail exchangers", mechanism.text, name, kNamesMax));
  }
  for (const Record& host : answer->records) {
    if (host.name.empty()) continue;  // A null MX.
    const Match match = MatchesAddress(mechanism, host.name);
    if (match != Match::kNo) return match;
  }
  return Match::kNo;
}

// Section 5.5: names that the address has and that have the address, of the first ten; looked for once. Errors of the
// DNS only make them fewer.
const std::vector<std::string>& Evaluation::ValidatedNames() {
  if (validated_.has_value()) return *validated_;
  validated_.emplace();
  const Answer pointers = lookup_.Ask(ReverseName(query_.address), RecordType::kPtr);
  const std::size_t count = std::min(pointers.records.size(), kNamesMax);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& name = pointers.records[i].name;
    if (name.find('\\') != std::string::npos) continue;  // No name of a host.
    if (HasAddress(AskAddresses(lookup_, name, query_.address), query_.address)) validated_->push_back(name);
  }
  return *validated_;
}

Match Evaluation::MatchesPtr(const std::string& target) {
  Match error = Match::kNo;
  if (!Ask(ReverseName(query_.address), RecordType::kPtr, error).has_value()) {
    return error == Match::kTempError ? Match::kNo : error;
  }
  const std::vector<std::string>& names = ValidatedNames();
  return std::any_of(names.begin(), names.end(),
                     [&target](const std::string& name) { return name == target || name.ends_with("." + target); })
             ? Match::kYes
             : Match::kNo;
}

Match Evaluation::MatchesExists(const std::string& name) {
  Match error = Match::kNo;
  const std::optional<Answer> answer = Ask(name, RecordType::kA, error);  // A for IPv6 clients too (section 5.7).
  if (!answer.has_value()) return error;
  return answer->kind == AnswerKind::kFound ? Match::kYes : Match::kNo;
}

// %{p} (section 7.3): best the domain itself, then a name below it, then any.
std::string Evaluation::NameForMacro(const std::string& domain) {
  const std::vector<std::string>& names = ValidatedNames();
  if (names.empty()) return "unknown";
  const std::string wanted = base::LowerAscii(domain);
  if (std::find(names.begin(), names.end(), wanted) != names.end()) return wanted;
  const auto below = std::find_if(names.begin(), names.end(),
                                  [&wanted](const std::string& name) { return name.ends_with("." + wanted); });
  return below != names.end() ? *below : names.front();
}

std::string Evaluation::MacroValue(char letter, const std::string& domain) {
  switch (letter) {
    case 's':
      return query_.local_part + "@" + query_.domain;
    case 'l':
      return query_.local_part;
    case 'o':
      return query_.domain;
    case 'd':
      return domain;
    case 'i':
      return query_.address.IsV6() ? Nibbles(query_.address) : query_.address.ToString();
    case 'p':
      return NameForMacro(domain);
    case 'h':
      return query_.helo;
    default:  // 'v'
      return query_.address.IsV6() ? "ip6" : "in-addr";
  }
}

std::string Evaluation::Target(const std::string& spec, const std::string& domain) {
  if (spec.empty()) return domain;
  return ShortenToName(ExpandSpfMacros(spec, [this, &domain](char letter) { return MacroValue(letter, domain); }));
}

}  // namespace

std::string_view ToString(SpfResult result) {
  switch (result) {
    case SpfResult::kNone:
      return "none";
    case SpfResult::kNeutral:
      return "neutral";
    case SpfResult::kPass:
      return "pass";
    case SpfResult::kFail:
      return "fail";
    case SpfResult::kSoftFail:
      return "softfail";
    case SpfResult::kTempError:
      return "temperror";
    case SpfResult::kPermError:
      return "permerror";
  }
  return "none";
}

SpfOutcome CheckSpf(Lookup& lookup, const SpfQuery& query) { return Evaluation(lookup, query).Run(); }

}  // namespace dns
