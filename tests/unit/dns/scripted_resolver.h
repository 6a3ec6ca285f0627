// A resolver for tests: it keeps the questions, and the test answers them one by one.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "dns/resolver.h"
#include "gtest/gtest.h"

namespace dns {

class ScriptedResolver final : public Resolver {
 public:
  void Resolve(std::string_view name, RecordType type, Callback callback) override {
    asked_.push_back({std::string(name), type, std::move(callback)});
  }

  std::size_t waiting() const { return asked_.size(); }
  // Answers the oldest question, which must be this one.
  void Reply(const std::string& name, RecordType type, const Answer& answer) {
    ASSERT_FALSE(asked_.empty());
    Asked asked = std::move(asked_.front());
    asked_.pop_front();
    EXPECT_EQ(asked.name, name);
    EXPECT_EQ(asked.type, type);
    asked.callback(answer);
  }

 private:
  struct Asked {
    std::string name;
    RecordType type;
    Callback callback;
  };
  std::deque<Asked> asked_;
};

inline Answer Nothing(AnswerKind kind, std::int64_t ttl_s = 60, std::string detail = "") {
  Answer answer;
  answer.kind = kind;
  answer.ttl = base::Duration::Seconds(ttl_s);
  answer.detail = std::move(detail);
  return answer;
}

inline Answer Addresses(const std::vector<std::string>& addresses, std::int64_t ttl_s = 60) {
  Answer answer = Nothing(AnswerKind::kFound, ttl_s);
  for (const std::string& address : addresses) answer.records.emplace_back().address = *base::IpAddress::Parse(address);
  return answer;
}

inline Answer Exchangers(const std::vector<std::pair<int, std::string>>& hosts, std::int64_t ttl_s = 60) {
  Answer answer = Nothing(AnswerKind::kFound, ttl_s);
  for (const auto& [preference, name] : hosts) {
    Record& record = answer.records.emplace_back();
    record.preference = static_cast<std::uint16_t>(preference);
    record.name = name;
  }
  return answer;
}

}  // namespace dns
