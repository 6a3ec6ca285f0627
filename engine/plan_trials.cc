#include "engine/plan_trials.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "engine/campaign/token.h"
#include "engine/delivery/sealer.h"
#include "engine/dkim/batch_rsa_signer.h"
#include "engine/dkim/signer.h"
#include "engine/io/clock.h"
#include "engine/io/thread_time.h"
#include "engine/message/spec.h"

namespace engine {
namespace {

constexpr base::Duration kTrial = base::Duration::Milliseconds(200);
// By "Where the time goes" (bench/README.md), without what is measured here.
constexpr base::Duration kSending = base::Duration::Microseconds(17);
// Each turn of the loop makes one batch of signatures, a quarter of a millisecond: so much of their time is what a turn
// costs besides.
constexpr std::int64_t kTurnsShare = 10;

// All of them at once, and all alike.
class InstantSigner final : public dkim::Signer {
 public:
  void Sign(dkim::SignRequest& request) override { waiting_.push_back(&request); }
  void Cancel(dkim::SignRequest& request) override { std::erase(waiting_, &request); }
  void Serve() override {
    for (dkim::SignRequest* const request : std::exchange(waiting_, {})) {
      request->signature.assign(256, 's');
      request->OnSigned(absl::OkStatus());
    }
  }
  bool WantsTurn() const override { return false; }

 private:
  std::vector<dkim::SignRequest*> waiting_;
};

// Of one message, by all keys.
absl::StatusOr<base::Duration> MeasureSignatures(const std::vector<dkim::SigningKey>& keys,
                                                 const config::Config& config, base::Log& log) {
  struct Request final : dkim::SignRequest {
    void OnSigned(const absl::Status&) override {}
  };
  if (keys.empty()) return base::Duration();
  const bool batches = config.engine.signer == config::SignerChoice::kAuto;
  absl::StatusOr<std::unique_ptr<dkim::DigestSigner>> signer = dkim::MakeDigestSigner(keys, batches, log);
  if (!signer.ok()) return signer.status();
  std::vector<std::unique_ptr<Request>> requests;
  std::vector<dkim::SignRequest*> batch;
  for (std::size_t i = 0; i < (*signer)->batch_max(); ++i) {
    requests.push_back(std::make_unique<Request>());
    batch.push_back(requests.back().get());
  }
  std::int64_t made = 0;
  const base::Duration before = io::ThreadTime();
  const base::Instant end = io::SystemClock().Now() + kTrial;
  do {
    std::vector<absl::Status> statuses(batch.size());
    for (dkim::SignRequest* const one : batch)
      one->key = static_cast<std::uint32_t>(static_cast<std::size_t>(made++) % keys.size());
    (*signer)->SignDigests(batch, absl::MakeSpan(statuses));
  } while (io::SystemClock().Now() < end);
  return (io::ThreadTime() - before) * static_cast<std::int64_t>(keys.size()) / made;
}

// Of one message, with its digests, but without its signatures.
absl::StatusOr<base::Duration> MeasureRendering(const roster::Roster& roster, const std::vector<dkim::SigningKey>& keys,
                                                const config::Config& config) {
  struct Waiter final : delivery::Sealed::Waiter {
    void OnSealed(const absl::Status&) override {}
  };
  absl::StatusOr<message::MessageSpec> spec = message::Deserialize(roster.template_snapshot());
  if (!spec.ok()) return spec.status();
  const auto compiled = message::MessageTemplate::Compile(*std::move(spec));
  if (!compiled.ok()) return compiled.status();
  const absl::StatusOr<std::string> made_key = campaign::TokenKey::Generate();
  if (!made_key.ok()) return made_key.status();
  const absl::StatusOr<campaign::TokenKey> key = campaign::TokenKey::Parse(*made_key);
  if (!key.ok()) return key.status();
  const std::string& id = roster.manifest().campaign;
  const delivery::Job job{.campaign = id,
                          .pool = {},
                          .roster = &roster,
                          .message = compiled->get(),
                          .keys = keys,
                          .token = [&](std::uint64_t row) { return key->Make(id, row); },
                          .sources = {},
                          .retry_plan = delivery::RetryPlan(config.retry_intervals),
                          .date = {},
                          .max_age = {},
                          .finish_by = {}};
  const io::SystemClock clock;
  InstantSigner signer;
  Waiter waiter;
  delivery::Sealer sealer(job, clock, signer);
  std::int64_t made = 0;
  const base::Duration before = io::ThreadTime();
  const base::Instant end = io::SystemClock().Now() + kTrial / 2;
  do {
    auto sealed = sealer.Seal(static_cast<std::uint64_t>(made++) % roster.recipients(), waiter);
    signer.Serve();
    if (sealed.ok()) sealer.Recycle(*std::move(sealed));  // The others are told when it is sent.
  } while (io::SystemClock().Now() < end);
  return (io::ThreadTime() - before) / made;
}

}  // namespace

absl::StatusOr<MessageCost> MeasureMessages(const roster::Roster& roster, const std::vector<dkim::SigningKey>& keys,
                                            const config::Config& config, base::Log& log) {
  const absl::StatusOr<base::Duration> signatures = MeasureSignatures(keys, config, log);
  if (!signatures.ok()) return signatures.status();
  const absl::StatusOr<base::Duration> rendering = MeasureRendering(roster, keys, config);
  if (!rendering.ok()) return rendering.status();
  return MessageCost{*signatures + *signatures / kTurnsShare, *rendering + kSending};
}

// How long an attempt waits for the disk: for its own commit, and for half of the one that is under way.
absl::StatusOr<base::Duration> MeasureCommit(io::Disk& disk, const std::string& folder) {
  constexpr int kTrials = 20;
  absl::StatusOr<std::unique_ptr<io::File>> file = disk.Open(folder + "/commits", io::OpenMode::kCreate);
  if (!file.ok()) return file.status();
  const base::Instant begin = io::SystemClock().Now();
  for (int i = 0; i < kTrials; ++i) {
    absl::Status status = (*file)->WriteAt(static_cast<std::uint64_t>(i) * 4096, std::string(4096, 'x'));
    if (status.ok()) status = (*file)->Sync();
    if (!status.ok()) return status;
  }
  return (io::SystemClock().Now() - begin) / kTrials * 3 / 2;
}

}  // namespace engine
