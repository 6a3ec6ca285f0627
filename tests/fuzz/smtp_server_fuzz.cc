// Module: sandbox
// The SMTP server must say the same to the same bytes, however they are cut, and pass on exactly the content it counts.
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

  std::string content;
  std::vector<std::string> contents;
};

struct Result {
  std::string output;
  std::vector<std::string> contents;
  bool closed;
};

Result Run(std::string_view bytes, std::size_t piece) {
  sandbox::ServerOptions options;
  options.size_max = 1'000'000;
  Recorder recorder;
  sandbox::SmtpServer server(options, recorder);
  server.Start();
  for (std::size_t at = 0; at < bytes.size(); at += piece) server.Receive(bytes.substr(at, piece));
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
