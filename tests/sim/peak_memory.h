// How much memory this process has had.
#pragma once

#include <fstream>
#include <string>

namespace sim {

// The most that it has had at one time since ForgetPeak.
inline long PeakKb() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    long kb = 0;
    if (word == "VmHWM:" && status >> kb) return kb;
  }
  return 0;
}

inline void ForgetPeak() { std::ofstream("/proc/self/clear_refs") << "5"; }

}  // namespace sim
