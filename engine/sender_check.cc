#include "engine/sender_check.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "engine/base/text.h"
#include "engine/delivery/site.h"
#include "engine/dns_asker.h"
#include "engine/io/own_address.h"
#include "engine/message/lint.h"
#include "engine/message/renderer.h"
#include "engine/preparation.h"
#include "engine/signing_keys.h"

namespace engine {
namespace {

constexpr base::Duration kLimit = base::Duration::Seconds(30);
constexpr std::string_view kSourceCheck = "source";
constexpr std::int64_t kQuestionsPerSource = 16;  // About; repetitions included.

// How long the DNS is asked: with many sources dns.max_queries_per_second makes it longer.
base::Duration LimitFor(const preflight::Sender& sender, const config::DnsConfig& config) {
  const auto questions = static_cast<std::int64_t>(sender.sources.size()) * kQuestionsPerSource;
  return kLimit + base::Duration::Milliseconds(1000 * questions / config.max_queries_per_second);
}

// Where no resolver works.
class NoLookup final : public dns::Lookup {
 public:
  explicit NoLookup(std::string why) : why_(std::move(why)) {}
  dns::Answer Ask(std::string_view, dns::RecordType) override {
    dns::Answer answer;
    answer.kind = dns::AnswerKind::kServerFail;
    answer.detail = why_;
    return answer;
  }

 private:
  const std::string why_;
};

// The envelope sender with "token" for each of its fields.
std::string WithoutFields(std::string_view text) {
  std::string plain;
  while (true) {
    const std::size_t begin = text.find("{{");
    plain.append(text.substr(0, begin));
    if (begin == std::string_view::npos) return plain;
    const std::size_t end = text.find("}}", begin);
    if (end == std::string_view::npos) return plain;
    plain.append("token");
    text.remove_prefix(std::min(text.size(), text.find_first_not_of('}', end)));
  }
}

// The domain of an address; empty: it has fields.
std::string FixedDomain(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos || text.find("{{", at) != std::string_view::npos) return "";
  return base::LowerAscii(base::TrimAscii(text.substr(at + 1)));
}

// What bounces go to, as the campaign has it.
std::string_view EnvelopeSender(const campaign::Campaign& campaign) {
  return campaign.envelope_sender.empty() ? std::string_view(campaign.from_address)
                                          : std::string_view(campaign.envelope_sender.text);
}

// Far away: the way there is the way to the Internet. They are a root server's; nothing is sent to it.
constexpr const char* kFarAway[] = {"198.41.0.4", "2001:503:ba3e::2:30"};
constexpr std::uint16_t kSmtpPort = 25;

// The one that the kernel chooses for a source without an address.
std::optional<base::IpAddress> OwnAddress() {
  for (const char* far_away : kFarAway) {
    if (const auto own = io::OwnAddressTowards({*base::IpAddress::Parse(far_away), kSmtpPort})) return own;
  }
  return std::nullopt;
}

// The address that receivers see; none where it cannot be known.
std::optional<base::IpAddress> SeenAddress(const SenderCheck& check, const delivery::Source& source) {
  for (const config::SourceConfig& known : check.config.sources) {
    if (known.name == source.name && known.public_address.has_value()) return known.public_address;
  }
  const bool is_open = !source.address.has_value() && !check.is_rehearsal;
  const std::optional<base::IpAddress> address = is_open ? OwnAddress() : source.address;
  return address.has_value() && address->IsPrivate() ? std::nullopt : address;
}

// What is wrong with a message that can be made.
std::vector<std::string> MessageFaults(const campaign::Campaign& campaign) {
  std::vector<std::string> faults;
  const message::MessageSpec spec = SpecOf(campaign);
  if (!campaign.missing_files.empty() || !message::MessageTemplate::Compile(spec).ok()) return faults;
  for (const message::Finding& finding : message::LintMessage(spec)) {
    if (!finding.fails) continue;
    const std::string& file = finding.file.empty() ? campaign.path : finding.file;
    faults.push_back(absl::StrFormat("%s:%d: %s [%s]", file, finding.line, finding.what, finding.check));
  }
  return faults;
}

// Addresses that mail cannot leave from. Fails where none of the sources has another one.
std::vector<preflight::Finding> CheckAddresses(const std::vector<delivery::Source>& sources) {
  std::vector<preflight::Finding> findings;
  for (const delivery::Source& source : sources) {
    const int error = source.address.has_value() ? io::ErrorOfSource(*source.address) : 0;
    if (error == 0) continue;
    preflight::Finding& finding = findings.emplace_back();
    finding.check = kSourceCheck;
    finding.verdict = preflight::Verdict::kWarn;
    finding.is_told = true;
    finding.what = absl::StrFormat("%s: source_address %s of %s cannot be used on this machine: %s",
                                   source.limits.place, source.address->ToString(), source.name, std::strerror(error));
  }
  const bool none_is_left = findings.size() == sources.size();
  for (preflight::Finding& finding : findings) {
    if (none_is_left) finding.verdict = preflight::Verdict::kFail;
    if (!none_is_left) finding.what += "; the others send its share";
  }
  return findings;
}

std::string Line(const preflight::Finding& finding) {
  std::string line = absl::StrFormat("%s: %s", finding.check, finding.what);
  for (const preflight::DnsRecord& record : finding.publish) line += "; publish: " + record.ToString();
  return line;
}

}  // namespace

