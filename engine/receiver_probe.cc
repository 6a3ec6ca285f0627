#include "engine/receiver_probe.h"

#include <string_view>
#include <utility>

namespace engine {
namespace {

smtp::Client::Options OptionsOf(const delivery::Source& source) {
  smtp::Client::Options options;
  options.ehlo_domain = source.ehlo_domain;
  return options;
}

}  // namespace

ReceiverProbe::ReceiverProbe(const Target& target, const Seams& seams)
    : target_(target), seams_(seams), hosts_(target.hosts, target.allowed), client_(OptionsOf(target_.source), *this) {}

ReceiverProbe::~ReceiverProbe() {
  if (stream_ != io::StreamId::kNone) seams_.io.Close(stream_, io::CloseMode::kReset);
}

void ReceiverProbe::Start() { TryNext(); }

void ReceiverProbe::TryNext() {
  const base::Instant now = seams_.clock.Now();
  const delivery::HostPlan::Next next = hosts_.Choose(now);
  if (next.step == delivery::HostPlan::Step::kResolve) {
    const bool v6 = target_.source.address.has_value() && target_.source.address->IsV6();
    seams_.mx.LookupHost(
        hosts_.HostName(next.host), v6,
        [this, host = next.host, alive = std::weak_ptr<bool>(alive_)](const dns::HostAddresses& answer) {
          if (alive.expired()) return;
          const base::Instant then = seams_.clock.Now();
          if (answer.kind == dns::AnswerKind::kServerFail || answer.kind == dns::AnswerKind::kTimeout) {
            hosts_.SetFailed(host, then, answer.detail);
          } else {
            std::vector<base::IpAddress> usable;
            for (const base::IpAddress& address : answer.addresses) {
              const bool fits = !target_.source.address.has_value() || target_.source.address->IsV6() == address.IsV6();
              if (fits) usable.push_back(address);
            }
            hosts_.SetAddresses(host, usable, then + base::Duration::Hours(1));
          }
          TryNext();
        });
    return;
  }
  if (next.step != delivery::HostPlan::Step::kConnect) {
    is_done_ = true;
    return;
  }
  host_ = next.host;
  address_ = next.address;
  opened_at_ = now;
  stream_ = seams_.io.Connect({.remote = {next.address, target_.port}, .source = target_.source.address}, *this);
}

void ReceiverProbe::OnConnect() {
  connected_at_ = seams_.clock.Now();
  client_.OnConnected(connected_at_);
  Advance();
}

void ReceiverProbe::OnReceive(std::string_view bytes) {
  client_.OnReceived(bytes, seams_.clock.Now());
  Advance();
}

// A host that takes no connection is not the one that mail goes to; one that ends it says nothing.
void ReceiverProbe::OnClose(io::CloseReason reason) {
  stream_ = io::StreamId::kNone;
  if (reason.stage == io::Stage::kConnect) {
    hosts_.OnAddressFailed(host_, *address_, base::Instant::Never());
    TryNext();
  } else {
    is_done_ = true;
  }
}

void ReceiverProbe::Advance() {
  if (stream_ == io::StreamId::kNone) return;
  std::vector<std::string_view> pieces;
  client_.TakeOutput(pieces);
  if (pieces.empty()) return;
  if (!said_hello_at_.has_value()) said_hello_at_ = seams_.clock.Now();
  seams_.io.Send(stream_, pieces);
}

void ReceiverProbe::OnReady() {
  const base::Instant now = seams_.clock.Now();
  distance_ = Distance{.connect = connected_at_ - opened_at_,
                       .greeting = *said_hello_at_ - connected_at_,
                       .round_trip = now - *said_hello_at_,
                       .offers = client_.capabilities()};
  client_.Quit();
}

void ReceiverProbe::OnFinished() {
  is_done_ = true;
  if (stream_ != io::StreamId::kNone)
    seams_.io.Close(std::exchange(stream_, io::StreamId::kNone), io::CloseMode::kFlush);
}

}  // namespace engine
