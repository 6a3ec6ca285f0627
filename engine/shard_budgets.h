// A shard's part in the budgets: it counts first attempts and tells them, with the bad news, to the shard that has the
// coordinator; and it knows which parts of the campaign are paused.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "engine/delivery/budgets.h"
#include "engine/delivery/shard_message.h"
#include "engine/io/clock.h"
#include "engine/io/timer_wheel.h"

namespace engine {

class ShardBudgets {
 public:
  // `look`: finds out whether everything that is left to do here is paused, and calls TellBlocked; called about once a
  // second while a part is.
  ShardBudgets(std::uint32_t shard, delivery::ShardLinks& links, const io::Clock& clock, io::TimerWheel& timers,
               absl::AnyInvocable<void()> look);

  // A recipient of the provider ("": none) had the first attempt.
  void CountAttempt(std::string_view provider);
  void Tell(delivery::BudgetEvent event, std::string_view provider, std::string_view source, std::string_view sample);

  // A part of the campaign pauses.
  void Hold(const delivery::PauseReason& pause);
  // Nothing is paused any more.
  void ReleaseAll();
  void TellBlocked(bool blocked);
  const std::vector<delivery::PauseReason>& holds() const { return holds_; }
  // What pauses mail to the provider from the source; null: nothing.
  const delivery::PauseReason* HoldOf(std::string_view provider, std::string_view source) const;

 private:
  void TellAttempts();
  void CheckBlocked();

  const std::uint32_t shard_;
  delivery::ShardLinks& links_;
  const io::Clock& clock_;
  io::TimerWheel& timers_;
  absl::AnyInvocable<void()> look_;
  io::Timer tell_timer_, blocked_timer_;
  std::map<std::string, std::uint64_t, std::less<>> untold_;  // First attempts, by provider.
  std::vector<delivery::PauseReason> holds_;
  bool blocked_ = false;  // As it was told last.
};

}  // namespace engine
