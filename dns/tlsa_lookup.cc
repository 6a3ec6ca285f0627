// Where the TLSA records of a mail exchanger are (RFC 7672 sections 2.2.2 and 2.2.3).

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dns/mx_lookup.h"
#include "engine/base/check.h"

namespace dns {
namespace {

bool IsError(const Answer& answer) {
  return answer.kind == AnswerKind::kServerFail || answer.kind == AnswerKind::kTimeout;
}

}  // namespace

struct MxLookup::TlsaSearch {
  std::vector<std::string> bases;  // Still to be asked for, the next one last.
  std::uint16_t port = 0;
  base::Duration ttl;  // The smallest so far…
  bool any = false;    // …of any answer.
  TlsaCallback callback;

  void Shorten(base::Duration other) { ttl = std::exchange(any, true) ? std::min(ttl, other) : other; }
  void End(TlsaRecords records) {
    records.ttl = ttl;
    TlsaCallback done = std::move(callback);
    done(records);
  }
  void Fail(const Answer& answer) { End({TlsaRecords::Kind::kError, "", {}, {}, answer.detail}); }
};

// A host whose own addresses are not vouched for may still be an alias that is: then the records at its own name count,
// and only a question for the CNAME itself tells.
void MxLookup::LookupTlsa(const TlsaQuestion& question, std::uint16_t port, TlsaCallback callback) {
  CHECK(question.IsToBeAsked());
  auto search = std::make_shared<TlsaSearch>();
  search->port = port;
  search->callback = std::move(callback);
  search->bases = {question.host};
  if (question.authenticated) {
    if (!question.canonical.empty()) search->bases.push_back(question.canonical);
    AskTlsa(std::move(search));
    return;
  }
  resolver_.Resolve(question.host, RecordType::kCname, [this, alive = alive_, search](const Answer& answer) {
    if (!*alive) return;
    search->Shorten(answer.ttl);
    if (IsError(answer)) return search->Fail(answer);
    if (answer.kind != AnswerKind::kFound || !answer.authenticated) search->bases.clear();
    AskTlsa(search);
  });
}

void MxLookup::AskTlsa(std::shared_ptr<TlsaSearch> search) {
  if (search->bases.empty()) return search->End({TlsaRecords::Kind::kNone, "", {}, {}, ""});
  std::string base = std::move(search->bases.back());
  search->bases.pop_back();
  const std::string name = absl::StrCat("_", search->port, "._tcp.", base);
  resolver_.Resolve(name, RecordType::kTlsa,
                    [this, alive = alive_, search, base = std::move(base)](const Answer& answer) {
                      if (!*alive) return;
                      search->Shorten(answer.ttl);
                      if (IsError(answer)) return search->Fail(answer);
                      if (answer.kind != AnswerKind::kFound || !answer.authenticated) return AskTlsa(search);
                      TlsaRecords records{TlsaRecords::Kind::kFound, base, {}, {}, ""};
                      for (const Record& record : answer.records) records.data.push_back(record.text);
                      search->End(std::move(records));
                    });
}

}  // namespace dns
