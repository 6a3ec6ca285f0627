#include "tls/mta_sts.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/text.h"

namespace tls {
namespace {

constexpr std::size_t kIdMax = 32;
constexpr std::size_t kNameMax = 253, kLabelMax = 63;

bool IsAlphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool IsId(std::string_view text) {
  return !text.empty() && text.size() <= kIdMax && std::all_of(text.begin(), text.end(), IsAlphanumeric);
}

// The name of an extension, in records and in files.
bool IsFieldName(std::string_view text) {
  return !text.empty() && text.size() <= 32 && IsAlphanumeric(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return IsAlphanumeric(c) || c == '_' || c == '-' || c == '.'; });
}

bool IsDomain(std::string_view text) {
  if (text.empty() || text.size() > kNameMax) return false;
  std::size_t label = 0;
  for (const char c : text) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (!IsAlphanumeric(c) && c != '-' && c != '_') {
      return false;
    } else if (++label > kLabelMax) {
      return false;
    }
  }
  return label > 0;
}

std::optional<std::string> ParsePattern(std::string_view text) {
  if (!text.empty() && text.back() == '.') text.remove_suffix(1);
  std::string pattern = base::LowerAscii(text);
  std::string_view name = pattern;
  if (name.starts_with("*.")) name.remove_prefix(2);
  if (!IsDomain(name)) return std::nullopt;
  return pattern;
}

// The part before `separator`, which goes with it.
std::string_view TakeUntil(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

std::optional<StsPolicy::Mode> ParseMode(std::string_view text) {
  if (text == "enforce") return StsPolicy::Mode::kEnforce;
  if (text == "testing") return StsPolicy::Mode::kTesting;
  if (text == "none") return StsPolicy::Mode::kNone;
  return std::nullopt;
}

std::string_view ModeText(StsPolicy::Mode mode) {
  switch (mode) {
    case StsPolicy::Mode::kNone:
      return "none";
    case StsPolicy::Mode::kTesting:
      return "testing";
    case StsPolicy::Mode::kEnforce:
      return "enforce";
  }
  return "none";
}

// At most ten digits; more than a policy may say is cut to that.
std::optional<base::Duration> ParseAge(std::string_view text) {
  if (text.size() > 10) return std::nullopt;
  const std::optional<std::int64_t> seconds = base::ParseInteger<std::int64_t>(text);
  if (!seconds.has_value() || *seconds < 0) return std::nullopt;
  return base::Duration::Seconds(std::min(*seconds, StsPolicy::kAgeMax.seconds()));
}

// The fields of a policy file while they come in; of those that may come once the first one counts.
class FileReader {
 public:
  absl::Status Take(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !IsFieldName(line.substr(0, colon)))
      return absl::InvalidArgumentError("has a line that is no field");
    const std::string_view name = line.substr(0, colon), value = base::TrimAscii(line.substr(colon + 1));
    if (name == "version") {
      if (!has_version_ && value != "STSv1") return absl::InvalidArgumentError("has another version than STSv1");
      has_version_ = true;
    } else if (name == "mode" && !mode_.has_value()) {
      mode_ = ParseMode(value);
      if (!mode_.has_value()) return absl::InvalidArgumentError("has a mode other than enforce, testing and none");
    } else if (name == "max_age" && !age_.has_value()) {
      age_ = ParseAge(value);
      if (!age_.has_value()) return absl::InvalidArgumentError("has a max_age that is no number of seconds");
    } else if (name == "mx") {
      std::optional<std::string> pattern = ParsePattern(value);
      if (!pattern.has_value()) return absl::InvalidArgumentError("has an mx that is no host name");
      if (mx_.size() == StsPolicy::kMxMax) return absl::InvalidArgumentError("has too many mx");
      mx_.push_back(*std::move(pattern));
    }
    return absl::OkStatus();
  }
  absl::StatusOr<StsPolicy> Finish(std::string_view id) && {
    if (!has_version_ || !mode_.has_value() || !age_.has_value())
      return absl::InvalidArgumentError("has no version, mode or max_age");
    if (mx_.empty() && *mode_ != StsPolicy::Mode::kNone) return absl::InvalidArgumentError("has no mx");
    return StsPolicy{.id = std::string(id), .mode = *mode_, .max_age = *age_, .mx = std::move(mx_)};
  }

 private:
  bool has_version_ = false;
  std::optional<StsPolicy::Mode> mode_;
  std::optional<base::Duration> age_;
  std::vector<std::string> mx_;
};

