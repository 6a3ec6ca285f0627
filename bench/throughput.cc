// Runs one generated campaign against a running sandbox and prints what it cost, as JSON: throughput --ready FILE
// [--rows N] [--domains N] [--body BYTES] [--shards N] [--io auto|io_uring|epoll] [--no-ledger] [--dir DIR]. The CPU
// time is that of this process alone; the sandbox is another one. bench/README.md has figures.
#include <sys/resource.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "engine/campaign_run.h"
#include "engine/io/clock.h"
#include "nlohmann/json.hpp"

namespace {

struct Arguments {
  std::string ready, io = "auto", folder;
  std::uint64_t rows = 100'000, domains = 10, body = 10'000;
  std::uint32_t shards = 1;
  bool no_ledger = false;
};

class StderrLog final : public base::Log {
 public:
  void Write(base::Severity severity, std::string_view line) override {
    if (severity >= base::Severity::kWarning)
      std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
  }
};

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double WallSeconds() { return static_cast<double>(io::SystemClock().Now().nanoseconds()) / 1e9; }

// Memory that is neither of a file nor shared, in kB; mapped state is the system's to page out.
std::uint64_t RssAnonKb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("RssAnon:", 0) == 0) return std::stoull(line.substr(8));
  }
  return 0;
}

class Observer final : public engine::RunObserver {
 public:
  int Stops() override { return 0; }
  bool OnPreparing(std::uint64_t, std::uint64_t) override {
    Look();
    return true;
  }
  void OnStart(std::uint64_t, std::uint64_t) override {
    start_wall = WallSeconds();
    start_cpu = CpuSeconds();
    Look();
  }
  void OnProgress(const delivery::Counters& counters, std::uint32_t) override {
    delivered = counters.delivered;
    finals = counters.finals();
    Look();
  }

  double start_wall = 0, start_cpu = 0;
  std::uint64_t delivered = 0, finals = 0, rss_anon_kb = 0;

 private:
  void Look() { rss_anon_kb = std::max(rss_anon_kb, RssAnonKb()); }
};

void WriteCampaign(const Arguments& arguments) {
  std::ofstream rows(arguments.folder + "/rows.csv");
  rows << "email,first_name\n";
  for (std::uint64_t i = 0; i < arguments.rows; ++i)
    rows << absl::StrFormat("user%d@d%d.example,Person %d\n", i, i % arguments.domains, i);
  std::string text;
  while (text.size() < arguments.body) text += "Dear {{first_name}}, this is the news of today, and some more of it.\n";
  std::ofstream(arguments.folder + "/body.txt") << text;
  std::ofstream(arguments.folder + "/campaign.toml")
      << "format = 1\nid = \"bench\"\nkind = \"transactional\"\n[from]\naddress = \"news@example.com\"\n[envelope]\n"
         "sender = \"bounce+{{token}}@bounces.example.com\"\n[message]\nsubject = \"Hello {{first_name}}\"\n"
         "text_file = \"body.txt\"\n[recipients]\nfile = \"rows.csv\"\n[delivery]\ndkim = \"optional\"\n";
}

int Run(const Arguments& arguments) {
  std::ifstream file(arguments.ready);
  const nlohmann::json ready = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!ready.is_object()) {
    std::fprintf(stderr, "%s: not what `sluice sandbox --ready-file` writes\n", arguments.ready.c_str());
    return 2;
  }
  std::filesystem::create_directories(arguments.folder);
  WriteCampaign(arguments);
  const absl::StatusOr<campaign::Campaign> campaign = campaign::LoadCampaign(arguments.folder + "/campaign.toml");
  config::Config config;
  config.engine.io = arguments.io == "epoll"      ? config::IoChoice::kEpoll
                     : arguments.io == "io_uring" ? config::IoChoice::kIoUring
                                                  : config::IoChoice::kAuto;
  config.dns.servers = {ready["dns"].get<std::string>()};
  config.dns.max_queries_per_second = 20'000;
  config.smtp.port = ready["smtp_port"].get<std::uint16_t>();
  config.smtp.ehlo_domain = "mta.example.com";
  config.allow_private_destinations = true;
  const config::Shaping shaping;
  engine::RunRequest request;
  request.campaign = &*campaign;
  request.config = &config;
  request.shaping = &shaping;
  request.paths = engine::PathsOf(arguments.folder + "/state", "bench", "");
  request.token_key_file = arguments.folder + "/state/token.key";
  request.shards = arguments.shards;
  request.durable = !arguments.no_ledger;
  const std::unique_ptr<io::Disk> disk = io::MakeFileDisk();
  StderrLog log;
  Observer observer;
  const double begin = WallSeconds();
  const engine::RunOutcome outcome = engine::RunCampaign(*disk, request, observer, log);
  const double wall = WallSeconds() - observer.start_wall, cpu = CpuSeconds() - observer.start_cpu;
  if (outcome.exit_code != 0 || observer.finals != arguments.rows) {
    std::fprintf(stderr, "it did not finish: %s\n", std::string(outcome.problem.message()).c_str());
    return 1;
  }
  const double messages = static_cast<double>(observer.delivered);
  std::printf(
      "{\"rows\":%llu,\"prepare_rows_per_s\":%.0f,\"messages_per_s\":%.0f,\"cpu_us_per_message\":%.1f,"
      "\"rss_anon_kb\":%llu}\n",
      static_cast<unsigned long long>(arguments.rows),
      static_cast<double>(arguments.rows) / (observer.start_wall - begin), messages / wall, cpu * 1e6 / messages,
      static_cast<unsigned long long>(observer.rss_anon_kb));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Throughput of one campaign against a running sandbox");
  app.add_option("--ready", arguments.ready, "What `sluice sandbox --ready-file` wrote")->required();
  app.add_option("--dir", arguments.folder, "An empty folder for campaign and state")->required();
  app.add_option("--rows", arguments.rows, "Recipients");
  app.add_option("--domains", arguments.domains, "Domains that they are spread over");
  app.add_option("--body", arguments.body, "Bytes of the text");
  app.add_option("--shards", arguments.shards, "Threads that send");
  app.add_option("--io", arguments.io, "auto, io_uring or epoll");
  app.add_flag("--no-ledger", arguments.no_ledger, "Write nothing down");
  CLI11_PARSE(app, argc, argv);
  return Run(arguments);
}
