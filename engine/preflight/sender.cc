#include "engine/preflight/sender.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "dns/dmarc.h"
#include "dns/reverse_name.h"
#include "engine/base/text.h"
#include "engine/preflight/incoming.h"
#include "engine/preflight/source_checks.h"

namespace preflight {
namespace {

using dns::AnswerKind;
using dns::RecordType;

class Check {
 public:
  Check(dns::Lookup& lookup, const Sender& sender) : lookup_(lookup), sender_(sender) {}

  Report Run() {
    spf_ = CheckSourcesBySpf(lookup_, sender_, report_);
    CheckKeys();
    CheckDmarc();
    CheckSourceNames(lookup_, sender_, report_);
    CheckFrom();
    CheckReturnPath();
    CheckReplies();
    CheckOneClick();
    CheckUnsubscribeLink();
    CheckTls();
    // The DNS may say anything, and who reads this has a terminal.
    for (Finding& finding : report_.findings) finding.what = Printable(finding.what);
    return std::move(report_);
  }

 private:
  void Add(std::string_view check, Verdict verdict, std::string what, std::vector<DnsRecord> publish = {}) {
    report_.findings.push_back(
        {.check = std::string(check), .verdict = verdict, .what = std::move(what), .publish = std::move(publish)});
  }
  void AddOpen(std::string_view check, std::string_view why) {
    Add(check, Verdict::kWarn, absl::StrCat("could not be checked: ", base::AbslView(why)));
    report_.findings.back().is_open = true;
  }
  // Of mail that no key signs that the large receivers verify.
  Verdict WithoutSignature() const;
  void CheckKeys();
  void CheckDmarc();
  void CheckDmarcRecord(const dns::DmarcWalk::Step& found);
  void CheckAlignment(const dns::DmarcRecord* record);
  void CheckFrom();
  void CheckReturnPath();
  void CheckReplies();
  void CheckOneClick();
  void CheckUnsubscribeLink();
  void CheckTls();
  std::string DmarcPlace() const;

