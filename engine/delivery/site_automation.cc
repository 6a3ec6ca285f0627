// The part of a site that carries out the automation rules of the shaping files, and tells the budgets what they count.

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/delivery/site.h"

namespace delivery {

using Kind = config::AutomationAction::Kind;

namespace {

bool IsSetting(const config::AutomationAction& action) {
  return action.kind == Kind::kSetConfig || action.kind == Kind::kSetDomainConfig;
}

// Whom it is for.
std::string ScopeOf(const config::AutomationAction& action, const Job& job) {
  if (action.kind == Kind::kSuspendTenant) return TenantScope(job.tenant);
  return action.kind == Kind::kSuspendCampaign ? CampaignScope(job.campaign) : std::string(kEverybody);
}

}  // namespace

void Site::SetAutomation(config::AutomationRules rules) {
  for (const Automation::Override& ended : automation_.SetRules(std::move(rules)))
    Memory().ForgetSetting(ended.rule, ended.change.setting.key);
  (void)automation_.TakeUp(Memory().settings(context_.clock.Now()));
  SetAutomationTimer();
}

bool Site::Override(const Automation::Override& override) {
  const bool is_new = Memory().RememberSetting(SettingOf(override), context_.clock.Now());
  TakeUpSettings(&override);
  return is_new;
}

// By whichever campaign's rules. It may hold for longer than this site has heard.
void Site::TakeUpSettings(const Automation::Override* fired) {
  const base::Instant now = context_.clock.Now();
  const Automation::News news = automation_.TakeUp(Memory().settings(now), fired);
  for (const Automation::Override& ended : news.ended) {
    if (ended.until <= now)
      context_.log.Info(absl::StrFormat("%s: the time of %s = %s is over", key_.Title(), ended.change.setting.key,
                                        ended.change.setting.value));
  }
  SetAutomationTimer();
  if (news.is_other) owner_.WantsLimits(*this);
}

// Those of a domain's own limits, too, which others have set.
void Site::OnSettings() {
  TakeUpSettings();
  for (const std::string& domain : standing_->OwnDomainsAfter(own_domains_seen_)) owner_.OnOwnDomain(*this, domain);
}

// `destination`: of the recipient that was answered; null: the connection was. For whom a rule acts is counted apart:
// everybody, or the mail of a tenant or campaign.
void Site::RunAutomation(const smtp::Reply& reply, Destination* destination) {
  if (reply.first_digit() < 4) return;
  const std::string line = reply.ToString();
  for (const auto& rule : automation_.Fitting(line)) {
    std::map<std::pair<SiteStanding*, std::string>, bool> acts;
    for (const config::AutomationAction& action : rule->actions) {
      if (action.kind == Kind::kSuspendTenant && context_.job.tenant.empty()) continue;
      SiteStanding& standing = IsSetting(action) ? Memory() : *standing_;
      const auto [counted, is_new] = acts.try_emplace({&standing, ScopeOf(action, context_.job)}, false);
      if (is_new) counted->second = standing.CountFit(*rule, counted->first.second, context_.clock.Now());
      if (counted->second) CarryOut(*rule, action, line, destination);
    }
  }
}

void Site::CarryOut(const config::AutomationRule& rule, const config::AutomationAction& action,
                    const std::string& sample, Destination* destination) {
  if (!IsSetting(action)) {
    const bool is_apart = action.kind == Kind::kSuspend && context_.bugs.rules_of_each_campaign;
    const std::string scope = is_apart ? CampaignScope(context_.job.campaign) : ScopeOf(action, context_.job);
    return SuspendByRule(rule, scope, sample);
  }
  const base::Instant until = context_.clock.Now() + rule.duration;
  Automation::Override override{.change = action.change, .until = until, .rule = rule.Identity(), .sample = sample};
  if (action.kind == Kind::kSetDomainConfig && destination != nullptr) {
    override.of_domain = true;
    if (!owner_.OverrideDomain(*destination, std::move(override))) return;
  } else if (!Override(override)) {
    return;  // It has been told.
  }
  context_.log.Warning(absl::StrFormat("%s: %s for %d s, by the automation rule at %s: %s", key_.Title(), action.text,
                                       rule.duration.seconds(), rule.place, sample));
}

// A rule may hold it longer than what the reply's class did a moment ago.
void Site::SuspendByRule(const config::AutomationRule& rule, std::string_view scope, const std::string& sample) {
  const base::Instant now = context_.clock.Now();
  const base::Instant until = now + rule.duration;
  const std::string reason = "automation rule at " + rule.place;
  if (!standing_->SuspendUntil(scope, until, now, reason, sample)) return;
  WriteSuspension(scope, until, reason, sample);
  const std::string whose = scope == kEverybody ? "" : absl::StrFormat(" for %s", scope);
  context_.log.Warning(absl::StrFormat("%s is suspended%s for %d s (%s): %s", key_.name, whose, rule.duration.seconds(),
                                       reason, sample));
  owner_.WantsPump(*this);
}

void Site::SetAutomationTimer() {
  if (automation_.NextEnd().IsNever()) {
    context_.timers.Cancel(automation_timer_);
  } else {
    context_.timers.Set(automation_timer_, automation_.NextEnd());
  }
}

void Site::TellBudgets(const smtp::Verdict& verdict, const std::string& sample) {
  BudgetEvent event = BudgetEvent::kNone;
  if (verdict.authentication_failed) {
    event = BudgetEvent::kAuthenticationFailed;
  } else if (verdict.classification == smtp::Classification::kSpamBlock) {
    event = BudgetEvent::kBlocked;
  } else if (verdict.classification == smtp::Classification::kSpamContent) {
    event = BudgetEvent::kContent;
  } else if (verdict.outcome == smtp::Outcome::kBounced) {
    event = BudgetEvent::kBounced;
  }
  if (event == BudgetEvent::kNone) return;
  context_.facts.OnBudgetEvent(event, provider_, context_.job.sources[key_.source].name, sample);
}

}  // namespace delivery
