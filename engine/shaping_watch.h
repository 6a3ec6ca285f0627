// The shaping files of a campaign that runs: read again when they have changed; and the mail exchangers of their
// blocks, which are looked up again now and then.
#pragma once

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/log.h"
#include "engine/base/time.h"
#include "engine/config/config.h"
#include "engine/config/shaping.h"
#include "engine/io/append.h"

namespace engine {

class ShapingWatch {
 public:
  // `known`: what is in use, and knows the mail exchangers of its blocks. `warnings`: of Load, of it, which were told.
  ShapingWatch(config::Config config, const config::Shaping& known, const std::vector<std::string>& warnings = {});
  ~ShapingWatch() { ends_ = true; }  // Nobody waits for the DNS.
  ShapingWatch(const ShapingWatch&) = delete;
  ShapingWatch& operator=(const ShapingWatch&) = delete;

  // To be asked all the time; looks every two seconds. What the files and the DNS say now, if that is something else;
  // else null.
  // Files that cannot be read or are wrong change nothing, and are a warning. A key without effect is one, once.
  std::shared_ptr<const config::Shaping> Poll(base::Instant now, base::Log& log);
  bool IsLookingUp() const { return looking_.valid(); }

 private:
  struct LookedUp {
    std::shared_ptr<const config::Shaping> shaping;
    std::string warning;
  };

  bool HaveFilesChanged();
  void LookUp(config::Shaping shaping);  // Waits for the DNS elsewhere.
  std::shared_ptr<const config::Shaping> TakeLookedUp(base::Instant now, base::Log& log);

  bool IsNew(std::string_view warning);

  const config::Config config_;
  std::set<std::string, std::less<>> told_;  // Warnings, without the place: lines move.
  // None: who loaded the files did it before anybody watched them, so that their text is read once in any case.
  std::optional<std::vector<std::optional<io::FileStamp>>> stamps_;
  bool changes_early_ = false;                      // Between the first two looks.
  std::vector<std::optional<io::FileStamp>> seen_;  // At the last look, where that was something else.
  base::Instant next_;
  std::shared_ptr<const config::Shaping> last_;
  bool files_have_changed_ = false;  // Since last_.
  std::atomic<bool> ends_ = false;
  std::future<LookedUp> looking_;
  base::Instant look_up_at_ = base::Instant::Never();
  bool warned_ = false;
};

// One watch for all campaigns of a program, which hear of every change. Any thread.
class SharedShapingWatch {
 public:
  SharedShapingWatch(config::Config config, const config::Shaping& known, const std::vector<std::string>& warnings = {})
      : watch_(std::move(config), known, warnings) {}

  // As ShapingWatch::Poll. `seen`: the caller's own; zero at first.
  std::shared_ptr<const config::Shaping> Poll(std::uint64_t& seen, base::Instant now, base::Log& log);

 private:
  std::mutex mutex_;  // Guards what follows.
  ShapingWatch watch_;
  std::uint64_t changes_ = 0;
  std::shared_ptr<const config::Shaping> latest_;
};

}  // namespace engine
