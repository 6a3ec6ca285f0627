#include "dns/cares_resolver.h"

#include <ares.h>
#include <netinet/in.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "dns/cares_channel.h"
#include "dns/name.h"
#include "dns/wire.h"
#include "engine/base/check.h"

namespace dns {
namespace {

constexpr std::uint16_t kDnsPort = 53;
constexpr base::Duration kTickEvery = base::Duration::Milliseconds(200);

std::optional<io::Endpoint> ParseServer(std::string_view text) {
  if (const auto address = base::IpAddress::Parse(text)) return io::Endpoint{*address, kDnsPort};
  std::optional<io::Endpoint> endpoint = io::Endpoint::Parse(text);
  if (!endpoint.has_value() || endpoint->port == 0) return std::nullopt;
  return endpoint;
}

absl::StatusOr<std::vector<io::Endpoint>> SystemServers() {
  ares_channel probe = nullptr;
  int result = ares_init(&probe);
  if (result != ARES_SUCCESS) {
    return absl::InternalError(absl::StrCat("c-ares cannot read the system's DNS servers: ", ares_strerror(result)));
  }
  const absl::Cleanup destroy = [probe] { ares_destroy(probe); };
  ares_addr_port_node* list = nullptr;
  result = ares_get_servers_ports(probe, &list);
  if (result != ARES_SUCCESS) {
    return absl::InternalError(absl::StrCat("c-ares cannot list the system's DNS servers: ", ares_strerror(result)));
  }
  std::vector<io::Endpoint> servers;
  for (const ares_addr_port_node* node = list; node != nullptr; node = node->next) {
    const auto port = static_cast<std::uint16_t>(node->udp_port == 0 ? kDnsPort : node->udp_port);
    const auto* bytes = reinterpret_cast<const unsigned char*>(&node->addr);
    servers.push_back(
        {node->family == AF_INET6 ? base::IpAddress::V6Bytes(bytes) : base::IpAddress::V4Bytes(bytes), port});
  }
  if (list != nullptr) ares_free_data(list);
  return servers;
}

absl::StatusOr<std::vector<io::Endpoint>> ServersOf(const std::vector<std::string>& configured) {
  if (configured.empty()) return SystemServers();
  std::vector<io::Endpoint> servers;
  for (const std::string& text : configured) {
    const std::optional<io::Endpoint> server = ParseServer(text);
    if (!server.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", text, "\" is not a DNS server; it is written ADDRESS, ADDRESS:PORT or [IPV6]:PORT"));
    }
    servers.push_back(*server);
  }
  return servers;
}

}  // namespace

absl::StatusOr<std::unique_ptr<CaresResolver>> CaresResolver::Make(const Options& options, io::FdPoller& poller,
                                                                   const io::Clock& clock, io::TimerWheel& timers) {
  absl::StatusOr<std::vector<io::Endpoint>> servers = ServersOf(options.servers);
  if (!servers.ok()) return servers.status();
  if (servers->empty()) return absl::FailedPreconditionError("no DNS server is configured; name one in [dns] servers");
  std::unique_ptr<CaresResolver> made(new CaresResolver(options, clock, timers));
  for (const io::Endpoint& server : *servers) {
    auto channel = CaresChannel::Make(server, options.timeout, poller, [resolver = made.get()] { resolver->Settle(); });
    if (!channel.ok()) return channel.status();
    made->channels_.push_back(*std::move(channel));
  }
  return made;
}

CaresResolver::CaresResolver(const Options& options, const io::Clock& clock, io::TimerWheel& timers)
    : options_(options),
      clock_(clock),
      timers_(timers),
      gate_(options.queries_per_second_max, clock.Now()),
      pump_([this] { Pump(); }),
      tick_([this] { Tick(); }) {
  CHECK(options.outstanding_max > 0 && options.tries > 0 && options.timeout.milliseconds() > 0);
}

CaresResolver::~CaresResolver() { *alive_ = false; }

std::vector<std::string> CaresResolver::Servers() const {
  std::vector<std::string> servers;
  for (const auto& channel : channels_) servers.push_back(channel->server().ToString());
  return servers;
}

void CaresResolver::Resolve(std::string_view name, RecordType type, Callback callback) {
  auto question = std::make_unique<Question>();
  question->type = type;
  question->callback = std::move(callback);
  question->asked.resize(channels_.size());
  if (std::optional<std::string> normal = NormalizeName(name)) {
    question->name = *std::move(normal);
    waiting_.push_back(std::move(question));
  } else {
    Answer answer;
    answer.kind = AnswerKind::kNoDomain;
    answer.detail = "not a domain name";
    Finish(*question, std::move(answer));
  }
  if (!pump_.IsSet()) timers_.Set(pump_, clock_.Now());
}

