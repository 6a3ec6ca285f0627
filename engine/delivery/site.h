// One receiving system, for one source: the identity of an MX set. It owns the sessions there and what limits them
// (window, rate, messages per connection), pulls recipients from its destinations in turn, and acts on verdicts.
//
// It never polls: whatever holds it back says when it opens, and its timer is set to that.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dns/mx_lookup.h"
#include "engine/base/intrusive_list.h"
#include "engine/config/automation.h"
#include "engine/config/shaping.h"
#include "engine/delivery/automation.h"
#include "engine/delivery/context.h"
#include "engine/delivery/destination.h"
#include "engine/delivery/host_plan.h"
#include "engine/delivery/limit_group.h"
#include "engine/delivery/ready_demand.h"
#include "engine/delivery/session.h"
#include "engine/delivery/shared_limits.h"
#include "engine/delivery/site_standing.h"
#include "engine/delivery/throttle.h"
#include "engine/delivery/warmup.h"
#include "engine/smtp/reply_policy.h"
#include "tls/policy.h"

namespace delivery {

tls::Policy PolicyOf(config::TlsMode mode);

// Names a site on its shard.
struct SiteKey {
  std::string name;          // Identity of the MX set; of a domain that is a site of its own, the domain.
  std::string hosts;         // Then that of its MX set; else empty.
  std::uint32_t source = 0;  // Index in the job.
  std::string domain = {};   // That has limits of its own there for a while, beside those of the others; else empty.
  std::string Title() const { return domain.empty() ? name : domain + "@" + name; }
  friend auto operator<=>(const SiteKey&, const SiteKey&) = default;
};

class Site final : private Session::Owner, private SessionBudget::Waiter, private CampaignLine::Waiter {
 public:
  // What the site needs from its shard.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void OnDestinationFinished(Destination& destination) = 0;  // Nobody is pending; it is in no list.
    virtual void OnDestinationLeft(Destination& destination) = 0;      // It wants a new route; it is in no list.
    virtual void OnRouteExpired(Destination& destination) = 0;         // Ask again; it stays meanwhile.
    virtual bool MayLookUp() const = 0;  // Few enough are asked for that one who leaves for a new route has it soon.
    virtual void StartSweep(Destination& destination, Sweep sweep) = 0;
    virtual void OnSourceCannotBind(std::uint32_t source, int error) = 0;
    // The destination's hosts cannot be reached from its source. True: it is to get the next source with its next
    // route.
    virtual bool TakeNextSource(Destination& destination) = 0;
    // The claimed recipient, which nobody has tried, goes by another source that may send it. False: there is none.
    virtual bool SendByAnother(Destination& destination, ledger::RecipientId recipient) = 0;
    // Call SetLimits: the overrides have changed.
    virtual void WantsLimits(Site& site) = 0;
    // The destination's domain gets limits of its own for a while: it moves once nothing of it is in flight. False: it
    // was overridden so already, and is for longer now.
    virtual bool OverrideDomain(Destination& destination, Automation::Override override) = 0;
    // The same, by another campaign or for another destination of that domain.
    virtual void OnOwnDomain(Site& site, const std::string& domain) = 0;
    // It drains or is paused, which it may not have been told yet: nothing more begins there.
    virtual bool IsStopped(const Site& site) const = 0;
    virtual void OnHostUnanswered(const std::string& failure) = 0;  // By the DNS: a mail exchanger's name, and why.
    virtual void WantsPump(Site& site) = 0;                         // At the end of the turn.
    virtual Site* FindSite(std::uint64_t id) = 0;                   // Null: it is gone.
    virtual void Retire(std::unique_ptr<Session> session) = 0;      // Destroy it at the end of the turn.
    virtual std::uint64_t NextSessionId() = 0;
  };

  Site(std::uint64_t id, SiteKey key, std::string provider, const config::Limits& limits, const SharedLimits& shared,
       const dns::Route& route, const Context& context, Owner& owner);
  ~Site() override;

