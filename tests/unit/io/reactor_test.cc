// Both reactors against the kernel: the contract of Io, and what only plain sockets can do to it.
#include "engine/io/reactor.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/unit/io/io_contract.h"
#include "tests/unit/io/reactor_test_util.h"

namespace io {
namespace {

class ReactorWorld final : public IoWorld {
 public:
  explicit ReactorWorld(Backend backend) {
    ReactorOptions options;
    options.backend = backend;
    reactor_ = MakeTestReactor(options);
  }
  Io& io() override { return *reactor_; }
  void Turn() override { reactor_->RunOnce(After(2)); }
  Endpoint ListenAddress() override { return Loopback(0); }
  base::IpAddress SecondLocalAddress() override { return base::IpAddress::V4(0x7F000202); }
  base::IpAddress ForeignAddress() override { return base::IpAddress::V4(0xC0000207); }

 private:
  std::unique_ptr<Reactor> reactor_;
};

std::vector<IoWorldMaker> Worlds() {
  std::vector<IoWorldMaker> worlds;
  worlds.push_back({"epoll", [] { return std::make_unique<ReactorWorld>(Backend::kEpoll); }});
  if (IoUringWorks()) {
    worlds.push_back({"io_uring", [] { return std::make_unique<ReactorWorld>(Backend::kIoUring); }});
  }
  return worlds;
}

INSTANTIATE_TEST_SUITE_P(Reactor, IoContract, testing::ValuesIn(Worlds()), NameOfWorld);

class ReactorTest : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    options.backend = GetParam();
    Make();
  }
  void Make() {
    reactor.reset();
    reactor = MakeTestReactor(options);
  }
  bool Until(const std::function<bool()>& condition) {
    for (int turn = 0; turn < 20'000 && !condition(); ++turn) reactor->RunOnce(After(2));
    return condition();
  }
  void Turns(int count) {
    for (int turn = 0; turn < count; ++turn) reactor->RunOnce(After(2));
  }
  void Dial(Recorder& recorder, const Endpoint& to) { recorder.id = reactor->Connect({to, std::nullopt}, recorder); }
  // Connects `recorder` to a plain socket, which is returned.
  RawSocket Open(Recorder& recorder) {
    RawSocket listening = RawSocket::Listening();
    Dial(recorder, listening.Local());
    EXPECT_TRUE(Until([&] { return recorder.connects == 1; }));
    return listening.Accept();
  }

  ReactorOptions options;
  Acceptor acceptor;
  Recorder client;
  std::unique_ptr<Reactor> reactor;
};

INSTANTIATE_TEST_SUITE_P(Backend, ReactorTest, testing::ValuesIn(Backends()), NameOfBackend);

TEST_P(ReactorTest, SpeaksIpv6AndListensOnItAlone) {
  const auto listening = reactor->Listen(*Endpoint::Parse("[::1]:0"), acceptor);
  if (!listening.ok()) GTEST_SKIP() << "no IPv6 here";
  Dial(client, listening->local);
  EXPECT_TRUE(Until([&] { return client.connects == 1 && acceptor.accepted.size() == 1; }));
  EXPECT_EQ(acceptor.local, listening->local);
  EXPECT_EQ(acceptor.peer, reactor->Local(client.id));
  Recorder wrong_source;
  wrong_source.id = reactor->Connect({listening->local, base::IpAddress::V4(0x7F000001)}, wrong_source);
  EXPECT_TRUE(Until([&] { return wrong_source.closed; }));
  EXPECT_EQ(wrong_source.close_reason.stage, Stage::kBind);
}

TEST_P(ReactorTest, ReadsWhatCameBeforeAResetEvenIfSendingFailsFirst) {
  RawSocket peer = Open(client);
  peer.Write("421 closing\r\n");
  peer.Reset();
  reactor->Send(client.id, {"MAIL"});
  EXPECT_TRUE(Until([&] { return client.closed; }));
  EXPECT_EQ(client.received, "421 closing\r\n");
  EXPECT_NE(client.close_reason.error, 0);
  EXPECT_EQ(client.close_reason.stage, Stage::kStream);
}

TEST_P(ReactorTest, FailedSendsOfAPausedStreamEndIt) {
  RawSocket peer = Open(client);
  reactor->PauseReceive(client.id, true);
  Turns(2);
  peer.Reset();
  Turns(2);
  EXPECT_FALSE(client.closed);
  reactor->Send(client.id, {"MAIL"});
  EXPECT_TRUE(Until([&] { return client.closed; }));
  EXPECT_EQ(client.close_reason.unsent, 4u);
}

TEST_P(ReactorTest, AHalfClosedPeerEndsTheStreamWithWhatItDidNotTake) {
  RawSocket peer = Open(client);
  reactor->Send(client.id, {Pattern(30'000'000)});
  Turns(20);
  const std::uint64_t unsent = reactor->Unsent(client.id);
  ASSERT_GT(unsent, 0u);
  shutdown(peer.fd(), SHUT_WR);
  EXPECT_TRUE(Until([&] { return client.closed; }));
  EXPECT_EQ(client.close_reason.error, 0);
  std::uint64_t taken = 0;
  for (std::string bytes = peer.Read(); !bytes.empty() && bytes != "error"; bytes = peer.Read()) taken += bytes.size();
  EXPECT_EQ(taken + client.close_reason.unsent, 30'000'000u);
}

TEST_P(ReactorTest, FlushWaitsForASlowReaderThatHalfClosed) {
  RawSocket peer = Open(client);
  const std::string message = Pattern(8'000'000);
  reactor->Send(client.id, {message});
  reactor->Close(client.id, CloseMode::kFlush);
  shutdown(peer.fd(), SHUT_WR);
  std::string taken;
  std::atomic<bool> is_over = false;
  std::thread reader([&] {
    for (std::string bytes = peer.Read(); !bytes.empty() && bytes != "error"; bytes = peer.Read()) taken += bytes;
    is_over = true;
    reactor->Wake();
  });
  EXPECT_TRUE(Until([&] { return is_over.load(); }));
  reader.join();
  EXPECT_TRUE(taken == message);
  EXPECT_EQ(client.calls(), 1);
}

TEST_P(ReactorTest, FlushGivesUpOnAPeerThatTakesNothing) {
  options.flush_timeout = base::Duration::Milliseconds(100);
  options.streams_max = 1;
  Make();
  RawSocket peer = Open(client);
  reactor->Send(client.id, {Pattern(30'000'000)});
  reactor->Close(client.id, CloseMode::kFlush);
  const base::Instant give_up = After(60'000);
  // The slot of the only stream is free again when it has given up.
  Recorder next;
  RawSocket listening = RawSocket::Listening();
  while (next.connects == 0 && SystemClock().Now() < give_up) {
    next.closed = false;
    Dial(next, listening.Local());
    ASSERT_TRUE(Until([&] { return next.connects == 1 || next.closed; }));
    EXPECT_TRUE(!next.closed || next.close_reason.error == EMFILE);
  }
  EXPECT_EQ(next.connects, 1);
  std::string bytes = peer.Read();
  while (!bytes.empty() && bytes != "error") bytes = peer.Read();
  EXPECT_EQ(bytes, "error");
}

TEST_P(ReactorTest, CloseNowIsOrderlyEvenWithUnreadInput) {
  RawSocket peer = Open(client);
  reactor->PauseReceive(client.id, true);
  Turns(2);
  peer.Write("unread");
  Turns(2);
  reactor->Close(client.id, CloseMode::kNow);
  Turns(2);
  EXPECT_EQ(peer.Read(), "");
}

TEST_P(ReactorTest, FlushReadsOnSoThatTheLastReplyIsNotLost) {
  RawSocket peer = Open(client);
  reactor->Send(client.id, {"421 too many errors\r\n"});
  reactor->Close(client.id, CloseMode::kFlush);
  Turns(2);
  peer.Write(Pattern(50'000));  // Answered by a reset if nobody read it.
  Turns(5);
  EXPECT_EQ(peer.Read(), "421 too many errors\r\n");
  EXPECT_EQ(peer.Read(), "");
}

TEST_P(ReactorTest, ResetsAtOnceEvenWithASendInFlight) {
  RawSocket peer = Open(client);
  reactor->Send(client.id, {Pattern(30'000'000)});
  Turns(10);
  reactor->Close(client.id, CloseMode::kReset);
  Turns(2);
  std::string bytes = peer.Read();
  while (!bytes.empty() && bytes != "error") bytes = peer.Read();
  EXPECT_EQ(bytes, "error");
}

TEST_P(ReactorTest, HoldsAThousandConnections) {
  constexpr std::size_t kStreams = 1'000;
  const auto listening = reactor->Listen(Loopback(0), acceptor);
  ASSERT_TRUE(listening.ok());
  acceptor.on_accept = [&](Recorder& server) {
    server.on_receive = [&](std::string_view bytes) { reactor->Send(server.id, {bytes}); };
    return &server;
  };
  const std::string message = Pattern(20'000);
  std::vector<std::unique_ptr<Recorder>> clients;
  for (std::size_t i = 0; i < kStreams; ++i) {
    clients.push_back(std::make_unique<Recorder>());
    Recorder& one = *clients.back();
    Dial(one, listening->local);
  }
  ASSERT_TRUE(Until([&] {
    for (const auto& one : clients) {
      if (one->connects == 0) return false;
    }
    return acceptor.accepted.size() == kStreams;
  }));
  // All at once: more submissions than the queue holds, more receives than there are buffers.
  for (const auto& one : clients) reactor->Send(one->id, {message});
  ASSERT_TRUE(Until([&] {
    for (const auto& one : clients) {
      if (one->received.size() < message.size()) return false;
    }
    return true;
  }));
  for (const auto& one : clients) ASSERT_TRUE(one->received == message);
  for (std::size_t i = 0; i < kStreams; ++i) {
    reactor->Close(clients[i]->id, i % 3 == 0 ? CloseMode::kNow : i % 3 == 1 ? CloseMode::kFlush : CloseMode::kReset);
  }
  ASSERT_TRUE(Until([&] {
    for (const auto& one : acceptor.accepted) {
      if (!one->closed) return false;
    }
    return true;
  }));
}

TEST_P(ReactorTest, RefusesConnectsBeyondItsStreams) {
  options.streams_max = 2;
  Make();
  RawSocket listening = RawSocket::Listening();
  Recorder second, third;
  Dial(client, listening.Local());
  Dial(second, listening.Local());
  Dial(third, listening.Local());
  EXPECT_TRUE(Until([&] { return client.connects == 1 && second.connects == 1 && third.closed; }));
  EXPECT_EQ(third.close_reason.stage, Stage::kConnect);
  EXPECT_EQ(third.close_reason.error, EMFILE);
}

TEST_P(ReactorTest, AcceptsAgainAfterAShortageOfDescriptors) {
  const auto listening = reactor->Listen(Loopback(0), acceptor);
  ASSERT_TRUE(listening.ok());
  Turns(1);
  RawSocket raw = RawSocket::Connected(listening->local);
  std::vector<RawSocket> fill;
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit low{64, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &low);
  for (int fd = dup(raw.fd()); fd >= 0; fd = dup(raw.fd())) fill.emplace_back(fd);
  Turns(3);
  const std::size_t accepted = acceptor.accepted.size();
  setrlimit(RLIMIT_NOFILE, &before);
  fill.clear();
  RawSocket next = RawSocket::Connected(listening->local);
  EXPECT_TRUE(Until([&] { return acceptor.accepted.size() == 2; }));
  EXPECT_LE(accepted, 1u);
}

TEST_P(ReactorTest, WakeEndsTheWaitFromAnotherThread) {
  for (int round = 0; round < 100; ++round) {
    std::thread waker([&] { reactor->Wake(); });
    reactor->RunOnce(base::Instant::Never());
    waker.join();
  }
  reactor->Wake();
  reactor->Wake();
  reactor->RunOnce(base::Instant::Never());
  const base::Instant start = SystemClock().Now();
  for (int i = 0; i < 3; ++i) reactor->RunOnce(After(20));
  EXPECT_GE((SystemClock().Now() - start).milliseconds(), 20) << "a wake-up is seen once";
}

TEST_P(ReactorTest, ReturnsAtTheGivenTimeAndAtOnceWhenItHasPassed) {
  Turns(2);
  const base::Instant start = SystemClock().Now();
  int turns = 0;
  while ((SystemClock().Now() - start).milliseconds() < 100) {
    reactor->RunOnce(start + base::Duration::Milliseconds(100));
    ++turns;
  }
  EXPECT_LE(turns, 10) << "it waits, but for a signal";
  std::int64_t shortest = 1'000'000;  // A busy machine does not hold up all ten.
  for (int i = 0; i < 10; ++i) {
    const base::Instant before = SystemClock().Now();
    reactor->RunOnce(start);
    shortest = std::min(shortest, (SystemClock().Now() - before).milliseconds());
  }
  EXPECT_LT(shortest, 20);
}

TEST_P(ReactorTest, DestroyedWithOpenStreamsItClosesThemAndCallsNobody) {
  const auto listening = reactor->Listen(Loopback(0), acceptor);
  ASSERT_TRUE(listening.ok());
  RawSocket peer = Open(client);
  Recorder own, connecting, failed;
  Dial(own, listening->local);
  EXPECT_TRUE(Until([&] { return own.connects == 1 && acceptor.accepted.size() == 1; }));
  reactor->Send(client.id, {Pattern(30'000'000)});
  Turns(5);
  Dial(connecting, listening->local);
  failed.id = reactor->Connect({listening->local, base::IpAddress::V4(0xC0000207)}, failed);
  const int before = client.calls() + own.calls();
  reactor.reset();
  EXPECT_EQ(client.calls() + own.calls(), before);
  EXPECT_EQ(connecting.calls() + failed.calls(), 0);
  std::string bytes = peer.Read();
  while (!bytes.empty() && bytes != "error") bytes = peer.Read();
  EXPECT_EQ(bytes, "");
  const SocketAddress address(listening->local);
  RawSocket late(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_NE(connect(late.fd(), &address.any, address.size), 0);
}

TEST(MakeReactor, TakesWhatIsAskedFor) {
  LinesLog log;
  ReactorOptions options;
  options.backend = Backend::kEpoll;
  EXPECT_EQ((*MakeReactor(options, log))->name(), "epoll");
  options.backend = Backend::kAuto;
  const std::unique_ptr<Reactor> reactor = *MakeReactor(options, log);
  if (IoUringWorks()) {
    EXPECT_EQ(reactor->name(), "io_uring");
    EXPECT_EQ(log.lines, "");
  } else {
    EXPECT_EQ(reactor->name(), "epoll");
    EXPECT_THAT(log.lines, testing::HasSubstr("using epoll"));
  }
}

}  // namespace
}  // namespace io
