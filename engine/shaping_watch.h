// The shaping files of a campaign that runs: read again when they have changed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/log.h"
#include "engine/base/time.h"
#include "engine/config/shaping.h"
#include "engine/io/append.h"

namespace engine {

class ShapingWatch {
 public:
  explicit ShapingWatch(std::vector<std::string> paths) : paths_(std::move(paths)) {}

  // To be asked all the time; looks every two seconds. What the files say now, if that is something else; else null.
  // Files that cannot be read or are wrong change nothing, and are a warning.
  std::shared_ptr<const config::Shaping> Poll(base::Instant now, base::Log& log);

 private:
  const std::vector<std::string> paths_;
  // None: who loaded the files did it before anybody watched them, so that the first look is at the text.
  std::optional<std::vector<std::optional<io::FileStamp>>> stamps_;
  std::vector<std::optional<io::FileStamp>> seen_;  // At the last look, where that was something else.
  base::Instant next_;
};

}  // namespace engine