  // Only sessions that were opened under `policy` serve the destination; its order of hosts is that of the route.
  void Add(Destination& destination, const tls::Policy& policy, const dns::Route& route, base::Instant route_expires);
  // The same of one that is here, from now on.
  void Refresh(Destination& destination, const tls::Policy& policy, const dns::Route& route,
               base::Instant route_expires);
  // The files say that it belongs there from now on. SetLimits is to follow.
  void SetProvider(std::string provider) { provider_ = std::move(provider); }
  // What holds from now on.
  void SetLimits(const config::Limits& limits, const SharedLimits& shared);
  // What its campaign allows there stays when it goes: the campaign has others of the same standing.
  void LeaveLimits() { leaves_limits_ = true; }
  // One of its groups calls.
  void OnCall(GroupMember::Call call);
  // The automation rules from now on; what earlier ones have set ends. SetLimits is to follow.
  void SetAutomation(config::AutomationRules rules);
  // False: it was overridden so already, and is for longer now.
  bool Override(const Automation::Override& override);
  // What rules have set there, whoever it was; where that is new, the owner is asked for limits.
  void TakeUpSettings(const Automation::Override* fired = nullptr);
  std::vector<config::Shaping::Change> overrides() const { return automation_.Overrides(); }
  // A destination's timer fired while it waits here.
  void OnDue(Destination& destination);
  // A sweep of one of its destinations is complete.
  void OnSwept(Destination& destination);
  void SendAway(Destination& destination);  // To another route, once nothing of it is in flight.
  void EndUnused();  // Who left goes to a site with some of these hosts: sessions that nobody needs say goodbye.
  // Does what can be done now: begins transactions, opens sessions, sets the timer for the rest.
  void Pump();

  // No new recipients and no new sessions from now on; idle sessions say goodbye.
  void Drain();
  // Begins nothing any more until it is resumed, or belongs to nobody who is paused. It only keeps its routes up to
  // date.
  void Pause(std::string_view reason);
  void EndPause();
  // Lifts pause, suspension and breaker.
  void Resume();
  bool IsPaused() const { return paused_; }
  // Whether it may have mail of another source that is warming: `whole`, as much as there is.
  bool MayTakeOverflow(bool whole) const;
  SiteStanding& standing() { return *standing_; }
  // Holds the mail of `scope` until `until` (restored after a restart).
  void RestoreSuspension(std::string_view scope, base::Instant until, std::string_view reason, std::string_view sample);

  bool IsUnused() const;  // No destinations, no sessions, and nothing holds it: it may be destroyed.
  bool HasSessions() const { return sessions_ > 0; }
  bool HasTransactions() const { return transactions_ > 0; }
  std::uint64_t id() const { return id_; }
  const SiteKey& key() const { return key_; }
  const config::Limits& limits() const { return limits_; }
  const std::string& provider() const { return provider_; }
  // Of its hosts, those that the policy does not name; as tls::Policy says.
  std::uint32_t HostsWithout(const tls::StsPolicy& policy) const;
  // Why it does not send now, and until when; none: nothing holds it.
  std::optional<HeldQueue> HeldNow() const;
  // What limit keeps it from sending more now; none: nothing does.
  std::optional<LimitedQueue> LimitedNow() const;
  bool IsHeldNow() const { return paused_ || HeldUntil().has_value(); }  // For those who only count.
  bool HasDestinations() const { return !ready_.empty() || !waiting_.empty(); }

  base::ListHook pump_hook;  // In the shard's list of sites to pump at the end of the turn.

 private:
  using SessionList = base::IntrusiveList<Session, &Session::site_hook>;
  static constexpr base::Duration kSerialFor = base::Duration::Hours(24);
  static constexpr base::Duration kBeginAhead = base::Duration::Milliseconds(100);
  static constexpr base::Duration kTokenPatience = base::Duration::Minutes(1);  // Of a durable attempt.
  static constexpr base::Duration kDrainPatience = base::Duration::Seconds(1);  // Of all of them, in a drain.

  // Session::Owner
  void OnSessionReady(Session& session) override;
  void OnSessionSealed(Session& session, const absl::Status& status) override;
  void OnSessionLost(Session& session) override;
  bool MayWrite(Session& session) override;
  void OnSessionWrites(Session& session) override;
  void OnSessionMayTakeNext(Session& session) override;
  void OnNextSealed(Session& session) override;
  void OnNextNotSealed(Session& session, const absl::Status& status) override;
  void OnNextLost(const Session::Waiting& waiting) override;
  bool KeepsNext(Session& session) override;
  bool MayMakeRoom(const Session& session) override;
  void OnSessionContentWanted(Session& session) override;
  void OnSessionResult(Session& session, const smtp::TransactionResult& result) override;
  void OnSessionOpenFailed(Session& session, const smtp::ConnectionFact& fact) override;
  void OnSessionClosing(Session& session) override;
  void OnSessionEnded(Session& session) override;
  // SessionBudget::Waiter
  void OnSessionSlotFree() override;
  // CampaignLine::Waiter
  void OnMayBegin() override;

