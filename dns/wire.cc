#include "dns/wire.h"

#include <algorithm>
#include <vector>

#include "engine/base/text.h"

namespace dns {
namespace {

constexpr std::uint16_t kSoa = 6, kOpt = 41, kInternet = 1;
constexpr int kPointersMax = 64;
constexpr int kAliasesMax = 16;
constexpr std::uint32_t kNegativeTtlMax = 3600;

// Reads a message front to back; every read is checked, and the first one beyond the end spoils all that follow.
class Cursor {
 public:
  explicit Cursor(std::string_view message) : message_(message) {}
  bool ok() const { return ok_; }
  std::size_t position() const { return position_; }
  void Seek(std::size_t position) { position_ = position; }

  std::uint16_t U16() {
    const std::string_view two = Bytes(2);
    return two.size() < 2 ? 0 : static_cast<std::uint16_t>((Byte(two[0]) << 8) | Byte(two[1]));
  }
  std::uint32_t U32() {
    const std::uint32_t high = U16();
    return (high << 16) | U16();
  }
  std::string_view Bytes(std::size_t size) {
    if (!ok_ || message_.size() - position_ < size) {
      ok_ = false;
      return {};
    }
    position_ += size;
    return message_.substr(position_ - size, size);
  }
  // A name, with compression pointers followed (RFC 1035 section 4.1.4); lower case, without the final dot.
  std::string Name() {
    std::string name;
    std::size_t resume = 0;
    for (int pointers = 0; ok_;) {
      const std::string_view length = Bytes(1);
      if (!ok_) break;
      const unsigned size = Byte(length[0]);
      if (size == 0) break;
      if ((size & 0xC0) == 0xC0) {
        const std::string_view low = Bytes(1);
        if (!ok_ || ++pointers > kPointersMax) return Fail();
        if (resume == 0) resume = position_;
        position_ = ((size & 0x3F) << 8) | Byte(low[0]);
        if (position_ >= message_.size()) return Fail();
        continue;
      }
      if (size > 63) return Fail();
      const std::string_view label = Bytes(size);
      if (name.size() + label.size() > 253 || !AppendLabel(name, label)) return Fail();
    }
    if (resume != 0) position_ = resume;
    return name;
  }

 private:
  static unsigned Byte(char c) { return static_cast<unsigned char>(c); }
  std::string Fail() {
    ok_ = false;
    return "";
  }
  static bool AppendLabel(std::string& name, std::string_view label) {
    if (!name.empty()) name.push_back('.');
    for (const char c : label) {
      if (c <= ' ' || c == '.' || c >= 0x7F) return false;  // No name of a host or domain that mail goes to.
      name.push_back(base::ToLowerAscii(c));
    }
    return true;
  }

