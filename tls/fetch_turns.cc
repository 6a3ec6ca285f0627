#include "tls/fetch_turns.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/base/check.h"

namespace tls {

std::vector<std::string> FetchTurns::ServersOf(const std::vector<base::IpAddress>& addresses) {
  std::vector<std::string> names;
  for (const base::IpAddress& address : addresses) {
    std::string name(address.bytes().substr(0, address.IsV6() ? 8 : 4));
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

bool FetchTurns::Add(Fetch fetch) {
  const std::vector<std::string> names = ServersOf(fetch.addresses);
  const bool there_is_room = std::all_of(names.begin(), names.end(), [this](const std::string& name) {
    const auto known = servers_.find(name);
    return known == servers_.end() || known->second.waiting < kWaitingThereMax;
  });
  if (waiting_.size() >= kWaitingMax || !there_is_room) return false;
  for (const std::string& name : names) ++servers_[name].waiting;
  waiting_.push_back(std::move(fetch));
  return true;
}

bool FetchTurns::MayBegin(const Fetch& fetch) const {
  const std::vector<std::string> names = ServersOf(fetch.addresses);
  return std::all_of(names.begin(), names.end(),
                     [this](const std::string& name) { return servers_.at(name).under_way < kAtOnceThere; });
}

std::optional<FetchTurns::Fetch> FetchTurns::Next() {
  if (under_way_ >= kAtOnce) return std::nullopt;
  const auto turn =
      std::find_if(waiting_.begin(), waiting_.end(), [this](const Fetch& fetch) { return MayBegin(fetch); });
  if (turn == waiting_.end()) return std::nullopt;
  Fetch fetch = std::move(*turn);
  waiting_.erase(turn);
  ++under_way_;
  for (const std::string& name : ServersOf(fetch.addresses)) {
    Server& server = servers_.at(name);
    --server.waiting;
    ++server.under_way;
  }
  return fetch;
}

void FetchTurns::Forget(const std::string& name) {
  const auto known = servers_.find(name);
  if (known != servers_.end() && known->second.waiting + known->second.under_way == 0) servers_.erase(known);
}

std::vector<FetchTurns::Fetch> FetchTurns::OnEnded(const std::vector<base::IpAddress>& addresses, bool slow) {
  CHECK(under_way_ > 0);
  --under_way_;
  std::vector<Fetch> given_up;
  for (const std::string& name : ServersOf(addresses)) {
    Server& server = servers_.at(name);
    --server.under_way;
    server.slow = slow ? server.slow + 1 : 0;
    if (server.slow >= kSlowInARow) {
      std::vector<Fetch> there = GiveUp(name);
      std::move(there.begin(), there.end(), std::back_inserter(given_up));
    }
    Forget(name);
  }
  return given_up;
}

std::vector<FetchTurns::Fetch> FetchTurns::GiveUp(const std::string& server) {
  std::vector<Fetch> given_up;
  std::deque<Fetch> others;
  for (Fetch& fetch : std::exchange(waiting_, {})) {
    const std::vector<std::string> names = ServersOf(fetch.addresses);
    if (std::find(names.begin(), names.end(), server) == names.end()) {
      others.push_back(std::move(fetch));
      continue;
    }
    for (const std::string& name : names) {
      --servers_.at(name).waiting;
      if (name != server) Forget(name);
    }
    given_up.push_back(std::move(fetch));
  }
  waiting_ = std::move(others);
  return given_up;
}

}  // namespace tls