  // An address that does not do for a policy.
  struct TlsFailure {
    tls::Policy policy;
    base::IpAddress address;
    std::string text;           // What was wrong.
    base::Instant rests_until;  // It is not tried again before.
  };

  void DoWhatCanBeDone();
  std::string_view Hold() const;
  base::Instant HoldSince(std::string_view hold) const;
  void Rest(base::Instant until);
  void RestForDns(base::Instant until);
  std::string SampleOfLimit(std::string_view limit) const;
  // What is known of a host's TLSA records.
  struct HostDane {
    enum class State : std::uint8_t { kUnknown, kAsking, kNone, kRecords, kFailed };
    dns::TlsaQuestion question;
    State state = State::kUnknown;
    base::Instant until;      // Then it is asked again.
    std::uint32_t asked = 0;  // So many times; only the last answer counts.
    std::vector<tls::TlsaRecord> usable;
    std::string base, failure;  // Whose name the records are at; why there are none.
    base::Duration backoff = {};
  };
  enum class DaneStep : std::uint8_t {
    kNone,     // It has no records that count.
    kRecords,  // They hold.
    kFailed,   // Whether it has some cannot be known: it must not be used.
    kWait,     // Somebody is asking.
  };
  DaneStep DaneOf(std::size_t host);
  void OnTlsa(std::size_t host, const dns::TlsaRecords& records);
  std::uint32_t OrderOf(const dns::Route& route);
  bool MayConnect(const HostPlan::Next& next, const tls::Policy& policy, bool& waits);
  void ApplyDane(std::size_t host, Session::Options& options) const;
  void KeepToItsDomain(Session& session);

  bool IsStopped() const { return draining_ || paused_ || owner_.IsStopped(*this); }
  base::Instant RestedAt() const;
  std::optional<base::Instant> HeldUntil() const;  // By suspension, rest or a missing address.
  struct Claimed {
    Destination* destination;
    ledger::RecipientId recipient;
  };
  std::optional<Claimed> ClaimUnder(const tls::Policy& policy);
  bool BeginNext(Session& session);
  void SetShared(const SharedLimits& shared);
  void ApplyToWhatIsOpen(const config::Limits& before);
  std::uint32_t DeliveriesMax() const;
  HostPlan::Options PlanOptions() const;
  bool IsWantedFamily(const base::IpAddress& address) const;
  bool MayUse(const base::IpAddress& address) const;
  SiteStanding& Memory() { return own_ != nullptr ? *own_ : *standing_; }  // Of what rules have set.
  void LeaveGroups();
  std::unique_ptr<GroupMember> Join(std::shared_ptr<LimitGroup> group);
  void PumpNow();
  void LeaveLines(const GroupMember* for_messages, const GroupMember* for_connections);
  bool HasMessageRate() const;
  void SetWarmup(std::shared_ptr<Warmup> warmup);
  void TellWarmup();
  std::uint64_t WarmupRoom();
  bool TakeOfWarmup();
  void SendOverflow();
  std::uint64_t RoomToBegin(base::Duration ahead);
  void CountBegun();
  void CountPutBack();
  void CountUnwritten();
  bool Try(ledger::RecipientId id);
  void EndTryOf(ledger::RecipientId id);
  void EndTry();
  bool TakeTokens();
  base::Instant TokenAt() const;
  void ServeWriters();
  void WithholdWriters(std::string_view why);
  bool HasRoomToConnect();
  bool TakeConnections();
  bool IsBlocked(GroupMember& member, const LimitGroup::Room& room);
  void TellIdle();
  bool IsToEnd(const Session& session) const;
  void NoteSmtpUtf8Nowhere();
  bool SeeksSmtpUtf8(const Session& session, const smtp::TransactionResult& result);
  bool TakePipeliningTrouble(const Session& session, const smtp::TransactionResult& result);
  bool IsSerial(const base::IpAddress& address) const;
  bool TakeUnanswered(const Session& session, const smtp::TransactionResult& result);
  void OnUnmadeMessage(Destination& destination, ledger::RecipientId id, const absl::Status& why);
  bool BeginTransaction(Session& session, Destination& destination, ledger::RecipientId id);
  void PutBack(Destination& destination, ledger::RecipientId id);
  void StopSealing(Session& session);
  void StopAllSealing();
  void OpenSessions();
  void OpenSessions(const tls::Policy& policy);
  bool OpenSession(const HostPlan::Next& next, const tls::Policy& policy);
  void MakeRoom();
  void MakeRoomForOthers();
  void ResolveHost(std::size_t host);
  void AskForHost(std::size_t host, bool want_v6);
  void OnHostAddresses(std::size_t host, const dns::HostAddresses& answer, bool with_v6);
  void SetHostAddresses(std::size_t host, const dns::HostAddresses& answer);
  void OnNoHostLeft(HostPlan::Step step);
  void OnNoWay(std::uint32_t refused, HostPlan::Step step);
  void OnHangUp(Session& session, const smtp::ConnectionFact& fact);
  void OnRoundFailed(const tls::Policy& policy);
  void OnOtherFamily(const tls::Policy* under);
  bool MoveToIpv4();
  bool WantsSession(const tls::Policy& policy, std::uint64_t demand, std::uint64_t tokens);

