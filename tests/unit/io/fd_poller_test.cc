// FdPoller of both reactors.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/io/reactor_test_util.h"

namespace io {
namespace {

class FdPollerTest : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    ReactorOptions options;
    options.backend = GetParam();
    reactor = MakeTestReactor(options);
  }
  bool Until(const std::function<bool()>& condition) {
    for (int turn = 0; turn < 5'000 && !condition(); ++turn) reactor->RunOnce(After(2));
    return condition();
  }
  void Turns(int count) {
    for (int turn = 0; turn < count; ++turn) reactor->RunOnce(After(2));
  }

  std::unique_ptr<Reactor> reactor;
};

INSTANTIATE_TEST_SUITE_P(Backend, FdPollerTest, testing::ValuesIn(Backends()), NameOfBackend);

struct ReadyRecorder : PollHandler {
  void OnReady(int, bool readable, bool writable) override {
    reads += readable;
    writes += writable;
  }
  int reads = 0;
  int writes = 0;
};

TEST_P(FdPollerTest, ReportsReadinessOncePerWatch) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  RawSocket mine(pair[0]);
  RawSocket theirs(pair[1]);
  ReadyRecorder ready;
  reactor->Watch(mine.fd(), true, false, ready);
  Turns(3);
  EXPECT_EQ(ready.reads, 0);
  theirs.Write("a");
  EXPECT_TRUE(Until([&] { return ready.reads == 1; }));
  theirs.Write("b");
  Turns(3);
  EXPECT_EQ(ready.reads, 1);
  reactor->Watch(mine.fd(), true, false, ready);
  EXPECT_TRUE(Until([&] { return ready.reads == 2; }));
  EXPECT_EQ(ready.writes, 0);
  reactor->Watch(mine.fd(), false, true, ready);
  EXPECT_TRUE(Until([&] { return ready.writes == 1; }));
  EXPECT_EQ(ready.reads, 2);
  theirs.Close();
  reactor->Watch(mine.fd(), true, false, ready);
  EXPECT_TRUE(Until([&] { return ready.reads == 3; }));
  reactor->Unwatch(mine.fd());
}

TEST_P(FdPollerTest, AWatchCanBeReplacedAndWithdrawn) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  RawSocket mine(pair[0]);
  RawSocket theirs(pair[1]);
  ReadyRecorder first, second;
  reactor->Watch(mine.fd(), true, false, first);
  Turns(2);
  reactor->Watch(mine.fd(), true, true, second);
  EXPECT_TRUE(Until([&] { return second.writes == 1; }));
  theirs.Write("a");
  reactor->Watch(mine.fd(), true, false, second);
  reactor->Unwatch(mine.fd());
  reactor->Unwatch(mine.fd());
  Turns(5);
  reactor->Watch(mine.fd(), true, false, second);
  EXPECT_TRUE(Until([&] { return second.reads == 1; }));
  // The number may come back for another file at once.
  reactor->Watch(mine.fd(), false, true, first);
  reactor->Unwatch(mine.fd());
  const int number = mine.fd();
  mine.Close();
  int pipe_fds[2];
  ASSERT_EQ(pipe2(pipe_fds, O_CLOEXEC), 0);
  RawSocket again(pipe_fds[0]);
  RawSocket writer(pipe_fds[1]);
  EXPECT_EQ(again.fd(), number);
  reactor->Watch(again.fd(), true, false, second);
  Turns(3);
  EXPECT_EQ(first.reads + first.writes, 0);
  EXPECT_EQ(second.reads, 1);
  ASSERT_EQ(write(writer.fd(), "x", 1), 1);
  EXPECT_TRUE(Until([&] { return second.reads == 2; }));
  reactor->Unwatch(again.fd());
}

}  // namespace
}  // namespace io
