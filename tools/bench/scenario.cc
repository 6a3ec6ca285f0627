#include "tools/bench/scenario.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "engine/base/text.h"
#include "tools/sandbox/units.h"

namespace bench {
namespace {

constexpr std::uint32_t kSitesMax = 200'000;
constexpr std::uint32_t kShardsMax = 64;
constexpr std::uint32_t kSkewMax = 99;  // Percent.
constexpr std::uint64_t kBodyMax = 20'000'000;
constexpr base::Duration kRttMax = base::Duration::Seconds(10);

absl::Status Wrong(std::string_view word, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("\"", base::AbslView(word), "\": ", base::AbslView(why)));
}

absl::StatusOr<std::uint32_t> ParseCount(std::string_view word, std::string_view value, std::uint32_t max) {
  const std::optional<std::uint32_t> count = base::ParseInteger<std::uint32_t>(value);
  if (!count || *count < 1 || *count > max) return Wrong(word, absl::StrCat("write a number from 1 to ", max));
  return *count;
}

class Parser {
 public:
  absl::Status Take(std::string_view word) {
    const std::size_t equals = word.find('=');
    const std::string_view key = word.substr(0, equals);
    const std::string_view value = equals == std::string_view::npos ? std::string_view() : word.substr(equals + 1);
    if (word == "plain" || word == "tls") {
      scenario_.tls = word == "tls";
      return Once(transport_, word);
    }
    if (word == "unsigned") return TakeSigning(Signing::kNone, word);
    if (word == "shared") return TakeSigning(Signing::kShared, word);
    if (word == "rsa") return TakeSigning(Signing::kRsa, word);
    if (word == "ed25519") return TakeSigning(Signing::kEd25519, word);
    if (word == "sealed") return TakeSigning(Signing::kSealed, word);
    if (key == "rtt") return TakeRtt(word, value);
    if (key == "sites") return TakeCount(sites_, word, value, kSitesMax, scenario_.sites);
    if (key == "skew") return TakeCount(skew_, word, value, kSkewMax, scenario_.skew);
    if (key == "shards") return TakeCount(shards_, word, value, kShardsMax, scenario_.shards);
    if (key == "ledger") {
      if (value != "on" && value != "off") return Wrong(word, "write ledger=off, or ledger=on");
      scenario_.ledger = value == "on";
      return Once(ledger_, word);
    }
    return Wrong(
        word,
        "not a word of a scenario; write plain or tls; unsigned, shared, rsa, ed25519 or sealed; rtt=50ms, sites=1000, "
        "skew=60, ledger=off, shards=1");
  }

  Scenario scenario_;

 private:
  // One word of each sort.
  static absl::Status Once(std::string& taken, std::string_view word) {
    if (!taken.empty()) {
      return Wrong(word, absl::StrCat("the scenario says \"", taken, "\" already; one of them is too many"));
    }
    taken = word;
    return absl::OkStatus();
  }

  absl::Status TakeSigning(Signing signing, std::string_view word) {
    scenario_.signing = signing;
    return Once(signing_, word);
  }

  absl::Status TakeRtt(std::string_view word, std::string_view value) {
    const absl::StatusOr<base::Duration> rtt = sandbox::ParseDuration(value);
    if (!rtt.ok() || *rtt > kRttMax) return Wrong(word, "write a duration up to 10 s, such as rtt=50ms");
    scenario_.rtt = *rtt;
    return Once(rtt_, word);
  }

  static absl::Status TakeCount(std::string& taken, std::string_view word, std::string_view value, std::uint32_t max,
                                std::uint32_t& out) {
    const absl::StatusOr<std::uint32_t> count = ParseCount(word, value, max);
    if (!count.ok()) return count.status();
    out = *count;
    return Once(taken, word);
  }

  std::string transport_, signing_, rtt_, sites_, skew_, shards_, ledger_;  // The word of each sort that was taken.
};

}  // namespace

absl::StatusOr<Scenario> ParseScenario(std::string_view list) {
  Parser parser;
  for (std::string_view rest = list;;) {
    const std::size_t comma = rest.find(',');
    const std::string_view word = base::TrimAscii(rest.substr(0, comma));
    if (word.empty()) return Wrong(list, "an empty word; write a comma list such as tls,rsa");
    if (absl::Status status = parser.Take(word); !status.ok()) return status;
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  if (parser.scenario_.skew != 0 && parser.scenario_.sites == 1)
    return Wrong(list, "skew is among several sites; write more than one, or none");
  parser.scenario_.text = list;
  return parser.scenario_;
}

absl::StatusOr<std::uint64_t> ParseBodySize(std::string_view text) {
  std::uint64_t unit = 1;
  std::string_view number = text;
  if (!number.empty() && (base::ToLowerAscii(number.back()) == 'k' || base::ToLowerAscii(number.back()) == 'm')) {
    unit = base::ToLowerAscii(number.back()) == 'k' ? 1'000 : 1'000'000;
    number.remove_suffix(1);
  }
  const std::optional<std::uint64_t> count = base::ParseInteger<std::uint64_t>(number);
  if (!count || *count < 1 || *count > kBodyMax / unit) {
    return Wrong(text, "not a size from 1 byte to 20m; write one such as 10k");
  }
  return *count * unit;
}

}  // namespace bench
