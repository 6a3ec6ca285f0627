// Fetches MTA-STS policies with libcurl, on a thread of its own, for all shards (RFC 8461 section 3.3): HTTPS only, no
// redirects, 200 only, text/plain only, 64 KB, one minute, and a certificate that holds.
//
// It asks no DNS: whoever wants a policy brings the addresses.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/ip_address.h"
#include "engine/base/time.h"
#include "tls/fetch_turns.h"

namespace tls {

class CurlFetcher {
 public:
  struct Options {
    std::string authorities;                              // PEM. Empty: no certificate holds.
    base::Duration timeout = base::Duration::Minutes(1);  // Of a whole fetch.
  };
  static constexpr int kSlowPart = 3;  // A fetch that takes this part of its time, or more, was slow (FetchTurns).
  using Done = FetchTurns::Done;

  explicit CurlFetcher(Options options);
  CurlFetcher(const CurlFetcher&) = delete;
  CurlFetcher& operator=(const CurlFetcher&) = delete;
  ~CurlFetcher();
  void Stop();  // Gives up what is under way: nobody is called any more. Fetches nothing after that.

  // As PolicyFetcher::Fetch, from any thread; `done` runs on the fetcher's thread, or within this call where there are
  // too many (ResourceExhausted), and not at all once it was stopped. The thread begins with the first call.
  void Fetch(std::string_view domain, std::vector<base::IpAddress> addresses, Done done);

 private:
  struct Transfer;
  class Worker;

  const Options options_;
  std::mutex mutex_;  // Guards what follows.
  FetchTurns turns_;
  void* multi_ = nullptr;  // While the thread runs: to wake it.
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace tls
