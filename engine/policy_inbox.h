// The fetcher of policies as a shard sees it: what the fetching thread answers waits here until the shard's loop takes
// it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/io/mailbox.h"
#include "tls/curl_fetcher.h"
#include "tls/policy_fetcher.h"

namespace engine {

// One thread, the shard's; the fetcher outlives it.
class PolicyInbox final : public tls::PolicyFetcher {
 public:
  // `wake` runs on the fetching thread, perhaps after the end of this.
  PolicyInbox(tls::CurlFetcher& fetcher, std::function<void()> wake)
      : fetcher_(fetcher), arrived_(std::make_shared<io::Mailbox<Arrived>>(std::move(wake))) {}

  void Fetch(std::string_view domain, std::vector<base::IpAddress> addresses, Callback callback) override {
    const std::uint64_t number = ++last_;
    waiting_.emplace(number, std::move(callback));
    fetcher_.Fetch(domain, std::move(addresses), [arrived = arrived_, number](absl::StatusOr<std::string> file) {
      arrived->Post({number, std::move(file)});
    });
  }
  // Calls back who is answered. Once per turn of the loop.
  void Deliver() {
    arrived_->Drain(taken_);
    for (Arrived& arrived : taken_) {
      auto node = waiting_.extract(arrived.number);
      node.mapped()(std::move(arrived.file));
    }
  }

 private:
  struct Arrived {
    std::uint64_t number = 0;
    absl::StatusOr<std::string> file;
  };

  tls::CurlFetcher& fetcher_;
  const std::shared_ptr<io::Mailbox<Arrived>> arrived_;
  std::vector<Arrived> taken_;
  std::map<std::uint64_t, Callback> waiting_;
  std::uint64_t last_ = 0;
};

}  // namespace engine
