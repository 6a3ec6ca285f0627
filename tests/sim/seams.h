// The simulated sides of signing and policy fetching.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "engine/dkim/signer.h"
#include "tests/sim/world.h"
#include "tls/policy_fetcher.h"

namespace sim {

// Signs with a keyed hash that a checker can compute, too; the answer comes later and in any order, as from a slow
// batch. A share of the answers is that the key cannot sign.
class SimSigner final : public dkim::Signer {
 public:
  // `after` runs after each answer.
  SimSigner(World& world, double fail_share, base::Duration longest, std::function<void()> after)
      : world_(world), fail_share_(fail_share), longest_(longest), after_(std::move(after)) {}
  ~SimSigner() override;
  static std::string SignatureOf(std::uint32_t key, const dkim::Digest& digest);

  void Sign(dkim::SignRequest& request) override;
  void Cancel(dkim::SignRequest& request) override;
  void Serve() override {}
  bool WantsTurn() const override { return false; }

 private:
  World& world_;
  const double fail_share_;
  const base::Duration longest_;
  const std::function<void()> after_;
  base::IntrusiveList<dkim::SignRequest, &dkim::SignRequest::queue_hook> waiting_;
  std::map<std::uint64_t, dkim::SignRequest*> by_number_;
  std::uint64_t last_number_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// Policies from a table; a domain that is not in it has none.
class SimPolicyFetcher final : public tls::PolicyFetcher {
 public:
  explicit SimPolicyFetcher(World& world) : world_(world) {}
  void SetPolicy(std::string domain, absl::StatusOr<std::string> policy) {
    policies_.insert_or_assign(std::move(domain), std::move(policy));
  }
  void Fetch(std::string_view domain, std::vector<base::IpAddress>, Callback callback) override {
    const auto found = policies_.find(std::string(domain));
    absl::StatusOr<std::string> policy = found == policies_.end() ? absl::NotFoundError("no policy") : found->second;
    const base::Duration wait = world_.Between(base::Duration::Milliseconds(5), base::Duration::Milliseconds(300));
    world_.After(
        wait, [policy = std::move(policy), callback = std::move(callback)]() mutable { callback(std::move(policy)); });
  }

 private:
  World& world_;
  std::map<std::string, absl::StatusOr<std::string>> policies_;
};

}  // namespace sim
