// How far away a receiver is: connects to its first mail exchanger that can be reached, hears its greeting, says EHLO,
// and takes leave. No mail is sent.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "dns/mx_lookup.h"
#include "engine/delivery/host_plan.h"
#include "engine/delivery/source.h"
#include "engine/io/clock.h"
#include "engine/io/io.h"
#include "engine/smtp/client.h"

namespace engine {

class ReceiverProbe final : private io::StreamHandler, private smtp::Client::Handler {
 public:
  struct Target {
    std::vector<delivery::PlannedHost> hosts;  // As its MX says.
    delivery::HostPlan::Options allowed;
    delivery::Source source;
    std::uint16_t port = 25;
  };
  struct Distance {
    base::Duration connect;     // Until TCP stands.
    base::Duration greeting;    // Until it has greeted.
    base::Duration round_trip;  // From EHLO to its answer.
    smtp::Capabilities offers;
  };
  struct Seams {
    io::Io& io;
    const io::Clock& clock;
    dns::MxLookup& mx;
  };

  // Outlived by everything in `seams`.
  ReceiverProbe(const Target& target, const Seams& seams);
  ~ReceiverProbe() override;

  // Begins. Whoever runs the loop gives up by destroying it.
  void Start();
  bool IsDone() const { return is_done_; }
  const std::optional<Distance>& distance() const { return distance_; }  // Nullopt: it did not say.

 private:
  // io::StreamHandler
  void OnConnect() override;
  void OnReceive(std::string_view bytes) override;
  void OnSent() override {}
  void OnClose(io::CloseReason reason) override;
  // smtp::Client::Handler
  void OnStartTls() override {}
  void OnReady() override;
  void OnTransactionDone(const smtp::TransactionResult&) override {}
  void OnFollowing() override {}
  void OnContentWanted() override {}
  void OnSessionFailed(const smtp::ConnectionFact&) override {}
  void OnFinished() override;

  void TryNext();
  void Advance();

  const Target target_;
  const Seams seams_;
  delivery::HostPlan hosts_;
  smtp::Client client_;
  io::StreamId stream_ = io::StreamId::kNone;
  std::optional<base::IpAddress> address_;  // Of the connection…
  std::size_t host_ = 0;
  base::Instant opened_at_, connected_at_;
  std::optional<base::Instant> said_hello_at_;
  std::optional<Distance> distance_;
  bool is_done_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace engine