std::string EnvelopeDomain(const campaign::Campaign& campaign) { return FixedDomain(EnvelopeSender(campaign)); }

absl::StatusOr<preflight::Sender> SenderOf(const SenderCheck& check) {
  preflight::Sender sender;
  sender.from_domain = base::LowerAscii(FromDomain(check.campaign));
  sender.envelope_domain = EnvelopeDomain(check.campaign);
  const campaign::SourceText& reply_to = check.campaign.reply_to_address;
  sender.reply_domain = reply_to.empty() ? sender.from_domain : FixedDomain(reply_to.text);
  const std::string_view envelope = EnvelopeSender(check.campaign);
  sender.has_verp = envelope.substr(0, envelope.rfind('@')).find("{{") != std::string_view::npos;
  sender.envelope_local_part = WithoutFields(base::TrimAscii(envelope.substr(0, envelope.rfind('@'))));
  for (const delivery::Source& source : check.means.sources) {
    sender.sources.push_back({source.name, SeenAddress(check, source), base::LowerAscii(source.ehlo_domain),
                              /*is_configured=*/!check.config.sources.empty()});
  }
  for (const dkim::SigningKey& key : check.means.keys) {
    absl::StatusOr<dkim::PublishedKey> published = dkim::PublishedKeyOf(key);
    if (!published.ok()) return published.status();
    sender.keys.push_back(*std::move(published));
  }
  if (check.config.smarthost.has_value()) sender.smarthost = check.config.smarthost->host;
  sender.is_rehearsal = check.is_rehearsal;
  sender.allows_private = check.is_rehearsal || check.config.allow_private_destinations;
  sender.is_marketing = check.campaign.kind == campaign::Kind::kMarketing;
  sender.has_one_click = !check.campaign.list.unsubscribe_url.empty();
  sender.shows_unsubscribe = check.shows_unsubscribe;
  sender.has_authorities = !check.means.authorities.empty();
  const config::MailHost gmail[] = {"gmail-smtp-in.l.google.com"};
  // A smarthost is spoken to by the configuration, whatever the shaping files say.
  if (!check.config.smarthost.has_value()) {
    for (const preflight::Source& source : sender.sources) {
      const config::TlsMode mode = check.shaping.For("gmail.com", gmail, source.name).enable_tls;
      if (mode == config::TlsMode::kDisabled && check.campaign.delivery.tls != campaign::Tls::kRequired)
        sender.uses_tls = false;
      if (delivery::PolicyOf(mode).verification == tls::Policy::Verification::kNameAndChain) sender.verifies_tls = true;
    }
  }
  return sender;
}

absl::StatusOr<preflight::Report> CheckSender(const SenderCheck& check) {
  const absl::StatusOr<preflight::Sender> sender = SenderOf(check);
  if (!sender.ok()) return sender.status();
  const auto asker = DnsAsker::Make(check.config.dns, LimitFor(*sender, check.config.dns));
  preflight::Report report;
  if (asker.ok()) {
    (*asker)->WhileWaiting(check.while_waiting);
    (*asker)->InRounds([&](dns::Lookup& lookup) { report = preflight::CheckSender(lookup, *sender); });
  } else {
    NoLookup none(std::string(asker.status().message()));
    report = preflight::CheckSender(none, *sender);
  }
  std::vector<preflight::Finding> addresses = CheckAddresses(check.means.sources);
  std::move(addresses.begin(), addresses.end(), std::back_inserter(report.findings));
  return report;
}

absl::Status RequireReady(const SenderCheck& check, Preflight preflight, base::Log& log) {
  if (preflight == Preflight::kNone) return absl::OkStatus();
  const absl::StatusOr<preflight::Report> report = CheckSender(check);
  if (!report.ok()) return report.status();
  std::vector<std::string> lines = MessageFaults(check.campaign);
  bool has_address = true;
  for (const preflight::Finding& finding : report->findings) {
    const bool fails = finding.verdict == preflight::Verdict::kFail;
    if (fails) lines.push_back(Line(finding));
    if (fails && finding.check == kSourceCheck) has_address = false;
    // The mail goes out unchecked, or some will refuse it: nobody is to think it passed.
    if (finding.verdict == preflight::Verdict::kWarn && (finding.is_open || finding.is_told))
      log.Warning(Line(finding));
  }
  if (lines.empty()) {
    log.Debug(absl::StrFormat("of the checks of the sender these do not pass, or could not be made: [%s]",
                              absl::StrJoin(report->ChecksWith(preflight::Verdict::kWarn), ", ")));
    return absl::OkStatus();
  }
  if (preflight == Preflight::kWarn) {
    for (const std::string& line : lines) log.Warning(line);
    return absl::OkStatus();
  }
  lines.push_back(
      absl::StrFormat("nothing was sent: %s; sluice check says more, and --force sends all the same",
                      has_address ? "receivers would refuse this mail" : "there is no address to send from"));
  return absl::AbortedError(absl::StrJoin(lines, "\n"));
}

}  // namespace engine
