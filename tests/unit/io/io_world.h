// What the contract of io::Io is tested with: a world that an implementation provides, handlers that write down what
// they hear, and the fixture. See io_contract.h.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "engine/io/io.h"

namespace io {

class IoWorld {
 public:
  virtual ~IoWorld() = default;
  virtual Io& io() = 0;
  virtual void Turn() = 0;               // Runs the loop once; waits some milliseconds for events if there are none.
  virtual Endpoint ListenAddress() = 0;  // Where listeners of the test can be; port 0.
  virtual base::IpAddress SecondLocalAddress() = 0;  // A source that can be used, and is not what is chosen by itself.
  virtual base::IpAddress ForeignAddress() = 0;      // A source that cannot be used.
};

struct IoWorldMaker {
  std::string name;
  std::function<std::unique_ptr<IoWorld>()> make;
  friend void PrintTo(const IoWorldMaker& maker, std::ostream* out) { *out << maker.name; }
};

inline std::string NameOfWorld(const testing::TestParamInfo<IoWorldMaker>& info) { return info.param.name; }

// Writes down what it hears, and lets a test act from within a call.
struct Recorder : StreamHandler {
  void OnConnect() override {
    ++connects;
    if (on_connect) on_connect();
  }
  void OnReceive(std::string_view bytes) override {
    EXPECT_FALSE(bytes.empty());
    received += bytes;
    if (on_receive) on_receive(bytes);
  }
  void OnSent() override {
    ++sents;
    if (on_sent) on_sent();
  }
  void OnClose(CloseReason reason) override {
    EXPECT_FALSE(closed);
    closed = true;
    close_reason = reason;
    if (on_close) on_close();
  }
  int calls() const { return connects + sents + static_cast<int>(received.size()) + (closed ? 1 : 0); }

  StreamId id = StreamId::kNone;
  int connects = 0;
  int sents = 0;
  std::string received;
  bool closed = false;
  CloseReason close_reason;
  std::function<void()> on_connect, on_sent, on_close;
  std::function<void(std::string_view)> on_receive;
};

struct Acceptor : AcceptHandler {
  StreamHandler* OnAccept(StreamId id, const Endpoint& peer_endpoint, const Endpoint& local_endpoint) override {
    peer = peer_endpoint;
    local = local_endpoint;
    accepted.push_back(std::make_unique<Recorder>());
    accepted.back()->id = id;
    if (on_accept) return on_accept(*accepted.back());
    return accepted.back().get();
  }
  Endpoint peer, local;
  std::vector<std::unique_ptr<Recorder>> accepted;
  std::function<StreamHandler*(Recorder&)> on_accept;
};

// Bytes that show by themselves where they belong.
inline std::string Pattern(std::size_t size, unsigned seed = 1) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) {
    seed = seed * 1'664'525 + 1'013'904'223;
    byte = static_cast<char>(seed >> 24);
  }
  return bytes;
}

class IoContract : public testing::TestWithParam<IoWorldMaker> {
 protected:
  void SetUp() override {
    world = GetParam().make();
    const auto listening = io().Listen(world->ListenAddress(), acceptor);
    ASSERT_TRUE(listening.ok()) << listening.status();
    listener = *listening;
  }
  void TearDown() override { world.reset(); }

  Io& io() { return world->io(); }
  // Runs until it is so; false: it does not become so.
  bool Until(const std::function<bool()>& condition) {
    for (int turn = 0; turn < 5'000 && !condition(); ++turn) world->Turn();
    return condition();
  }
  void Turns(int count) {
    for (int turn = 0; turn < count; ++turn) world->Turn();
  }
  void Dial(Recorder& recorder) { recorder.id = io().Connect({listener.local, std::nullopt}, recorder); }
  // Opens a stream: `client` and the returned end are connected.
  Recorder& Open(Recorder& recorder) {
    const std::size_t before = acceptor.accepted.size();
    Dial(recorder);
    EXPECT_TRUE(Until([&] { return recorder.connects == 1 && acceptor.accepted.size() > before; }));
    return *acceptor.accepted.back();
  }
  void Send(const Recorder& recorder, std::string_view bytes) { io().Send(recorder.id, {bytes}); }

  Acceptor acceptor;
  Recorder client;
  Io::Listening listener;
  std::unique_ptr<IoWorld> world;
};

}  // namespace io
