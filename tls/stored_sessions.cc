#include "tls/stored_sessions.h"

#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/base/text.h"

namespace tls {
namespace {

constexpr std::string_view kHead = "sluice tls-sessions 1\n";

bool IsHex(std::string_view text) {
  return text.size() % 2 == 0 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string_view TakeWord(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

}  // namespace

void StoredSessions::Give(std::string_view key, Session session) {
  if (session.bytes.size() > kBytesMax) return;
  const std::lock_guard lock(mutex_);
  if (count_ >= kSessionsMax) return;
  ++count_;
  auto found = sessions_.find(key);
  if (found == sessions_.end()) found = sessions_.emplace(std::string(key), std::deque<Session>()).first;
  found->second.push_back(std::move(session));
}

std::deque<StoredSessions::Session> StoredSessions::Take(std::string_view key) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(key);
  if (found == sessions_.end()) return {};
  std::deque<Session> taken = std::move(found->second);
  sessions_.erase(found);
  count_ -= taken.size();
  return taken;
}

std::string StoredSessions::Write(base::WallTime now) const {
  const std::lock_guard lock(mutex_);
  std::string content(kHead);
  for (const auto& [key, sessions] : sessions_) {
    for (const Session& session : sessions) {
      if (session.until <= now) continue;
      absl::StrAppend(&content, session.until.seconds(), " ", absl::BytesToHexString(key), " ",
                      absl::BytesToHexString(session.bytes), "\n");
    }
  }
  return content;
}

void StoredSessions::Read(std::string_view content, base::WallTime now) {
  if (!content.starts_with(kHead)) return;
  content.remove_prefix(kHead.size());
  for (std::size_t end = content.find('\n'); end != std::string_view::npos; end = content.find('\n')) {
    std::string_view line = content.substr(0, end);
    content.remove_prefix(end + 1);
    const auto until = base::ParseInteger<std::int64_t>(TakeWord(line));
    const std::string_view key = TakeWord(line);
    if (!until.has_value() || *until <= now.seconds() || *until > now.seconds() + 8 * 86'400) continue;
    if (key.empty() || line.empty() || !IsHex(key) || !IsHex(line)) continue;
    Give(absl::HexStringToBytes(base::AbslView(key)),
         {absl::HexStringToBytes(base::AbslView(line)), base::WallTime::FromSeconds(*until)});
  }
}

std::size_t StoredSessions::size() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

}  // namespace tls
