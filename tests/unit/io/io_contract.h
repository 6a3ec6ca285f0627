// What every io::Io must do, as one suite of tests for all implementations: both reactors run it, and so does the
// simulated network.
//
// To run it over an implementation: derive an IoWorld, include this header in ONE file of the test program and write
// there
//
//   INSTANTIATE_TEST_SUITE_P(Simulated, IoContract, testing::Values(IoWorldMaker{"net", [] { return
//   std::make_unique<SimWorld>(); }}),
//                            NameOfWorld);
//
// Both ends of every stream are streams of the same Io, so nothing here opens a socket. The suite assumes no speed and
// no particular interleaving. It assumes that a stream whose receiver is paused takes a bounded number of bytes (less
// than 32 MB) from its sender.
#pragma once

#include <cerrno>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/io/io_world.h"

namespace io {

TEST_P(IoContract, TellsBothEndsOfAConnectionWithItsAddresses) {
  Recorder& server = Open(client);
  EXPECT_EQ(client.connects, 1);
  EXPECT_EQ(server.connects, 0);
  EXPECT_EQ(acceptor.local, listener.local);
  EXPECT_EQ(io().Local(client.id), acceptor.peer);
  EXPECT_EQ(io().Local(server.id), listener.local);
  EXPECT_NE(listener.local.port, 0);
}

TEST_P(IoContract, ConnectsFromTheGivenSource) {
  client.id = io().Connect({listener.local, world->SecondLocalAddress()}, client);
  ASSERT_TRUE(Until([&] { return acceptor.accepted.size() == 1 && client.connects == 1; }));
  EXPECT_EQ(acceptor.peer.address, world->SecondLocalAddress());
}

TEST_P(IoContract, CarriesPiecesInOrderBothWays) {
  Recorder& server = Open(client);
  io().Send(client.id, {"MAIL FROM", ":<", "", "a@example.com>\r\n"});
  Send(client, "RCPT");
  Send(server, "250 ok\r\n");
  EXPECT_TRUE(Until([&] { return server.received.ends_with("\nRCPT"); }));
  EXPECT_TRUE(Until([&] { return client.received.size() == 8; }));
  EXPECT_EQ(server.received, "MAIL FROM:<a@example.com>\r\nRCPT");
  EXPECT_EQ(client.received, "250 ok\r\n");
}

TEST_P(IoContract, TellsWhenEverythingIsHandedOver) {
  Recorder& server = Open(client);
  const std::string message = Pattern(40'000);
  Send(client, message);
  EXPECT_EQ(client.sents, 0);
  EXPECT_EQ(io().Unsent(client.id), message.size());
  EXPECT_TRUE(Until([&] { return client.sents > 0; }));
  EXPECT_EQ(io().Unsent(client.id), 0u);
  EXPECT_TRUE(Until([&] { return server.received.size() == message.size(); }));
  EXPECT_EQ(server.received, message);
  EXPECT_EQ(client.sents, 1);
}

TEST_P(IoContract, CarriesMoreThanAnyBufferHolds) {
  Recorder& server = Open(client);
  const std::string first = Pattern(9'000'001, 1);
  const std::string second = Pattern(5'000'003, 2);
  Send(client, first);
  Send(client, second);
  Send(server, second);
  EXPECT_TRUE(Until([&] { return server.received.size() == first.size() + second.size(); }));
  EXPECT_TRUE(Until([&] { return client.received.size() == second.size() && client.sents > 0; }));
  EXPECT_TRUE(server.received == first + second);
  EXPECT_TRUE(client.received == second);
  EXPECT_EQ(io().Unsent(client.id), 0u);
}

TEST_P(IoContract, APausedReceiverHearsNothingAndHoldsTheSenderBack) {
  Recorder& server = Open(client);
  io().PauseReceive(server.id, true);
  Turns(5);
  const std::string message = Pattern(32'000'000);
  Send(client, message);
  Turns(100);
  EXPECT_TRUE(server.received.empty());
  EXPECT_EQ(client.sents, 0);
  EXPECT_GT(io().Unsent(client.id), 0u);
  io().PauseReceive(server.id, false);
  EXPECT_TRUE(server.received.empty());
  EXPECT_TRUE(Until([&] { return server.received.size() == message.size(); }));
  EXPECT_TRUE(server.received == message);
}

TEST_P(IoContract, PausingFromWithinReceiveHoldsBackTheRest) {
  Recorder& server = Open(client);
  const std::string message = Pattern(3'000'000);
  std::size_t at_pause = 0;
  server.on_receive = [&](std::string_view) {
    io().PauseReceive(server.id, true);
    at_pause = server.received.size();
  };
  Send(client, message);
  while (server.received.size() < message.size()) {
    const std::size_t before = server.received.size();
    ASSERT_TRUE(Until([&] { return server.received.size() > before; }));
    Turns(3);
    ASSERT_EQ(server.received.size(), at_pause);
    io().PauseReceive(server.id, false);
  }
  EXPECT_TRUE(server.received == message);
}

TEST_P(IoContract, PausingAndResumingInOneTurnLosesNothing) {
  Recorder& server = Open(client);
  const std::string message = Pattern(1'000'000);
  server.on_receive = [&](std::string_view) {
    io().PauseReceive(server.id, true);
    io().PauseReceive(server.id, false);
  };
  Send(client, message);
  EXPECT_TRUE(Until([&] { return server.received.size() == message.size(); }));
  EXPECT_TRUE(server.received == message);
}

TEST_P(IoContract, APausedReceiverHearsOfTheEndAfterTheBytes) {
  Recorder& server = Open(client);
  io().PauseReceive(server.id, true);
  Send(client, "QUIT\r\n");
  io().Close(client.id, CloseMode::kFlush);
  Turns(20);
  EXPECT_EQ(server.calls(), 0);
  server.on_close = [&] { EXPECT_EQ(server.received, "QUIT\r\n"); };
  io().PauseReceive(server.id, false);
  EXPECT_TRUE(Until([&] { return server.closed; }));
  EXPECT_EQ(server.close_reason.error, 0);
}

TEST_P(IoContract, CloseWithFlushDeliversEverythingAndThenEnds) {
  Recorder& server = Open(client);
  const std::string message = Pattern(6'000'000);
  Send(client, message);
  io().Close(client.id, CloseMode::kFlush);
  EXPECT_TRUE(Until([&] { return server.closed; }));
  EXPECT_TRUE(server.received == message);
  EXPECT_EQ(server.close_reason.stage, Stage::kStream);
  EXPECT_EQ(server.close_reason.error, 0);
  EXPECT_EQ(server.close_reason.unsent, 0u);
  EXPECT_EQ(client.calls(), 1);  // OnConnect.
}

TEST_P(IoContract, CloseNowDropsWhatIsQueued) {
  Recorder& server = Open(client);
  Send(client, "DATA\r\n");
  io().Close(client.id, CloseMode::kNow);
  EXPECT_TRUE(Until([&] { return server.closed; }));
  EXPECT_EQ(server.received, "");
  EXPECT_EQ(server.close_reason.error, 0);
  EXPECT_EQ(client.calls(), 1);
}

TEST_P(IoContract, CloseNowTellsHowMuchThePeerCanHaveAtMost) {
  Recorder& server = Open(client);
  io().PauseReceive(server.id, true);
  const std::string message = Pattern(32'000'000);
  Send(client, message);
  Turns(50);
  const std::uint64_t unsent = io().Unsent(client.id);
  ASSERT_GT(unsent, 0u);
  io().Close(client.id, CloseMode::kNow);
  io().PauseReceive(server.id, false);
  EXPECT_TRUE(Until([&] { return server.closed; }));
  EXPECT_EQ(server.received.size(), message.size() - unsent);
  EXPECT_TRUE(message.starts_with(server.received));
}

TEST_P(IoContract, CloseWithResetIsAnErrorToThePeer) {
  Recorder& server = Open(client);
  Send(client, "DATA\r\n");
  io().Close(client.id, CloseMode::kReset);
  EXPECT_TRUE(Until([&] { return server.closed; }));
  EXPECT_EQ(server.received, "");
  EXPECT_EQ(server.close_reason.stage, Stage::kStream);
  EXPECT_EQ(server.close_reason.error, ECONNRESET);
  EXPECT_EQ(client.calls(), 1);
}

TEST_P(IoContract, ResetInTheMiddleOfATransferTellsExactlyWhatWasNotTaken) {
  Recorder& server = Open(client);
  io().PauseReceive(server.id, true);
  const std::string message = Pattern(32'000'000);
  Send(client, message);
  Turns(50);
  const std::uint64_t unsent = io().Unsent(client.id);
  ASSERT_GT(unsent, 0u);
  io().Close(server.id, CloseMode::kReset);
  EXPECT_TRUE(Until([&] { return client.closed; }));
  EXPECT_EQ(client.close_reason.stage, Stage::kStream);
  EXPECT_NE(client.close_reason.error, 0);
  EXPECT_LE(client.close_reason.unsent, unsent);
  EXPECT_GT(client.close_reason.unsent, 0u);
}

TEST_P(IoContract, TellsTheBytesBeforeTheEnd) {
  Recorder& server = Open(client);
  client.on_close = [&] { EXPECT_EQ(client.received, "421 go away\r\n"); };
  Send(server, "421 go away\r\n");
  io().Close(server.id, CloseMode::kFlush);
  EXPECT_TRUE(Until([&] { return client.closed; }));
  EXPECT_EQ(client.close_reason.error, 0);
  EXPECT_EQ(client.close_reason.unsent, 0u);
}

TEST_P(IoContract, NoCallFollowsACloseFromWithinAnyCall) {
  Recorder on_connect, on_receive, on_sent;
  Recorder& first = Open(client);
  on_connect.on_connect = [&] { io().Close(on_connect.id, CloseMode::kNow); };
  Dial(on_connect);
  EXPECT_TRUE(Until([&] { return on_connect.connects == 1; }));
  Recorder& second = Open(on_receive);
  on_receive.on_receive = [&](std::string_view bytes) {
    const std::string before(bytes);
    io().Close(on_receive.id, CloseMode::kReset);
    Send(client, "x");
    EXPECT_EQ(bytes, before);
  };
  Send(second, Pattern(100'000));
  Open(on_sent);
  on_sent.on_sent = [&] { io().Close(on_sent.id, CloseMode::kFlush); };
  Send(on_sent, "bye");
  EXPECT_TRUE(Until([&] { return !on_receive.received.empty() && on_sent.sents == 1; }));
  const std::size_t received = on_receive.received.size();
  EXPECT_TRUE(Until([&] { return second.closed && acceptor.accepted.back()->closed; }));
  Turns(20);
  EXPECT_EQ(on_connect.calls(), 1);
  EXPECT_EQ(on_receive.received.size(), received);
  EXPECT_FALSE(on_receive.closed);
  EXPECT_EQ(on_sent.calls(), 2);
  EXPECT_FALSE(first.closed);
}

TEST_P(IoContract, NoCallFollowsACloseWhileConnecting) {
  Dial(client);
  io().Close(client.id, CloseMode::kNow);
  Turns(20);
  Dial(client);
  io().Close(client.id, CloseMode::kFlush);
  Dial(client);
  Turns(1);
  if (client.connects == 0) io().Close(client.id, CloseMode::kReset);
  Turns(20);
  EXPECT_LE(client.calls(), 1);
}

TEST_P(IoContract, RefusedConnectionsAreToldFromTheLoop) {
  io().CloseListener(listener.id);
  Dial(client);
  EXPECT_EQ(client.calls(), 0);
  EXPECT_TRUE(Until([&] { return client.closed; }));
  EXPECT_EQ(client.connects, 0);
  EXPECT_EQ(client.close_reason.stage, Stage::kConnect);
  EXPECT_EQ(client.close_reason.error, ECONNREFUSED);
}

TEST_P(IoContract, ASourceThatCannotBeUsedIsToldAsSuchFromTheLoop) {
  client.id = io().Connect({listener.local, world->ForeignAddress()}, client);
  EXPECT_EQ(client.calls(), 0);
  EXPECT_TRUE(Until([&] { return client.closed; }));
  EXPECT_EQ(client.close_reason.stage, Stage::kBind);
  EXPECT_EQ(client.close_reason.error, EADDRNOTAVAIL);
}

TEST_P(IoContract, AFailureThatWaitsToBeToldIsNotToldAfterClose) {
  client.id = io().Connect({listener.local, world->ForeignAddress()}, client);
  io().Close(client.id, CloseMode::kNow);
  Turns(5);
  EXPECT_EQ(client.calls(), 0);
}

TEST_P(IoContract, ListeningOnAnAddressThatCannotBeUsedIsAnError) {
  EXPECT_FALSE(io().Listen({world->ForeignAddress(), 25}, acceptor).ok());
  EXPECT_FALSE(io().Listen(listener.local, acceptor).ok()) << "the port is taken";
}

TEST_P(IoContract, AcceptMayRefuseCloseAndSend) {
  acceptor.on_accept = [](Recorder&) { return nullptr; };
  Dial(client);
  EXPECT_TRUE(Until([&] { return client.closed; }));
  EXPECT_NE(client.close_reason.error, 0);
  Recorder greeted;
  acceptor.on_accept = [&](Recorder& server) {
    Send(server, "220 hello\r\n");
    return &server;
  };
  Dial(greeted);
  EXPECT_TRUE(Until([&] { return greeted.received == "220 hello\r\n"; }));
  Recorder told;
  acceptor.on_accept = [&](Recorder& server) {
    Send(server, "421 busy\r\n");
    io().Close(server.id, CloseMode::kFlush);
    return &server;
  };
  Dial(told);
  EXPECT_TRUE(Until([&] { return told.closed; }));
  EXPECT_EQ(told.received, "421 busy\r\n");
  EXPECT_EQ(told.close_reason.error, 0);
  EXPECT_EQ(acceptor.accepted.back()->calls(), 0);
}

TEST_P(IoContract, AListenerMayBeClosedFromItsOwnCall) {
  acceptor.on_accept = [&](Recorder& server) {
    io().CloseListener(listener.id);
    return &server;
  };
  Recorder& server = Open(client);
  Send(client, "still open");
  EXPECT_TRUE(Until([&] { return server.received == "still open"; }));
  Recorder late;
  Dial(late);
  EXPECT_TRUE(Until([&] { return late.closed; }));
  EXPECT_EQ(late.close_reason.error, ECONNREFUSED);
}

TEST_P(IoContract, IdsAreNeverGivenAgain) {
  std::set<StreamId> seen;
  for (int round = 0; round < 50; ++round) {
    Recorder recorder;
    Recorder& server = Open(recorder);
    EXPECT_NE(recorder.id, StreamId::kNone);
    EXPECT_TRUE(seen.insert(recorder.id).second);
    EXPECT_TRUE(seen.insert(server.id).second);
    io().Close(recorder.id, CloseMode::kNow);
    EXPECT_TRUE(Until([&] { return server.closed; }));
  }
}

TEST_P(IoContract, HandlersMayUseOtherStreamsAndOpenNewOnes) {
  Recorder other, next;
  Recorder& server = Open(client);
  Recorder& other_server = Open(other);
  client.on_close = [&] {
    Send(other, "from the other's end");
    Dial(next);
  };
  io().Close(server.id, CloseMode::kNow);
  EXPECT_TRUE(Until([&] { return next.connects == 1 && !other_server.received.empty(); }));
  EXPECT_EQ(other_server.received, "from the other's end");
}

TEST_P(IoContract, ManyStreamsKeepTheirBytesApart) {
  constexpr std::size_t kStreams = 150;
  std::vector<std::unique_ptr<Recorder>> clients;
  acceptor.on_accept = [&](Recorder& server) {
    server.on_receive = [&](std::string_view bytes) { Send(server, bytes); };  // Echo.
    return &server;
  };
  for (std::size_t i = 0; i < kStreams; ++i) {
    clients.push_back(std::make_unique<Recorder>());
    Recorder& one = *clients.back();
    one.on_connect = [&one, i, this] { Send(one, Pattern(20'000 + i, static_cast<unsigned>(i))); };
    Dial(one);
  }
  const auto done = [&] {
    for (std::size_t i = 0; i < kStreams; ++i) {
      if (clients[i]->received.size() < 20'000 + i) return false;
    }
    return true;
  };
  EXPECT_TRUE(Until(done));
  for (std::size_t i = 0; i < kStreams; ++i) {
    EXPECT_TRUE(clients[i]->received == Pattern(20'000 + i, static_cast<unsigned>(i))) << i;
  }
}

}  // namespace io