void CaresResolver::Pump() {
  const base::Instant now = clock_.Now();
  while (!waiting_.empty() && outstanding_ < options_.outstanding_max && gate_.TryPass(now)) {
    std::unique_ptr<Question> question = std::move(waiting_.front());
    waiting_.pop_front();
    Send(std::move(question));
  }
  Settle();
}

std::size_t CaresResolver::ChooseServer(const Question& question) const {
  const base::Instant now = clock_.Now();
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    if (question.asked[i]) continue;
    if (channels_[i]->rests_until() <= now) return i;
    if (!best.has_value() || channels_[i]->rests_until() < channels_[*best]->rests_until()) best = i;
  }
  CHECK(best.has_value());
  return *best;
}

void CaresResolver::Send(std::unique_ptr<Question> question) {
  if (std::find(question->asked.begin(), question->asked.end(), false) == question->asked.end()) {
    question->asked.assign(channels_.size(), false);
  }
  question->server = ChooseServer(*question);
  question->asked[question->server] = true;
  ++question->tries;
  ++queries_;
  ++outstanding_;
  CaresChannel& channel = *channels_[question->server];
  const std::string name = question->name;
  const RecordType question_type = question->type;
  channel.Ask(name, question_type, options_.trust_ad,
              [this, owned = std::move(question)](int status, std::string_view message) mutable {
                OnReply(std::move(owned), status, message);
              });
}

void CaresResolver::OnReply(std::unique_ptr<Question> question, int status, std::string_view message) {
  --outstanding_;
  CaresChannel& channel = *channels_[question->server];
  if (!message.empty()) {
    Answer answer = ParseAnswer(message, question->name, question->type);
    if (answer.kind == AnswerKind::kServerFail) {
      channel.OnFailed(clock_.Now());
    } else {
      channel.OnAnswered();
    }
    answer.authenticated = answer.authenticated && options_.trust_ad;
    const bool is_servfail = message.size() > 3 && (message[3] & 15) == static_cast<int>(ResponseCode::kServerFail);
    question->refuted = question->refuted || (is_servfail && options_.trust_ad);
    if (question->refuted && !answer.authenticated && answer.kind != AnswerKind::kServerFail) {
      answer = Answer();
      answer.kind = AnswerKind::kServerFail;
      answer.detail = "a server said SERVFAIL, and this answer is not authenticated";
    }
    if (answer.kind == AnswerKind::kServerFail) {
      RepeatOrFail(std::move(question), answer.kind,
                   absl::StrCat(answer.detail, " (", channel.server().ToString(), ")"));
    } else {
      Finish(*question, std::move(answer));
    }
    return;
  }
  if (status == ARES_ENOTFOUND || status == ARES_EBADNAME) {  // Without a question to anyone: not a public name.
    Answer answer;
    answer.kind = AnswerKind::kNoDomain;
    answer.detail = "not a name of the public DNS";
    Finish(*question, std::move(answer));
    return;
  }
  channel.OnSilent(clock_.Now());
  std::string detail = absl::StrFormat("no answer from %s (%s)", channel.server().ToString(), ares_strerror(status));
  if (channel.silent_in_a_row() > 1) {
    absl::StrAppendFormat(&detail, ", which left its last %d questions unanswered", channel.silent_in_a_row());
  }
  RepeatOrFail(std::move(question), AnswerKind::kTimeout, std::move(detail));
}

void CaresResolver::RepeatOrFail(std::unique_ptr<Question> question, AnswerKind kind, std::string detail) {
  const std::size_t tries_max = std::max<std::size_t>(options_.tries, channels_.size());
  const bool all_asked = std::find(question->asked.begin(), question->asked.end(), false) == question->asked.end();
  // A server that said no says no again; one that was silent may have missed the question.
  if (question->tries < tries_max && !(kind == AnswerKind::kServerFail && all_asked)) {
    waiting_.push_front(std::move(question));
    return;
  }
  Answer answer;
  answer.kind = kind;
  answer.detail = std::move(detail);
  Finish(*question, std::move(answer));
}

void CaresResolver::Finish(Question& question, Answer answer) {
  finished_.push_back({std::move(question.callback), std::move(answer)});
}

void CaresResolver::Tick() {
  for (const auto& channel : channels_) {
    if (channel->IsAsking()) channel->Tick();
  }
  Settle();
}

void CaresResolver::Settle() {
  const base::Instant now = clock_.Now();
  if (outstanding_ == 0) {
    timers_.Cancel(tick_);
  } else if (!tick_.IsSet()) {
    timers_.Set(tick_, now + kTickEvery);
  }
  if (!waiting_.empty() && outstanding_ < options_.outstanding_max) timers_.Set(pump_, std::max(now, gate_.OpensAt()));
  const std::shared_ptr<bool> alive = alive_;
  while (!finished_.empty()) {
    Finished finished = std::move(finished_.front());
    finished_.pop_front();
    finished.callback(finished.answer);
    if (!*alive) return;
  }
}

}  // namespace dns
