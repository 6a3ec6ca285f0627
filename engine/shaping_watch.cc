#include "engine/shaping_watch.h"

#include "absl/strings/str_format.h"

namespace engine {
namespace {

constexpr base::Duration kPollEvery = base::Duration::Seconds(2);

}  // namespace

std::shared_ptr<const config::Shaping> ShapingWatch::Poll(base::Instant now, base::Log& log) {
  if (paths_.empty() || now < next_) return nullptr;
  next_ = now + kPollEvery;
  std::vector<std::optional<io::FileStamp>> stamps;
  for (const std::string& path : paths_) stamps.push_back(io::StampOf(path));
  if (stamps_ == stamps) return nullptr;
  const bool is_first = !stamps_.has_value();
  if (!is_first && seen_ != stamps) {  // Perhaps it is being written: it has to look the same twice.
    seen_ = std::move(stamps);
    return nullptr;
  }
  stamps_ = std::move(stamps);
  std::vector<std::string> warnings;  // Of keys without effect: they were told when it started.
  absl::StatusOr<config::Shaping> shaping = config::Shaping::Load(paths_, warnings);
  if (!shaping.ok()) {
    log.Warning(absl::StrFormat("%s; the limits stay as they were", std::string(shaping.status().message())));
    return nullptr;
  }
  if (!is_first) log.Info("the shaping files have changed; their limits and rates hold from now on");
  return std::make_shared<const config::Shaping>(*std::move(shaping));
}

}  // namespace engine
