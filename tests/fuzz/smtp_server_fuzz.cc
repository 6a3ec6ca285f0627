// Module: sandbox
// The SMTP server must say the same to the same bytes, however they are cut, and pass on exactly the content it counts.
// A byte 0x16 stands for a TLS handshake: one that was asked for is done there.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/check.h"
#include "tools/sandbox/smtp_server.h"

namespace {

class Recorder final : public sandbox::ServerHandler {
 public:
  sandbox::Decision Decide(sandbox::Phase phase, const sandbox::Transaction& transaction) override {
    using sandbox::Phase;
    CHECK(transaction.encrypted == encrypted_);
    if (hello_expected_) CHECK(phase != Phase::kMail && phase != Phase::kRcpt && phase != Phase::kContent);
    if (phase == Phase::kEhlo || phase == Phase::kHelo) hello_expected_ = false;
    if (phase == Phase::kStartTls) CHECK(!encrypted_);
    if (phase == Phase::kMail) content.clear();
    if (phase == Phase::kRcpt) CHECK(!transaction.recipient.empty());
    if (phase == Phase::kContent) {
      CHECK(!transaction.recipients.empty());
      CHECK(transaction.size == content.size());
      contents.push_back(content);
    }
    // A recipient whose address begins with "x" is refused.
    if (phase == Phase::kRcpt && transaction.recipient.front() == 'x')
      return {sandbox::Decision::Action::kReply, "550 5.1.1 no"};
    return {};
  }
  bool OnContent(std::string_view bytes) override {
    content.append(bytes);
    return true;
  }
  void OnViolation(std::string_view) override {}
  void Encrypt() { encrypted_ = hello_expected_ = true; }

  std::string content;
  std::vector<std::string> contents;

 private:
  bool encrypted_ = false;
  bool hello_expected_ = true;
};

constexpr char kHandshake = 0x16;

struct Result {
  std::string output;
  std::vector<std::string> contents;
  bool closed;
};

Result Run(std::string_view bytes, std::size_t piece) {
  sandbox::ServerOptions options;
  options.size_max = 1'000'000;
  Recorder recorder;
  sandbox::SmtpServer server(options, recorder, sandbox::SmtpServer::Tls::kByStartTls);
  server.Start();
  while (!bytes.empty()) {
    const std::string_view segment = bytes.substr(0, bytes.find(kHandshake));
    for (std::size_t at = 0; at < segment.size(); at += piece) server.Receive(segment.substr(at, piece));
    bytes.remove_prefix(std::min(bytes.size(), segment.size() + 1));
    if (bytes.empty() || !server.wants_tls() || server.closed()) continue;
    const std::size_t before = server.output().size();
    server.OnTlsOpen();
    recorder.Encrypt();
    CHECK(server.output().size() == before);
  }
  return {server.output(), recorder.contents, server.closed()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Result whole = Run(bytes, size + 1);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}}) {
    const Result cut = Run(bytes, piece);
    CHECK(cut.output == whole.output);
    CHECK(cut.contents == whole.contents);
    CHECK(cut.closed == whole.closed);
  }
  CHECK(whole.output.ends_with("\r\n"));
  return 0;
}
