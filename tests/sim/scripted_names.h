// A DNS that says what a test wants.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dns/resolver.h"
#include "tests/sim/world.h"

namespace sim {

class ScriptedNames {
 public:
  explicit ScriptedNames(const World& world) : world_(world) {}

  base::Duration ttl = base::Duration::Minutes(5);  // Of all records.

  // Preferences are 10, 20, …, or all 10 where they are `equal`; an exchange "" alone is the null MX.
  void SetMx(const std::string& domain, const std::vector<std::string>& hosts, bool equal = false) {
    std::vector<dns::Record> records;
    for (const std::string& host : hosts) {
      const auto preference = static_cast<std::uint16_t>(equal ? 10 : 10 * (records.size() + 1));
      records.push_back({.address = {}, .preference = preference, .name = host, .text = {}});
    }
    records_[{domain, dns::RecordType::kMx}] = std::move(records);
  }
  void SetAddresses(const std::string& host, const std::vector<base::IpAddress>& addresses) {
    for (const auto& [type, v6] : {std::pair(dns::RecordType::kA, false), std::pair(dns::RecordType::kAaaa, true)}) {
      std::vector<dns::Record> records;
      for (const base::IpAddress& address : addresses) {
        if (address.IsV6() == v6) records.push_back({.address = address, .preference = 0, .name = {}, .text = {}});
      }
      records_.erase({host, type});
      if (!records.empty()) records_[{host, type}] = std::move(records);
    }
  }
  void SetText(const std::string& name, const std::string& text) {
    records_[{name, dns::RecordType::kTxt}] = {{.address = {}, .preference = 0, .name = {}, .text = text}};
  }
  void SetTlsa(const std::string& host, const std::string& data) {
    const std::string name = "_25._tcp." + host;
    records_[{name, dns::RecordType::kTlsa}] = {{.address = {}, .preference = 0, .name = {}, .text = data}};
  }
  // DNSSEC vouches for what is said about `name`, or does not any more.
  void SetAuthenticated(const std::string& name, bool is) { authenticated_[name] = is; }
  // Whatever is asked about `name`; kFound: as the records say, again.
  void SetAnswer(const std::string& name, dns::AnswerKind kind) { kinds_[name] = kind; }
  // To this question only.
  void SetAnswer(const std::string& name, dns::RecordType type, dns::AnswerKind kind) {
    kinds_of_[{name, type}] = kind;
  }
  // `name` is a CNAME: DNSSEC vouches for what it leads to where it vouches for both.
  void SetAlias(const std::string& name, const std::string& canonical) { aliases_[name] = canonical; }

  dns::Answer Ask(const std::string& name, dns::RecordType type) {
    if (type == dns::RecordType::kMx) asked_[name].push_back(world_.now());
    if (type == dns::RecordType::kA) addresses_asked_[name].push_back(world_.now());
    if (const auto alias = aliases_.find(name); alias != aliases_.end()) return AskAlias(name, alias->second, type);
    dns::Answer answer;
    answer.ttl = ttl;
    answer.authenticated = authenticated_[name];
    answer.kind = dns::AnswerKind::kFound;
    if (const auto kind = kinds_.find(name); kind != kinds_.end()) answer.kind = kind->second;
    if (const auto kind = kinds_of_.find({name, type}); kind != kinds_of_.end()) answer.kind = kind->second;
    if (answer.kind != dns::AnswerKind::kFound) return answer;
    answer.kind = dns::AnswerKind::kNoDomain;
    for (auto known = records_.lower_bound({name, dns::RecordType{}});
         known != records_.end() && known->first.first == name; ++known) {
      answer.kind = dns::AnswerKind::kNoData;
      if (known->first.second != type) continue;
      answer.kind = dns::AnswerKind::kFound;
      answer.records = known->second;
      break;
    }
    return answer;
  }
  // When its MX was asked for.
  const std::vector<base::Instant>& AskedAt(const std::string& domain) { return asked_[domain]; }
  // When its addresses (IPv4) were asked for.
  const std::vector<base::Instant>& AddressesAskedAt(const std::string& host) { return addresses_asked_[host]; }

 private:
  dns::Answer AskAlias(const std::string& name, const std::string& canonical, dns::RecordType type) {
    dns::Answer answer;
    if (type == dns::RecordType::kCname) {
      answer.kind = dns::AnswerKind::kFound;
      answer.records = {{.address = {}, .preference = 0, .name = canonical, .text = {}}};
      answer.ttl = base::Duration::Minutes(5);
      answer.authenticated = true;
    } else {
      answer = Ask(canonical, type);
      answer.canonical = canonical;
    }
    answer.authenticated = answer.authenticated && authenticated_[name];
    return answer;
  }

  const World& world_;
  std::map<std::pair<std::string, dns::RecordType>, std::vector<dns::Record>> records_;
  std::map<std::string, dns::AnswerKind> kinds_;
  std::map<std::pair<std::string, dns::RecordType>, dns::AnswerKind> kinds_of_;
  std::map<std::string, std::string> aliases_;
  std::map<std::string, bool> authenticated_;
  std::map<std::string, std::vector<base::Instant>> asked_, addresses_asked_;
};

}  // namespace sim
