#include "engine/preflight/source_checks.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "dns/reverse_name.h"
#include "dns/spf.h"
#include "dns/spf_merge.h"
#include "dns/spf_record.h"
#include "engine/base/text.h"

namespace preflight {
namespace {

constexpr std::size_t kPointersMax = 10;
constexpr char kStranger[] = "203.0.113.1";  // Nobody's address (RFC 5737).

bool IsLiteral(std::string_view ehlo) { return ehlo.empty() || ehlo.front() == '['; }

std::string TermFor(const base::IpAddress& address) {
  return absl::StrCat(address.IsV6() ? "ip6:" : "ip4:", address.ToString());
}

dns::SpfOutcome AskSpf(dns::Lookup& lookup, const Sender& sender, const base::IpAddress& address,
                       const std::string& ehlo) {
  return dns::CheckSpf(lookup, {address, sender.envelope_domain, sender.envelope_local_part, ehlo});
}

// The DNS as it would be with another SPF record.
class ChangedLookup final : public dns::Lookup {
 public:
  ChangedLookup(dns::Lookup& base, std::string domain, std::string record)
      : base_(base), domain_(std::move(domain)), record_(std::move(record)) {}
  dns::Answer Ask(std::string_view name, dns::RecordType type) override {
    if (type != dns::RecordType::kTxt || !base::EqualsIgnoreCase(name, domain_)) return base_.Ask(name, type);
    dns::Answer answer;
    answer.kind = dns::AnswerKind::kFound;
    answer.records.emplace_back().text = record_;
    return answer;
  }

 private:
  dns::Lookup& base_;
  const std::string domain_, record_;
};

dns::SpfOutcome AskSpfWith(dns::Lookup& lookup, const Sender& sender, const std::string& record,
                           const base::IpAddress& address, const std::string& ehlo) {
  ChangedLookup changed(lookup, sender.envelope_domain, record);
  return AskSpf(changed, sender, address, ehlo);
}

bool AllPass(dns::Lookup& lookup, const Sender& sender, const std::string& record) {
  return std::all_of(sender.sources.begin(), sender.sources.end(), [&](const Source& source) {
    return !source.address.has_value() ||
           AskSpfWith(lookup, sender, record, *source.address, source.ehlo).result == dns::SpfResult::kPass;
  });
}

// `record` with the addresses of these sources in front.
std::string WithSources(const std::string& record, const std::vector<const Source*>& missing) {
  constexpr std::string_view kVersion = "v=spf1";
  std::string text = record.substr(0, kVersion.size());
  std::vector<std::string> terms;
  for (const Source* source : missing) {
    const std::string term = TermFor(*source->address);
    if (std::find(terms.begin(), terms.end(), term) == terms.end()) terms.push_back(term);
  }
  for (const std::string& term : terms) text += " " + term;
  return text + record.substr(kVersion.size());
}

// One record in place of several, which is right for whoever else sends, too. Empty: none is known.
std::string MergedSpf(dns::Lookup& lookup, const Sender& sender, const std::vector<std::string>& several,
                      const std::string& ehlo) {
  const std::optional<std::string> merged = dns::MergeSpf(several);
  if (!merged.has_value()) return "";
  const dns::SpfOutcome outcome = AskSpfWith(lookup, sender, *merged, *base::IpAddress::Parse(kStranger), ehlo);
  return outcome.result == dns::SpfResult::kPermError ? "" : *merged;
}

// A record with which all sources pass: the one that is there with their addresses in front, several of them merged
// into one, or a new one. Empty: none is known.
std::string SuggestSpf(dns::Lookup& lookup, const Sender& sender, const dns::SpfOutcome& outcome,
                       const std::vector<const Source*>& missing) {
  std::string record = outcome.record.empty() ? "v=spf1 ~all" : outcome.record;
  if (!outcome.several.empty()) {
    record = MergedSpf(lookup, sender, outcome.several, missing.front()->ehlo);
    if (record.empty() || AllPass(lookup, sender, record)) return record;
  }
  const std::string suggestion = WithSources(record, missing);
  return AllPass(lookup, sender, suggestion) ? suggestion : "";
}

// Of sources whose address nobody knows: what to write. In a rehearsal nobody needs to know it.
Finding UnknownAddress(const Sender& sender, std::string_view check, std::string_view what,
                       const std::vector<const Source*>& unknown) {
  std::vector<std::string> places;
  const std::string keys = unknown.front()->is_configured ? "public_address" : "source_address and public_address";
  for (const Source* source : unknown) places.push_back(absl::StrFormat("[sources.%s]", source->name));
  return {.check = std::string(check),
          .verdict = Verdict::kWarn,
          .what = absl::StrFormat("%s could not be checked: the address that receivers see is not known; set %s in %s",
                                  what, keys, absl::StrJoin(places, ", ")),
          .publish = {},
          .is_open = !sender.is_rehearsal};
}

// Where the address is not known: what can be said all the same.
Finding CheckRecordAlone(dns::Lookup& lookup, const Sender& sender, const std::vector<const Source*>& unknown) {
  const std::string& ehlo = unknown.front()->ehlo;
  const dns::SpfOutcome outcome = AskSpf(lookup, sender, *base::IpAddress::Parse(kStranger), ehlo);
  const bool is_wrong =
      outcome.result == dns::SpfResult::kPermError && (outcome.record.empty() || !dns::ParseSpf(outcome.record).ok());
  Finding finding{.check = "spf", .verdict = Verdict::kWarn, .what = "", .publish = {}};
  if (outcome.result == dns::SpfResult::kNone || is_wrong) {
    finding.verdict = Verdict::kFail;
    finding.what = absl::StrCat(sender.envelope_domain, ": ", outcome.detail);
    std::string record = outcome.several.empty() ? "" : MergedSpf(lookup, sender, outcome.several, ehlo);
    if (!is_wrong && !IsLiteral(ehlo)) record = absl::StrCat("v=spf1 a:", ehlo, " ~all");
    if (!record.empty()) finding.publish = {{sender.envelope_domain, "TXT", record}};
  } else if (outcome.result == dns::SpfResult::kTempError) {
    finding.what = absl::StrCat("could not be checked: ", outcome.detail);
    finding.is_open = true;
  } else {
    return UnknownAddress(sender, "spf", absl::StrCat("whether ", sender.envelope_domain, " lets it send"), unknown);
  }
  return finding;
}

std::string Place(const Source& source) { return absl::StrFormat("%s (%s)", source.address->ToString(), source.name); }

std::string JoinNames(const std::vector<dns::Record>& records) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(records.size(), kPointersMax); ++i) names.push_back(records[i].name);
  return absl::StrJoin(names, ", ");
}

