#include "engine/dkim/signature.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/text.h"

namespace dkim {
namespace {

constexpr std::size_t kLineMax = 78;  // RFC 5322 section 2.1.1, without CRLF.

std::string Base64(std::string_view bytes) { return absl::Base64Escape(base::AbslView(bytes)); }

std::string Base64(const Digest& digest) {
  return Base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

// A header field that is folded where a line would become too long.
class FoldedField {
 public:
  FoldedField(std::string_view start, std::string& out) : out_(out), column_(start.size()) { out_.assign(start); }

  // `text`, after a space or on a new line.
  void Word(std::string_view text) {
    if (column_ + 1 + text.size() > kLineMax) {
      Fold();
    } else {
      out_.push_back(' ');
      ++column_;
    }
    Join(text);
  }
  // `text`, directly or on a new line.
  void Part(std::string_view text) {
    if (column_ + text.size() > kLineMax) Fold();
    Join(text);
  }
  void Fold() {
    out_.append("\r\n ");
    column_ = 1;
  }
  void Join(std::string_view text) {
    out_.append(text);
    column_ += text.size();
  }

 private:
  std::string& out_;
  std::size_t column_;
};

}  // namespace

void Composer::Take(absl::Span<const std::string_view> pieces) {
  CHECK(!pieces.empty());
  pieces_ = pieces;
  SplitFields(pieces[0], fields_);
  header_size_ = 0;
  for (const Field& field : fields_) header_size_ += field.text.size();
  if (pieces[0].substr(header_size_).starts_with("\r\n")) header_size_ += 2;
  ChooseNames(fields_, names_);
  for (std::optional<Digest>& hash : body_hashes_) hash.reset();
}

const Digest& Composer::BodyHash(Canonicalization mode) {
  std::optional<Digest>& hash = body_hashes_[static_cast<std::size_t>(mode)];
  if (!hash.has_value()) {
    BodyCanonicalizer canonicalizer(mode);
    const auto sink = [this](std::string_view bytes) { hash_.Add(bytes); };
    canonicalizer.Add(pieces_[0].substr(header_size_), sink);
    for (std::string_view piece : pieces_.subspan(1)) canonicalizer.Add(piece, sink);
    canonicalizer.Finish(sink);
    hash = hash_.Finish();
  }
  return *hash;
}

Digest Composer::Compose(const SignatureSpec& spec, base::WallTime now, std::string& field) {
  const std::string body_hash = Base64(BodyHash(spec.body));
  FoldedField out("DKIM-Signature: v=1;", field);
  out.Word(absl::StrCat("a=", base::AbslView(ToString(spec.algorithm)), ";"));
  out.Word(absl::StrCat("c=", base::AbslView(ToString(spec.header)), "/", base::AbslView(ToString(spec.body)), ";"));
  out.Word(absl::StrCat("d=", spec.domain, ";"));
  out.Word(absl::StrCat("s=", spec.selector, ";"));
  out.Word(absl::StrCat("t=", now.seconds(), ";"));
  if (spec.expire.has_value()) out.Word(absl::StrCat("x=", (now + *spec.expire).seconds(), ";"));
  if (!spec.identity.empty()) out.Word(absl::StrCat("i=", spec.identity, ";"));
  for (std::size_t i = 0; i < names_.size(); ++i) {
    std::string name(i == 0 ? "h=" : "");
    name.append(names_[i]).append(i + 1 < names_.size() ? ":" : ";");
    if (i == 0) {
      out.Word(name);
    } else {
      out.Part(name);
    }
  }
  out.Word(absl::StrCat("bh=", body_hash, ";"));
  out.Fold();
  out.Join("b=");
  HashFields(fields_, names_, spec.header, scratch_, hash_);
  scratch_.clear();
  AppendCanonicalField(spec.header, field, scratch_);
  hash_.Add(scratch_);
  return hash_.Finish();
}

void CompleteField(std::string_view signature, std::string& field) {
  const std::string base64 = Base64(signature);
  std::size_t column = 3;  // Behind " b=".
  for (std::string_view rest = base64; !rest.empty();) {
    const std::string_view line = rest.substr(0, kLineMax - column);
    if (line.data() != base64.data()) field.append("\r\n ");
    field.append(line);
    rest.remove_prefix(line.size());
    column = 1;
  }
  field.append("\r\n");
}

}  // namespace dkim
