// The suspensions of one (source, site), by whose mail they hold: everybody's, a tenant's or a campaign's. One that is
// over leaves a doubt: those whom it held try one message, and no other until the receiver has answered one of theirs
// and not suspended them again. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "engine/base/time.h"
#include "engine/delivery/suspension.h"

namespace delivery {

// Whose mail: "", "tenant:NAME", "campaign:ID".
inline constexpr std::string_view kEverybody = "";
std::string TenantScope(std::string_view tenant);
std::string CampaignScope(std::string_view campaign);
// Those that hold this campaign's mail. `tenant`: empty, it has none.
std::vector<std::string> ScopesOf(std::string_view campaign, std::string_view tenant);

class Suspensions {
 public:
  using Scopes = absl::Span<const std::string>;
  using TryNumber = std::uint64_t;  // Never used again.
  static constexpr TryNumber kNoTry = 0;
  // What outlives the program.
  struct Kept {
    std::string scope;
    base::Duration rest;  // Zero: it is over, and in doubt.
    std::string reason, sample;
    base::Duration already = {};  // How long it has held so far.
    base::Duration last = {};     // What the next one doubles; zero: that begins at its shortest.
  };

  // Until when.
  base::Instant Suspend(std::string_view scope, base::Instant now, Suspension::Span span, std::string_view reason,
                        std::string_view sample);
  // As Suspension::SuspendUntil.
  void SuspendUntil(std::string_view scope, base::Instant until, base::Instant now, std::string_view reason,
                    std::string_view sample);
  bool IsActive(std::string_view scope, base::Instant now) const;
  // Of those that hold one of `scopes`, the one that ends last; one that has never begun: there is none.
  Suspension Last(Scopes scopes) const;
  base::Instant LastUntil(Scopes scopes) const;  // When that ends; the past: there is none.
  // Ends them; in doubt they stay, until a message that is begun from now on is answered. Returns whose were active.
  std::vector<std::string> Lift(Scopes scopes, base::Instant now);
  // A message was accepted: the next suspension of everybody starts at its shortest again.
  void Forgive();

  // ---- in doubt ----
  bool IsInDoubt(std::string_view scope) const;
  // Somebody tries a message. Returns the try, which is his to end; kNoTry: nothing is in doubt; nullopt: another one
  // is under way, and whoever asked is to be called.
  [[nodiscard]] std::optional<TryNumber> Try(Scopes scopes);
  bool MayTry(Scopes scopes);  // As Try, and nobody tries.
  // The message was answered, or given up. Another's try goes on. True: somebody is to be called.
  bool EndTry(Scopes scopes, TryNumber number);
  // A message that was begun at `began` was answered otherwise. True: this took away a doubt.
  bool OnAnswered(Scopes scopes, base::Instant began, base::Instant now);

  std::vector<Kept> Keep(base::Instant now) const;
  void Restore(const Kept& kept, base::Instant now);
  // Nothing is active, or in doubt since less than `remembered`.
  bool IsUnused(base::Instant now, base::Duration remembered) const;
  bool IsEmpty() const { return entries_.empty(); }  // Nothing was suspended, or is in doubt.

 private:
  struct Entry {
    Suspension suspension;
    bool in_doubt = false;  // Since it began.
    TryNumber tried_by = kNoTry;
    bool has_waiters = false;
  };
  Entry* Find(std::string_view scope);
  const Entry* Find(std::string_view scope) const;

  std::map<std::string, Entry, std::less<>> entries_;  // Mostly empty.
  TryNumber last_try_ = kNoTry;
};

}  // namespace delivery
