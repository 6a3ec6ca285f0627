// A campaign file as plain structs. FORMAT.md describes the file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/rate.h"
#include "engine/base/retry_intervals.h"
#include "engine/base/time.h"

namespace campaign {

// A template's text and where it stands, for error lines.
struct SourceText {
  std::string text;
  std::string file;
  std::uint32_t line = 1;
  bool is_missing = false;  // The file does not exist.
  bool empty() const { return text.empty(); }
};

enum class Kind : std::uint8_t { kMarketing, kTransactional };
enum class DateMode : std::uint8_t { kStart, kSend };
enum class OnMissing : std::uint8_t { kInvalid, kEmpty };
enum class Duplicates : std::uint8_t { kFold, kExact, kAllow };
enum class OnInvalid : std::uint8_t { kSkip, kStop };
enum class InDoubt : std::uint8_t { kHold, kResend };

// A file that goes with the message.
struct AttachedFile {
  std::string path;        // As it can be opened.
  std::string name;        // Without folders.
  std::string content_id;  // Of message.inline: its key.
  std::string content;
  std::uint32_t line = 1;   // Where the campaign file names it.
  bool is_missing = false;  // The file does not exist.
};

struct Message {
  SourceText subject;
  std::optional<SourceText> html, text;  // At least one, or:
  std::optional<SourceText> eml;
  std::vector<AttachedFile> inlines, attachments;
  std::vector<std::pair<std::string, SourceText>> headers;
  std::vector<std::pair<std::string, SourceText>> partials;  // By the name that {{> name}} has.
  DateMode date = DateMode::kStart;
  OnMissing on_missing = OnMissing::kInvalid;
};

struct List {
  std::string id;
  SourceText unsubscribe_url, unsubscribe_mailto, feedback_id;
};

// So many rows, or such a share of them.
struct RowLimit {
  std::optional<std::uint64_t> count;
  double share = 1.0;  // Where there is no count.
  std::string text = "100%";
};

struct Recipients {
  std::string file;  // As it can be opened; "-": standard input.
  std::string address = "email";
  std::string key;  // Empty: the folded address.
  std::vector<std::string> meta;
  std::vector<std::string> suppress;  // As they can be opened.
  Duplicates duplicates = Duplicates::kFold;
  OnInvalid on_invalid = OnInvalid::kSkip;
  RowLimit max_invalid;
  std::optional<std::uint64_t> expect;
  std::vector<std::pair<std::string, std::string>> defaults;
};

enum class Tls : std::uint8_t { kOpportunistic, kRequired };

// So many, or such a share; neither: off.
struct BudgetLimit {
  std::optional<std::uint64_t> count;
  std::optional<double> share;
};

// How much bad news pauses a part of the campaign (see delivery/budgets.h).
struct Budget {
  BudgetLimit auth{.count = 5, .share = std::nullopt};       // AuthenticationFailed replies: the campaign.
  BudgetLimit blocked{.count = 20, .share = std::nullopt};   // SpamBlock replies within 1 h: (source, provider).
  BudgetLimit content{.count = 5, .share = std::nullopt};    // SpamContent replies: the provider.
  BudgetLimit bounce{.count = std::nullopt, .share = 0.08};  // Bounced recipients: the provider.
};

struct Delivery {
  std::optional<base::WallTime> start;
  std::optional<base::WallTime> finish_by;
  base::Duration max_age = base::Duration::Hours(72);
  std::optional<base::Rate> max_message_rate;  // Of the whole campaign; greater than zero.
  std::uint32_t weight = 1;                    // Beside other campaigns of the program, 1 to 1000.
  InDoubt in_doubt = InDoubt::kHold;
  Tls tls = Tls::kOpportunistic;  // Can only tighten what shaping says.
  std::string pool;               // Of sources; empty: all there are.
  bool dkim_required = true;      // A key must sign for the From domain.
  Budget budget;
  base::RetryIntervals retry;  // Over those of sluice.toml.
};

struct Campaign {
  std::string path;
  std::string id;
  std::string name;  // In one line.
  Kind kind = Kind::kMarketing;
  std::string from_address;  // On the wire.
  SourceText from_name, reply_to_address, reply_to_name, to_name, envelope_sender;
  Message message;
  List list;
  Recipients recipients;
  std::map<std::string, std::string> meta;
  Delivery delivery;
  // One line for each file of the message that does not exist. A campaign that was started has its own copy and goes on
  // without; for all else it is a mistake.
  std::string missing_files;
};

inline constexpr std::size_t kAttachmentMax = std::size_t{25} << 20;   // Bytes of one file, before encoding.
inline constexpr std::size_t kAttachmentsMax = std::size_t{50} << 20;  // Of all of them.

// Whether files that the message names may be missing: a campaign that was started has its own copy of them.
enum class MessageFiles : std::uint8_t { kMustExist, kMayBeGone };

// Reads a campaign file (JSON where its name ends with .json, else TOML) and the files that its message names.
// Errors: all that were found, one per line, "FILE:LINE: what is wrong; what would be right".
absl::StatusOr<Campaign> LoadCampaign(const std::string& path, MessageFiles files = MessageFiles::kMustExist);

// A digest in hexadecimal of all that may not change once the campaign was started: message, from, list, and what
// decides the recipients; without the bytes of the message's files.
std::string FrozenDigest(const Campaign& campaign);
// The SHA-256 in hexadecimal of each file of the message that exists, by the key that names it.
std::map<std::string, std::string> FileDigests(const Campaign& campaign);

// [A-Za-z0-9._-]{1,64}, and neither "." nor "..".
bool IsCampaignId(std::string_view text);

}  // namespace campaign