  static smtp::TlsUse TlsUseOf(const tls::Policy& policy, bool broken);
  static std::size_t CountUnder(const SessionList& sessions, const tls::Policy& policy);
  Destination* NextFor(const tls::Policy& policy);
  Session* FittingSession();
  std::vector<base::IpAddress> AvoidedUnder(const tls::Policy& policy);
  void CountTls(const Session& session, smtp::TlsTrouble trouble);
  void AddTlsResult(const std::string& domain, tls::PolicyType type, tls::Result result);
  void NoteTlsWorks(Session& session);
  static TlsPeer PeerOf(const Session::Options& options);
  bool RetriesCompatibly(const Session& session, const smtp::ConnectionFact& fact);
  bool TakeTlsFailure(const Session& session, const smtp::ConnectionFact& fact);
  bool NoteTlsDemand(const Session& session, const smtp::Reply& reply);
  void TakeTlsDemand(Session& session, smtp::Verdict& verdict);
  bool IsTlsDemanded(const base::IpAddress& address) const;
  bool IsWrongInClear(const Session& session) const;
  bool OnTlsUnsatisfied(const tls::Policy& policy);
  bool RefusesEveryHost(const tls::Policy& policy) const;
  Sweep TlsRequired(std::string text) const;
  void SweepUnder(const tls::Policy& policy, const Sweep& sweep);
  void OnNamedHostsFailed(const tls::Policy& policy, HostPlan::Step step);

  void StopBeginning();
  void AskForRoutes();
  void TellBudgets(const smtp::Verdict& verdict, const std::string& sample);
  SessionList& ListOf(Session::Listing listing);
  void MoveSession(Session& session, Session::Listing to);
  static std::optional<Suspension::Span> SpanOf(const smtp::Verdict& verdict);
  static std::string SampleOf(const smtp::Verdict& verdict);
  ledger::Outcome Describe(const Session& session, const smtp::Verdict& verdict) const;
  smtp::Outcome ApplyBreaker(ledger::RecipientId id, smtp::Verdict& verdict);
  void ApplyEffects(const Session& session, const smtp::Verdict& verdict);
  void Trouble(base::Instant began);
  void DeferOne(const tls::Policy& policy, const smtp::Verdict& verdict);
  void Suspend(Suspension::Span span, std::string_view reason, std::string_view sample);
  void WriteSuspension(std::string_view scope, base::Instant until, std::string_view reason, std::string_view sample);
  void Reconsider(Destination& destination);
  void MoveTo(Destination& destination, Destination::Place place);
  void CountDemand(Destination& destination);
  void RunAutomation(const smtp::Reply& reply, Destination* destination);
  void CarryOut(const config::AutomationRule& rule, const config::AutomationAction& action, const std::string& sample,
                Destination* destination);
  void SuspendByRule(const config::AutomationRule& rule, std::string_view scope, const std::string& sample);
  void SetAutomationTimer();
  void OnSettings();
  Sweep SweepOfSite(ledger::OutcomeKind kind, std::string command) const;
  void SweepAll(const Sweep& sweep);
  void SetTimer(base::Instant at);

