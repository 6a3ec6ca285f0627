#include "engine/io/mailbox.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "tests/unit/io/reactor_test_util.h"

namespace io {
namespace {

TEST(Mailbox, WakesOnlyWhenItWasEmpty) {
  int wakes = 0;
  Mailbox<std::unique_ptr<int>> mailbox([&] { ++wakes; });
  mailbox.Post(std::make_unique<int>(1));
  mailbox.Post(std::make_unique<int>(2));
  EXPECT_EQ(wakes, 1);
  std::vector<std::unique_ptr<int>> messages;
  messages.push_back(std::make_unique<int>(9));
  mailbox.Drain(messages);
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(*messages[0], 1);
  EXPECT_EQ(*messages[1], 2);
  mailbox.Post(std::make_unique<int>(3));
  EXPECT_EQ(wakes, 2);
  mailbox.Drain(messages);
  ASSERT_EQ(messages.size(), 1u);
  mailbox.Drain(messages);
  EXPECT_TRUE(messages.empty());
}

struct Message {
  int sender;
  int number;
};

// No message may wait for a wake-up that does not come: the reactor is told to wait for ever.
void PassMessages(Backend backend) {
  constexpr int kSenders = 4;
  constexpr int kMessages = 5'000;
  ReactorOptions options;
  options.backend = backend;
  const std::unique_ptr<Reactor> reactor = MakeTestReactor(options);
  Mailbox<Message> mailbox([&] { reactor->Wake(); });
  std::vector<std::thread> senders;
  for (int sender = 0; sender < kSenders; ++sender) {
    senders.emplace_back([&mailbox, sender] {
      for (int number = 0; number < kMessages; ++number) {
        mailbox.Post({sender, number});
        if (number % 64 == 0) std::this_thread::yield();
      }
    });
  }
  std::vector<Message> messages;
  std::vector<int> next(kSenders);
  for (int left = kSenders * kMessages; left > 0;) {
    reactor->RunOnce(base::Instant::Never());
    mailbox.Drain(messages);
    for (const Message& message : messages) {
      ASSERT_EQ(message.number, next[static_cast<std::size_t>(message.sender)]++);
      --left;
    }
  }
  for (std::thread& sender : senders) sender.join();
}

TEST(Mailbox, LosesNoWakeUpOverEpoll) { PassMessages(Backend::kEpoll); }

TEST(Mailbox, LosesNoWakeUpOverIoUring) {
  if (!IoUringWorks()) GTEST_SKIP() << "no io_uring here";
  PassMessages(Backend::kIoUring);
}

}  // namespace
}  // namespace io
