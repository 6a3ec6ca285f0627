// Module: smtp
// A hostile server: whatever it says, and whenever it ends, each transaction has exactly one result, and only a
// positive final reply delivers.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/smtp/client.h"
#include "engine/smtp/reply_policy.h"

namespace {

class Owner final : public smtp::Client::Handler {
 public:
  void OnStartTls() override {
    CHECK(!busy && !finished && !starting);
    starting = true;
  }
  void OnReady() override {
    CHECK(!busy && !finished && queued == 0);
    ready = true;
    following = false;
  }
  void OnTransactionDone(const smtp::TransactionResult& result) override {
    CHECK(busy && !starting);
    busy = wanted = false;
    const smtp::Verdict verdict = smtp::Judge(result);
    if (verdict.outcome == smtp::Outcome::kDelivered) {
      CHECK(result.final_reply.has_value() && result.final_reply->IsPositive());
      CHECK(result.rcpt.has_value() && result.rcpt->IsPositive());
    }
    if (verdict.outcome == smtp::Outcome::kBounced) CHECK(verdict.reply.has_value() || !verdict.text.empty());
  }
  void OnFollowing() override {
    CHECK(!busy && (following || queued > 0) && !finished);
    busy = true;
    following = false;
    if (queued > 0) --queued;
  }
  void OnContentWanted() override {
    CHECK(busy && !wanted);
    wanted = true;
  }
  void OnSessionFailed(const smtp::ConnectionFact& fact) override {
    CHECK(!busy && !fact.ToString().empty());
    static_cast<void>(smtp::JudgeConnection(fact));
  }
  void OnFinished() override {
    CHECK(!finished && !busy && queued == 0);
    finished = true;
  }
  bool starting = false, ready = false, busy = false, finished = false, following = false, wanted = false;
  int queued = 0;  // In flight behind the transaction.
};

// The first byte says whether TLS is wanted. Each other one steers: 0xFF, the connection ends; 0xFE, the time passes;
// else TLS comes up or fails, where it was begun, or so many bytes of the rest come.
void Run(std::string_view bytes, smtp::Authenticator* authenticator) {
  Owner owner;
  const auto tls = static_cast<smtp::TlsUse>(bytes.empty() ? 0 : static_cast<unsigned char>(bytes.front()) % 4);
  bytes.remove_prefix(bytes.empty() ? 0 : 1);
  smtp::Client client({.ehlo_domain = "mta.example.com", .authenticator = authenticator, .tls = tls, .timeouts = {}},
                      owner);
  base::Instant now = base::Instant::FromNanoseconds(1);
  client.OnConnected(now);
  const std::vector<std::string_view> content = {"Subject: x\r\n\r\n", ".dot\r\n", "end\r\n"};
  std::uint64_t content_size = 0;
  for (const std::string_view piece : content) content_size += piece.size();
  std::vector<std::string_view> output;
  int transactions = 0;
  while (!owner.finished) {
    output.clear();
    client.TakeOutput(output);
    if (owner.ready && !owner.busy && client.IsReady()) {
      if (++transactions > 20) {
        client.Quit();
        owner.ready = false;
        continue;
      }
      owner.busy = true;
      owner.ready = false;
      client.Begin({.sender = "a@example.com", .recipient = "b@example.com", .content = content, .size = content_size},
                   now);
      continue;
    }
    if (owner.wanted) {
      owner.wanted = false;
      client.SendContent(now);
      continue;
    }
    if (owner.busy && client.MayFollow() && transactions % 2 == 0) {
      owner.following = true;
      client.Follow({.sender = "a@example.com", .recipient = "c@example.com", .content = content, .size = 1});
    }
    if (owner.busy && client.MayQueue() && owner.queued < 3) {
      ++owner.queued;
      client.Queue({.sender = "a@example.com", .recipient = "d@example.com", .content = content, .size = content_size});
      continue;
    }
    if (bytes.empty()) {
      client.OnClosed(104, 0, /*connected=*/true);
      break;
    }
    const auto step = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    now = now + base::Duration::Milliseconds(700);
    if (step == 0xFF) {
      owner.starting = false;
      client.OnClosed(0, step % 7, /*connected=*/true);
    } else if (step == 0xFE) {
      owner.starting = false;
      client.OnTimeout(0);
    } else if (std::exchange(owner.starting, false)) {
      if (step % 4 != 0) {
        client.OnTlsUp(now);
      } else {
        client.OnTlsFailed("broken", 0);
      }
    } else {
      const std::string_view part = bytes.substr(0, step + 1u);
      bytes.remove_prefix(part.size());
      client.OnReceived(part, now);
    }
  }
  CHECK(owner.finished && client.IsFinished());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Run(bytes, nullptr);
  smtp::Authenticator authenticator({.username = "user",
                                     .secret = [] { return std::string("pencil"); },
                                     .nonce = [] { return std::string("nonce"); }});
  Run(bytes, &authenticator);
  return 0;
}
