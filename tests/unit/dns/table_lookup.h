// A DNS for tests, as a table: what is not in it does not exist.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dns/lookup.h"
#include "engine/base/text.h"

namespace dns {

class TableLookup final : public Lookup {
 public:
  // "A 192.0.2.1", "AAAA 2001:db8::1", "MX 10 mx.example", "PTR name.example", "TXT any text"; "FAIL": nothing about
  // this name is answered; "EMPTY": it exists.
  using Zone = std::vector<std::pair<std::string, std::string>>;
  explicit TableLookup(const Zone& zone) {
    for (const auto& [name, record] : zone) records_.emplace(base::LowerAscii(name), record);
  }
  void Add(const std::string& name, const std::string& record) { records_.emplace(base::LowerAscii(name), record); }

  Answer Ask(std::string_view name, RecordType type) override {
    const std::string key = base::LowerAscii(name);
    asked_.push_back(key);
    Answer answer;
    answer.kind = AnswerKind::kNoDomain;
    const auto [first, last] = records_.equal_range(key);
    for (auto at = first; at != last; ++at) {
      if (answer.kind == AnswerKind::kNoDomain) answer.kind = AnswerKind::kNoData;
      if (at->second == "FAIL") {
        answer.kind = AnswerKind::kTimeout;
        answer.records.clear();
        return answer;
      }
      Read(at->second, type, answer.records);
    }
    if (!answer.records.empty()) answer.kind = AnswerKind::kFound;
    return answer;
  }
  const std::vector<std::string>& asked() const { return asked_; }

 private:
  static void Read(const std::string& text, RecordType type, std::vector<Record>& records) {
    const std::size_t space = text.find(' ');
    const std::string kind = text.substr(0, space);
    const std::string value = space == std::string::npos ? "" : text.substr(space + 1);
    Record record;
    if ((kind == "A" && type == RecordType::kA) || (kind == "AAAA" && type == RecordType::kAaaa)) {
      record.address = *base::IpAddress::Parse(value);
    } else if (kind == "MX" && type == RecordType::kMx) {
      record.preference = static_cast<std::uint16_t>(std::stoi(value));
      record.name = value.substr(value.find(' ') + 1);
    } else if (kind == "PTR" && type == RecordType::kPtr) {
      record.name = value;
    } else if (kind == "TXT" && type == RecordType::kTxt) {
      record.text = value;
    } else {
      return;
    }
    records.push_back(std::move(record));
  }

  std::multimap<std::string, std::string> records_;
  std::vector<std::string> asked_;
};

}  // namespace dns
