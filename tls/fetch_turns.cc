#include "tls/fetch_turns.h"

#include <iterator>
#include <utility>

#include "engine/base/check.h"

namespace tls {

std::string FetchTurns::ServerOf(const base::IpAddress& address) {
  return std::string(address.bytes().substr(0, address.IsV6() ? 8 : 4));
}

void FetchTurns::TakeTurn(const std::string& name, Server& server) {
  if (server.in_turns || server.waiting.empty() || server.under_way >= kAtOnceThere) return;
  server.in_turns = true;
  turns_.push_back(name);
}

bool FetchTurns::Add(Fetch fetch) {
  CHECK(!fetch.addresses.empty());
  if (waiting_ >= kWaitingMax) return false;
  const std::string name = ServerOf(fetch.addresses.front());
  Server& server = servers_[name];
  if (server.waiting.size() >= kWaitingThereMax) return false;
  server.waiting.push_back(std::move(fetch));
  ++waiting_;
  TakeTurn(name, server);
  return true;
}

std::optional<FetchTurns::Fetch> FetchTurns::Next() {
  if (under_way_ >= kAtOnce || turns_.empty()) return std::nullopt;
  const std::string name = std::move(turns_.front());
  turns_.pop_front();
  Server& server = servers_.at(name);
  Fetch fetch = std::move(server.waiting.front());
  server.waiting.pop_front();
  server.in_turns = false;
  --waiting_;
  ++server.under_way;
  ++under_way_;
  TakeTurn(name, server);
  return fetch;
}

std::vector<FetchTurns::Fetch> FetchTurns::OnEnded(const base::IpAddress& first_address, bool slow) {
  CHECK(under_way_ > 0);
  --under_way_;
  const std::string name = ServerOf(first_address);
  const auto known = servers_.find(name);
  CHECK(known != servers_.end() && known->second.under_way > 0);
  Server& server = known->second;
  --server.under_way;
  server.slow = slow ? server.slow + 1 : 0;
  std::vector<Fetch> given_up;
  if (server.slow >= kSlowInARow) {
    given_up.assign(std::make_move_iterator(server.waiting.begin()), std::make_move_iterator(server.waiting.end()));
    waiting_ -= given_up.size();
    server.waiting.clear();
    if (std::exchange(server.in_turns, false)) std::erase(turns_, name);
  }
  TakeTurn(name, server);
  if (server.waiting.empty() && server.under_way == 0) servers_.erase(known);
  return given_up;
}

}  // namespace tls
