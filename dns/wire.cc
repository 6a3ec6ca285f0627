#include "dns/wire.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dns/message_reader.h"
#include "dns/name.h"
#include "engine/base/check.h"
#include "engine/base/text.h"

namespace dns {
namespace {

constexpr std::size_t kCnameChainMax = 16;
constexpr std::size_t kMessageMax = 65'535;
constexpr std::uint16_t kUdpWithoutEdns = 512;  // RFC 1035 section 4.2.1.
constexpr std::uint16_t kQueryUdpSize = 1232;   // DNS flag day 2020: no fragmentation.
constexpr std::size_t kCharacterStringMax = 255;

constexpr std::uint16_t kFlagResponse = 0x8000;
constexpr std::uint16_t kFlagAuthoritative = 0x0400;
constexpr std::uint16_t kFlagTruncated = 0x0200;
constexpr std::uint16_t kFlagRecursionDesired = 0x0100;
constexpr std::uint16_t kFlagRecursionAvailable = 0x0080;
constexpr std::uint16_t kFlagAuthenticated = 0x0020;
constexpr std::uint16_t kOpcodeMask = 0x7800;
constexpr std::uint16_t kCodeMask = 0x000F;
constexpr std::uint16_t kClassIn = 1;
constexpr std::uint16_t kTypeNs = 2;
constexpr std::uint16_t kTypeSoa = 6;
constexpr std::uint16_t kTypeOpt = 41;

void Append16(std::uint16_t value, std::string& message) {
  message.push_back(static_cast<char>(value >> 8));
  message.push_back(static_cast<char>(value & 0xFF));
}

void Append32(std::uint32_t value, std::string& message) {
  Append16(static_cast<std::uint16_t>(value >> 16), message);
  Append16(static_cast<std::uint16_t>(value & 0xFFFF), message);
}

void AppendOpt(std::uint16_t udp_size, std::string& message) {  // RFC 6891 section 6.1.2.
  message.push_back('\0');
  Append16(kTypeOpt, message);
  Append16(udp_size, message);
  Append32(0, message);
  Append16(0, message);
}

// A record's data. False: it cannot be written.
bool AppendData(RecordType type, const Record& record, std::string& data) {
  switch (type) {
    case RecordType::kA:
    case RecordType::kAaaa:
      data.append(record.address.bytes());
      return record.address.IsV6() == (type == RecordType::kAaaa);
    case RecordType::kMx:
      Append16(record.preference, data);
      return AppendName(record.name, data);
    case RecordType::kCname:
    case RecordType::kPtr:
      return AppendName(record.name, data);
    case RecordType::kTxt: {
      std::string_view rest = record.text;
      do {
        const std::string_view part = rest.substr(0, kCharacterStringMax);
        data.push_back(static_cast<char>(part.size()));
        data.append(part);
        rest.remove_prefix(part.size());
      } while (!rest.empty());
      return true;
    }
    case RecordType::kTlsa:
      data.append(record.text);
      return record.text.size() >= 3;
  }
  return false;
}

Answer Failure(std::string detail) {
  Answer answer;
  answer.kind = AnswerKind::kServerFail;
  answer.detail = std::move(detail);
  return answer;
}

std::string CodeText(std::uint16_t code) {
  switch (code) {
    case 1:
      return "the server answered FORMERR";
    case 2:
      return "the server answered SERVFAIL";
    case 4:
      return "the server answered NOTIMP";
    case 5:
      return "the server answered REFUSED";
    default:
      return absl::StrCat("the server answered with code ", code);
  }
}

// The part of a response that decides: where the CNAMEs lead, and what is there.
class AnswerFinder {
 public:
  AnswerFinder(const std::vector<ResourceRecord>& records, RecordType type) : records_(records), type_(type) {}

  // Follows CNAMEs from `name`. False: they are too many, or turn in a circle.
  bool Follow(std::string name) {
    for (std::size_t steps = 0; steps <= kCnameChainMax; ++steps) {
      for (const ResourceRecord& record : records_) {
        if (record.type == static_cast<std::uint16_t>(type_) && record.name == name) Take(record);
      }
      if (!found_.empty() || type_ == RecordType::kCname) return true;
      const ResourceRecord* alias = nullptr;
      for (const ResourceRecord& record : records_) {
        if (record.type == static_cast<std::uint16_t>(RecordType::kCname) && record.name == name) alias = &record;
      }
      if (alias == nullptr) return true;
      Shorten(alias->ttl);
      name = canonical_ = alias->value.name;
    }
    return false;
  }

  std::vector<Record> TakeRecords() { return std::move(found_); }
  const std::string& canonical() const { return canonical_; }
  std::optional<base::Duration> ttl() const { return ttl_; }
  void Shorten(base::Duration ttl) { ttl_ = ttl_.has_value() ? std::min(*ttl_, ttl) : ttl; }

 private:
  void Take(const ResourceRecord& record) {
    found_.push_back(record.value);
    Shorten(record.ttl);
  }