  const std::uint64_t id_;
  const SiteKey key_;
  std::string provider_;
  config::Limits limits_;
  const Context& context_;
  const std::vector<std::string> scopes_;  // Whose suspensions hold its mail.
  Owner& owner_;
  io::Timer timer_;
  HostPlan hosts_;
  std::shared_ptr<SiteStanding> standing_, own_;
  std::vector<std::unique_ptr<GroupMember>> members_;  // The widest first, that of the standing last.
  const GroupMember* message_blocker_ = nullptr;       // What it waits for since it was pumped.
  const GroupMember* connection_blocker_ = nullptr;
  std::unique_ptr<WarmupMember> warmup_;  // Null: none.
  std::size_t overflow_left_ = 0;         // Destinations that this look for overflow has not come to.
  base::Instant overflow_next_;           // The next look begins then.
  bool waits_for_session_ = false;
  bool told_idle_ = false;
  struct Tried {
    ledger::RecipientId recipient;
    SiteStanding::TryNumber number;
  };
  std::optional<Tried> tried_;  // The one message that is tried after a suspension is its own.
  io::Timer writers_timer_;
  base::IntrusiveList<Session, &Session::writer_hook> writers_;  // Durable attempts that wait for their rate token.
  base::Instant writes_until_ = base::Instant::Never();          // In a drain nobody waits for his token any longer.
  Breaker breaker_;
  base::Instant lingers_until_;
  Automation automation_;
  io::Timer automation_timer_;
  std::uint64_t own_domains_seen_ = 0;  // Of those that the standing tells of.
  base::Instant rests_until_;           // After failed connections, or a message that could not be made or signed.
  base::Instant dns_until_;             // No host has an address that is known.
  std::optional<base::Instant> rests_since_, dns_since_;  // However often it was tried in vain since.
  base::Duration opening_backoff_;
  std::uint32_t failed_rounds_ = 0;              // In a row.
  int hang_ups_ = 0;                             // New sessions in a row that the server ended before it answered MAIL.
  std::optional<smtp::ConnectionFact> refusal_;  // Of this round: a greeting or EHLO that said no.
  smtp::ConnectionFact last_fact_;               // The last failure to connect…
  std::string last_failure_;                     // …and for people.
  base::Instant rests_opening_until_;            // Until then, no more than so many sessions: new ones failed…
  std::uint32_t enough_sessions_ = 0;            // …beside these, which work.
  std::vector<HostDane> dane_;                   // Of each host.
  std::size_t orders_max_ = 64;                  // With more than these, those that nobody uses any more are forgotten.
  std::vector<TlsFailure> tls_failures_;         // Addresses that rest.
  // Addresses that go wrong when commands come in groups, or with BDAT: one at a time, and DATA, until then.
  std::map<base::IpAddress, base::Instant> serial_until_;
  // Addresses that wanted TLS when they were spoken to in clear: not again, until then.
  std::map<base::IpAddress, base::Instant> tls_demanded_until_;
  std::map<std::uint32_t, base::Instant> no_way_since_;  // By refused hosts: no other had a usable address.
  bool draining_ = false, leaves_limits_ = false, paused_ = false;
  std::string pause_reason_;
  base::Instant paused_since_;
  Throttle throttle_;
  std::string trouble_sample_;  // The last reply that made the window smaller.

  base::IntrusiveList<Destination, &Destination::hook> ready_, waiting_;
  ReadyDemand demand_;  // Of those that are ready.
  // Addresses that did not offer SMTPUTF8 when somebody needed it: mail goes to the others, until there are none.
  std::vector<base::IpAddress> without_smtputf8_;
  bool smtputf8_is_nowhere_ = false;
  std::uint32_t mail_max_ = 0;  // Messages per connection, as the last EHLO said (RFC 9422); 0: any number.
  SessionList opening_, idle_, busy_, closing_;
  std::uint32_t sessions_ = 0;
  std::uint32_t transactions_ = 0;  // Between BeginTransaction and its result, or until it is given up.
  std::uint32_t unwritten_ = 0;     // Of these, those that have not taken their rate token yet.
  base::Duration open_took_;        // Until a new session was ready, lately.
};

}  // namespace delivery
