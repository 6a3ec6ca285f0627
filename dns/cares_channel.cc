#include "dns/cares_channel.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dns/wire.h"
#include "engine/base/check.h"

namespace dns {
namespace {

constexpr int kEdnsSize = 1232;  // DNS flag day 2020: no fragmentation.
constexpr std::size_t kAskedFromAPort = 256;
constexpr std::uint32_t kSilentBeforeRest = 3;
constexpr std::uint32_t kFailedBeforeRest = 10;  // A few domains may be broken, one after the other.
constexpr base::Duration kFirstRest = base::Duration::Seconds(5);
constexpr base::Duration kLongestRest = base::Duration::Seconds(60);

}  // namespace

CaresChannel::Port::~Port() {
  if (handle != nullptr) ares_destroy(handle);
  for (const Socket& socket : sockets) owner.poller_.Unwatch(socket.fd);
}

CaresChannel::CaresChannel(const io::Endpoint& server, base::Duration timeout, io::FdPoller& poller,
                           absl::AnyInvocable<void()> after_events)
    : server_(server), timeout_(timeout), poller_(poller), after_events_(std::move(after_events)) {}

CaresChannel::~CaresChannel() { ports_.clear(); }

absl::StatusOr<std::unique_ptr<CaresChannel>> CaresChannel::Make(const io::Endpoint& server, base::Duration timeout,
                                                                 io::FdPoller& poller,
                                                                 absl::AnyInvocable<void()> after_events) {
  std::unique_ptr<CaresChannel> made(new CaresChannel(server, timeout, poller, std::move(after_events)));
  const absl::Status status = made->OpenPort();
  if (!status.ok()) return status;
  return made;
}

absl::Status CaresChannel::OpenPort() {
  Port& port = ports_.emplace_back(*this);
  absl::Status status = Start(port);
  if (!status.ok()) ports_.pop_back();
  return status;
}

absl::Status CaresChannel::Start(Port& port) const {
  ares_options options{};
  char lookups[] = "b";
  char resolv_conf[] = "/dev/null";  // The server is set below; nothing else of the system's settings matters.
  // The answer is ours to judge (NOCHECKRESP): c-ares would hide which error the server gave.
  options.flags = ARES_FLAG_EDNS | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP;
  options.timeout = static_cast<int>(timeout_.milliseconds());
  options.tries = 1;
  options.lookups = lookups;
  options.ednspsz = kEdnsSize;
  options.resolvconf_path = resolv_conf;
  options.sock_state_cb = &CaresChannel::OnSocketState;
  options.sock_state_cb_data = &port;
  const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_EDNSPSZ |
                   ARES_OPT_RESOLVCONF | ARES_OPT_SOCK_STATE_CB;
  int result = ares_init_options(&port.handle, &options, mask);
  if (result != ARES_SUCCESS) {
    port.handle = nullptr;
    return absl::InternalError(absl::StrCat("c-ares cannot start: ", ares_strerror(result)));
  }
  ares_addr_port_node node{};
  const std::string_view bytes = server_.address.bytes();
  node.family = server_.address.IsV6() ? AF_INET6 : AF_INET;
  if (server_.address.IsV6()) {
    std::memcpy(&node.addr.addr6, bytes.data(), bytes.size());
  } else {
    std::memcpy(&node.addr.addr4, bytes.data(), bytes.size());
  }
  node.udp_port = node.tcp_port = server_.port;
  result = ares_set_servers_ports(port.handle, &node);
  if (result != ARES_SUCCESS) {
    return absl::InternalError(
        absl::StrCat("c-ares does not take the server ", server_.ToString(), ": ", ares_strerror(result)));
  }
  return absl::OkStatus();
}

void CaresChannel::Ask(const std::string& name, RecordType type, bool wants_authenticated, ReplyCallback callback) {
  if (ports_.back().asked >= kAskedFromAPort) OpenPort().IgnoreError();  // Else the old one will do.
  Port& port = ports_.back();
  ++port.asked;
  ++port.asking;
  ++asking_;
  auto asked = std::make_unique<Asked>(Asked{port, std::move(callback)});
  const bool has_odd_bytes = name.find('\\') != std::string::npos;  // c-ares writes them in another way.
  if (!wants_authenticated && !has_odd_bytes) {
    constexpr int kClassIn = 1;
    ares_query(port.handle, name.c_str(), kClassIn, static_cast<int>(type), &CaresChannel::OnReply, asked.release());
    return;
  }
  // c-ares itself never sets the bit.
  const std::string query = BuildQuery(static_cast<std::uint16_t>(random_()), name, type, wants_authenticated);
  ares_send(port.handle, reinterpret_cast<const unsigned char*>(query.data()), static_cast<int>(query.size()),
            &CaresChannel::OnReply, asked.release());
}

void CaresChannel::Tick() {
  for (Port& port : ports_) ares_process_fd(port.handle, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  ForgetOldPorts();
}

// Not to be called by c-ares.
void CaresChannel::ForgetOldPorts() {
  for (auto port = ports_.begin(); port != std::prev(ports_.end());) {
    port = port->asking == 0 ? ports_.erase(port) : std::next(port);
  }
}

void CaresChannel::OnReply(void* asked, int status, int /*timeouts*/, unsigned char* message, int size) {
  const std::unique_ptr<Asked> owned(static_cast<Asked*>(asked));
  --owned->port.asking;
  --owned->port.owner.asking_;
  if (status == ARES_EDESTRUCTION) return;
  std::string_view bytes;
  if (message != nullptr && size > 0) bytes = {reinterpret_cast<const char*>(message), static_cast<std::size_t>(size)};
  owned->callback(status, bytes);
}

void CaresChannel::OnSocketState(void* port, ares_socket_t fd, int readable, int writable) {
  Port& self = *static_cast<Port*>(port);
  const auto known =
      std::find_if(self.sockets.begin(), self.sockets.end(), [fd](const Socket& socket) { return socket.fd == fd; });
  if (readable == 0 && writable == 0) {
    if (known == self.sockets.end()) return;
    self.owner.poller_.Unwatch(fd);
    self.sockets.erase(known);
    return;
  }
  const Socket socket{fd, readable != 0, writable != 0};
  if (known == self.sockets.end()) {
    self.sockets.push_back(socket);
  } else {
    *known = socket;
  }
  self.owner.poller_.Watch(fd, socket.readable, socket.writable, self.owner);
}

CaresChannel::Port* CaresChannel::PortOf(int fd) {
  for (Port& port : ports_) {
    for (const Socket& socket : port.sockets) {
      if (socket.fd == fd) return &port;
    }
  }
  return nullptr;
}

// The poller reports once: what c-ares still wants is asked for again.
void CaresChannel::Watch(int fd) {
  const Port* const port = PortOf(fd);
  if (port == nullptr) return;
  for (const Socket& socket : port->sockets) {
    if (socket.fd == fd) poller_.Watch(fd, socket.readable, socket.writable, *this);
  }
}

void CaresChannel::OnReady(int fd, bool readable, bool writable) {
  if (Port* const port = PortOf(fd)) {
    ares_process_fd(port->handle, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
    Watch(fd);
    ForgetOldPorts();
  }
  after_events_();  // The last: the channel may be gone.
}

void CaresChannel::OnAnswered() {
  silent_ = failed_ = 0;
  rests_until_ = base::Instant();
}

void CaresChannel::OnSilent(base::Instant now) { RestAfter(++silent_, kSilentBeforeRest, now); }

void CaresChannel::OnFailed(base::Instant now) {
  silent_ = 0;
  RestAfter(++failed_, kFailedBeforeRest, now);
}

// Of so many bad ones in a row, those from `before_rest` on rest the longer.
void CaresChannel::RestAfter(std::uint32_t bad, std::uint32_t before_rest, base::Instant now) {
  if (bad < before_rest || now < rests_until_) return;
  base::Duration rest = kFirstRest;
  for (std::uint32_t n = before_rest; n < bad && rest < kLongestRest; ++n) rest = rest * 2;
  rests_until_ = now + std::min(rest, kLongestRest);
}

}  // namespace dns
