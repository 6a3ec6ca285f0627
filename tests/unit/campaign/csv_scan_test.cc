#include "engine/campaign/csv_scan.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/prng.h"
#include "engine/base/text.h"
#include "engine/campaign/row_reader.h"
#include "gtest/gtest.h"
#include "tests/unit/campaign/byte_strings.h"

namespace campaign {
namespace {

using testing::StringSource;

// A page with one behind it that nobody may read.
class LastPage {
 public:
  LastPage() : size_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
    void* const pages = mmap(nullptr, 2 * size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED);
    begin_ = static_cast<char*>(pages);
    CHECK(mprotect(begin_ + size_, size_, PROT_NONE) == 0);
  }
  LastPage(const LastPage&) = delete;
  LastPage& operator=(const LastPage&) = delete;
  ~LastPage() { munmap(begin_, 2 * size_); }

  // The text, whose last octet is the page's.
  std::string_view Put(std::string_view text) {
    char* const at = begin_ + size_ - text.size();
    std::memcpy(at, text.data(), text.size());
    return {at, text.size()};
  }

 private:
  const std::size_t size_;
  char* begin_ = nullptr;
};

std::string RandomText(base::Prng& prng, std::size_t size) {
  // Plain octets with few others, or mostly others; by chance.
  constexpr char kOthers[] = ",;\t\n\r\"\0\x80\xFF\x01\x7F !#+-\x0B\x0E\x8A\xAC\xA2";  // Its last NUL too.
  const double share = prng.Unit() * prng.Unit();
  std::string text(size, 'x');
  for (char& c : text) {
    if (prng.Chance(share)) c = kOthers[prng.Below(sizeof kOthers)];
  }
  return text;
}

TEST(CsvScan, FindsWhatALoopOverOctetsFindsAndReadsNothingBehindTheText) {
  LastPage page;
  base::Prng prng(1);
  for (std::size_t size = 0; size <= 200; ++size) {
    for (int time = 0; time < 50; ++time) {
      const std::string_view text = page.Put(RandomText(prng, size));
      const char separator = ",;\t"[prng.Below(3)];
      const char* const end = text.data() + text.size();
      CsvScan scan;
      scan.Reset(text, separator);
      for (const char* at = text.data(); at < end;) {
        const char* const since = at;
        const bool quote = prng.Chance(0.5);
        const char* const expected =
            std::find_if(at, end, [&](char c) { return quote ? c == '"' : c == separator || c == '\n'; });
        std::uint64_t feeds = 7;
        ASSERT_EQ((quote ? scan.NextQuote(at, feeds) : scan.NextEnd(at)) - text.data(), expected - text.data())
            << "size " << size << " at " << at - text.data() << (quote ? " quote" : " end");
        ASSERT_EQ(feeds, 7U + static_cast<std::uint64_t>(quote ? std::count(at, expected, '\n') : 0));
        if (std::any_of(since, expected, [](char c) { return c <= '\0'; })) {
          ASSERT_TRUE(scan.MayBeOddSince(since));
        }
        at = std::min(end, expected + prng.Below(3));
        if (at == since) ++at;
      }
      EXPECT_EQ(scan.NextEnd(end), end);
      if (std::none_of(text.begin(), text.end(), [](char c) { return c <= '\0'; }) && size > 0) {
        EXPECT_FALSE(scan.MayBeOddSince(text.data()));
      }
    }
  }
}

struct Record {
  std::uint64_t line = 0;
  std::vector<std::string> fields;
  bool operator==(const Record& other) const { return line == other.line && fields == other.fields; }
};
std::ostream& operator<<(std::ostream& out, const Record& record) {
  out << "line " << record.line << ":";
  for (const std::string& field : record.fields) out << " [" << field << "]";
  return out;
}

struct Table {
  std::vector<Record> records;
  std::string error;  // The end of the file's: "LINE: …".
};

// Octet by octet, as RFC 4180 says it. No header.
class NaiveReader {
 public:
  NaiveReader(std::string_view text, char separator) : text_(text), separator_(separator) {}

  Table Read() {
    Table table;
    std::uint64_t line = 1;
    while (at_ < text_.size()) {
      const std::size_t begin = at_;
      Record record{line, {}};
      const std::string problem = ReadRecord(record.fields);
      if (!problem.empty()) return Wrong(table, line, problem);
      const std::string_view bytes = text_.substr(begin, at_ - begin);
      if (!base::IsUtf8(bytes)) return Wrong(table, line, "not UTF-8; save the file as UTF-8");
      if (std::count(bytes.begin(), bytes.end(), '\0') > 0)
        return Wrong(table, line, "a NUL byte; this is no text file");
      for (const char c : bytes) line += c == '\n' ? 1 : 0;
      table.records.push_back(std::move(record));
    }
    return table;
  }

