#include "engine/roster/sorter.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "engine/base/prng.h"
#include "engine/base/stable_hash.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/campaign/scratch_folder.h"
#include "tests/unit/roster/spy_disk.h"

namespace roster {
namespace {

using campaign::testing::ScratchFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::SpyDisk;

constexpr std::size_t kFixedSize = 40;  // Of a record besides its texts.

struct Entry {
  std::uint64_t group_hash = 0, key_hash = 0, number = 0;
  std::string group, key, payload;

  auto Order() const { return std::tie(group_hash, group, key_hash, key, number); }
  friend bool operator<(const Entry& a, const Entry& b) { return a.Order() < b.Order(); }
  friend bool operator==(const Entry& a, const Entry& b) { return a.Order() == b.Order() && a.payload == b.payload; }
};

// Few groups and keys, so that all parts of the order matter; payloads of all sizes, with any bytes.
std::vector<Entry> RandomEntries(std::size_t count, std::size_t payload_max) {
  base::Prng prng(7);
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < count; ++i) {
    Entry entry;
    entry.group = "domain" + std::to_string(prng.Below(40));
    entry.key = std::string(prng.Below(3), 'k') + std::to_string(prng.Below(5));
    entry.group_hash = base::StableHash(entry.group) % 16;  // Collides.
    entry.key_hash = base::StableHash(entry.key) % 4;
    entry.number = count - i;
    for (std::size_t n = prng.Below(payload_max + 1); n > 0; --n)
      entry.payload.push_back(static_cast<char>(prng.Below(256)));
    entries.push_back(std::move(entry));
  }
  return entries;
}

class SorterTest : public ::testing::Test {
 protected:
  Sorter::Options Options(std::size_t arena, std::size_t buffer = 256, std::size_t fan_in = 256) const {
    return {.directory = folder.path(), .arena_bytes = arena, .buffer_bytes = buffer, .fan_in_max = fan_in};
  }
  static absl::Status Add(Sorter& sorter, const Entry& entry) {
    return sorter.Add({entry.group_hash, entry.key_hash, entry.number, entry.group, entry.key, entry.payload});
  }
  std::vector<Entry> Sorted(const std::vector<Entry>& entries, const Sorter::Options& options) {
    std::vector<Entry> out;
    Sorter sorter(disk, options);
    for (const Entry& entry : entries) {
      const absl::Status status = Add(sorter, entry);
      EXPECT_TRUE(status.ok()) << status;
    }
    const absl::Status status = sorter.Finish([&out](const SortRecord& r) {
      out.push_back(
          {r.group_hash, r.key_hash, r.number, std::string(r.group), std::string(r.key), std::string(r.payload)});
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
    return out;
  }
  std::vector<std::string> Files() { return *disk.List(folder.path()); }

  ScratchFolder folder;
  SpyDisk disk;
};

TEST_F(SorterTest, NothingIsSortedToNothing) { EXPECT_THAT(Sorted({}, Options(1000)), IsEmpty()); }

TEST_F(SorterTest, WhatFitsIntoMemoryTouchesNoFile) {
  std::vector<Entry> entries = RandomEntries(200, 50);
  const std::vector<Entry> sorted = Sorted(entries, Options(1u << 20));
  std::sort(entries.begin(), entries.end());
  EXPECT_EQ(sorted, entries);
  EXPECT_EQ(disk.changes, 0U);
}

TEST_F(SorterTest, TheOrderIsGroupThenKeyThenNumber) {
  const std::vector<Entry> sorted = Sorted({{2, 1, 1, "a", "a", "6"},
                                            {1, 1, 1, "b", "a", "5"},
                                            {1, 2, 1, "a", "a", "4"},
                                            {1, 1, 1, "a", "b", "3"},
                                            {1, 1, 9, "a", "a", "2"},
                                            {1, 1, 8, "a", "a", "1"}},
                                           Options(1000));
  std::string payloads;
  for (const Entry& entry : sorted) payloads += entry.payload;
  EXPECT_EQ(payloads, "123456");
}

TEST_F(SorterTest, WithLittleMemoryItSpillsAndTheOrderIsTheSame) {
  std::vector<Entry> entries = RandomEntries(5000, 60);
  const std::vector<Entry> sorted = Sorted(entries, Options(8192));
  std::sort(entries.begin(), entries.end());
  EXPECT_EQ(sorted, entries);
  EXPECT_GT(disk.created, 30U);
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(SorterTest, MoreRunsThanCanBeMergedAtOnceAreMergedInSteps) {
  std::vector<Entry> entries = RandomEntries(3000, 60);
  ASSERT_EQ(Sorted(entries, Options(8192)).size(), entries.size());
  const std::uint64_t runs = disk.created;
  disk.created = 0;
  for (const std::size_t fan_in : {2U, 3U, 7U}) {
    const std::vector<Entry> sorted = Sorted(entries, Options(8192, 256, fan_in));
    std::vector<Entry> wanted = entries;
    std::sort(wanted.begin(), wanted.end());
    EXPECT_EQ(sorted, wanted);
    EXPECT_GT(disk.created, runs) << fan_in;
    disk.created = 0;
  }
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(SorterTest, RecordsMayBeLargerThanTheBuffers) {
  std::vector<Entry> entries = RandomEntries(300, 3000);
  const std::vector<Entry> sorted = Sorted(entries, Options(8192, 64));
  std::sort(entries.begin(), entries.end());
  EXPECT_EQ(sorted, entries);
}

TEST_F(SorterTest, ReadsAndWritesNoMoreThanItsBuffersAtOnce) {
  ASSERT_EQ(Sorted(RandomEntries(5000, 60), Options(8192, 512, 4)).size(), 5000U);
  EXPECT_LE(disk.read_most, 512U);
  EXPECT_LE(disk.write_most, 4 * 512 + kFixedSize + 100U);
}

TEST_F(SorterTest, ARecordThatNeverFitsIsRefused) {
  Sorter sorter(disk, Options(1000));
  EXPECT_TRUE(Add(sorter, {1, 1, 1, "g", "k", std::string(1000 - kFixedSize - 2, 'x')}).ok());
  EXPECT_EQ(Add(sorter, {1, 1, 1, "g", "k", std::string(1000 - kFixedSize - 1, 'x')}).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Add(sorter, {1, 1, 2, "g", "k", "still works"}).ok());
}

TEST_F(SorterTest, AnErrorOfTheVisitorEndsIt) {
  for (const std::size_t arena : {std::size_t{500}, std::size_t{1} << 20}) {
    Sorter sorter(disk, Options(arena));
    for (const Entry& entry : RandomEntries(100, 20)) ASSERT_TRUE(Add(sorter, entry).ok());
    int visited = 0;
    const absl::Status status = sorter.Finish(
        [&visited](const SortRecord&) { return ++visited == 3 ? absl::CancelledError("enough") : absl::OkStatus(); });
    EXPECT_EQ(status, absl::CancelledError("enough"));
    EXPECT_EQ(visited, 3);
  }
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(SorterTest, RunsGoWhenTheSorterGoesWithoutAFinish) {
  {
    Sorter sorter(disk, Options(500));
    for (const Entry& entry : RandomEntries(100, 20)) ASSERT_TRUE(Add(sorter, entry).ok());
    EXPECT_GT(Files().size(), 3U);
  }
  EXPECT_THAT(Files(), IsEmpty());
}

// Wherever the disk fails, the sort says so and visits nothing out of order or twice.
TEST_F(SorterTest, AnErrorOfTheDiskIsTold) {
  const std::vector<Entry> entries = RandomEntries(120, 20);
  std::vector<Entry> wanted = entries;
  std::sort(wanted.begin(), wanted.end());
  bool whole = false;
  for (std::uint64_t after = 0; !whole; ++after) {
    ASSERT_LT(after, 1000U);
    SpyDisk failing;
    failing.fail_after = after;
    Sorter sorter(failing, Options(1000, 128, 3));
    absl::Status status;
    for (const Entry& entry : entries) {
      if (status.ok()) status = Add(sorter, entry);
    }
    std::vector<std::uint64_t> numbers;
    if (status.ok()) {
      status = sorter.Finish([&numbers](const SortRecord& record) {
        numbers.push_back(record.number);
        return absl::OkStatus();
      });
    }
    whole = status.ok();
    EXPECT_THAT(std::string(status.message()), HasSubstr(whole ? "" : "input/output error"));
    ASSERT_EQ(numbers.size(), whole ? wanted.size() : 0U);
    for (std::size_t i = 0; i < numbers.size(); ++i) ASSERT_EQ(numbers[i], wanted[i].number);
    failing.fail_after.reset();
  }
}

TEST_F(SorterTest, ARunThatSomebodyCutShortIsAnError) {
  Sorter sorter(disk, Options(1000));
  for (const Entry& entry : RandomEntries(100, 20)) ASSERT_TRUE(Add(sorter, entry).ok());
  const std::string path = folder.Path(Files().front());
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  const absl::Status status = sorter.Finish([](const SortRecord&) { return absl::OkStatus(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace roster
