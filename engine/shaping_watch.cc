#include "engine/shaping_watch.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/rollup.h"

namespace engine {
namespace {

constexpr base::Duration kPollEvery = base::Duration::Seconds(2);
constexpr base::Duration kLookUpEvery = base::Duration::Hours(1);
constexpr base::Duration kTryAgain = base::Duration::Minutes(1);  // Where the DNS said nothing.

}  // namespace

ShapingWatch::ShapingWatch(config::Config config, const config::Shaping& known,
                           const std::vector<std::string>& warnings)
    : config_(std::move(config)), last_(std::make_shared<const config::Shaping>(known)) {
  for (const std::string& warning : warnings) (void)IsNew(warning);
}

// "PATH:LINE: what".
bool ShapingWatch::IsNew(std::string_view warning) {
  const std::size_t place = warning.find(": ");
  return told_.emplace(place == std::string_view::npos ? warning : warning.substr(place)).second;
}

bool ShapingWatch::HaveFilesChanged() {
  std::vector<std::optional<io::FileStamp>> stamps;
  for (const std::string& path : config_.shaping_files) stamps.push_back(io::StampOf(path));
  if (stamps_ == stamps) return false;
  if (seen_ != stamps) {  // Perhaps it is being written, at the first look, too: it has to look the same twice.
    changes_early_ = !stamps_.has_value() && !seen_.empty();
    seen_ = std::move(stamps);
    return false;
  }
  stamps_ = std::move(stamps);
  return true;
}

void ShapingWatch::LookUp(config::Shaping shaping) {
  looking_ = std::async(std::launch::async, [this, shaping = std::move(shaping)]() mutable {
    std::string warning = LookUpRollups(config_, shaping, [this] { return !ends_; });
    return LookedUp{std::make_shared<const config::Shaping>(std::move(shaping)), std::move(warning)};
  });
}

std::shared_ptr<const config::Shaping> ShapingWatch::TakeLookedUp(base::Instant now, base::Log& log) {
  if (looking_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return nullptr;
  LookedUp found = looking_.get();
  const bool is_known = !std::exchange(files_have_changed_, false) && found.shaping->HasRollupHostsOf(*last_);
  if (!is_known) last_ = std::move(found.shaping);
  look_up_at_ = now + (found.warning.empty() ? kLookUpEvery : kTryAgain);
  if (!found.warning.empty() && !std::exchange(warned_, true)) log.Warning(found.warning);
  return is_known ? nullptr : last_;
}

std::shared_ptr<const config::Shaping> ShapingWatch::Poll(base::Instant now, base::Log& log) {
  if (config_.shaping_files.empty()) return nullptr;
  if (looking_.valid()) return TakeLookedUp(now, log);
  if (now < next_) return nullptr;
  next_ = now + kPollEvery;
  const bool are_first = !stamps_.has_value();
  if (!HaveFilesChanged()) {
    if (now >= look_up_at_) LookUp(*last_);
    return nullptr;
  }
  const bool is_first = are_first && !changes_early_;  // As they were when they were loaded.
  std::vector<std::string> warnings;                   // Of keys without effect.
  absl::StatusOr<config::Shaping> shaping = config::Shaping::Load(config_.shaping_files, warnings);
  if (!shaping.ok()) {
    log.Warning(absl::StrFormat("%s; the limits stay as they were", std::string(shaping.status().message())));
    return nullptr;
  }
  if (!is_first) log.Info("the shaping files have changed; their limits and rates hold from now on");
  for (const std::string& warning : warnings) {
    if (IsNew(warning)) log.Warning(warning);
  }
  warned_ = is_first;  // Who loaded them has said it.
  if (!shaping->RollupDomains().empty()) {
    shaping->TakeRollupHosts(*last_);  // The DNS may be silent now.
    files_have_changed_ = true;
    LookUp(*std::move(shaping));
    return nullptr;
  }
  look_up_at_ = base::Instant::Never();
  last_ = std::make_shared<const config::Shaping>(*std::move(shaping));
  return last_;
}

std::shared_ptr<const config::Shaping> SharedShapingWatch::Poll(std::uint64_t& seen, base::Instant now,
                                                                base::Log& log) {
  const std::lock_guard lock(mutex_);
  if (auto changed = watch_.Poll(now, log)) {
    latest_ = std::move(changed);
    ++changes_;
  }
  return std::exchange(seen, changes_) == changes_ ? nullptr : latest_;
}

}  // namespace engine