 private:
  static Table Wrong(Table& table, std::uint64_t line, const std::string& problem) {
    table.error = std::to_string(line) + ": " + problem;
    return table;
  }
  std::optional<char> Next() const { return at_ < text_.size() ? std::optional<char>(text_[at_]) : std::nullopt; }

  std::string ReadRecord(std::vector<std::string>& fields) {
    while (true) {
      std::string& field = fields.emplace_back();
      if (Next() == '"') {
        ++at_;
        for (;; ++at_) {
          if (!Next()) return "a quote that does not end";
          if (*Next() == '"' && (++at_, Next() != '"')) break;
          field += text_[at_];
        }
        if (Next() == '\r') ++at_;
        if (Next() && *Next() != separator_ && *Next() != '\n')
          return "text after a closing quote; a quote within quotes is written twice";
      } else {
        for (; Next() && *Next() != separator_ && *Next() != '\n'; ++at_) field += *Next();
        if (Next() != separator_ && field.ends_with('\r')) field.pop_back();
      }
      if (!Next()) return "";
      if (text_[at_++] == '\n') return "";
    }
  }

  const std::string_view text_;
  const char separator_;
  std::size_t at_ = 0;
};

// Rows as people and programs write them, and what they get wrong.
std::string RandomRows(base::Prng& prng, char separator, bool has_mistakes) {
  std::string text;
  const std::uint64_t rows = prng.Below(6);
  for (std::uint64_t row = 0; row <= rows; ++row) {
    const std::uint64_t fields = 1 + prng.Below(4);
    for (std::uint64_t i = 0; i < fields; ++i) {
      if (i > 0) text += separator;
      const bool quoted = prng.Chance(0.2);
      if (quoted) text += '"';
      for (std::uint64_t left = prng.Below(prng.Chance(0.1) ? 150 : 70); left > 0; --left) {
        const std::uint64_t kind = prng.Below(100);
        if (kind < 2) {
          text += "\xC3\xA9";
        } else if (kind < 4 && quoted) {
          text += prng.Chance(0.5) ? "\"\"" : "\r\n";
        } else if (kind < 6 && quoted) {
          text += separator;
        } else if (kind == 6) {
          text += left > 1 && !quoted ? "x\"" : "\r";  // Within a field a quote is a character.
        } else {
          text += static_cast<char>('a' + kind % 26);
        }
        if (has_mistakes && prng.Chance(0.003)) text += "\"\xC3\0\n"[prng.Below(4)];
      }
      if (quoted) text += '"';
    }
    if (row < rows || prng.Chance(0.5)) text += prng.Chance(0.3) ? "\r\n" : "\n";
  }
  return text;
}

TEST(CsvScan, RandomFilesAreReadAsByAReaderThatGoesOctetByOctet) {
  base::Prng prng(2);
  std::size_t errors = 0, records = 0;
  for (int file = 0; file < 5'000; ++file) {
    const char separator = ",;\t"[prng.Below(3)];
    const std::string header = std::string("a") + separator + "b" + separator + "c\n";
    const std::string text = header + RandomRows(prng, separator, file % 2 == 1);
    const std::size_t step = prng.Chance(0.3) ? 1 + prng.Below(100) : text.size();
    Table expected = NaiveReader(text, separator).Read();
    ASSERT_FALSE(expected.records.empty());
    expected.records.erase(expected.records.begin());
    std::erase_if(expected.records, [](const Record& record) { return record.fields == std::vector<std::string>{""}; });
    auto reader = MakeRowReader(std::make_unique<StringSource>(text, step), "f", RowFormat::kCsv);
    ASSERT_TRUE(reader.ok()) << reader.status();
    Table found;
    Row row;
    while (true) {
      const absl::StatusOr<bool> any = (*reader)->Next(row);
      if (!any.ok()) found.error = std::string(any.status().message()).substr(2);
      if (!any.ok() || !*any) break;
      found.records.push_back({row.line, {row.fields.begin(), row.fields.end()}});
    }
    ASSERT_EQ(found.records, expected.records) << "file " << file << ":\n" << text;
    ASSERT_EQ(found.error, expected.error) << "file " << file << ":\n" << text;
    errors += found.error.empty() ? 0 : 1;
    records += found.records.size();
  }
  EXPECT_GT(errors, 250U);
  EXPECT_GT(records, 7'500U);
}

}  // namespace
}  // namespace campaign
