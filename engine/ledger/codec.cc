#include "engine/ledger/codec.h"

#include <memory>
#include <utility>

namespace ledger {
namespace {

// The kind of an entry. Kinds from 64 on may be skipped by who does not know them.
enum Kind : std::uint64_t { kString = 1, kAttempt = 2, kOutcome = 3, kCampaignState = 4, kSiteState = 5 };
constexpr std::uint64_t kTextEmpty = 0, kTextFull = 1, kTextFirst = 2;
constexpr std::uint64_t kTlsResumed = 1, kTlsCompatible = 2;

void PutVarint(std::uint64_t value, std::string& out) {
  if (value < 0x80) {
    out.push_back(static_cast<char>(value));
    return;
  }
  char bytes[10];
  std::size_t size = 0;
  for (; value >= 0x80; value >>= 7) bytes[size++] = static_cast<char>(value | 0x80);
  bytes[size++] = static_cast<char>(value);
  out.append(bytes, size);
}

void PutTime(base::WallTime time, std::string& out) {
  const std::int64_t us = time.microseconds();
  PutVarint((static_cast<std::uint64_t>(us) << 1) ^ static_cast<std::uint64_t>(us >> 63), out);  // Zigzag.
}

void PutEntry(Kind kind, std::string_view body, std::string& out) {
  PutVarint(kind, out);
  PutVarint(body.size(), out);
  out.append(body);
}

// Reads front to back; the first mistake spoils all that follows.
class Source {
 public:
  explicit Source(std::string_view bytes) : bytes_(bytes) {}
  bool ok() const { return ok_; }
  std::string_view rest() const { return bytes_; }

