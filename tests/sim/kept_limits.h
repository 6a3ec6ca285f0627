// The limits of one simulated program, and what they leave to the next one: written as the host's state is, a second or
// so behind, and what may pass until then counts as passed.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "engine/delivery/host_limits.h"
#include "engine/delivery/source.h"
#include "tests/sim/world.h"

namespace sim {

class KeptLimits {
 public:
  using Texts = std::map<std::string, std::string>;  // By source.
  // `kept` is what the last program left, and outlives this.
  KeptLimits(World& world, const std::vector<delivery::Source>& sources, Texts& kept) : world_(world), kept_(kept) {
    for (const delivery::Source& source : sources) sources_.push_back(source.name);
    sources_.emplace_back();  // What holds over all of them.
  }

  delivery::HostLimits& limits() { return limits_; }
  absl::Status Load() {
    for (const auto& [source, text] : kept_) {
      if (absl::Status status = limits_.Load(text, source, world_.now(), world_.wall_now()).status(); !status.ok())
        return status;
    }
    return absl::OkStatus();
  }
  // What rules have set, and what a source owes over all receivers (planted bugs).
  void ForgetSettings() {
    ForgetLines("set");
    ForgetLines("set-domain");
  }
  void ForgetSourceRates() { ForgetLines("source"); }
  // After each turn; what is not news is saved within a second, whether or not there is another turn.
  void SaveSometimes() {
    constexpr base::Duration kEvery = base::Duration::Seconds(1);
    if (!limits_.TakeNews() && world_.now() < saved_at_ + kEvery) {
      if (std::exchange(is_planned_, true)) return;
      world_.At(saved_at_ + kEvery, [this, alive = std::weak_ptr<bool>(alive_)] {
        if (!alive.expired() && is_planned_) SaveSometimes();
      });
      return;
    }
    is_planned_ = false;
    saved_at_ = world_.now();
    for (const std::string& source : sources_) {
      kept_[source] = limits_.Save(source, world_.now(), world_.wall_now(), kEvery * 2);
      limits_.OnSaved(source);
    }
  }

 private:
  void ForgetLines(const std::string& word) {
    for (auto& [source, text] : kept_) {
      std::vector<std::string> lines = absl::StrSplit(text, '\n');
      std::erase_if(lines, [start = word + "\t"](const std::string& line) { return line.starts_with(start); });
      text = absl::StrJoin(lines, "\n");
    }
  }

  World& world_;
  Texts& kept_;
  std::vector<std::string> sources_;
  delivery::HostLimits limits_{/*outlives=*/true};
  base::Instant saved_at_;
  bool is_planned_ = false;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sim
