#include "engine/host_state.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/text.h"
#include "engine/io/clock.h"

namespace engine {
namespace {

constexpr base::Duration kSaveEvery = base::Duration::Seconds(1);
constexpr base::Duration kFailingLong = base::Duration::Seconds(10);
constexpr int kShareOfTime = 10;  // So many times as long as a save took, until the next one.
constexpr std::uint64_t kBytesMax = 1ull << 30;

constexpr std::string_view kAny = "any";

std::string AddressOf(const delivery::Source& source) {
  return source.address.has_value() ? source.address->ToString() : std::string(kAny);
}

absl::StatusOr<std::uint64_t> LoadFile(io::Disk& disk, const std::string& path, const std::string& source,
                                       delivery::HostLimits& limits) {
  const io::SystemClock clock;
  const absl::StatusOr<std::string> text = io::ReadFile(disk, path, kBytesMax);
  if (!text.ok()) return text.status();
  return limits.Load(*text, source, clock.Now(), clock.WallNow());
}

}  // namespace

void ReadLimits(io::Disk& disk, const std::string& directory, const std::vector<delivery::Source>& sources,
                delivery::HostLimits& limits) {
  for (const delivery::Source& source : sources)
    (void)LoadFile(disk, directory + "/limits-" + AddressOf(source), source.name, limits);  // Else they begin anew.
  (void)LoadFile(disk, directory + "/limits-total", "", limits);
}

std::set<std::string> SourcesInUse(const std::string& directory, const std::string& names,
                                   const std::vector<delivery::Source>& sources) {
  std::vector<std::string> held;  // Addresses.
  if (!names.empty()) {
    for (const std::string& name : io::NameLock::Held(names)) held.push_back(name.substr(names.size()));
  }
  std::set<std::string> in_use;
  for (const delivery::Source& source : sources) {
    const std::string address = AddressOf(source);
    const bool is_named = std::any_of(held.begin(), held.end(), [&address](const std::string& other) {
      const bool is_address = base::IpAddress::Parse(other).has_value();
      return other == address || other == kAny || (address == kAny && is_address);
    });
    if (is_named || io::FileLock::IsHeld(absl::StrCat(directory, "/source-", address))) in_use.insert(source.name);
  }
  return in_use;
}

HostState::~HostState() {
  const std::lock_guard lock(mutex_);
  if (saving_.valid()) saving_.wait();
  for (auto& [address, used] : used_) Save(address, used, {});
}

absl::Status HostState::Use(const std::vector<delivery::Source>& sources, base::Duration patience) {
  if (directory_.empty()) return absl::OkStatus();
  const std::lock_guard lock(mutex_);
  for (const delivery::Source& source : sources) {
    const std::string address = AddressOf(source);
    absl::Status status = Take(address, source.name, "source-" + address, "source " + source.name, patience);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status HostState::UseTotals() {
  if (directory_.empty()) return absl::OkStatus();
  const std::lock_guard lock(mutex_);
  return Take("total", "", "total", "total_connection_limit and total_message_rate, over all sources",
              base::Duration());
}

// First the own name, then a look at the others: of two programs that begin at once one at least sees the other.
absl::StatusOr<std::unique_ptr<io::NameLock>> HostState::TakeName(const std::string& address) const {
  absl::StatusOr<std::unique_ptr<io::NameLock>> name = io::NameLock::Take(names_ + address);
  if (!name.ok()) return name;
  for (const std::string& held : io::NameLock::Held(names_)) {
    const std::string other = held.substr(names_.size());
    if (other == address || (other != kAny && address != kAny) || used_.find(other) != used_.end()) continue;
    if (other != kAny && !base::IpAddress::Parse(other).has_value()) continue;  // Nobody who sends has such a name.
    const std::string_view which = other == kAny ? "whichever address the kernel chooses" : std::string_view(other);
    return absl::UnavailableError(absl::StrCat(base::AbslView(which), " is in use by ", io::NameLock::HolderOf(held)));
  }
  return name;
}

absl::Status HostState::Take(const std::string& address, const std::string& source, const std::string& lock_name,
                             std::string_view what, base::Duration patience) {
  if (used_.find(address) != used_.end()) return absl::OkStatus();
  if (absl::Status status = disk_.MakeDirectories(directory_); !status.ok()) return status;
  const auto taken_by = [&what](const absl::Status& status) {
    return absl::UnavailableError(absl::StrCat(
        base::AbslView(what), ": ", std::string(status.message()),
        "; its limits would hold twice: wait for its end, or send the campaigns together: sluice send A B"));
  };
  Used used;
  used.source = source;
  absl::StatusOr<std::unique_ptr<io::FileLock>> taken =
      io::FileLock::Take(absl::StrCat(directory_, "/", lock_name), patience);
  if (!taken.ok()) return absl::IsUnavailable(taken.status()) ? taken_by(taken.status()) : taken.status();
  used.lock = *std::move(taken);
  if (!names_.empty()) {
    absl::StatusOr<std::unique_ptr<io::NameLock>> name =
        source.empty() ? io::NameLock::Take(names_ + address) : TakeName(address);
    if (!name.ok()) return absl::IsUnavailable(name.status()) ? taken_by(name.status()) : name.status();
    used.name = *std::move(name);
  }
  Load(address, source);
  used.is_written = disk_.Exists(PathOf(address));
  used_[address] = std::move(used);
  return absl::OkStatus();
}

void HostState::Load(const std::string& address, const std::string& source) {
  const std::string path = PathOf(address);
  if (!disk_.Exists(path)) return;
  const absl::StatusOr<std::uint64_t> left_out = LoadFile(disk_, path, source, limits_);
  if (!left_out.ok()) {
    log_.Warning(absl::StrFormat("%s: what the limits owe is not known any more, they begin anew: %s", path,
                                 std::string(left_out.status().message())));
  } else if (*left_out > 0) {
    log_.Warning(absl::StrFormat("%s: %d of its lines are of a later sluice, and are left out", path, *left_out));
  }
}

void HostState::SaveSometimes() {
  const std::lock_guard lock(mutex_);
  if (saving_.valid()) {
    if (saving_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return;
    const Saved saved = saving_.get();
    save_took_ = saved.took;
    next_save_ = saved.end + std::max(kSaveEvery, save_took_ * kShareOfTime);
  }
  if (used_.empty()) return;
  const base::Instant begin = io::SystemClock().Now();
  // What is new is written at once, but for so many sites that writing is all that it would do.
  if (begin < next_save_ && (save_took_ > kSaveEvery / 20 || !limits_.TakeNews())) return;
  const base::Duration unsaved = kSaveEvery * 2 + save_took_ * (kShareOfTime * 2);
  std::vector<std::pair<std::string, Used*>> all;  // They stay where they are, whoever comes beside them.
  for (auto& [address, used] : used_) all.emplace_back(address, &used);
  saving_ = std::async(std::launch::async, [this, unsaved, all = std::move(all)] { return SaveAll(unsaved, all); });
}

HostState::Saved HostState::SaveAll(base::Duration unsaved, const std::vector<std::pair<std::string, Used*>>& all) {
  const io::SystemClock clock;
  const base::Instant begin = clock.Now();
  for (const auto& [address, used] : all) Save(address, *used, unsaved);
  return {clock.Now(), clock.Now() - begin};
}

// The same text as before is written again: its first line says when it was true.
void HostState::Save(const std::string& address, Used& used, base::Duration unsaved) {
  const io::SystemClock clock;
  const std::string text = limits_.Save(used.source, clock.Now(), clock.WallNow(), unsaved);
  const bool is_empty = text.find('\n') + 1 == text.size();
  if (is_empty && !used.is_written) return;
  const absl::Status status = io::WriteFileAtomically(disk_, PathOf(address), text);
  if (status.ok()) {
    limits_.OnSaved(used.source);
    used.is_written = !is_empty;
    failing_since_.reset();
    warned_ = false;
    return;
  }
  // A disk that is full for a moment is no news, and one that stays so ends the campaigns with their own words.
  if (!failing_since_.has_value()) failing_since_ = clock.Now();
  if (clock.Now() - *failing_since_ > kFailingLong && !std::exchange(warned_, true)) {
    log_.Warning(
        absl::StrFormat("%s cannot be written; until it can, the limits would begin anew with the next "
                        "program, and rates that are new have no bursts: %s",
                        PathOf(address), std::string(status.message())));
  }
}

}  // namespace engine