  dns::Lookup& lookup_;
  const Sender& sender_;
  Report report_;
  Verdict spf_ = Verdict::kPass;
  // Of those that every receiver verifies: RSA.
  std::vector<const dkim::PublishedKey*> good_keys_;
  bool keys_open_ = false;  // Of some it is not known whether it is published.
};

// Gmail, Yahoo and Microsoft refuse bulk mail without a valid signature. Marketing is bulk; whether other mail is
// depends on all that the domain sends in a day. A smarthost may sign.
Verdict Check::WithoutSignature() const {
  const bool is_refused = sender_.is_marketing && sender_.smarthost.empty() && !sender_.is_rehearsal;
  return is_refused ? Verdict::kFail : Verdict::kWarn;
}

void Check::CheckKeys() {
  if (sender_.keys.empty()) {
    Add("dkim", WithoutSignature(),
        absl::StrFormat("no key signs mail from %s, and Gmail, Yahoo and Microsoft refuse bulk mail without a "
                        "signature%s; make one with: sluice keygen %s s1",
                        sender_.from_domain,
                        sender_.smarthost.empty() ? "" : absl::StrFormat(" (%s may sign)", sender_.smarthost),
                        sender_.from_domain));
    report_.findings.back().is_told = true;
    return;
  }
  for (const dkim::PublishedKey& key : sender_.keys) {
    const KeyVerdict verdict = CheckKeyAnswer(lookup_.Ask(key.name, RecordType::kTxt), key);
    if (!dkim::IsEd25519(key)) {
      if (!verdict.is_known) keys_open_ = true;
      if (verdict.is_known && verdict.verdict != Verdict::kFail) good_keys_.push_back(&key);
    }
    std::vector<DnsRecord> publish;
    if (verdict.verdict == Verdict::kFail) publish = {{key.name, "TXT", key.record}};
    Add("dkim", verdict.verdict, verdict.what, std::move(publish));
    report_.findings.back().is_open = !verdict.is_known;
  }
  if (std::all_of(sender_.keys.begin(), sender_.keys.end(), dkim::IsEd25519)) {
    Add("dkim", WithoutSignature(),
        absl::StrFormat("only Ed25519 signs (RFC 8463), which Gmail and Microsoft do not verify: add an RSA key, with "
                        "another selector; make one with: sluice keygen %s s2",
                        sender_.keys.front().domain));
    report_.findings.back().is_told = true;
  }
}

// Where a record would hold for the From domain and for the key that signs for it.
std::string Check::DmarcPlace() const {
  for (const dkim::PublishedKey& key : sender_.keys) {
    if (sender_.from_domain.ends_with("." + key.domain)) return "_dmarc." + key.domain;
  }
  return "_dmarc." + sender_.from_domain;
}

void Check::CheckDmarc() {
  const dns::DmarcWalk walk = dns::WalkDmarc(lookup_, sender_.from_domain);
  const bool has_own = !walk.records.empty() && walk.records.front().domain == sender_.from_domain;
  if (walk.temporary && !has_own) {
    AddOpen("dmarc", walk.detail);
    return AddOpen("alignment", walk.detail);
  }
  const dns::DmarcWalk::Step* const found = dns::PolicyFor(walk, sender_.from_domain);
  if (found == nullptr) {
    if (walk.several.empty()) {
      Add("dmarc", Verdict::kFail, absl::StrCat(sender_.from_domain, " has no DMARC record"),
          {{DmarcPlace(), "TXT", "v=DMARC1; p=none"}});
    } else {  // One more would make it worse.
      const dns::DmarcWalk::Several& several = walk.several.front();
      Add("dmarc", Verdict::kFail,
          absl::StrFormat("%s has %d DMARC records, and none counts: keep one of them", several.domain,
                          several.texts.size()),
          {{"_dmarc." + several.domain, "TXT", several.texts.front()}});
    }
    return CheckAlignment(nullptr);
  }
  CheckDmarcRecord(*found);
  if (!walk.several.empty() && walk.several.front().domain == sender_.from_domain) {
    const dns::DmarcWalk::Several& several = walk.several.front();
    Add("dmarc", Verdict::kWarn,
        absl::StrFormat("%s has %d DMARC records itself, and receivers by RFC 7489 stop there, as without any: keep "
                        "one of them",
                        several.domain, several.texts.size()),
        {{"_dmarc." + several.domain, "TXT", several.texts.front()}});
    report_.findings.back().is_told = true;
  }
  CheckAlignment(&found->record);
}

void Check::CheckDmarcRecord(const dns::DmarcWalk::Step& found) {
  const dns::DmarcRecord& record = found.record;
  const std::string odd = absl::StrJoin(record.oddities, "; ");
  const std::string at = absl::StrCat("_dmarc.", found.domain);
  if (!record.repeated.empty()) {
    return Add("dmarc", Verdict::kFail,
               absl::StrFormat("%s has %s= twice, and counts not at all: keep one of them", at, record.repeated),
               {{at, "TXT", "v=DMARC1; p=none"}});
  }
  if (!record.policy.has_value() || record.wrong_policy) {  // RFC 9989 section 4.10.1.
    const dns::DmarcPolicy policy = record.policy.value_or(dns::DmarcPolicy::kNone);
    return Add("dmarc", record.has_reports ? Verdict::kWarn : Verdict::kFail,
               absl::StrFormat("%s has %s, and counts %s%s", at,
                               record.policy.has_value() ? "an sp= or np= that is none" : "no policy p=",
                               record.has_reports ? "as p=none" : "not at all", odd.empty() ? "" : " (" + odd + ")"),
               {{at, "TXT", absl::StrFormat("v=DMARC1; p=%s", dns::ToString(policy))}});
  }
  const bool is_own = found.domain == sender_.from_domain;
  const dns::DmarcPolicy policy = is_own ? *record.policy : record.subdomains.value_or(*record.policy);
  Add("dmarc", odd.empty() ? Verdict::kPass : Verdict::kWarn,
      absl::StrFormat("%s says %s for %s%s", at, dns::ToString(policy), sender_.from_domain,
                      odd.empty() ? "" : "; " + odd));
}

// RFC 9989 section 4.4: SPF or DKIM has to pass for a domain that belongs to the From domain. Null: no record says how
// strictly, nor where the organization ends.
void Check::CheckAlignment(const dns::DmarcRecord* record) {
  // A smarthost may sign with keys of its own, and an envelope domain that differs by row may align.
  const bool is_vague = !sender_.smarthost.empty() || sender_.envelope_domain.empty();
  bool unanswered = keys_open_;
  const auto aligns = [&](std::string_view domain, bool strict) {
    const std::optional<bool> aligned = dns::IsAligned(lookup_, sender_.from_domain, domain, strict);
    if (!aligned.has_value()) unanswered = true;
    return aligned.value_or(false);
  };
  std::vector<std::string> by;
  for (const dkim::PublishedKey* key : good_keys_) {
    const std::string text = absl::StrCat("DKIM as ", key->domain);
    const bool is_new = std::find(by.begin(), by.end(), text) == by.end();
    if (is_new && aligns(key->domain, record != nullptr && record->strict_dkim)) by.push_back(text);
  }
  const bool spf_aligns =
      !sender_.envelope_domain.empty() && aligns(sender_.envelope_domain, record != nullptr && record->strict_spf);
  if (spf_aligns && spf_ == Verdict::kPass) by.push_back(absl::StrCat("SPF as ", sender_.envelope_domain));
  if (!by.empty()) {
    return Add("alignment", Verdict::kPass,
               absl::StrFormat("%s by %s", sender_.from_domain, absl::StrJoin(by, " and ")));
  }
  if (spf_aligns && spf_ == Verdict::kWarn) {
    return Add("alignment", Verdict::kWarn,
               absl::StrFormat("%s only by SPF as %s, which is not known to pass", sender_.from_domain,
                               sender_.envelope_domain));
  }
  if (unanswered) {
    return AddOpen("alignment", absl::StrFormat("what belongs to %s cannot be told without an answer from the DNS",
                                                sender_.from_domain));
  }
  if (is_vague || record == nullptr) {
    return Add(
        "alignment", Verdict::kWarn,
        absl::StrFormat("what belongs to %s cannot be told %s", sender_.from_domain,
                        record == nullptr ? "without a DMARC record"
                                          : "where a smarthost signs or envelope.sender differs from row to row"));
  }
  Add("alignment", Verdict::kFail,
      absl::StrFormat("neither SPF nor DKIM passes for a domain that belongs to %s; sign with a key of %s",
                      sender_.from_domain, sender_.from_domain));
}

// Gmail: nobody else sends as @gmail.com. And a domain that does not exist nobody may send from.
void Check::CheckFrom() {
  if (sender_.from_domain == "gmail.com" || sender_.from_domain == "googlemail.com") {
    return Add("from", Verdict::kFail,
               absl::StrFormat("only Gmail itself may send from %s: set from.address to one of a domain of yours",
                               sender_.from_domain));
  }
  const dns::Answer answer = lookup_.Ask(sender_.from_domain, RecordType::kMx);
  if (dns::IsTemporary(answer)) return AddOpen("from", answer.detail);
  if (answer.kind != AnswerKind::kNoDomain) return;
  Add("from", Verdict::kFail,
      absl::StrFormat("%s does not exist: set from.address to one of a domain of yours", sender_.from_domain));
}

// Bounces have to come back: the envelope sender's domain takes mail.
void Check::CheckReturnPath() {
  const std::string& domain = sender_.envelope_domain;
  if (domain.empty()) {
    return Add("return_path", Verdict::kWarn, "not checked: the domain of envelope.sender differs from row to row");
  }
  const Incoming incoming = LookForIncoming(lookup_, domain, sender_.allows_private);
  const bool has_host = !sender_.sources.empty() && sender_.sources.front().ehlo.find('[') == std::string::npos;
  std::vector<DnsRecord> publish;
  if (has_host) publish = {{domain, "MX", absl::StrCat("10 ", sender_.sources.front().ehlo)}};
  for (const Source& source : sender_.sources) {  // Its name is there, and leads nowhere yet.
    if (incoming.host.empty() || source.ehlo != incoming.host) continue;
    publish.clear();
    if (source.address.has_value()) publish = {AddressRecord(source.ehlo, *source.address)};
  }
  switch (incoming.kind) {
    case Incoming::Kind::kNoAnswer:
      return AddOpen("return_path", incoming.why);
    case Incoming::Kind::kNone:
      return Add("return_path", Verdict::kFail,
                 absl::StrFormat("%s %s: bounces cannot come back", domain, incoming.why), publish);
    case Incoming::Kind::kAddress:
      return Add("return_path", Verdict::kWarn, absl::StrCat(domain, " has no MX: bounces go to its address"), publish);
    case Incoming::Kind::kExchanger:
      break;
  }
  const std::string where = absl::StrFormat("bounces to %s go to %s", domain, incoming.host);
  if (sender_.has_verp) return Add("return_path", Verdict::kPass, where);
  Add("return_path", Verdict::kWarn, where + ", and do not tell whose they are; put {{token}} into envelope.sender");
}

// Microsoft: From or Reply-To can receive replies.
void Check::CheckReplies() {
  const std::string& domain = sender_.reply_domain;
  if (domain.empty()) return;  // It differs from row to row.
  const Incoming incoming = LookForIncoming(lookup_, domain, sender_.allows_private);
  switch (incoming.kind) {
    case Incoming::Kind::kNoAnswer:
      return AddOpen("replies", incoming.why);
    case Incoming::Kind::kNone:
      return Add("replies", Verdict::kWarn,
                 absl::StrFormat("%s %s: replies cannot be delivered; set reply_to.address", domain, incoming.why));
    case Incoming::Kind::kAddress:
    case Incoming::Kind::kExchanger:
      return Add("replies", Verdict::kPass, absl::StrCat(domain, " takes mail: replies can be delivered"));
  }
}

void Check::CheckOneClick() {
  if (!sender_.is_marketing && !sender_.has_one_click) return;  // Nobody asks for it.
  if (!sender_.has_one_click) {
    return Add("one_click", Verdict::kFail,
               "the mail has no one-click unsubscription (RFC 8058): set list.unsubscribe_url");
  }
  if (std::all_of(sender_.keys.begin(), sender_.keys.end(), dkim::IsEd25519)) {  // Or there is none.
    return Add("one_click", WithoutSignature(),
               absl::StrFormat("List-Unsubscribe-Post is there, but no %sDKIM signature covers it: see dkim",
                               sender_.keys.empty() ? "" : "RSA "));
  }
  if (!good_keys_.empty()) {
    return Add("one_click", Verdict::kPass, "List-Unsubscribe and List-Unsubscribe-Post are there and signed");
  }
  if (keys_open_) return AddOpen("one_click", "whether the signature that covers it verifies is not known");
  Add("one_click", Verdict::kFail, "no signature that covers List-Unsubscribe-Post will verify: see dkim");
}

// Gmail: marketing mail shows clearly how to unsubscribe.
void Check::CheckUnsubscribeLink() {
  if ((!sender_.is_marketing && !sender_.has_one_click) || !sender_.shows_unsubscribe.has_value()) return;
  if (*sender_.shows_unsubscribe) return Add("unsubscribe", Verdict::kPass, "the body has a link to unsubscribe");
  Add("unsubscribe", Verdict::kWarn,
      "no link in the body says \"unsubscribe\" or leads to list.unsubscribe_url: show one clearly");
}

void Check::CheckTls() {
  if (!sender_.uses_tls) {
    return Add("tls", Verdict::kFail, "the shaping files disable TLS to Gmail: enable_tls");
  }
  if (!sender_.has_authorities && sender_.verifies_tls) {
    return Add("tls", Verdict::kFail,
               "mail to Gmail would wait: enable_tls wants certificates that hold, and none can be verified: install "
               "ca-certificates, or set tls.ca_file");
  }
  if (!sender_.has_authorities) {
    return Add("tls", Verdict::kWarn,
               "possible, but no certificate can be verified: install ca-certificates, or set tls.ca_file");
  }
  Add("tls", Verdict::kPass, "possible, and certificates can be verified");
}

}  // namespace

Report CheckSender(dns::Lookup& lookup, const Sender& sender) { return Check(lookup, sender).Run(); }

KeyVerdict CheckKeyAnswer(const dns::Answer& answer, const dkim::PublishedKey& key) {
  if (dns::IsTemporary(answer)) {
    return {Verdict::kWarn, false, absl::StrFormat("%s: could not be checked: %s", key.name, answer.detail)};
  }
  if (answer.kind != AnswerKind::kFound) return {Verdict::kFail, true, key.name + " is not published"};
  std::string fault, note;
  bool is_there = false;
  for (const dns::Record& record : answer.records) {
    const dkim::KeyRecordCheck check = dkim::CheckKeyRecord(record.text, key);
    if (check.fault.empty()) {
      is_there = true;
      note = check.note;
    } else {
      fault = check.fault;
    }
  }
  if (!is_there) return {Verdict::kFail, true, absl::StrCat(key.name, ": ", fault)};
  if (!fault.empty()) {
    note = absl::StrFormat("there are %d records, and receivers may take any (%s)", answer.records.size(), fault);
  }
  if (!note.empty()) return {Verdict::kWarn, true, absl::StrCat(key.name, ": ", note)};
  return {Verdict::kPass, true, key.name + " is published and is the key that signs"};
}

}  // namespace preflight