Finding CheckReverse(dns::Lookup& lookup, const Source& source, const dns::Answer& pointers) {
  Finding finding{.check = "ptr", .verdict = Verdict::kFail, .what = "", .publish = {}};
  const std::string reverse = dns::ReverseName(*source.address);
  if (dns::IsTemporary(pointers)) {
    finding.verdict = Verdict::kWarn;
    finding.is_open = true;
    finding.what = absl::StrFormat("%s: could not be checked: %s", Place(source), pointers.detail);
    return finding;
  }
  if (pointers.kind != dns::AnswerKind::kFound) {
    finding.what = absl::StrFormat("%s has no name: who provides the address has to set it", Place(source));
    if (!IsLiteral(source.ehlo)) finding.publish = {{reverse, "PTR", source.ehlo}};
    return finding;
  }
  const std::size_t count = std::min(pointers.records.size(), kPointersMax);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& name = pointers.records[i].name;
    const dns::Answer forward = dns::AskAddresses(lookup, name, *source.address);
    if (dns::HasAddress(forward, *source.address)) {
      finding.verdict = Verdict::kPass;
      finding.is_open = false;
      finding.what = absl::StrFormat("%s is %s, and that leads back", Place(source), name);
      return finding;
    }
    if (dns::IsTemporary(forward)) {
      finding.is_open = true;
      finding.what = absl::StrFormat("%s is %s, and whether that leads back could not be checked: %s", Place(source),
                                     name, forward.detail);
    }
  }
  if (finding.is_open) {
    finding.verdict = Verdict::kWarn;
    return finding;
  }
  finding.what =
      absl::StrFormat("%s is %s, which does not lead back to it", Place(source), JoinNames(pointers.records));
  // The name that the address has may be its provider's; whose mail it is can have it changed.
  const std::string& name = pointers.records.front().name;
  const bool is_own = base::EqualsIgnoreCase(name, source.ehlo);
  finding.publish = {is_own || IsLiteral(source.ehlo) ? AddressRecord(name, *source.address)
                                                      : DnsRecord{reverse, "PTR", source.ehlo}};
  return finding;
}

