#include "engine/io/socket.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace io {
namespace {

// Else a source address would have no more connections than there are ports, to all destinations together.
TEST(Socket, OfASourceHasNoPortBeforeItConnects) {
  for (const base::IpAddress& source : {*base::IpAddress::Parse("127.0.0.2"), *base::IpAddress::Parse("::1")}) {
    const OpenedSocket opened = OpenStreamSocket({.remote = {source, 25}, .source = source}, 0);
    if (source.IsV6() && opened.fd < 0) continue;  // This machine has no IPv6.
    ASSERT_GE(opened.fd, 0);
    int on = 0;
    socklen_t size = sizeof on;
    EXPECT_EQ(getsockopt(opened.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, &size), 0);
    EXPECT_EQ(on, 1);
    EXPECT_EQ(LocalEndpoint(opened.fd).address, source);
    EXPECT_EQ(LocalEndpoint(opened.fd).port, 0);
    close(opened.fd);
  }
}

}  // namespace
}  // namespace io
