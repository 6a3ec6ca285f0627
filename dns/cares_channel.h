// One DNS server, asked through c-ares channels of its own, and what is known of the server's health. One thread.
//
// A forged answer has to have the number of a question and the port that it was asked from (RFC 5452 section 9.2).
// c-ares keeps a port while anything is under way there, which is for hours in a busy campaign: so another channel
// takes over now and then, and the old one only waits for its answers.
#pragma once

#include <ares.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "dns/resolver.h"
#include "engine/base/time.h"
#include "engine/io/io.h"
#include "engine/io/reactor.h"

namespace dns {

class CaresChannel final : private io::PollHandler {
 public:
  // `status` is ARES_SUCCESS or why there is no usable reply; `message` is the reply as it came, "" without one. May
  // run within Ask. It must not destroy the channel.
  using ReplyCallback = absl::AnyInvocable<void(int status, std::string_view message)>;

  // `after_events` runs after c-ares has worked on an event; it may destroy the channel. Errors: c-ares cannot start.
  static absl::StatusOr<std::unique_ptr<CaresChannel>> Make(const io::Endpoint& server, base::Duration timeout,
                                                            io::FdPoller& poller,
                                                            absl::AnyInvocable<void()> after_events);
  CaresChannel(const CaresChannel&) = delete;
  CaresChannel& operator=(const CaresChannel&) = delete;
  ~CaresChannel() override;  // Questions under way hear nothing more.

  // Asks once; `wants_authenticated`: with the AD bit. Requires: a name that NormalizeName accepts.
  void Ask(const std::string& name, RecordType type, bool wants_authenticated, ReplyCallback callback);
  // Lets c-ares look at the time. To be called every 100 to 250 ms while a question is under way.
  void Tick();
  bool IsAsking() const { return asking_ > 0; }

  const io::Endpoint& server() const { return server_; }
  // After several questions in a row without an answer, or many that it only refused or failed, the server rests: it is
  // asked only when no other one is left.
  void OnAnswered();
  void OnFailed(base::Instant now);  // It said that it cannot or will not answer.
  void OnSilent(base::Instant now);
  base::Instant rests_until() const { return rests_until_; }
  std::uint32_t silent_in_a_row() const { return silent_; }

 private:
  struct Socket {
    int fd;
    bool readable;
    bool writable;
  };
  struct Port {
    explicit Port(CaresChannel& of) : owner(of) {}
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;
    ~Port();
    CaresChannel& owner;
    ares_channel handle = nullptr;
    std::vector<Socket> sockets;  // One of UDP, those of TCP.
    std::size_t asking = 0;       // Questions under way.
    std::size_t asked = 0;        // So far.
  };
  struct Asked {
    Port& port;
    ReplyCallback callback;
  };

  CaresChannel(const io::Endpoint& server, base::Duration timeout, io::FdPoller& poller,
               absl::AnyInvocable<void()> after_events);
  absl::Status OpenPort();
  absl::Status Start(Port& port) const;
  Port* PortOf(int fd);
  void ForgetOldPorts();
  void OnReady(int fd, bool readable, bool writable) override;
  void Watch(int fd);
  static void OnSocketState(void* port, ares_socket_t fd, int readable, int writable);
  static void OnReply(void* asked, int status, int timeouts, unsigned char* message, int size);

  const io::Endpoint server_;
  const base::Duration timeout_;
  io::FdPoller& poller_;
  absl::AnyInvocable<void()> after_events_;
  std::list<Port> ports_;  // The last one is asked from.
  std::size_t asking_ = 0;
  std::random_device random_;  // Of the kernel: nobody can guess the next query's number.
  std::uint32_t silent_ = 0;   // Questions in a row…
  std::uint32_t failed_ = 0;   // …and answers.
  base::Instant rests_until_;

  void RestAfter(std::uint32_t bad, std::uint32_t before_rest, base::Instant now);
};

}  // namespace dns
