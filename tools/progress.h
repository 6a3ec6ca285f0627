// What a person sees of a running campaign: a bar on a terminal, a line now and then elsewhere, or JSON lines for
// programs.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "engine/base/time.h"
#include "engine/delivery/commit_queue.h"
#include "engine/io/clock.h"

namespace tools {

class Progress {
 public:
  enum class Style : std::uint8_t { kBar, kPlain, kJson, kOff };
  // "auto" is the bar on a terminal, and plain lines elsewhere. Requires: one of auto, plain, json, off.
  static Style StyleOf(const std::string& name);

  // `campaign`: its id, where there are several; empty: it is the only one.
  explicit Progress(Style style, std::string campaign = "") : style_(style), campaign_(std::move(campaign)) {}
  ~Progress();  // Ends the bar's line.

  void Preparing(std::uint64_t rows, std::uint64_t bytes, std::uint64_t bytes_total);
  void Sealing(std::uint64_t sealed, std::uint64_t all);
  void Start(std::uint64_t recipients, std::uint64_t finals);
  void Sending(const delivery::Counters& counters, std::uint32_t open_sessions);

 private:
  bool IsDue();
  std::string Label() const;  // In front of a line.
  std::string JsonLabel() const;
  void Bar(double share, const std::string& text);

  const Style style_;
  const std::string campaign_;
  io::SystemClock clock_;
  base::Instant last_, rate_since_;
  std::uint64_t rate_from_ = 0;
  double rate_ = 0;  // Messages per second, lately.
  std::uint64_t recipients_ = 0, finals_before_ = 0;
  bool in_line_ = false;
};

}  // namespace tools
