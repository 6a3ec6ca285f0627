// What a benchmark asks the kernel: CPU time of processes, their cores, their memory.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace bench {

struct CpuTime {
  double user_s = 0, system_s = 0;
  double total_s() const { return user_s + system_s; }
};
CpuTime OwnCpuTime();                          // Of this process with all its threads; children are not counted.
std::map<int, double> OwnThreadsCpuSeconds();  // Of each thread that lives, by its number.
bool HasEnded(pid_t child);                    // Leaves it to be waited for.
double CpuSecondsOf(pid_t process);            // Of another one, without its children; 0 when it is gone.

std::vector<int> AllowedCores();                           // Those that this process may run on.
bool PinTo(pid_t process, const std::vector<int>& cores);  // Process 0 is the own; threads to come follow.
// The sink gets the last core, the sender as many as it has shards, of those before. Both are empty where there are
// fewer than two.
struct CorePlan {
  std::vector<int> sender, sink;
};
CorePlan PlanCores(const std::vector<int>& allowed, std::uint32_t shards);

// Memory that is neither of a file nor shared, in kB; mapped state is the system's to page out.
std::uint64_t RssAnonKb();
std::string CongestionControl();  // TCP's default here; "": unknown.

}  // namespace bench
