// A TOML or JSON document as one kind of tree, with the line of each value where the format gives it; and reading keys
// from its tables so that every mistake is found and said at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace campaign {

struct Member;
struct Node {
  enum class Kind : std::uint8_t { kText, kInteger, kNumber, kBool, kTime, kList, kTable };
  Kind kind = Kind::kTable;
  std::string text;             // kText; kTime as RFC 3339, without offset where it has none.
  std::int64_t integer = 0;     // kInteger, kBool
  double number = 0;            // kNumber
  std::vector<Node> items;      // kList
  std::vector<Member> members;  // kTable, in the order of the file
  std::uint32_t line = 0;       // 0: not known
};
struct Member {
  std::string name;
  Node value;
};

// Errors: "FILE:LINE: …".
absl::StatusOr<Node> ParseToml(std::string_view text, const std::string& path);
absl::StatusOr<Node> ParseJson(std::string_view text, const std::string& path);

// Where mistakes are gathered.
class Mistakes {
 public:
  explicit Mistakes(std::string path) : path_(std::move(path)) {}
  void Add(std::uint32_t line, std::string_view what);
  void AddLine(std::string_view whole_line);  // One that says its place itself.
  bool empty() const { return text_.empty(); }
  absl::Status ToStatus() const;
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  std::string text_;
};

// The keys of one table. A key that nobody asked for is a mistake; Finish says so.
class Section {
 public:
  // `name`: "message", "" for the whole document. `node` may be null: the table is absent.
  Section(const Node* node, std::string name, Mistakes& mistakes)
      : node_(node), name_(std::move(name)), mistakes_(mistakes) {}

  bool IsPresent() const { return node_ != nullptr; }
  std::uint32_t line() const { return node_ == nullptr ? 0 : node_->line; }
  // The value of a key; null: absent, or of another type, which is a mistake.
  const Node* Text(std::string_view key) { return Get(key, Node::Kind::kText, "a text"); }
  const Node* List(std::string_view key) { return Get(key, Node::Kind::kList, "a list"); }
  const Node* Integer(std::string_view key) { return Get(key, Node::Kind::kInteger, "a whole number"); }
  const Node* Any(std::string_view key);
  Section Table(std::string_view key);
  std::vector<std::string> Texts(std::string_view key);  // A list of texts.
  // One of a few words; its index. Nullopt: absent, or a mistake.
  std::optional<std::size_t> Choice(std::string_view key, const std::vector<std::string_view>& words);
  void Mistake(std::uint32_t line, std::string_view key, std::string_view what);
  std::string PathOf(std::string_view key) const;
  void Finish();
  const std::vector<Member>& members() const;

 private:
  const Node* Get(std::string_view key, Node::Kind kind, std::string_view what);
  const Node* Find(std::string_view key);

  const Node* node_;
  const std::string name_;
  Mistakes& mistakes_;
  std::vector<std::string> known_;
};

}  // namespace campaign
