#include "tools/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_format.h"

namespace tools {
namespace {

constexpr base::Duration kBarEvery = base::Duration::Milliseconds(200);
constexpr base::Duration kLineEvery = base::Duration::Seconds(10);
constexpr int kBarWidth = 30;

}  // namespace

Progress::Style Progress::StyleOf(const std::string& name) {
  if (name == "plain") return Style::kPlain;
  if (name == "json") return Style::kJson;
  if (name == "off") return Style::kOff;
  return isatty(STDERR_FILENO) == 1 ? Style::kBar : Style::kPlain;
}

Progress::~Progress() {
  if (in_line_) std::fputc('\n', stderr);
}

bool Progress::IsDue() {
  if (style_ == Style::kOff) return false;
  clock_.Update();
  const base::Duration every = style_ == Style::kPlain ? kLineEvery : kBarEvery;
  if (clock_.Now() - last_ < every) return false;
  last_ = clock_.Now();
  return true;
}

std::string Progress::Label() const { return campaign_.empty() ? "" : campaign_ + ": "; }

// An id needs no escapes.
std::string Progress::JsonLabel() const { return campaign_.empty() ? "" : "\"campaign\":\"" + campaign_ + "\","; }

void Progress::Bar(double share, const std::string& text) {
  const int filled = static_cast<int>(std::clamp(share, 0.0, 1.0) * kBarWidth);
  const std::string bar = std::string(static_cast<std::size_t>(filled), '#') +
                          std::string(static_cast<std::size_t>(kBarWidth - filled), '.');
  std::fputs(absl::StrFormat("\r[%s] %3.0f%% %s\x1b[K", bar, share * 100, text).c_str(), stderr);
  std::fflush(stderr);
  in_line_ = true;
}

void Progress::Preparing(std::uint64_t rows, std::uint64_t bytes, std::uint64_t bytes_total) {
  if (!IsDue()) return;
  const double share = bytes_total == 0 ? 0 : static_cast<double>(bytes) / static_cast<double>(bytes_total);
  if (style_ == Style::kBar) Bar(share, absl::StrFormat("preparing, %d rows", rows));
  if (style_ == Style::kPlain) std::fputs(absl::StrFormat("%spreparing: %d rows\n", Label(), rows).c_str(), stderr);
  if (style_ == Style::kJson)
    std::fputs(absl::StrFormat("{%s\"phase\":\"preparing\",\"rows\":%d}\n", JsonLabel(), rows).c_str(), stderr);
}

void Progress::Sealing(std::uint64_t sealed, std::uint64_t all) {
  if (all == 0 || !IsDue()) return;
  if (style_ == Style::kBar)
    Bar(static_cast<double>(sealed) / static_cast<double>(all), absl::StrFormat("sealing, %d of %d", sealed, all));
  if (style_ == Style::kPlain) std::fputs(absl::StrFormat("sealing: %d of %d\n", sealed, all).c_str(), stderr);
  if (style_ == Style::kJson)
    std::fputs(absl::StrFormat("{\"phase\":\"sealing\",\"sealed\":%d,\"all\":%d}\n", sealed, all).c_str(), stderr);
}

void Progress::Start(std::uint64_t recipients, std::uint64_t finals) {
  recipients_ = recipients;
  finals_before_ = finals;
  clock_.Update();
  rate_since_ = clock_.Now();
}

void Progress::Sending(const delivery::Counters& counters, std::uint32_t open_sessions) {
  if (!IsDue() || recipients_ == 0) return;
  const double seconds = static_cast<double>((clock_.Now() - rate_since_).microseconds()) / 1e6;
  if (seconds >= 1) {
    rate_ = static_cast<double>(counters.delivered - rate_from_) / seconds;
    rate_from_ = counters.delivered;
    rate_since_ = clock_.Now();
  }
  const std::uint64_t done = finals_before_ + counters.finals();
  if (style_ == Style::kJson) {
    std::fputs(
        absl::StrFormat("{%s\"phase\":\"sending\",\"recipients\":%d,\"final\":%d,\"delivered\":%d,\"bounced\":%d,"
                        "\"deferred_attempts\":%d,"
                        "\"sessions\":%d,\"messages_per_s\":%.0f}\n",
                        JsonLabel(), recipients_, done, counters.delivered, counters.bounced, counters.deferred,
                        open_sessions, rate_)
            .c_str(),
        stderr);
    return;
  }
  const std::string text =
      absl::StrFormat("%d of %d, %d delivered, %d bounced, %d deferrals, %d sessions, %.0f/s", done, recipients_,
                      counters.delivered, counters.bounced, counters.deferred, open_sessions, rate_);
  if (style_ == Style::kBar) {
    Bar(static_cast<double>(done) / static_cast<double>(recipients_), text);
  } else {
    std::fputs((Label() + text + "\n").c_str(), stderr);
  }
}

}  // namespace tools
