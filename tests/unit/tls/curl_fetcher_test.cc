// What it makes of real servers, tests/e2e/test_mta_sts.py shows.
#include "tls/curl_fetcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace tls {
namespace {

const base::IpAddress kLoopback = *base::IpAddress::Parse("127.0.0.77");  // Nobody listens there.

absl::Status FetchFrom(CurlFetcher& fetcher, std::vector<base::IpAddress> addresses) {
  std::promise<absl::Status> ended;
  fetcher.Fetch("example.test", std::move(addresses),
                [&ended](const absl::StatusOr<std::string>& file) { ended.set_value(file.status()); });
  return ended.get_future().get();
}

TEST(CurlFetcher, AsksTheAddressesThatItIsGivenAndNoDns) {
  CurlFetcher fetcher({.authorities = ""});
  EXPECT_FALSE(FetchFrom(fetcher, {kLoopback}).ok());
  EXPECT_TRUE(absl::IsUnavailable(FetchFrom(fetcher, {})));
}

// Whoever is refused so may ask again: it says nothing about the policy.
TEST(CurlFetcher, RefusesWhenTooManyWait) {
  CurlFetcher fetcher({.authorities = ""});
  std::atomic<int> refused = 0;
  for (std::size_t i = 0; i < 4 * FetchTurns::kWaitingThereMax; ++i) {
    fetcher.Fetch("example.test", {*base::IpAddress::Parse("192.0.2.1")},
                  [&refused](const auto& file) { refused += absl::IsResourceExhausted(file.status()) ? 1 : 0; });
  }
  EXPECT_GT(refused, 0);
  fetcher.Stop();
}

TEST(CurlFetcher, EndsWithFetchesUnderWay) {
  int ended = 0;
  {
    CurlFetcher fetcher({.authorities = ""});
    for (int i = 0; i < 100; ++i)
      fetcher.Fetch("example.test", {*base::IpAddress::Parse("192.0.2.1")}, [&ended](const auto&) { ++ended; });
  }
  EXPECT_LE(ended, 100);
}

}  // namespace
}  // namespace tls