  const std::vector<ResourceRecord>& records_;
  const RecordType type_;
  std::vector<Record> found_;
  std::string canonical_;
  std::optional<base::Duration> ttl_;
};

// The other eight bits of the code (RFC 6891 section 6.1.3), moved to their place; zero without an OPT record.
std::uint16_t UpperCode(MessageReader& reader, int additionals) {
  for (int i = 0; i < additionals; ++i) {
    const std::optional<ResourceRecord> record = reader.ReadRecord();
    if (!record.has_value()) return 0;  // What counts was whole.
    if (record->type == kTypeOpt) return static_cast<std::uint16_t>(record->extended_code << 4);
  }
  return 0;
}

// Why an answer without records says nothing about the name; "": it says that there are none. RFC 2308 section 2.2: a
// referral has name servers and no SOA. A server that does not recurse knows only its own names, and not where an alias
// leads.
std::string_view WhyItSaysNothing(std::uint16_t flags, bool no_domain, const AnswerFinder& finder,
                                  const std::vector<ResourceRecord>& authorities) {
  const auto has = [&authorities](std::uint16_t type) {
    return std::any_of(authorities.begin(), authorities.end(),
                       [type](const ResourceRecord& record) { return record.type == type; });
  };
  // NXDOMAIN may come with the zone's servers alone (section 2.1).
  if (!no_domain && has(kTypeNs) && !has(kTypeSoa)) return "a referral: the server does not recurse";
  const bool knows_itself = (flags & kFlagAuthoritative) != 0 && finder.canonical().empty();
  if ((flags & kFlagRecursionAvailable) == 0 && !knows_itself) return "the server does not recurse";
  return "";
}

// RFC 2308 section 5: the smaller of the SOA's own TTL and its minimum field. Without an SOA a negative answer is not
// to be kept.
base::Duration NegativeTtl(const std::vector<ResourceRecord>& authorities, std::optional<base::Duration> so_far) {
  for (const ResourceRecord& record : authorities) {
    if (record.type != kTypeSoa) continue;
    base::Duration ttl = std::min({record.ttl, record.soa_minimum, kNegativeTtlMax});
    if (so_far.has_value()) ttl = std::min(ttl, *so_far);
    return ttl;
  }
  return base::Duration();
}

}  // namespace

std::string_view TypeName(RecordType type) {
  switch (type) {
    case RecordType::kA:
      return "A";
    case RecordType::kCname:
      return "CNAME";
    case RecordType::kPtr:
      return "PTR";
    case RecordType::kMx:
      return "MX";
    case RecordType::kTxt:
      return "TXT";
    case RecordType::kAaaa:
      return "AAAA";
    case RecordType::kTlsa:
      return "TLSA";
  }
  return "unknown";
}

std::string BuildQuery(std::uint16_t id, std::string_view name, RecordType type, bool wants_authenticated) {
  std::string message;
  Append16(id, message);
  Append16(wants_authenticated ? kFlagRecursionDesired | kFlagAuthenticated : kFlagRecursionDesired, message);
  Append16(1, message);
  Append16(0, message);
  Append16(0, message);
  Append16(1, message);
  CHECK(AppendName(name, message));
  Append16(static_cast<std::uint16_t>(type), message);
  Append16(kClassIn, message);
  AppendOpt(kQueryUdpSize, message);
  return message;
}

bool IsTruncated(std::string_view message) {
  const std::optional<MessageHeader> header = MessageReader(message).ReadHeader();
  return header.has_value() && (header->flags & kFlagTruncated) != 0;
}

std::optional<Query> ParseQuery(std::string_view message) {
  MessageReader reader(message);
  const std::optional<MessageHeader> header = reader.ReadHeader();
  if (!header.has_value() || (header->flags & (kFlagResponse | kOpcodeMask)) != 0) return std::nullopt;
  if (header->questions != 1 || header->answers != 0) return std::nullopt;
  std::optional<MessageQuestion> question = reader.ReadQuestion();
  if (!question.has_value() || question->question_class != kClassIn) return std::nullopt;
  Query query;
  query.id = header->id;
  query.recursion_desired = (header->flags & kFlagRecursionDesired) != 0;
  query.wants_authenticated = (header->flags & kFlagAuthenticated) != 0;
  query.name = std::move(question->name);
  query.type = question->type;
  for (int i = 0; i < header->authorities + header->additionals; ++i) {
    const std::optional<ResourceRecord> record = reader.ReadRecord();
    if (!record.has_value()) return std::nullopt;
    if (record->type != kTypeOpt) continue;
    query.edns = true;
    query.udp_size = std::max(record->record_class, kUdpWithoutEdns);  // RFC 6891 section 6.2.3.
  }
  return query;
}

ResponseBuilder::ResponseBuilder(const Query& query, ResponseCode code) : query_(query), code_(code) {
  CHECK(NormalizeName(query.name).has_value());
}

bool ResponseBuilder::AddAnswer(RecordType type, std::uint32_t ttl_s, const Record& record) {
  return AddAnswer(query_.name, type, ttl_s, record);
}

bool ResponseBuilder::AddAnswer(std::string_view owner, RecordType type, std::uint32_t ttl_s, const Record& record) {
  CHECK(authorities_ == 0);
  std::string head, data;
  if (!AppendName(owner, head) || !AppendData(type, record, data)) return false;
  if (data.size() > kMessageMax || answers_ == kMessageMax) return false;
  Append16(static_cast<std::uint16_t>(type), head);
  Append16(kClassIn, head);
  Append32(ttl_s, head);
  Append16(static_cast<std::uint16_t>(data.size()), head);
  records_.append(head).append(data);
  ++answers_;
  return true;
}

void ResponseBuilder::AddSoa(std::uint32_t ttl_s) {
  CHECK(authorities_ == 0);
  std::string data;
  CHECK(AppendName(query_.name, records_) && AppendName("ns.invalid", data) && AppendName("hostmaster.invalid", data));
  for (const std::uint32_t number : {1U, 3600U, 600U, 86'400U, ttl_s}) Append32(number, data);
  Append16(kTypeSoa, records_);
  Append16(kClassIn, records_);
  Append32(ttl_s, records_);
  Append16(static_cast<std::uint16_t>(data.size()), records_);
  records_.append(data);
  ++authorities_;
}

std::string ResponseBuilder::Build(std::size_t size_max) const {
  std::string message = Assemble(/*truncated=*/false);
  return message.size() <= std::min(size_max, kMessageMax) ? message : Assemble(/*truncated=*/true);
}

std::string ResponseBuilder::Assemble(bool truncated) const {
  std::string message;
  Append16(query_.id, message);
  unsigned flags = kFlagResponse | kFlagRecursionAvailable | static_cast<unsigned>(code_);
  if (query_.recursion_desired) flags |= kFlagRecursionDesired;
  if (authenticated_) flags |= kFlagAuthenticated;
  if (truncated) flags |= kFlagTruncated;
  Append16(static_cast<std::uint16_t>(flags), message);
  Append16(1, message);
  Append16(truncated ? 0 : answers_, message);
  Append16(truncated ? 0 : authorities_, message);
  Append16(query_.edns ? 1 : 0, message);
  CHECK(AppendName(query_.name, message));
  Append16(query_.type, message);
  Append16(kClassIn, message);
  if (!truncated) message.append(records_);
  if (query_.edns) AppendOpt(kQueryUdpSize, message);
  return message;
}

Answer ParseAnswer(std::string_view message, std::string_view name, RecordType type) {
  const std::optional<std::string> asked = NormalizeName(name);
  if (!asked.has_value()) return Failure("the question's name is not a domain name");
  MessageReader reader(message);
  const std::optional<MessageHeader> header = reader.ReadHeader();
  if (!header.has_value() || (header->flags & kFlagResponse) == 0) return Failure("not a DNS response");
  const auto code = static_cast<std::uint16_t>(header->flags & kCodeMask);
  const bool no_domain = code == static_cast<std::uint16_t>(ResponseCode::kNoDomain);
  if (code != 0 && !no_domain) return Failure(CodeText(code));
  if (header->questions != 1) return Failure("the answer does not repeat the question");
  const std::optional<MessageQuestion> question = reader.ReadQuestion();
  if (!question.has_value() || question->name != *asked || question->question_class != kClassIn ||
      question->type != static_cast<std::uint16_t>(type)) {
    return Failure("the answer is to another question");
  }
  if ((header->flags & kFlagTruncated) != 0) return Failure("the answer is truncated");
  std::vector<ResourceRecord> answers, authorities;
  for (int i = 0; i < header->answers + header->authorities; ++i) {
    std::optional<ResourceRecord> record = reader.ReadRecord();
    if (!record.has_value()) return Failure("the answer is malformed");
    if (record->record_class != kClassIn) continue;
    (i < header->answers ? answers : authorities).push_back(*std::move(record));
  }
  if (const std::uint16_t upper = UpperCode(reader, header->additionals); upper != 0)
    return Failure(CodeText(static_cast<std::uint16_t>(code | upper)));

  AnswerFinder finder(answers, type);
  if (!finder.Follow(*asked)) return Failure("the CNAME records turn in a circle, or are too many");
  Answer answer;
  answer.authenticated = (header->flags & kFlagAuthenticated) != 0;
  answer.records = finder.TakeRecords();
  answer.canonical = finder.canonical();
  if (no_domain || answer.records.empty()) {
    if (const std::string_view why = WhyItSaysNothing(header->flags, no_domain, finder, authorities); !why.empty())
      return Failure(std::string(why));
  }
  if (no_domain) {  // RFC 2308 section 2.1: about the last name of the chain.
    answer.kind = AnswerKind::kNoDomain;
    answer.detail = "NXDOMAIN";
    answer.records.clear();
    answer.ttl = NegativeTtl(authorities, finder.ttl());
  } else if (answer.records.empty()) {
    answer.kind = AnswerKind::kNoData;
    answer.detail = absl::StrCat("no ", std::string(TypeName(type)), " record");
    answer.ttl = NegativeTtl(authorities, finder.ttl());
  } else {
    answer.kind = AnswerKind::kFound;
    answer.ttl = *finder.ttl();
  }
  return answer;
}

}  // namespace dns