  std::string_view message_;
  std::size_t position_ = 0;
  bool ok_ = true;
};

struct Header {
  std::uint16_t id, flags, questions, answers, authorities, additionals;
};

Header ReadHeader(Cursor& in) {
  Header header{};
  header.id = in.U16();
  header.flags = in.U16();
  header.questions = in.U16();
  header.answers = in.U16();
  header.authorities = in.U16();
  header.additionals = in.U16();
  return header;
}

struct RawRecord {
  std::string owner;
  std::uint16_t type = 0;
  std::uint32_t ttl = 0;
  std::size_t data_at = 0, data_size = 0;
};

RawRecord ReadRecord(Cursor& in) {
  RawRecord record;
  record.owner = in.Name();
  record.type = in.U16();
  in.U16();
  record.ttl = in.U32();
  if (record.ttl > 0x7FFFFFFF) record.ttl = 0;  // RFC 2181 section 8.
  record.data_size = in.U16();
  record.data_at = in.position();
  in.Bytes(record.data_size);
  return record;
}

// The data of a record of a type that we read. False: malformed.
bool Decode(std::string_view message, const RawRecord& raw, Record& record) {
  Cursor in(message);
  in.Seek(raw.data_at);
  switch (static_cast<RecordType>(raw.type)) {
    case RecordType::kA:
    case RecordType::kAaaa: {
      const std::size_t size = raw.type == static_cast<std::uint16_t>(RecordType::kA) ? 4 : 16;
      const std::string_view bytes = in.Bytes(size);
      if (raw.data_size != size || !in.ok()) return false;
      const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
      record.address = size == 4 ? base::IpAddress::V4Bytes(data) : base::IpAddress::V6Bytes(data);
      return true;
    }
    case RecordType::kMx:
      record.preference = in.U16();
      record.name = in.Name();
      break;
    case RecordType::kCname:
    case RecordType::kPtr:
      record.name = in.Name();
      break;
    case RecordType::kTxt:
      while (in.ok() && in.position() < raw.data_at + raw.data_size) {
        const std::string_view length = in.Bytes(1);
        if (in.ok()) record.text += in.Bytes(static_cast<unsigned char>(length[0]));
      }
      break;
  }
  return in.ok() && in.position() == raw.data_at + raw.data_size;
}

Answer Failure(std::string detail) {
  Answer answer;
  answer.kind = AnswerKind::kServerFail;
  answer.detail = std::move(detail);
  return answer;
}

// The SOA's own TTL and its MINIMUM, the smaller one (RFC 2308 section 5).
std::uint32_t NegativeTtl(std::string_view message, const std::vector<RawRecord>& authorities) {
  for (const RawRecord& record : authorities) {
    if (record.type != kSoa) continue;
    Cursor in(message);
    in.Seek(record.data_at);
    in.Name();
    in.Name();
    in.Bytes(16);
    const std::uint32_t minimum = in.U32();
    if (in.ok()) return std::min({minimum, record.ttl, kNegativeTtlMax});
  }
  return 0;
}

}  // namespace

bool IsTruncated(std::string_view message) {
  return message.size() >= 4 && (static_cast<unsigned char>(message[2]) & 0x02) != 0;
}

Answer ParseAnswer(std::string_view message, std::string_view name, RecordType type) {
  Cursor in(message);
  const Header header = ReadHeader(in);
  for (int i = 0; in.ok() && i < header.questions; ++i) {
    in.Name();
    in.U32();
  }
  std::vector<RawRecord> answers, authorities;
  for (int i = 0; in.ok() && i < header.answers; ++i) answers.push_back(ReadRecord(in));
  for (int i = 0; in.ok() && i < header.authorities; ++i) authorities.push_back(ReadRecord(in));
  const int code = header.flags & 0x0F;
  if (!in.ok() || (header.flags & 0x8000) == 0) return Failure("an answer that cannot be parsed");
  if (code != 0 && code != 3)
    return Failure(code == 2 ? "SERVFAIL" : code == 5 ? "REFUSED" : "response code " + std::to_string(code));

  Answer answer;
  answer.authenticated = (header.flags & 0x0020) != 0;
  std::string owner = base::LowerAscii(name);
  std::uint32_t ttl = UINT32_MAX;
  for (int aliases = 0; aliases <= kAliasesMax; ++aliases) {
    const RawRecord* alias = nullptr;
    for (const RawRecord& raw : answers) {
      if (raw.owner != owner) continue;
      if (raw.type == static_cast<std::uint16_t>(type)) {
        Record record;
        if (!Decode(message, raw, record)) return Failure("an answer that cannot be parsed");
        answer.records.push_back(std::move(record));
        ttl = std::min(ttl, raw.ttl);
      } else if (raw.type == static_cast<std::uint16_t>(RecordType::kCname)) {
        alias = &raw;
      }
    }
    if (!answer.records.empty() || alias == nullptr) break;
    if (aliases == kAliasesMax) return Failure("too many CNAMEs");
    Record target;
    if (!Decode(message, *alias, target)) return Failure("an answer that cannot be parsed");
    ttl = std::min(ttl, alias->ttl);
    owner = target.name;
  }
  if (!answer.records.empty()) {
    answer.kind = AnswerKind::kFound;
  } else {
    answer.kind = code == 3 ? AnswerKind::kNoDomain : AnswerKind::kNoData;
    answer.detail = code == 3 ? "NXDOMAIN" : "no record of this type";
    ttl = std::min(ttl, NegativeTtl(message, authorities));
  }
  answer.ttl = base::Duration::Seconds(ttl);
  return answer;
}

// ---- the server's side ----

namespace {

void PutU16(std::string& out, std::uint32_t value) {
  out.push_back(static_cast<char>(value >> 8));
  out.push_back(static_cast<char>(value));
}

void PutU32(std::string& out, std::uint32_t value) {
  PutU16(out, value >> 16);
  PutU16(out, value & 0xFFFF);
}

void PutName(std::string& out, std::string_view name) {
  while (!name.empty()) {
    const std::string_view label = name.substr(0, std::min<std::size_t>(name.find('.'), 63));
    out.push_back(static_cast<char>(label.size()));
    out.append(label);
    name.remove_prefix(std::min(label.size() + 1, name.size()));
  }
  out.push_back('\0');
}

}  // namespace

std::optional<Query> ParseQuery(std::string_view message) {
  Cursor in(message);
  const Header header = ReadHeader(in);
  if (!in.ok() || (header.flags & 0xF800) != 0 || header.questions != 1) return std::nullopt;
  Query query;
  query.id = header.id;
  query.recursion_desired = (header.flags & 0x0100) != 0;
  query.name = in.Name();
  query.type = in.U16();
  if (in.U16() != kInternet || !in.ok()) return std::nullopt;
  for (int i = 0; i < header.additionals; ++i) {
    in.Name();
    const std::uint16_t type = in.U16();
    const std::uint16_t size = in.U16();
    in.U32();
    in.Bytes(in.U16());
    if (!in.ok()) break;
    if (type == kOpt) query.udp_size = std::max<std::uint16_t>(512, size);
  }
  return query;
}

ResponseBuilder::ResponseBuilder(const Query& query, ResponseCode code) : query_(query), code_(code) {}

void ResponseBuilder::AddOwner(std::string& section, std::uint16_t type, std::uint32_t ttl_s,
                               std::string_view data) const {
  PutU16(section, 0xC00C);  // The question's name.
  PutU16(section, type);
  PutU16(section, kInternet);
  PutU32(section, ttl_s);
  PutU16(section, static_cast<std::uint32_t>(data.size()));
  section.append(data);
}

void ResponseBuilder::AddAnswer(RecordType type, std::uint32_t ttl_s, const Record& record) {
  std::string data;
  switch (type) {
    case RecordType::kA:
    case RecordType::kAaaa:
      data = std::string(record.address.bytes());
      break;
    case RecordType::kMx:
      PutU16(data, record.preference);
      PutName(data, record.name);
      break;
    case RecordType::kCname:
    case RecordType::kPtr:
      PutName(data, record.name);
      break;
    case RecordType::kTxt:
      for (std::string_view text = record.text; !text.empty() || data.empty();) {
        const std::string_view part = text.substr(0, 255);
        data.push_back(static_cast<char>(part.size()));
        data.append(part);
        text.remove_prefix(part.size());
      }
      break;
  }
  AddOwner(answers_, static_cast<std::uint16_t>(type), ttl_s, data);
  ++answer_count_;
}

void ResponseBuilder::AddSoa(std::uint32_t ttl_s) {
  std::string data;
  PutName(data, "ns");
  PutName(data, "hostmaster");
  for (const std::uint32_t value : {1u, 3600u, 900u, 86400u, ttl_s}) PutU32(data, value);
  AddOwner(authority_, kSoa, ttl_s, data);
  ++authority_count_;
}

std::string ResponseBuilder::Build(std::size_t size_max) const {
  const auto build = [this](bool truncated) {
    std::string out;
    PutU16(out, query_.id);
    PutU16(out, 0x8080u | (query_.recursion_desired ? 0x0100u : 0u) | (truncated ? 0x0200u : 0u) |
                    static_cast<std::uint32_t>(code_));
    PutU16(out, 1);
    PutU16(out, truncated ? 0 : answer_count_);
    PutU16(out, truncated ? 0 : authority_count_);
    PutU16(out, 0);
    PutName(out, query_.name);
    PutU16(out, query_.type);
    PutU16(out, kInternet);
    if (!truncated) out += answers_ + authority_;
    return out;
  };
  std::string whole = build(false);
  return whole.size() <= size_max ? whole : build(true);
}

std::string BuildQuery(std::uint16_t id, std::string_view name, RecordType type) {
  std::string out;
  PutU16(out, id);
  PutU16(out, 0x0100);
  for (const std::uint32_t count : {1u, 0u, 0u, 1u}) PutU16(out, count);
  PutName(out, name);
  PutU16(out, static_cast<std::uint32_t>(type));
  PutU16(out, kInternet);
  out.push_back('\0');  // EDNS: the root, OPT, our UDP size.
  PutU16(out, kOpt);
  PutU16(out, 1232);
  PutU32(out, 0);
  PutU16(out, 0);
  return out;
}

}  // namespace dns
