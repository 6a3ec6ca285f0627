#include "tools/sandbox/dns_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dns/wire.h"
#include "engine/io/socket.h"

namespace sandbox {
namespace {

constexpr int kListenTries = 50;
constexpr int kDatagramsPerTurn = 64;            // So that connections have their turn too.
constexpr std::size_t kNameMax = 253;            // RFC 1035 §2.3.4, as text.
constexpr std::size_t kDatagramMax = 4'096;      // RFC 6891 §6.2.5, whatever the client would take.
constexpr std::size_t kMessageMax = 65'535;      // RFC 1035 §4.2.2
constexpr int kReceiveBuffer = 4 * 1024 * 1024;  // Thousands of domains are asked for at once when a campaign starts.

dns::ResponseCode CodeOf(ZoneAnswer::Kind kind) {
  switch (kind) {
    case ZoneAnswer::Kind::kFound:
    case ZoneAnswer::Kind::kNoData:
      return dns::ResponseCode::kNoError;
    case ZoneAnswer::Kind::kNoDomain:
      return dns::ResponseCode::kNoDomain;
    case ZoneAnswer::Kind::kServerFail:
    case ZoneAnswer::Kind::kSilence:
      return dns::ResponseCode::kServerFail;
  }
  return dns::ResponseCode::kServerFail;
}

}  // namespace

// A connection of RFC 7766: messages, each behind its length in two bytes.
class DnsServer::TcpClient final : public io::StreamHandler {
 public:
  TcpClient(DnsServer& server, io::StreamId id) : server_(server), id_(id) {}

  void OnConnect() override {}
  void OnSent() override {}
  void OnReceive(std::string_view bytes) override {
    input_.append(bytes);
    std::size_t at = 0;
    while (input_.size() - at >= 2) {
      const std::size_t size = static_cast<std::size_t>(static_cast<unsigned char>(input_[at])) << 8 |
                               static_cast<unsigned char>(input_[at + 1]);
      if (input_.size() - at - 2 < size) break;
      Answer(std::string_view(input_).substr(at + 2, size));
      at += 2 + size;
    }
    input_.erase(0, at);
  }
  void OnClose(io::CloseReason) override { server_.clients_.erase(id_); }  // The last thing that this object does.

 private:
  void Answer(std::string_view query) {
    const std::string response = server_.Respond(query, false);
    if (response.empty()) return;
    const std::array<char, 2> size = {static_cast<char>(response.size() >> 8),
                                      static_cast<char>(response.size() & 0xff)};
    server_.reactor_.Send(id_, std::array{std::string_view(size.data(), size.size()), std::string_view(response)});
  }

  DnsServer& server_;
  const io::StreamId id_;
  std::string input_;
};

DnsServer::DnsServer(io::Reactor& reactor, io::Clock& clock, Names& names, base::Duration ttl)
    : reactor_(reactor), clock_(clock), names_(names), ttl_(ttl) {}

DnsServer::~DnsServer() {
  if (udp_ >= 0) {
    reactor_.Unwatch(udp_);
    close(udp_);
  }
  if (tcp_ != io::ListenerId::kNone) reactor_.CloseListener(tcp_);
  for (auto& [id, client] : clients_) reactor_.Close(id, io::CloseMode::kNow);
}

absl::StatusOr<io::Endpoint> DnsServer::Listen(const io::Endpoint& local) {
  // TCP first: its port, where the kernel chose it, may be taken for UDP.
  absl::Status status;
  for (int i = 0; i < (local.port == 0 ? kListenTries : 1); ++i) {
    const absl::StatusOr<io::Io::Listening> listening = reactor_.Listen(local, *this);
    if (!listening.ok()) return listening.status();
    const io::SocketAddress address(listening->local);
    const int fd = socket(address.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, &address.any, address.size) == 0) {
      static_cast<void>(
          setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer));  // As much as is allowed.
      udp_ = fd;
      tcp_ = listening->id;
      reactor_.Watch(udp_, true, false, *this);
      return listening->local;
    }
    status = absl::UnavailableError(
        absl::StrCat("cannot listen on ", listening->local.ToString(), " (UDP): ", std::strerror(errno)));
    if (fd >= 0) close(fd);
    reactor_.CloseListener(listening->id);
  }
  return status;
}

void DnsServer::OnReady(int fd, bool, bool) {
  std::array<char, 4'096> buffer;
  for (int i = 0; i < kDatagramsPerTurn; ++i) {
    io::SocketAddress peer;
    peer.size = sizeof peer.v6;
    const ssize_t size = recvfrom(fd, buffer.data(), buffer.size(), 0, &peer.any, &peer.size);
    if (size < 0) break;  // Nothing more; or an error of an earlier response, which its client has to live with.
    const std::string response = Respond({buffer.data(), static_cast<std::size_t>(size)}, true);
    // What cannot be sent is lost, as datagrams are.
    if (!response.empty()) static_cast<void>(sendto(fd, response.data(), response.size(), 0, &peer.any, peer.size));
  }
  reactor_.Watch(udp_, true, false, *this);
}

io::StreamHandler* DnsServer::OnAccept(io::StreamId id, const io::Endpoint&, const io::Endpoint&) {
  return clients_.emplace(id, std::make_unique<TcpClient>(*this, id)).first->second.get();
}

std::string DnsServer::Respond(std::string_view message, bool udp) {
  const std::optional<dns::Query> query = dns::ParseQuery(message);
  if (!query) return "";
  ++queries_;
  clock_.Update();
  ZoneAnswer answer = names_.Resolve(query->name, query->type, clock_.Now());
  if (answer.kind == ZoneAnswer::Kind::kSilence) return "";
  for (const dns::Record& record : answer.records) {
    // The name of an MX host made from a domain of nearly full length.
    if (record.name.size() > kNameMax) answer.kind = ZoneAnswer::Kind::kServerFail;
  }
  dns::ResponseBuilder builder(*query, CodeOf(answer.kind));
  const auto ttl_s = static_cast<std::uint32_t>(ttl_.seconds());
  switch (answer.kind) {
    case ZoneAnswer::Kind::kFound:
      for (const dns::Record& record : answer.records) {
        builder.AddAnswer(static_cast<dns::RecordType>(query->type), ttl_s, record);
      }
      break;
    case ZoneAnswer::Kind::kNoData:
    case ZoneAnswer::Kind::kNoDomain:
      builder.AddSoa(ttl_s);
      break;
    case ZoneAnswer::Kind::kServerFail:
    case ZoneAnswer::Kind::kSilence:
      break;
  }
  return builder.Build(udp ? std::min<std::size_t>(query->udp_size, kDatagramMax) : kMessageMax);
}

}  // namespace sandbox
