// The part of a site that carries out the automation rules of the shaping files, and tells the budgets what they count.

#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "engine/delivery/site.h"

namespace delivery {

using Kind = config::AutomationAction::Kind;

void Site::SetAutomation(config::AutomationRules rules) {
  for (const Automation::Override& ended : automation_.SetRules(std::move(rules)))
    Memory().ForgetSetting(ended.rule, ended.change.setting.key);
  SetAutomationTimer();
}

bool Site::Override(Automation::Override override) {
  Memory().RememberSetting(SettingOf(override));
  const bool is_new = automation_.Add(std::move(override));
  SetAutomationTimer();
  if (is_new) owner_.WantsLimits(*this);
  return is_new;
}

// `destination`: of the recipient that was answered; null: the connection was.
void Site::RunAutomation(const smtp::Reply& reply, Destination* destination) {
  if (reply.first_digit() < 4) return;
  const std::string line = reply.ToString();
  const base::Instant now = context_.clock.Now();
  for (const auto& rule : automation_.OnReply(line, now)) {
    for (const config::AutomationAction& action : rule->actions) CarryOut(*rule, action, line, destination);
  }
}

void Site::CarryOut(const config::AutomationRule& rule, const config::AutomationAction& action,
                    const std::string& sample, Destination* destination) {
  const base::Instant until = context_.clock.Now() + rule.duration;
  switch (action.kind) {
    case Kind::kSuspendTenant:
      if (!context_.job.tenant.empty()) SuspendByRule(rule, TenantScope(context_.job.tenant), sample);
      return;
    case Kind::kSuspendCampaign:
      SuspendByRule(rule, CampaignScope(context_.job.campaign), sample);
      return;
    case Kind::kSuspend:
      SuspendByRule(rule, kEverybody, sample);
      return;
    case Kind::kSetConfig:
    case Kind::kSetDomainConfig:
      break;
  }
  Automation::Override override{.change = action.change, .until = until, .rule = rule.Identity(), .sample = sample};
  if (action.kind == Kind::kSetDomainConfig && destination != nullptr) {
    override.of_domain = true;
    if (!owner_.OverrideDomain(*destination, std::move(override))) return;
  } else if (!Override(std::move(override))) {
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

void Site::OnOverrideEnds() {
  for (const Automation::Override& ended : automation_.TakeEnded(context_.clock.Now()))
    context_.log.Info(absl::StrFormat("%s: the time of %s = %s is over", key_.Title(), ended.change.setting.key,
                                      ended.change.setting.value));
  SetAutomationTimer();
  owner_.WantsLimits(*this);
}

void Site::ForgetAutomation() {
  if (automation_.active().empty()) return automation_.Reset();
  automation_.Reset();
  SetAutomationTimer();
  owner_.WantsLimits(*this);
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
