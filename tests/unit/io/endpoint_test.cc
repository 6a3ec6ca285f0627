#include <gtest/gtest.h>

#include "engine/io/buffer_queue.h"
#include "engine/io/io.h"

namespace io {
namespace {

TEST(Endpoint, ReadsWhatItWrites) {
  for (const char* text : {"192.0.2.1:25", "[2001:db8::1]:65535", "0.0.0.0:0", "[::]:1"}) {
    const std::optional<Endpoint> endpoint = Endpoint::Parse(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(endpoint->ToString(), text);
  }
}

TEST(Endpoint, RefusesEverythingElse) {
  for (const char* text : {"", ":", "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1:+5",
                           "2001:db8::1:25", "2001:db8::1", "[192.0.2.1]:25", "[2001:db8::1]", "[2001:db8::1]25",
                           "[]:25", "[:25", "mx.example:25", "192.0.2.1:25 ", " 192.0.2.1:25"}) {
    EXPECT_FALSE(Endpoint::Parse(text)) << text;
  }
}

TEST(BufferQueue, KeepsAMessageOfUpTo64KilobytesInOnePiece) {
  BufferPool pool(4);
  BufferQueue queue;
  const std::string first(60'000, 'a');
  const std::string second(5'536, 'b');
  queue.Append(pool, {first, second});
  EXPECT_EQ(queue.Front(), first + second);
  EXPECT_EQ(queue.FrontPieces(), nullptr);
  queue.Append(pool, {"c"});
  ASSERT_NE(queue.FrontPieces(), nullptr);
  EXPECT_EQ(queue.FrontPieces()->msg_iovlen, 2u);
  queue.Consume(pool, 65'535);
  EXPECT_EQ(queue.Front(), "b");
  EXPECT_EQ(queue.FrontPieces()->msg_iov[0].iov_len, 1u);
  queue.Consume(pool, 1);
  EXPECT_EQ(queue.Front(), "c");
  EXPECT_EQ(queue.FrontPieces(), nullptr);
  EXPECT_EQ(queue.size(), 1u);
  queue.Clear(pool);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.Front(), "");
}

TEST(BufferQueue, GivesAtMostSixteenPiecesToOneSend) {
  BufferPool pool(4);
  BufferQueue queue;
  queue.Append(pool, {std::string(2'000'000, 'x')});
  EXPECT_EQ(queue.FrontPieces()->msg_iovlen, Buffer::kPiecesMax);
  queue.Consume(pool, 1'900'000);
  EXPECT_EQ(queue.FrontPieces()->msg_iovlen, 3u);
  queue.Clear(pool);
}

TEST(BufferPool, GivesOutTheLatestBufferFirst) {
  BufferPool pool(1);
  Buffer* const a = pool.Take();
  Buffer* const b = pool.Take();
  pool.Give(a);
  pool.Give(b);  // Beyond what is kept: freed.
  EXPECT_EQ(pool.Take(), a);
  pool.Give(a);
}

}  // namespace
}  // namespace io