  std::uint64_t Varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (bytes_.empty()) break;
      const auto byte = static_cast<unsigned char>(bytes_[0]);
      bytes_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    ok_ = false;
    return 0;
  }
  template <typename T>
  T Number() {
    const std::uint64_t value = Varint();
    if (value > static_cast<std::uint64_t>(static_cast<T>(~std::uint64_t{0}))) ok_ = false;
    return static_cast<T>(value);
  }
  // One of an enumeration's values, from 1 to `last`.
  template <typename T>
  T Enum(T last) {
    const std::uint64_t value = Varint();
    if (value < 1 || value > static_cast<std::uint64_t>(last)) ok_ = false;
    return ok_ ? static_cast<T>(value) : last;
  }
  base::WallTime Time() {
    const std::uint64_t zigzag = Varint();
    return base::WallTime::FromMicroseconds(static_cast<std::int64_t>((zigzag >> 1) ^ (~(zigzag & 1) + 1)));
  }
  std::string_view Bytes(std::uint64_t size) {
    if (size > bytes_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

using Strings = std::vector<std::unique_ptr<std::string>>;

// The strings of a record, from the table or in full.
class Texts {
 public:
  Texts(Source& in, const Strings& table) : in_(in), table_(table) {}
  bool ok() const { return ok_; }
  std::string_view Next() {
    const std::uint64_t id = in_.Varint();
    if (id == kTextEmpty) return {};
    if (id == kTextFull) return in_.Bytes(in_.Varint());
    if (id - kTextFirst >= table_.size()) {
      ok_ = false;
      return {};
    }
    return *table_[id - kTextFirst];
  }

 private:
  Source& in_;
  const Strings& table_;
  bool ok_ = true;
};

Attempt ReadAttempt(Source& in) {
  Attempt record;
  record.recipient = in.Varint();
  record.number = in.Number<std::uint16_t>();
  record.time = in.Time();
  record.session = in.Varint();
  if (!in.rest().empty()) record.via = in.Number<std::uint16_t>();
  return record;
}

Outcome ReadOutcome(Source& in, Texts& texts) {
  Outcome record;
  record.recipient = in.Varint();
  record.kind = in.Enum(OutcomeKind::kResend);
  record.number = in.Number<std::uint16_t>();
  record.revision = in.Number<std::uint16_t>();
  record.time = in.Time();
  record.due = in.Time();
  record.reply_code = in.Number<std::uint16_t>();
  for (std::uint16_t& digit : record.enhanced) digit = in.Number<std::uint16_t>();
  record.reply_text = texts.Next();
  for (std::string_view* text :
       {&record.command, &record.classification, &record.site, &record.provider, &record.source, &record.pool,
        &record.source_address, &record.peer_name, &record.peer_address}) {
    *text = texts.Next();
  }
  record.session = in.Varint();
  record.connection_use = in.Number<std::uint32_t>();
  record.size = in.Varint();
  record.tls_protocol = texts.Next();
  record.tls_cipher = texts.Next();
  const std::uint64_t tls = in.Varint();
  record.tls_resumed = (tls & kTlsResumed) != 0;
  record.tls_compatible = (tls & kTlsCompatible) != 0;
  Timings& t = record.timings;
  for (std::uint32_t* part : {&t.queue, &t.dns, &t.connect, &t.banner, &t.tls, &t.mail, &t.rcpt, &t.data, &t.dot}) {
    *part = in.Number<std::uint32_t>();
  }
  record.throttled_by = texts.Next();
  return record;
}

CampaignState ReadCampaignState(Source& in, Texts& texts) {
  CampaignState record;
  record.kind = in.Enum(CampaignStateKind::kResumed);
  record.time = in.Time();
  for (std::string_view* text : {&record.scope, &record.by, &record.reason, &record.sample}) *text = texts.Next();
  return record;
}

SiteState ReadSiteState(Source& in, Texts& texts) {
  SiteState record;
  record.time = in.Time();
  record.site = texts.Next();
  record.source = texts.Next();
  record.until = in.Time();
  record.reason = texts.Next();
  record.sample = texts.Next();
  if (!in.rest().empty()) record.scope = texts.Next();
  return record;
}

}  // namespace

void RecordEncoder::Reset() {
  last_.fill({});
  known_.clear();
  definitions_.clear();
}

void RecordEncoder::FullText(std::string_view text, std::string& out) {
  if (text.empty()) {
    PutVarint(kTextEmpty, out);
    return;
  }
  PutVarint(kTextFull, out);
  PutVarint(text.size(), out);
  out.append(text);
}

void RecordEncoder::Text(std::string_view text, std::size_t field, std::string& out) {
  Last& last = last_[field];
  if (!text.empty() && text == last.text) {
    PutVarint(last.written, out);
    return;
  }
  const auto known = text.empty() ? known_.end() : known_.find(text);
  if (known == known_.end() && (text.empty() || text.size() > kStringMax || known_.size() >= kStringsMax)) {
    FullText(text, out);
    return;
  }
  last.text.assign(text);
  last.written = kTextFirst + (known == known_.end() ? known_.size() : known->second);
  PutVarint(last.written, out);
  if (known != known_.end()) return;
  known_.emplace(std::string(text), known_.size());
  PutEntry(kString, text, definitions_);
}

void RecordEncoder::Body(const Attempt& record, std::string& out) {
  PutVarint(record.recipient, out);
  PutVarint(record.number, out);
  PutTime(record.time, out);
  PutVarint(record.session, out);
  if (record.via != 0) PutVarint(record.via, out);
}

void RecordEncoder::Body(const Outcome& record, std::string& out) {
  PutVarint(record.recipient, out);
  PutVarint(static_cast<std::uint64_t>(record.kind), out);
  PutVarint(record.number, out);
  PutVarint(record.revision, out);
  PutTime(record.time, out);
  PutTime(record.due, out);
  PutVarint(record.reply_code, out);
  for (const std::uint16_t digit : record.enhanced) PutVarint(digit, out);
  FullText(record.reply_text, out);  // Each is different where servers name the message.
  std::size_t field = 0;
  for (const std::string_view text :
       {record.command, record.classification, record.site, record.provider, record.source, record.pool,
        record.source_address, record.peer_name, record.peer_address}) {
    Text(text, field++, out);
  }
  PutVarint(record.session, out);
  PutVarint(record.connection_use, out);
  PutVarint(record.size, out);
  Text(record.tls_protocol, field++, out);
  Text(record.tls_cipher, field++, out);
  PutVarint((record.tls_resumed ? kTlsResumed : 0) | (record.tls_compatible ? kTlsCompatible : 0), out);
  const Timings& t = record.timings;
  for (const std::uint32_t part : {t.queue, t.dns, t.connect, t.banner, t.tls, t.mail, t.rcpt, t.data, t.dot})
    PutVarint(part, out);
  Text(record.throttled_by, field, out);
}

void RecordEncoder::Body(const CampaignState& record, std::string& out) {
  PutVarint(static_cast<std::uint64_t>(record.kind), out);
  PutTime(record.time, out);
  for (const std::string_view text : {record.scope, record.by, record.reason, record.sample}) FullText(text, out);
}

void RecordEncoder::Body(const SiteState& record, std::string& out) {
  PutTime(record.time, out);
  Text(record.site, 0, out);
  Text(record.source, 1, out);
  PutTime(record.until, out);
  FullText(record.reason, out);
  FullText(record.sample, out);
  if (!record.scope.empty()) FullText(record.scope, out);
}

void RecordEncoder::Append(const Record& record, std::string& out) {
  std::visit([this](const auto& one) { Body(one, body_); }, record);
  out += definitions_;
  static constexpr Kind kKinds[] = {kAttempt, kOutcome, kCampaignState, kSiteState};
  PutEntry(kKinds[record.index()], body_, out);
  definitions_.clear();
  body_.clear();
}

void RecordDecoder::Reset() { strings_.clear(); }

RecordDecoder::Result RecordDecoder::Next(std::string_view& bytes, Record& record) {
  Source outer(bytes);
  const std::uint64_t kind = outer.Varint();
  const std::string_view body = outer.Bytes(outer.Varint());
  if (!outer.ok()) return Result::kBad;
  bytes = outer.rest();
  Source in(body);
  Texts texts(in, strings_);
  switch (kind) {
    case kString:
      strings_.push_back(std::make_unique<std::string>(body));
      return Result::kDefinition;
    case kAttempt:
      record = ReadAttempt(in);
      break;
    case kOutcome:
      record = ReadOutcome(in, texts);
      break;
    case kCampaignState:
      record = ReadCampaignState(in, texts);
      break;
    case kSiteState:
      record = ReadSiteState(in, texts);
      break;
    default:
      return kind >= 64 ? Result::kUnknown : Result::kBad;
  }
  // Bytes that are left over belong to fields of a later format.
  return in.ok() && texts.ok() ? Result::kRecord : Result::kBad;
}

}  // namespace ledger