// Nullopt: the record is malformed, or has no id.
std::optional<std::string> IdOfRecord(std::string_view rest) {
  TakeUntil(rest, ';');  // The version, which was looked at.
  std::optional<std::string> id;
  while (!rest.empty()) {
    const std::string_view field = base::TrimAscii(TakeUntil(rest, ';'));
    if (field.empty() && base::TrimAscii(rest).empty()) break;  // Behind the last delimiter.
    const std::size_t equals = field.find('=');
    if (equals == std::string_view::npos || !IsFieldName(field.substr(0, equals))) return std::nullopt;
    const std::string_view value = field.substr(equals + 1);
    if (value.empty() || value.find_first_of(" \t=") != std::string_view::npos || base::HasControl(value))
      return std::nullopt;
    if (field.substr(0, equals) != "id" || id.has_value()) continue;
    if (!IsId(value)) return std::nullopt;
    id = std::string(value);
  }
  return id;
}

// "v=STSv1", white space, and the first delimiter.
bool IsStsRecord(std::string_view record) {
  constexpr std::string_view kVersion = "v=STSv1";
  if (!record.starts_with(kVersion)) return false;
  record.remove_prefix(kVersion.size());
  const std::size_t next = record.find_first_not_of(" \t");
  return next != std::string_view::npos && record[next] == ';';
}

}  // namespace

bool StsPolicy::Names(std::string_view host) const {
  return std::any_of(mx.begin(), mx.end(), [host](std::string_view pattern) {
    if (!pattern.starts_with("*.")) return pattern == host;
    const std::size_t dot = host.find('.');
    return dot != std::string_view::npos && dot > 0 && host.substr(dot) == pattern.substr(1);
  });
}

std::optional<std::string> StsIdOf(absl::Span<const std::string> records) {
  const std::string* only = nullptr;
  for (const std::string& record : records) {
    if (!IsStsRecord(record)) continue;
    if (only != nullptr) return std::nullopt;
    only = &record;
  }
  if (only == nullptr) return std::nullopt;
  return IdOfRecord(*only);
}

absl::StatusOr<StsPolicy> ParseStsPolicy(std::string_view file, std::string_view id) {
  FileReader reader;
  while (!file.empty()) {
    std::string_view line = TakeUntil(file, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    while (line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (absl::Status status = reader.Take(line); !status.ok()) return status;
  }
  return std::move(reader).Finish(id);
}

std::string FormatStsPolicy(const StsPolicy& policy) {
  return absl::StrCat(policy.id, " ", base::AbslView(ModeText(policy.mode)), " ", policy.max_age.seconds(), " ",
                      policy.mx.empty() ? "-" : absl::StrJoin(policy.mx, ","));
}

std::optional<StsPolicy> ReadStsPolicy(std::string_view line) {
  StsPolicy policy;
  policy.id = std::string(TakeUntil(line, ' '));
  const auto mode = ParseMode(TakeUntil(line, ' '));
  const auto age = ParseAge(TakeUntil(line, ' '));
  if (!IsId(policy.id) || !mode.has_value() || !age.has_value() || line.empty()) return std::nullopt;
  policy.mode = *mode;
  policy.max_age = *age;
  if (line == "-") line = {};
  while (!line.empty()) {
    std::optional<std::string> pattern = ParsePattern(TakeUntil(line, ','));
    if (!pattern.has_value() || policy.mx.size() == StsPolicy::kMxMax) return std::nullopt;
    policy.mx.push_back(*std::move(pattern));
  }
  if (policy.mx.empty() && policy.mode != StsPolicy::Mode::kNone) return std::nullopt;
  return policy;
}

}  // namespace tls
