// Whose turn it is to have an MTA-STS policy fetched: who came first, as long as no server has too many of the fetches.
// A server that is slow holds up those who want something from it, and nobody else. Pure.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/ip_address.h"

namespace tls {

class FetchTurns {
 public:
  using Done = std::function<void(absl::StatusOr<std::string> file)>;
  struct Fetch {
    std::string domain;
    std::vector<base::IpAddress> addresses;
    Done done;
  };
  static constexpr std::size_t kAtOnce = 64;            // Fetches under way…
  static constexpr std::size_t kAtOnceThere = 8;        // …and of those, from one server: an IPv4 address, or a /64.
  static constexpr std::size_t kWaitingMax = 4096;      // Fetches that wait…
  static constexpr std::size_t kWaitingThereMax = 256;  // …and of those, for one server.
  static constexpr int kSlowInARow = 8;                 // Then who waits for that server waits no longer.

  // False: too many wait.
  bool Add(Fetch fetch);
  // The one whose turn it is; it is under way from now on. Nullopt: nobody's.
  std::optional<Fetch> Next();
  // A fetch from these addresses is over. Returns those that are given up with it, because the server is slow.
  std::vector<Fetch> OnEnded(const std::vector<base::IpAddress>& addresses, bool slow);
  std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Server {
    std::size_t waiting = 0, under_way = 0;
    int slow = 0;  // In a row.
  };
  using Servers = std::map<std::string, Server>;
  // Each once.
  static std::vector<std::string> ServersOf(const std::vector<base::IpAddress>& addresses);
  bool MayBegin(const Fetch& fetch) const;
  void Forget(const std::string& name);
  std::vector<Fetch> GiveUp(const std::string& server);

  std::deque<Fetch> waiting_;
  std::size_t under_way_ = 0;
  Servers servers_;  // For which somebody waits, or from which a fetch is under way.
};

}  // namespace tls
