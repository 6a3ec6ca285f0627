#include "tools/bench/flood.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"
#include "engine/io/clock.h"
#include "tools/bench/processor.h"

namespace bench {
namespace {

constexpr int kTimeoutSeconds = 10;
constexpr std::uint64_t kMessagesMin = 100;  // Fewer say nothing.
constexpr std::uint32_t kRepliesPerMessage = 3;
constexpr char kServerName[] = "mx.s0.bench.example";

absl::Status Errno(std::string_view what) {
  return absl::InternalError(absl::StrCat("the flood: ", base::AbslView(what), ": ", std::strerror(errno)));
}

std::string Transaction(std::uint64_t body_bytes) {
  std::string content =
      "From: news@example.com\r\nTo: user@d0.bench.example\r\nSubject: Hello\r\nDate: Sat, 28 Nov 2026 09:00:00 "
      "+0000\r\n"
      "Message-ID: <flood@example.com>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n";
  const std::size_t size = content.size() + body_bytes;
  while (content.size() < size)
    content += "These are the news of today, in a line as long as lines in letters are.\r\n";
  return absl::StrCat("MAIL FROM:<bounce@bounces.example.com>\r\nRCPT TO:<user@d0.bench.example>\r\nBDAT ",
                      content.size(), " LAST\r\n", content);
}

struct Free {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* session) const { SSL_free(session); }
};
using TlsContext = std::unique_ptr<SSL_CTX, Free>;

class Connection {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    if (socket_ >= 0) close(socket_);
  }

  // Waits until the server has answered to EHLO. `context`: null in clear.
  absl::Status Open(std::uint16_t port, SSL_CTX* context);
  // Sends and reads as much as goes at once. Adds the messages that were accepted.
  absl::Status Go(std::string_view transaction, std::uint64_t& accepted);
  int socket() const { return socket_; }

 private:
  // As read and write: -1 with EAGAIN where nothing goes now.
  ssize_t Read(char* out, std::size_t size) {
    return tls_ ? Of(SSL_read(tls_.get(), out, Size(size))) : read(socket_, out, size);
  }
  ssize_t Write(const char* data, std::size_t size) {
    return tls_ ? Of(SSL_write(tls_.get(), data, Size(size))) : send(socket_, data, size, MSG_NOSIGNAL);
  }
  static int Size(std::size_t size) { return static_cast<int>(std::min<std::size_t>(size, 1 << 20)); }
  ssize_t Of(int result) {
    if (result > 0) return result;
    const int error = SSL_get_error(tls_.get(), result);
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
    return -1;
  }
  absl::Status AwaitReply();

  int socket_ = -1;
  std::unique_ptr<SSL, Free> tls_;
  std::size_t written_ = 0;    // Of the transaction under way.
  std::uint32_t replies_ = 0;  // To it.
  bool at_begin_of_line_ = true;
};

absl::Status Connection::Open(std::uint16_t port, SSL_CTX* context) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval timeout{kTimeoutSeconds, 0};
  const int on = 1;
  if (socket_ < 0 || setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0 ||
      setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
      connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Errno("connect");
  if (context != nullptr) {
    tls_.reset(SSL_new(context));
    if (tls_ == nullptr || SSL_set_fd(tls_.get(), socket_) != 1 ||
        SSL_set_tlsext_host_name(tls_.get(), kServerName) != 1 || SSL_connect(tls_.get()) != 1)
      return absl::InternalError("the flood: the TLS handshake failed");
  }
  if (absl::Status status = AwaitReply(); !status.ok()) return status;
  constexpr std::string_view kEhlo = "EHLO mta.example.com\r\n";
  if (Write(kEhlo.data(), kEhlo.size()) != static_cast<ssize_t>(kEhlo.size())) return Errno("write");
  if (absl::Status status = AwaitReply(); !status.ok()) return status;
  if (fcntl(socket_, F_SETFL, O_NONBLOCK) != 0) return Errno("fcntl");
  return absl::OkStatus();
}

