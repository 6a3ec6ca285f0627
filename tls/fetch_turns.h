// Whose turn it is to have an MTA-STS policy fetched: each server's in turn, as long as none has too many of the
// fetches. A server that is slow holds up those who want something from it, and nobody else. Pure.
//
// A fetch is its first address's: that is the one that is tried first. The others are the word of whoever published
// them, and may be somebody else's.
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
    std::vector<base::IpAddress> addresses;  // At least one.
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
  // A fetch from there is over. Returns those that are given up with it, because the server is slow.
  std::vector<Fetch> OnEnded(const base::IpAddress& first_address, bool slow);
  std::size_t waiting() const { return waiting_; }

 private:
  struct Server {
    std::deque<Fetch> waiting;
    std::size_t under_way = 0;
    int slow = 0;           // In a row.
    bool in_turns = false;  // It may begin another one.
  };
  static std::string ServerOf(const base::IpAddress& address);
  void TakeTurn(const std::string& name, Server& server);

  std::size_t waiting_ = 0, under_way_ = 0;
  std::map<std::string, Server> servers_;  // For which somebody waits, or from which a fetch is under way.
  std::deque<std::string> turns_;
};

}  // namespace tls
