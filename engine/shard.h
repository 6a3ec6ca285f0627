// One core's engine: owns one of each part, wires them, and nothing else. A value of time and bytes: the same inputs in
// the same order give the same behaviour, in production and in the simulator.
//
// The loop around it, one turn: read the clock, fire the timers, hand over messages, EndTurn, then wait for I/O until
// NextWake. The signer makes its signatures within EndTurn, a bounded number at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "dns/mx_lookup.h"
#include "engine/delivery/context.h"
#include "engine/delivery/coordinator.h"
#include "engine/delivery/host_limits.h"
#include "engine/delivery/router.h"
#include "engine/delivery/sealer.h"
#include "engine/delivery/shard_message.h"
#include "engine/delivery/site.h"
#include "engine/delivery/sts_policies.h"
#include "engine/delivery/sweeper.h"
#include "engine/shard_budgets.h"

namespace engine {

// A site's suspension that was in force when the campaign last stopped.
struct RestoredSuspension {
  std::string site, source, scope, reason, sample;
  base::WallTime until;
};

class Shard final : private delivery::Router::Owner,
                    private delivery::Site::Owner,
                    private delivery::GroupMember::Caller,
                    private delivery::SessionPool::Caller,
                    private delivery::CampaignFacts,
                    private delivery::DurableWaiter {
 public:
  struct Options {
    std::uint32_t index = 0;
    std::uint32_t count = 1;
    std::uint64_t seed = 0;
    std::uint32_t sessions_max = 1000;  // Of this shard, whatever the program has.
    std::vector<RestoredSuspension> suspensions;
    std::vector<delivery::PauseReason> pauses;  // Of parts of the campaign, that nobody has resumed.
    delivery::PlantedBugs bugs;
  };
  struct Seams {
    io::Io& io;
    const io::Clock& clock;
    io::TimerWheel& timers;
    dns::Resolver& resolver;
    tls::ChannelFactory& tls;
    ledger::CommitLog& commit_log;
    delivery::ShardLinks& links;
    dkim::Signer& signer;
    base::Log& log;
    delivery::HostLimits& limits;                     // The program's…
    delivery::SessionPool& sessions;                  // …and these, too.
    delivery::CampaignRate* campaign_rate = nullptr;  // Null: the campaign has none.
    tls::PolicyFetcher* policies = nullptr;           // Null: no MTA-STS…
    tls::StsCache* sts_cache = nullptr;               // …and neither this.
    tls::ResultCounts* tls_results = nullptr;         // Null: nobody counts.
    std::function<bool()> is_dns_held_by_rate = {};   // Null: it never is.
  };
  enum class Phase : std::uint8_t { kRunning, kDraining, kDrained, kFailed };

  Shard(const delivery::Job& job, Options options, const Seams& seams);
  ~Shard() override;

  // Feeds the domains that this shard is home to. Call once, on the shard's thread.
  void Start();
  void Handle(delivery::ShardMessage message);
  // Ends a turn: pumps the sites that can move, does a slice of sweeping, hands the records over.
  void EndTurn();
  // When the next turn is due without I/O; now, where there is more to do at once.
  base::Instant NextWake() const;

  Phase phase() const { return phase_; }
  const delivery::Counters& durable() const { return commits_.durable(); }
  const delivery::SignatureCounts& signatures() const { return sealer_.counts(); }
  const std::vector<delivery::OutcomeGroup>& outcomes() const { return commits_.groups(); }  // Durable ones.
  const absl::Status& failure() const { return failure_; }                                   // Of the ledger; kFailed.
  const delivery::PauseReason* pause() const { return pause_.get(); }  // Why the campaign pauses; null: it does not.
  bool IsIdle() const { return destinations_.empty(); }                // Nobody is pending here.
  std::uint32_t open_sessions() const { return budget_.used(); }

 private:
  // delivery::Router::Owner, delivery::Site::Owner
  bool WantsSts(const delivery::Destination& destination, const dns::Route* route) override;
  dns::MxLookup::Families WantedFamilies() override;
  void PlaceAtSite(delivery::Destination& destination, const dns::Route& route) override;
  void StartSweep(delivery::Destination& destination, delivery::Sweep sweep) override;
  std::vector<std::uint32_t> SharesOf(std::uint64_t domain) override;
  delivery::RecipientShare ShareOf(const delivery::DestinationKey& key) const;
  delivery::Destination& MakeDestination(delivery::DestinationKey key) override;
  void RemoveDestination(delivery::Destination& destination) override;
  delivery::Destination* FindDestination(delivery::DestinationKey key) override;
  void OnDestinationFinished(delivery::Destination& destination) override;
  void OnDestinationLeft(delivery::Destination& destination) override;
  void OnRouteExpired(delivery::Destination& destination) override;
  bool MayLookUp() const override { return router_.MayLookUp(); }
  void OnSourceCannotBind(std::uint32_t source, int error) override;
  void OnSourceRested();
  void SendSomeBack();
  std::uint32_t SourceOf(const delivery::Destination& destination) const;
  bool TakeNextSource(delivery::Destination& destination) override;
  bool SendByAnother(delivery::Destination& destination, ledger::RecipientId recipient) override;
  void Retire(std::unique_ptr<delivery::Session> session) override;
  void WantsLimits(delivery::Site& site) override;
  bool OverrideDomain(delivery::Destination& destination, delivery::Automation::Override override) override;
  void OnOwnDomain(delivery::Site& site, const std::string& domain) override;
  bool IsStopped(const delivery::Site& site) const override;
  void OnHostUnanswered(const std::string& failure) override;
  void WantsPump(delivery::Site& site) override;
  delivery::Site* FindSite(std::uint64_t id) override;
  std::uint64_t NextSessionId() override;
  // delivery::GroupMember::Caller; on any thread.
  void CallSite(std::uint64_t site, delivery::GroupMember::Call call) override;
  // delivery::SessionPool::Caller; the same.
  void CallForSessions() override;
  // delivery::CampaignFacts
  void OnDomain(std::uint64_t domain, bool missing) override;
  void OnSenderRefused(std::string_view site, std::string_view normalized_text, bool invalid_sender,
                       std::string_view sample) override;
  void OnFirstAttempt(std::string_view provider) override;
  void OnBudgetEvent(delivery::BudgetEvent event, std::string_view provider, std::string_view source,
                     std::string_view sample) override;
  void OnSigningFailed(std::string_view why) override;
  void OnMessageFailed(std::uint64_t row, std::string_view why) override;
  void OnSmarthostUnusable(std::string_view reason, std::string_view sample) override;

  void OnDestinationTimer(delivery::DestinationKey key);
  void OnSwept(delivery::Destination& destination);
  // What a site's limits are read by: the domain that it was made for, or one with a block of its own.
  struct SiteNames {
    std::string domain;
    std::vector<config::MailHost> hosts;
  };
  void SetShaping(std::shared_ptr<const config::Shaping> shaping);
  void Reshape();
  void SetWantedLimits();
  std::string OverriddenDomain(const delivery::Destination& destination) const;
  void RestoreDomainOverrides(const delivery::Destination& destination, const std::vector<config::MailHost>& hosts,
                              const std::string& place);
  bool AddDomainOverride(delivery::DestinationKey key, delivery::Automation::Override override);
  void KeepOverridesOfRules(const delivery::Destination& destination, absl::Span<const config::MailHost> hosts);
  void ApplyDomainOverrides(const delivery::Destination& destination, delivery::Site& site);
  void EndDomainOverrides(base::Instant now);
  std::uint32_t SourceOf(const delivery::DestinationKey& key) const;
  std::shared_ptr<delivery::Warmup> WarmupOf(const delivery::SiteKey& key, const std::string& provider,
                                             const config::Limits& limits) const;
  bool MayTakeOverflow(const delivery::Site& from, std::uint32_t source, bool whole) const;
  std::optional<std::uint32_t> SourceForOverflow(const delivery::Destination& destination) const;
  delivery::Site& SiteFor(delivery::Destination& destination, const dns::Route& route);
  void TakeUpPast(delivery::Site& site);
  void RemoveSite(delivery::Site& site);
  std::vector<delivery::Site*> SitesOf(const std::string& name, std::uint32_t source) const;
  bool IsAlone(const delivery::Destination& destination) const;
  std::string HostsOf(const delivery::Destination& destination, const dns::Route& route) const;
  std::string SiteNameOf(const delivery::Destination& destination, const dns::Route& route) const;
  delivery::SharedLimits SharedLimitsOf(const delivery::SiteKey& key, const SiteNames& names,
                                        const std::string& provider, const config::Limits& limits) const;
  config::Limits LimitsOfOthers(const delivery::SiteKey& key, const SiteNames& names,
                                const config::Limits& limits) const;
  void SetLimits(delivery::Site& site, const config::Limits& limits);
  void SetLimitsOfFiles(delivery::Site& site);
  config::Limits LimitsAtFirst(const delivery::SiteKey& key, const SiteNames& names) const;
  config::Limits LimitsOf(const delivery::Destination& destination, const delivery::Site& site,
                          const dns::Route& route) const;
  std::unique_ptr<delivery::StsPolicies> MakeStsPolicies() const;
  tls::Policy TlsPolicyOf(const delivery::Destination& destination, const delivery::Site& site,
                          const dns::Route& route) const;
  // delivery::DurableWaiter
  void OnRecordsDurable() override;  // Questions of the operator may be answered.
  // A question about all sites and destinations: it looks at some in each turn.
  struct Survey {
    delivery::ShardAnswer answer;
    bool of_metrics = false;
    std::optional<delivery::SiteKey> site = delivery::SiteKey();  // From these on it has to look yet.
    std::optional<delivery::DestinationKey> destination = delivery::DestinationKey();
    std::optional<base::Instant> next_retry;
  };
  void AnswerStatus(std::uint64_t question);
  void AnswerMetrics(std::uint64_t question);
  void AnswerSurveys();
  void Look(const delivery::Site& site, delivery::ShardAnswer& answer) const;
  void Look(const delivery::Destination& destination, Survey& survey) const;
  void PauseByOperator(delivery::OperatorPause message);
  void ResumeByOperator(std::uint64_t question);
  void AnswerWhenDurable(std::uint64_t question);
  // What all sites are told: some in each turn, order by order. Nobody waits for it to begin nothing more (IsStopped).
  struct Order {
    enum class Kind : std::uint8_t { kHold, kResume, kDrain };
    Kind kind = Kind::kHold;
    std::uint64_t sites_made = 0;                                 // Later ones know.
    std::optional<delivery::SiteKey> site = delivery::SiteKey();  // Those from this one on have not been told.
    std::vector<std::uint64_t> questions = {};                    // Are answered then.
    std::size_t suspensions = 0;                 // kResume, on shard 0: so many of earlier runs are lifted, and…
    std::size_t sources = 0;                     // …what the host remembers, of so many sources…
    std::optional<std::string> remembered = "";  // …and of this one's sites up to this one.
  };
  void GiveOrder(Order::Kind kind);
  void TellSites();
  void TellSite(const Order& order, const delivery::SiteKey& key, delivery::Site& site);
  bool LiftRemembered(Order& order, int& left);
  void LiftOnHost(const delivery::SiteKey& key);
  void AnswerWhenTold(std::uint64_t question);

  void Coordinate(std::optional<delivery::PauseReason> pause);
  void Pause(const delivery::PauseCampaign& message);
  void Hold(const delivery::PauseReason& pause);
  void HoldSite(delivery::Site& site);
  void LookIfBlocked();
  void LookOn();
  void NoteMove();
  void Drain();
  void ExpireEveryone();
  void Expire(delivery::Destination& destination);
  void ExpireSome();
  bool WantsToExpire() const;
  void SetWatch();
  void Watch();  // Once a minute: says what it waits for, where nothing else happens.
  void WatchSome();
  bool IsQuiet() const;

  const delivery::Job& job_;
  const Options options_;
  const Seams seams_;
  delivery::CommitQueue commits_;
  base::Instant tells_host_from_;  // That the DNS gives no answer for a mail exchanger.
  delivery::Settler settler_;
  delivery::Sealer sealer_;
  delivery::SessionBudget budget_;
  delivery::CampaignLine line_;
  dns::MxLookup mx_;
  const std::unique_ptr<smtp::Authenticator> authenticator_;  // Null: nobody logs in.
  const delivery::Context context_;
  const std::unique_ptr<delivery::StsPolicies> sts_;  // Null: no policy counts.
  delivery::Coordinator coordinator_;                 // Used on shard 0 only.
  ShardBudgets budgets_;
  delivery::Router router_;
  delivery::Sweeper sweeper_;
  std::map<delivery::DestinationKey, std::unique_ptr<delivery::Destination>> destinations_;
  std::map<delivery::SiteKey, std::unique_ptr<delivery::Site>> sites_;
  absl::flat_hash_map<std::uint64_t, delivery::Site*> sites_by_id_;  // Look-up only, never iterated.
  absl::flat_hash_map<std::uint64_t, SiteNames> site_names_;         // By id; the same.
  const config::Shaping* shaping_;                                   // The job's, or…
  std::shared_ptr<const config::Shaping> new_shaping_;               // …what came since…
  std::set<delivery::SiteKey> want_limits_;                          // Of sites that may be gone meanwhile.
  std::optional<delivery::SiteKey> reshaped_before_;                 // …which sites from this one on have to get yet.
  base::IntrusiveList<delivery::Site, &delivery::Site::pump_hook> to_pump_;
  std::vector<std::unique_ptr<delivery::Session>> retired_;
  std::vector<base::Instant> source_rests_until_;  // Those that could not be bound to.
  io::Timer source_timer_, finish_timer_, watch_timer_, domain_timer_;
  // Of domains that are sites of their own for a while; never empty lists.
  std::map<delivery::DestinationKey, std::vector<delivery::Automation::Override>> domain_overrides_;
  std::uint64_t sessions_made_ = 0, sites_made_ = 0;
  std::uint64_t attempts_seen_ = 0;  // At the last Watch.
  Phase phase_ = Phase::kRunning;
  absl::Status failure_;
  std::unique_ptr<delivery::PauseReason> pause_;
  delivery::DestinationKey unblocked_;                      // The one that was found last to have something to do.
  std::optional<delivery::DestinationKey> look_from_;       // Those before have nothing to do.
  bool is_over_ = false;                                    // delivery.finish_by has come: who is pending expires.
  bool expires_ = false;                                    // There may be some whose sweep has not begun…
  std::optional<delivery::DestinationKey> expire_from_;     // …of these, and then of those nobody has looked at.
  std::optional<delivery::DestinationKey> send_back_from_;  // Sources have rested: who has left them goes back.
  bool suspensions_lifted_ = false;                         // Those of earlier runs.
  // These, by site and source.
  std::multimap<std::pair<std::string, std::string>, const RestoredSuspension*> suspensions_;
  std::vector<std::uint64_t> answers_due_, answers_next_;  // Questions; the former wait for records.
  std::deque<Survey> surveys_;                             // The first is being made.
  std::deque<Order> orders_;                               // The first is being carried out.
  struct Waits {                                           // What Watch has found so far.
    std::optional<delivery::SiteKey> site;                 // None: it does not look.
    std::string example;
    std::size_t held = 0;
  };
  Waits waits_;
};

}  // namespace engine