// A reply of any number of lines, which must be positive.
absl::Status Connection::AwaitReply() {
  std::string text;
  char buffer[4096];
  while (true) {
    const std::size_t before_last = text.size() < 2 ? std::string::npos : text.rfind('\n', text.size() - 2);
    const std::size_t line = before_last == std::string::npos ? 0 : before_last + 1;
    if (text.ends_with('\n') && text.size() > line + 3 && text[line + 3] == ' ')
      return text[line] == '2' ? absl::OkStatus() : absl::InternalError("the flood: the sink said " + text);
    const ssize_t got = Read(buffer, sizeof buffer);
    if (got <= 0) return Errno("the sink's reply");
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

absl::Status Connection::Go(std::string_view transaction, std::uint64_t& accepted) {
  char buffer[4096];
  while (written_ == transaction.size()) {
    const ssize_t got = Read(buffer, sizeof buffer);
    if (got < 0 && errno == EAGAIN) return absl::OkStatus();
    if (got <= 0) return Errno("the sink's reply");
    for (const char c : std::string_view(buffer, static_cast<std::size_t>(got))) {
      if (at_begin_of_line_ && c != '2') return absl::InternalError("the flood: the sink refused a message");
      at_begin_of_line_ = c == '\n';
      if (c == '\n' && ++replies_ == kRepliesPerMessage) {
        ++accepted;
        written_ = replies_ = 0;
      }
    }
  }
  while (written_ < transaction.size()) {
    const ssize_t put = Write(transaction.data() + written_, transaction.size() - written_);
    if (put < 0 && errno == EAGAIN) return absl::OkStatus();
    if (put <= 0) return Errno("write");
    written_ += static_cast<std::size_t>(put);
  }
  return absl::OkStatus();
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(number_); }
  int number() const { return number_; }

 private:
  const int number_;
};

// Of the sink, at one moment.
struct Mark {
  base::Instant at;
  double sink_cpu_s = 0;
  std::uint64_t accepted = 0;
};

}  // namespace

absl::StatusOr<FloodResult> Flood(const FloodSettings& settings) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL.
  const TlsContext context(settings.tls ? SSL_CTX_new(TLS_client_method()) : nullptr);
  if (settings.tls && context == nullptr) return absl::InternalError("the flood: there is no TLS");
  if (context != nullptr) SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
  const Descriptor epoll(epoll_create1(EPOLL_CLOEXEC));
  std::vector<std::unique_ptr<Connection>> connections;
  for (std::uint32_t i = 0; i < settings.connections; ++i) {
    connections.push_back(std::make_unique<Connection>());
    if (absl::Status status = connections.back()->Open(settings.port, context.get()); !status.ok()) return status;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.ptr = connections.back().get();
    if (epoll_ctl(epoll.number(), EPOLL_CTL_ADD, connections.back()->socket(), &event) != 0) return Errno("epoll_ctl");
  }
  const std::string transaction = Transaction(settings.body_bytes);
  io::SystemClock clock;
  const base::Instant begin = clock.Now(), count_from = begin + settings.time / 5;
  const base::Instant give_up = begin + settings.time + base::Duration::Seconds(kTimeoutSeconds);
  std::uint64_t accepted = 0;
  std::optional<Mark> first;
  while (true) {
    clock.Update();
    if (!first && clock.Now() >= count_from) first = Mark{clock.Now(), CpuSecondsOf(settings.sink), accepted};
    if (first && clock.Now() >= begin + settings.time && accepted - first->accepted >= kMessagesMin) break;
    if (clock.Now() >= give_up) return absl::DeadlineExceededError("the flood: the sink takes next to nothing");
    epoll_event events[256];
    const int count = epoll_wait(epoll.number(), events, 256, 10);
    if (count < 0 && errno != EINTR) return Errno("epoll_wait");
    for (int i = 0; i < count; ++i) {
      absl::Status status = static_cast<Connection*>(events[i].data.ptr)->Go(transaction, accepted);
      if (!status.ok()) return status;
    }
  }
  const double seconds = static_cast<double>((clock.Now() - first->at).nanoseconds()) / 1e9;
  return FloodResult{static_cast<double>(accepted - first->accepted) / seconds,
                     (CpuSecondsOf(settings.sink) - first->sink_cpu_s) / seconds};
}

}  // namespace bench
