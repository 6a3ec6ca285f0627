#include "engine/host_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/text.h"
#include "engine/io/clock.h"

namespace engine {
namespace {

constexpr base::Duration kSaveEvery = base::Duration::Seconds(1);
constexpr base::Duration kFailingLong = base::Duration::Seconds(10);
constexpr int kShareOfTime = 50;  // So many times as long as a save took, until the next one.
constexpr std::uint64_t kBytesMax = 1ull << 30;

}  // namespace

HostState::~HostState() {
  const std::lock_guard lock(mutex_);
  if (loaded_) Save({});
}

absl::Status HostState::Use(const std::vector<delivery::Source>& sources) {
  const std::lock_guard lock(mutex_);
  if (absl::Status status = disk_.MakeDirectories(directory_); !status.ok()) return status;
  for (const delivery::Source& source : sources) {
    const std::string name = source.address.has_value() ? source.address->ToString() : "any";
    if (locks_.find(name) != locks_.end()) continue;
    absl::StatusOr<std::unique_ptr<io::FileLock>> taken =
        io::FileLock::Take(absl::StrCat(directory_, "/source-", name));
    if (absl::IsUnavailable(taken.status()))
      return absl::UnavailableError(absl::StrCat(
          "source ", source.name, ": ", std::string(taken.status().message()),
          "; its limits would hold twice: wait for its end, or send the campaigns together: sluice send A B"));
    if (!taken.ok()) return taken.status();
    locks_.emplace(name, *std::move(taken));
  }
  if (!std::exchange(loaded_, true)) Load();
  return absl::OkStatus();
}

void HostState::Load() {
  if (!disk_.Exists(path())) return;
  const io::SystemClock clock;
  const absl::StatusOr<std::string> text = io::ReadFile(disk_, path(), kBytesMax);
  const absl::Status status = text.ok() ? limits_.Load(*text, clock.Now(), clock.WallNow()) : text.status();
  if (!status.ok())
    log_.Warning(absl::StrFormat("%s: what the limits owe is not known any more, they begin anew: %s", path(),
                                 std::string(status.message())));
}

void HostState::SaveSometimes() {
  const std::lock_guard lock(mutex_);
  const base::Duration wait = next_save_ - io::SystemClock().Now();
  if (!loaded_ || wait > kSaveEvery || (wait > base::Duration() && !limits_.has_news())) return;
  const base::Instant begin = io::SystemClock().Now();
  Save(kSaveEvery * 2);
  const base::Instant end = io::SystemClock().Now();
  next_save_ = end + std::max(kSaveEvery, (end - begin) * kShareOfTime);
}

void HostState::Save(base::Duration unsaved) {
  const io::SystemClock clock;
  const std::string text = limits_.Save(clock.Now(), clock.WallNow(), unsaved);
  const std::size_t head = text.find('\n') + 1;
  std::string_view rest(text);
  rest.remove_prefix(head);
  if (rest == saved_) return;
  const absl::Status status = io::WriteFileAtomically(disk_, path(), text);
  if (status.ok()) {
    saved_ = std::string(rest);
    failing_since_.reset();
    return;
  }
  // A disk that is full for a moment is no news, and one that stays so ends the campaigns with their own words.
  if (!failing_since_.has_value()) failing_since_ = clock.Now();
  if (clock.Now() - *failing_since_ > kFailingLong && !std::exchange(warned_, true)) {
    log_.Warning(absl::StrFormat("%s cannot be written; the limits begin anew with the next program: %s", path(),
                                 std::string(status.message())));
  }
}

}  // namespace engine
