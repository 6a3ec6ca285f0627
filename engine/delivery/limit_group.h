// Limits that several sites keep together: connections at once, connections and messages over time. There is one for
// each (source, site), for each (source, provider), and for a source over all sites, or a site or a provider over all
// sources, where that has a limit. It is the whole program's: neither shards nor campaigns multiply a limit.
//
// Any thread: a lock guards it, which nobody holds for longer than a few additions. Whoever finds nothing left stands
// in line, and is called when it is his turn: nothing polls.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/base/intrusive_list.h"
#include "engine/base/rate.h"
#include "engine/base/time.h"
#include "engine/delivery/fair_line.h"
#include "engine/delivery/rate_gate.h"

namespace delivery {

class LimitGroup;

// What a group keeps.
struct LimitOptions {
  static constexpr std::uint32_t kNoLimit = UINT32_MAX;
  std::uint32_t connections = kNoLimit;  // At once. At least 1.
  std::optional<base::Rate> connection_rate = std::nullopt, message_rate = std::nullopt;
  friend bool operator==(const LimitOptions&, const LimitOptions&) = default;
};
LimitOptions Strictest(const LimitOptions& a, const LimitOptions& b);  // Of each limit.

// A site's part in a group: the site's shard uses it, the group has its hooks.
class GroupMember {
 public:
  enum class Call : std::uint8_t {
    kPump,      // What it waited for may be there.
    kMakeRoom,  // Another site waits for a connection: an idle one is to end.
    kSettings,  // What automation rules have set there has changed.
  };
  // How a site is called: on any thread, with the group's lock held. It posts to the site's shard and does nothing
  // else.
  class Caller {
   public:
    virtual ~Caller() = default;
    virtual void CallSite(std::uint64_t site, Call call) = 0;
  };
  // Of the site: campaigns share what there is too little of by their weights.
  struct Identity {
    Caller& caller;
    std::uint64_t site = 0;      // Its number on its shard.
    std::uint32_t campaign = 0;  // Number in the program.
    std::uint32_t weight = 1;    // At least 1.
  };

  GroupMember(std::shared_ptr<LimitGroup> group, const Identity& identity);
  GroupMember(const GroupMember&) = delete;
  GroupMember& operator=(const GroupMember&) = delete;
  ~GroupMember();  // Gives back what it has, and leaves every line.

  LimitGroup& group() { return *group_; }
  const LimitGroup& group() const { return *group_; }
  CampaignShare share() const { return {identity_.campaign, identity_.weight}; }

 private:
  friend class LimitGroup;
  const std::shared_ptr<LimitGroup> group_;
  const Identity identity_;
  base::ListHook member_hook_, message_hook_, connection_hook_, idle_hook_;
  bool waits_for_message_ = false, waits_for_connection_ = false;  // As the hooks; the site's thread alone looks.
  std::uint32_t connections_ = 0, closing_ = 0;
  std::uint64_t unwritten_ = 0;
  bool has_token_ = false;
  base::Instant turn_until_;            // As KeepTurn says; the past: it has none.
  std::optional<LimitOptions> allows_;  // As SetOptionsOf says.
};

class LimitGroup {
 public:
  static constexpr std::uint32_t kNoLimit = LimitOptions::kNoLimit;
  using Options = LimitOptions;
  // The names of the limits, as status and reports tell them; literals.
  struct Keys {
    std::string_view connections = "connection_limit", messages = "max_message_rate";
    bool takes_turns =
        true;  // Who begins a message goes to the end of the line; else whoever comes first has what is there.
    // As many are in it as there are receivers: a session is opened only for a message whose turn has come (KeepTurn).
    bool has_turns = false;
  };
  // What may be done now, and if nothing: when to ask again (Never(): it is called), and what it is that there is too
  // little of: one of Keys, "max_connection_rate", or "window" and "adaptive_rate", which were learned.
  struct Room {
    std::uint64_t count = 0;
    base::Instant at = base::Instant::Never();
    std::string_view limit = {};
  };

  LimitGroup(const Options& options, base::Instant now, const Keys& keys);
  LimitGroup(const Options& options, base::Instant now) : LimitGroup(options, now, Keys()) {}
  LimitGroup(const LimitGroup&) = delete;
  LimitGroup& operator=(const LimitGroup&) = delete;

  // The rates keep their debts.
  void SetOptions(const Options& options, base::Instant now);
  // Of a group of several sites: each says what it allows, and the strictest of each limit holds. Nullopt: the member
  // says nothing any more, as before it goes. Where nobody says anything, what was last stays.
  void SetOptionsOf(GroupMember& member, const std::optional<Options>& options, base::Instant now);
  // What was learned of the receiver; nothing is allowed beyond either of them.
  void SetWindow(std::uint32_t connections);
  void SetLearnedRate(const std::optional<base::Rate>& rate, base::Instant now);
  void CallAll(GroupMember::Call call = GroupMember::Call::kPump) const;  // Each of its sites looks what it can do.

  // ---- connections ----
  std::uint32_t connections_max() const;  // That are allowed now.
  // Whether there is one more. If not it stands in line, or is told when the rate allows one.
  Room RoomToConnect(GroupMember& member, base::Instant now);
  Room TakeConnection(GroupMember& member, base::Instant now);  // The same, and takes it.
  void StartClosing(GroupMember& member);                       // One of its connections is about to end…
  void EndConnection(GroupMember& member);                      // …and has.
  void TakeBackConnection(GroupMember& member);                 // Of TakeConnection: it was not opened.
  void AdoptConnection(GroupMember& member);  // One that is there already; there may be too many then.
  bool HasTooMany() const;                    // Connections, since the limit has shrunk.
  std::uint32_t open() const;                 // Connections, but for those that are about to end.
  // `calls`: where others wait it is called at once.
  void SetIdle(GroupMember& member, bool idle, bool calls = true);  // Whether some of its connections do nothing.
  bool DoOthersWait(const GroupMember& member) const;               // For a connection.
  void LeaveConnectionLine(GroupMember& member);

