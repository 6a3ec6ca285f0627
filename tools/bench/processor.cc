#include "tools/bench/processor.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace bench {

CpuTime OwnCpuTime() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return {seconds(usage.ru_utime), seconds(usage.ru_stime)};
}

std::map<int, double> OwnThreadsCpuSeconds() {
  std::map<int, double> threads;
  std::error_code error;  // A thread that ends meanwhile is not there.
  for (std::filesystem::directory_iterator next("/proc/self/task", error), end; next != end; next.increment(error)) {
    double nanoseconds = 0;
    std::ifstream(next->path() / "schedstat") >> nanoseconds;
    threads[std::atoi(next->path().filename().c_str())] = nanoseconds / 1e9;
  }
  return threads;
}

bool HasEnded(pid_t child) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == child;
}

double CpuSecondsOf(pid_t process) {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

std::vector<int> AllowedCores() {
  std::vector<int> cores;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

bool PinTo(pid_t process, const std::vector<int>& cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) CPU_SET(core, &set);
  return sched_setaffinity(process, sizeof set, &set) == 0;
}

CorePlan PlanCores(const std::vector<int>& allowed, std::uint32_t shards) {
  CorePlan plan;
  if (allowed.size() < 2) return plan;
  const std::size_t count = std::min<std::size_t>(std::max(1u, shards), allowed.size() - 1);
  plan.sender.assign(allowed.begin(), allowed.begin() + static_cast<std::ptrdiff_t>(count));
  plan.sink = {allowed.back()};
  return plan;
}

std::uint64_t RssAnonKb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("RssAnon:", 0) == 0) return std::stoull(line.substr(8));
  }
  return 0;
}

std::string CongestionControl() {
  std::ifstream file("/proc/sys/net/ipv4/tcp_congestion_control");
  std::string name;
  std::getline(file, name);
  return name;
}

}  // namespace bench