Finding CheckEhlo(dns::Lookup& lookup, const Source& source, const dns::Answer& pointers) {
  Finding finding{.check = "ehlo", .verdict = Verdict::kWarn, .what = "", .publish = {}};
  if (IsLiteral(source.ehlo)) {
    finding.what = absl::StrFormat("%s introduces itself as %s; a name that leads to it is better: set ehlo_domain",
                                   source.name, source.ehlo);
    return finding;
  }
  const dns::Answer answer = dns::AskAddresses(lookup, source.ehlo, *source.address);
  if (dns::IsTemporary(answer)) {
    finding.is_open = true;
    finding.what = absl::StrFormat("%s: could not be checked: %s", source.ehlo, answer.detail);
  } else if (!dns::HasAddress(answer, *source.address)) {
    finding.verdict = Verdict::kFail;
    finding.what = absl::StrFormat("%s introduces itself as %s, which does not lead to it", Place(source), source.ehlo);
    finding.publish = {AddressRecord(source.ehlo, *source.address)};
  } else {
    const bool is_named = std::any_of(pointers.records.begin(), pointers.records.end(), [&source](const auto& record) {
      return base::EqualsIgnoreCase(record.name, source.ehlo);
    });
    finding.verdict = is_named || pointers.records.empty() ? Verdict::kPass : Verdict::kWarn;
    finding.what =
        finding.verdict == Verdict::kPass
            ? absl::StrFormat("%s leads to %s", source.ehlo, Place(source))
            : absl::StrFormat("%s introduces itself as %s, and its reverse DNS says %s; GMX and web.de want one name",
                              Place(source), source.ehlo, JoinNames(pointers.records));
  }
  return finding;
}

}  // namespace

DnsRecord AddressRecord(const std::string& name, const base::IpAddress& address) {
  return {name, address.IsV6() ? "AAAA" : "A", address.ToString()};
}

Verdict CheckSourcesBySpf(dns::Lookup& lookup, const Sender& sender, Report& report) {
  const std::size_t before = report.findings.size();
  const auto add = [&report](Verdict verdict, std::string what) -> Finding& {
    return report.findings.emplace_back(
        Finding{.check = "spf", .verdict = verdict, .what = std::move(what), .publish = {}});
  };
  if (!sender.smarthost.empty()) {
    add(Verdict::kWarn, absl::StrFormat("not checked: %s sends; its provider says which include: %s needs",
                                        sender.smarthost, sender.envelope_domain));
    return Verdict::kWarn;
  }
  if (sender.envelope_domain.empty()) {
    add(Verdict::kWarn, "not checked: the domain of envelope.sender differs from row to row");
    return Verdict::kWarn;
  }
  std::vector<const Source*> unknown, missing;
  dns::SpfOutcome outcome;
  for (const Source& source : sender.sources) {
    if (!source.address.has_value()) {
      unknown.push_back(&source);
      continue;
    }
    outcome = AskSpf(lookup, sender, *source.address, source.ehlo);
    const bool is_open = outcome.result == dns::SpfResult::kTempError;
    const bool passes = outcome.result == dns::SpfResult::kPass;
    if (!passes && !is_open) missing.push_back(&source);
    add(passes    ? Verdict::kPass
        : is_open ? Verdict::kWarn
                  : Verdict::kFail,
        absl::StrFormat("%s for %s: %s (%s)", sender.envelope_domain, Place(source), dns::ToString(outcome.result),
                        outcome.detail))
        .is_open = is_open;
  }
  if (!unknown.empty()) report.findings.push_back(CheckRecordAlone(lookup, sender, unknown));
  if (!missing.empty()) {
    const std::string suggestion = SuggestSpf(lookup, sender, outcome, missing);
    for (std::size_t i = before; i < report.findings.size() && !suggestion.empty(); ++i) {
      Finding& finding = report.findings[i];
      if (finding.verdict == Verdict::kFail) finding.publish = {{sender.envelope_domain, "TXT", suggestion}};
    }
  }
  Verdict worst = Verdict::kPass;
  for (std::size_t i = before; i < report.findings.size(); ++i) worst = std::max(worst, report.findings[i].verdict);
  return worst;
}

void CheckSourceNames(dns::Lookup& lookup, const Sender& sender, Report& report) {
  if (!sender.smarthost.empty()) {
    report.findings.push_back({.check = "ptr",
                               .verdict = Verdict::kWarn,
                               .what = absl::StrFormat("not checked: %s sends", sender.smarthost),
                               .publish = {}});
    return;
  }
  std::vector<const Source*> unknown;
  for (const Source& source : sender.sources) {
    if (!source.address.has_value()) {
      unknown.push_back(&source);
      continue;
    }
    const dns::Answer pointers = lookup.Ask(dns::ReverseName(*source.address), dns::RecordType::kPtr);
    report.findings.push_back(CheckReverse(lookup, source, pointers));
    report.findings.push_back(CheckEhlo(lookup, source, pointers));
  }
  if (unknown.empty()) return;
  report.findings.push_back(UnknownAddress(sender, "ptr", "reverse DNS", unknown));
  report.findings.push_back(UnknownAddress(sender, "ehlo", "whether the EHLO name leads to it", unknown));
}

}  // namespace preflight