  base::Instant ConnectionAt() const;  // When the rate allows the next one; the past: at once.

  // ---- messages ----
  bool HasMessageRate() const { return has_rate_; }
  // How many messages may be begun: those whose token will be there `ahead` from now.
  Room RoomToBegin(GroupMember& member, base::Instant now, base::Duration ahead);
  // It is about to get a session for a message that may be begun: its turn is kept for it until it begins one, a few
  // minutes at most, however long the session takes. No others get sessions before there is another turn.
  void KeepTurn(GroupMember& member, base::Instant now);
  void UseTurn(GroupMember& member, base::Instant now);  // A message begins.
  void ReturnTurn(GroupMember& member);                  // There is no session for it any more: it is another's.
  // The limit there is no message left of now; "": there is one. Nobody stands in line for asking.
  std::string_view ScarceMessages(base::Instant now) const;
  void Begin(GroupMember& member);    // A message; its token is taken when it is written…
  void PutBack(GroupMember& member);  // …or it is not.
  // Takes the token for the next message that this member writes; true, too, where it has it already.
  [[nodiscard]] bool TakeToken(GroupMember& member, base::Instant now);
  base::Instant TokenAt() const;                           // Never(): none will come.
  base::Instant TokenAt(const GroupMember& member) const;  // The past: it has its own already.
  void OnWritten(GroupMember& member);
  void LeaveMessageLine(GroupMember& member);

  // ---- what outlives the program ----
  // What it owes is written down from now on: `wants_save` (which outlives it) is set where it should be soon. Of rates
  // that nobody has written down yet, a burst is one: when the program is killed, the next one sends no other burst.
  void WriteDown(std::atomic<bool>* wants_save);
  void StartSave();  // Debts that were asked for from now on are to be durable…
  void OnSaved();    // …and are: what they allow for may pass.
  // How long until nothing of the past holds it; of what may pass in the next `unsaved`, as if it had.
  struct Debts {
    base::Duration messages, connections;  // Zero: none.
    // What the rates gave one in, in nanoseconds; 0: not known. A debt is as many messages at another rate.
    double ns_per_message = 0, ns_per_connection = 0;
  };
  Debts debts(base::Instant now, base::Duration unsaved = {}) const;
  void Restore(const Debts& debts, base::Instant now);
  void Tighten(const Debts& debts, base::Instant now);  // The same, where it owes less.
  bool IsUnused(base::Instant now) const;               // Nobody is in it, and it has no debts.

 private:
  friend class GroupMember;
  // What so many members allow.
  struct Allowed {
    Options options;
    std::uint64_t members = 0;
  };

  // With the lock held:
  void Apply(const Options& options, base::Instant now);
  bool SetBursts();
  base::Duration DebtOf(const std::optional<RateGate>& gate, const std::optional<base::Rate>& rate, base::Instant now,
                        base::Duration unsaved) const;
  void ForgetOptionsOf(GroupMember& member);
  std::uint32_t ConnectionsMax() const { return std::min(options_.connections, window_); }
  std::uint32_t FreeConnections() const;
  bool HasRate() const { return messages_.has_value() || learned_.has_value(); }
  std::uint64_t Tokens(base::Instant now, base::Duration ahead) const;
  std::uint64_t Turns(const GroupMember& member, base::Instant now) const;
  bool TakeTurn(base::Instant now);
  void AddTurn();
  Room FindConnection(GroupMember& member, base::Instant now);
  bool OthersWait(const GroupMember& member) const;
  void AskForRoom(const GroupMember& for_whom);
  void DoLeaveMessageLine(GroupMember& member);
  void DoLeaveConnectionLine(GroupMember& member);
  void CallFirstForMessages() const;
  void CallFirstForConnections() const;
  void CallEveryone(GroupMember::Call call = GroupMember::Call::kPump) const;
  static void Call(const GroupMember& member, GroupMember::Call call);

  const Keys keys_;
  mutable std::mutex mutex_;
  Options options_;
  std::vector<Allowed> allowed_;  // By its members: as many as there are settings in files, and rules at work.
  std::uint32_t window_ = kNoLimit;
  std::optional<RateGate> messages_, learned_, connection_rate_;
  std::atomic<bool> has_rate_ = false;             // HasRate(), for who needs no lock where there is none.
  std::optional<RateGate> turns_;                  // To begin messages; as messages_, for those to be written.
  std::uint32_t returned_turns_ = 0;               // Beside those.
  std::atomic<bool>* wants_save_ = nullptr;        // Null: nothing is written down.
  bool is_saved_ = true, is_being_saved_ = false;  // Its rates as they are.
  std::uint32_t connections_ = 0, closing_ = 0;
  std::uint64_t unwritten_ = 0;  // Messages that were begun, and have not taken their token.
  base::IntrusiveList<GroupMember, &GroupMember::member_hook_> members_;
  FairLine<GroupMember, &GroupMember::connection_hook_> connection_line_;
  FairLine<GroupMember, &GroupMember::message_hook_> message_line_;
  base::IntrusiveList<GroupMember, &GroupMember::idle_hook_> idle_;  // Longest idle first.
};

}  // namespace delivery
