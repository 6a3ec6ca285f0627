#include "engine/plan_trials.h"

#include <algorithm>
#include <memory>

#include "engine/dkim/batch_rsa_signer.h"
#include "engine/io/clock.h"

namespace engine {
namespace {

constexpr base::Duration kSigningTrial = base::Duration::Milliseconds(200);

}  // namespace

absl::StatusOr<double> MeasureSignatures(const std::vector<dkim::SigningKey>& keys, const config::Config& config,
                                         std::uint32_t shards, base::Log& log) {
  struct Request final : dkim::SignRequest {
    void OnSigned(const absl::Status&) override {}
  };
  const bool batches = config.engine.signer == config::SignerChoice::kAuto;
  absl::StatusOr<std::unique_ptr<dkim::DigestSigner>> signer = dkim::MakeDigestSigner(keys, batches, log);
  if (!signer.ok()) return signer.status();
  std::vector<std::unique_ptr<Request>> requests;
  std::vector<dkim::SignRequest*> batch;
  for (std::size_t i = 0; i < (*signer)->batch_max(); ++i) {
    requests.push_back(std::make_unique<Request>());
    batch.push_back(requests.back().get());
  }
  std::uint64_t made = 0;
  const base::Instant begin = io::SystemClock().Now();
  base::Instant now = begin;
  while (now - begin < kSigningTrial) {
    std::vector<absl::Status> statuses(batch.size());
    for (dkim::SignRequest* const one : batch) one->key = static_cast<std::uint32_t>(made++ % keys.size());
    (*signer)->SignDigests(batch, absl::MakeSpan(statuses));
    now = io::SystemClock().Now();
  }
  const double seconds = static_cast<double>((now - begin).nanoseconds()) / 1e9;
  return static_cast<double>(made) / seconds / static_cast<double>(keys.size()) * shards;
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
