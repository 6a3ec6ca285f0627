#include "engine/dns_asker.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "dns/wire.h"
#include "engine/base/text.h"

namespace engine {
namespace {

constexpr base::Duration kTryFor = base::Duration::Milliseconds(1500);
constexpr base::Duration kLookEvery =
    base::Duration::Milliseconds(100);  // Whether to go on, and at what else there is.
constexpr std::uint32_t kStreamsMax = 16;

class NoLog final : public base::Log {
 public:
  void Write(base::Severity, std::string_view) override {}
};

std::string KeyOf(std::string_view name, dns::RecordType type) {
  return absl::StrCat(base::AbslView(dns::TypeName(type)), " ", base::LowerAscii(name));
}

dns::Answer Late() {
  dns::Answer late;
  late.kind = dns::AnswerKind::kTimeout;
  late.detail = "no answer in time";
  return late;
}

}  // namespace

// Has the answers that are there, and asks for the others.
class DnsAsker::Round final : public dns::Lookup {
 public:
  explicit Round(DnsAsker& asker) : asker_(asker) {}
  dns::Answer Ask(std::string_view name, dns::RecordType type) override {
    asker_.Begin({{std::string(name), type}});
    const std::optional<dns::Answer>& answer = asker_.answers_[KeyOf(name, type)];
    if (answer.has_value()) return *answer;
    is_whole_ = false;
    return Late();
  }
  bool is_whole() const { return is_whole_; }

 private:
  DnsAsker& asker_;
  bool is_whole_ = true;  // Nothing is on its way.
};

DnsAsker::DnsAsker(base::Duration limit) : timers_(clock_.Now()), end_(clock_.Now() + limit) {}

absl::StatusOr<std::unique_ptr<DnsAsker>> DnsAsker::Make(const config::DnsConfig& config, base::Duration limit) {
  std::unique_ptr<DnsAsker> made(new DnsAsker(limit));
  NoLog no_log;
  // A few sockets: epoll is as good, and takes no locked memory.
  absl::StatusOr<std::unique_ptr<io::Reactor>> reactor =
      io::MakeReactor({.backend = io::Backend::kEpoll, .streams_max = kStreamsMax}, no_log);
  if (!reactor.ok()) return reactor.status();
  made->reactor_ = *std::move(reactor);
  dns::CaresResolver::Options options;
  options.servers = config.servers;
  options.queries_per_second_max = config.max_queries_per_second;
  options.timeout = kTryFor;
  auto resolver = dns::CaresResolver::Make(options, *made->reactor_, made->clock_, made->timers_);
  if (!resolver.ok()) return resolver.status();
  made->resolver_ = *std::move(resolver);
  return made;
}

void DnsAsker::TurnUntil(base::Instant until) {
  clock_.Update();
  timers_.Advance(clock_.Now());
  reactor_->RunOnce(std::min(until, timers_.NextAt()));
  clock_.Update();
  timers_.Advance(clock_.Now());
}

void DnsAsker::Begin(const std::vector<std::pair<std::string, dns::RecordType>>& questions) {
  for (const auto& [name, type] : questions) {
    const std::string key = KeyOf(name, type);
    if (!answers_.emplace(key, std::nullopt).second) continue;
    resolver_->Resolve(name, type, [this, key](const dns::Answer& answer) {
      answers_[key] = answer;
      ++answered_;
    });
  }
}

std::vector<dns::Route> DnsAsker::Routes(const std::vector<std::string>& domains, dns::MxLookup::Families families,
                                         absl::FunctionRef<bool()> go_on) {
  std::vector<dns::Route> routes(domains.size());
  for (dns::Route& route : routes) route.detail = "no answer in time";
  std::size_t missing = domains.size();
  dns::MxLookup mx(*resolver_);
  for (std::size_t i = 0; i < domains.size(); ++i) {
    mx.LookupMx(domains[i], [&, i](const dns::Route& route) {
      mx.AddAddresses(route, families, [&routes, &missing, i](const dns::Route& whole) {
        routes[i] = whole;
        --missing;
      });
    });
  }
  while (missing > 0 && clock_.Now() < end_ && go_on()) TurnUntil(std::min(end_, clock_.Now() + kLookEvery));
  return routes;
}

dns::Answer DnsAsker::Ask(std::string_view name, dns::RecordType type) {
  Begin({{std::string(name), type}});
  const std::string key = KeyOf(name, type);
  while (!answers_[key].has_value() && MayWait()) Wait();
  return answers_[key].value_or(Late());
}

void DnsAsker::Wait() {
  TurnUntil(std::min(end_, clock_.Now() + kLookEvery));
  if (!while_waiting_()) goes_on_ = false;
}

void DnsAsker::InRounds(absl::FunctionRef<void(dns::Lookup&)> rules) {
  while (true) {
    Round round(*this);
    rules(round);
    if (round.is_whole() || !MayWait()) return;
    // For all the answers; but where some are slow, what follows from the others is asked meanwhile.
    const base::Instant look = clock_.Now() + kLookEvery;
    const std::size_t known = answered_;
    while (answered_ < answers_.size() && MayWait() && (answered_ == known || clock_.Now() < look)) Wait();
  }
}

}  // namespace engine
