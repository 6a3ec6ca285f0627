// A mail exchanger that does as a test says: what it answers at each point of the dialogue, and whether the connection
// goes on after that. Where nothing is said it takes everything.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/ip_address.h"
#include "engine/io/io.h"
#include "tests/sim/network.h"
#include "tests/sim/world.h"

namespace sim {

// The points of a dialogue where a receiver answers. kContent: the whole message is there.
enum class Point : std::uint8_t { kGreeting, kEhlo, kStartTls, kMail, kRcpt, kData, kContent, kRset, kQuit };
inline constexpr std::size_t kPoints = 9;

struct Answer {
  enum class Then : std::uint8_t {
    kGoOn,
    kFin,
    kReset,
    kSilence,  // Nothing is answered any more, and the connection stays.
    kDeaf,     // Nor is anything read.
  };
  std::string reply = {};  // Lines without the last CRLF. Empty: nothing is said.
  Then then = Then::kGoOn;
  base::Duration wait = {};  // Before the reply.
  std::uint32_t copies = 1;  // So many times.
  bool raw = false;          // As it is, without a CRLF at its end.
  base::Duration drip = {};  // Not at once: between each byte and the next.
};

// What a receiver is asked.
struct Question {
  std::uint32_t connection = 0;  // 1 for the first.
  std::uint32_t message = 0;     // On this connection, 1 for the first.
  std::uint32_t time = 0;        // How often somebody came to this point here, 1 for the first.
  std::string recipient;         // From RCPT on.
  bool grouped = false;          // More came with its MAIL.
  base::IpAddress client;
};

using Rule = std::function<std::optional<Answer>(const Question&)>;
Rule Always(Answer answer);
Rule First(std::uint32_t times, Answer answer);  // Afterwards the receiver does as it would without the rule.
Rule For(std::string recipient, Answer answer);

class Receiver final : private io::AcceptHandler {
 public:
  Receiver(World& world, Network& network, std::string name, const io::Endpoint& endpoint);
  ~Receiver() override;

  // At `point` it does as `rule` says; of several rules the last one that answers.
  void At(Point point, Rule rule) { rules_[static_cast<std::size_t>(point)].push_back(std::move(rule)); }
  void At(Point point, std::string reply) { At(point, Always({std::move(reply)})); }
  void Forget() { rules_ = {}; }
  // What EHLO offers.
  std::vector<std::string> extensions = {"PIPELINING", "CHUNKING", "SIZE 100000000", "ENHANCEDSTATUSCODES"};
  // It offers STARTTLS, with a trusted certificate for this name. Empty: it does not.
  std::string certificate;
  std::uint32_t bad_handshakes = 0;  // So many are answered with what is no TLS…
  std::string bad_name;              // …and all for this name…
  bool refuses_fallback = false;     // …and those that say they are made after a failure (RFC 7507).
  // It reads about 256 KiB, and rests for so long.
  base::Duration rests_between_reads;
  // Connections that arrive are reset.
  bool resets_connections = false;

  const std::string& name() const { return name_; }
  const base::IpAddress& address() const { return endpoint_.address; }
  const std::vector<base::Instant>& connections() const { return connected_at_; }  // That arrived.
  std::uint32_t open() const { return open_; }
  std::uint32_t open_max() const { return open_max_; }
  void ForgetMost() { open_max_ = open_; }
  const std::vector<std::string>& accepted() const { return accepted_; }    // Recipients, once per message.
  const std::vector<std::string>& encrypted() const { return encrypted_; }  // Of those, the ones under TLS.
  const std::vector<std::string>& contents() const { return contents_; }    // Of whole messages, accepted or not.
  const std::vector<std::string>& commands() const { return commands_; }    // Lines of all connections, as they came.
  std::uint64_t CountOf(std::string_view command) const;                    // Lines that begin so.

 private:
  class Connection;
  io::StreamHandler* OnAccept(io::StreamId id, const io::Endpoint& peer, const io::Endpoint& local) override;
  std::optional<Answer> Ask(Point point, Question question);
  void Retire(Connection& connection);

  World& world_;
  const std::string name_;
  const io::Endpoint endpoint_;
  SimIo io_;
  std::array<std::vector<Rule>, kPoints> rules_;
  std::array<std::uint32_t, kPoints> times_{};
  std::map<io::StreamId, std::shared_ptr<Connection>> connections_;
  std::vector<base::Instant> connected_at_;
  std::vector<std::string> accepted_, encrypted_, contents_, commands_;
  std::uint32_t open_ = 0, open_max_ = 0;
};

}  // namespace sim
