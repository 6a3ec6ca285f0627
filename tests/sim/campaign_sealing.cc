// What `sluice seal` would have left, and time and chance have spoiled.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/delivery/sealer.h"
#include "tests/sim/campaign.h"

namespace sim {
namespace {

class StandingClock final : public io::Clock {
 public:
  explicit StandingClock(base::WallTime now) : now_(now) {}
  base::Instant Now() const override { return base::Instant::FromNanoseconds(0); }
  base::WallTime WallNow() const override { return now_; }

 private:
  const base::WallTime now_;
};

// Signs what has been asked for when it is served.
class ServingSigner final : public dkim::Signer {
 public:
  explicit ServingSigner(Campaign::Sign sign) : sign_(sign) {}
  void Sign(dkim::SignRequest& request) override { waiting_.push_back(&request); }
  void Cancel(dkim::SignRequest& request) override { std::erase(waiting_, &request); }
  void Serve() override {
    for (dkim::SignRequest* request : std::exchange(waiting_, {})) {
      request->signature = sign_(request->key, request->digest);
      request->OnSigned(absl::OkStatus());
    }
  }
  bool WantsTurn() const override { return !waiting_.empty(); }

 private:
  const Campaign::Sign sign_;
  std::vector<dkim::SignRequest*> waiting_;
};

class Nobody final : public delivery::Sealed::Waiter {
 public:
  void OnSealed(const absl::Status&) override {}
};

}  // namespace

void Campaign::Seal(io::Disk& disk, delivery::Job& job, base::Prng& prng, base::WallTime now, Sign sign) {
  delivery::SignatureHead head;
  head.recipients = roster_->recipients();
  const auto size = static_cast<std::uint32_t>(sign(0, {}).size());
  for (const dkim::SigningKey& key : job.keys) head.keys.push_back({delivery::IdentityOf(key), size});
  std::string content = head.Encode(), record;
  content.resize(head.FileSize(), '\0');
  // Those of a week ago are too old; those that are nearly that become so while the campaign runs.
  const base::Duration ages[] = {base::Duration(), base::Duration::Minutes(7 * 24 * 60 - 20),
                                 base::Duration::Hours(7 * 24 + 1)};
  Nobody nobody;
  for (ledger::RecipientId id = 0; id < head.recipients; ++id) {
    if (prng.Chance(0.1)) continue;
    const StandingClock clock(now - ages[prng.Chance(0.8) ? 0 : prng.Below(3)]);
    delivery::Job then = job;
    if (prng.Chance(0.1)) then.token = [](std::uint64_t row) { return "other" + std::to_string(row); };
    ServingSigner signer(sign);
    delivery::Sealer sealer(then, clock, signer);
    const auto sealed = sealer.Seal(id, nobody);
    CHECK(sealed.ok());
    signer.Serve();
    const delivery::MadeSignatures made{clock.WallNow(), clock.WallNow(), (*sealed)->signatures()};
    delivery::EncodeSignatures(head, id, made, record);
    if (prng.Chance(0.1)) {
      char& damaged = record[prng.Below(record.size())];
      damaged = static_cast<char>(damaged ^ (1 << prng.Below(8)));
    }
    content.replace(head.OffsetOf(id), record.size(), record);
  }
  const std::string path = folder_ + "/" + std::string(delivery::SignatureFile::kName);
  CHECK(io::WriteFileAtomically(disk, path, content).ok());
  signatures_ = *delivery::SignatureFile::Open(disk, path);
  job.signatures = signatures_.get();
}

}  // namespace sim
