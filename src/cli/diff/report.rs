//! What `diff` found, for people and for programs.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use super::fate::{Effect, Fate};
use super::stored::Stored;
use crate::cli::events::table::plain;
use crate::config::Plan;
use crate::config::change::{Change, How, KeyChange, RuleChange};
use crate::event::{Delivery, Event, Reason, Rules, State};

/// Of each effect.
const MAX_EXAMPLES: usize = 3;
/// Characters of a value in a line for people.
const MAX_SHOWN: usize = 160;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    summary: String,
    pub(super) changes: Change,
    /// Null: none were asked for.
    pub(super) events: Option<Blast>,
}

/// What became of the events, counted.
#[derive(Debug, Default, Serialize)]
pub(super) struct Blast {
    judged: usize,
    /// Not judged: their bodies have been erased.
    erased: usize,
    pub(super) affected: usize,
    effects: BTreeMap<Effect, Affected>,
}

#[derive(Debug, Default, Serialize)]
struct Affected {
    count: usize,
    examples: Vec<Example>,
}

#[derive(Debug, Serialize)]
struct Example {
    event: String,
    source: String,
    r#type: String,
    old: ShownFate,
    new: ShownFate,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum ShownFate {
    Refused(String),
    Unrouted,
    Deliveries(Vec<ShownDelivery>),
}

#[derive(Debug, Serialize)]
struct ShownDelivery {
    route: String,
    namespace: String,
    workflow: String,
    signal: String,
    state: State,
    reason: Option<&'static str>,
    error: Option<String>,
    args: Option<Box<RawValue>>,
    rules: Rules,
}

impl Blast {
    pub(super) fn judge(&mut self, stored: Stored, old: &Plan, new: &Plan) -> Result<(), String> {
        let Some(event) = stored.event()? else {
            self.erased += 1;
            return Ok(());
        };
        self.judged += 1;
        let (old, new) = (Fate::of(&event, old), Fate::of(&event, new));
        if let Some(effect) = old.effect_of(&new) {
            self.affected += 1;
            let affected = self.effects.entry(effect).or_default();
            affected.count += 1;
            if affected.examples.len() < MAX_EXAMPLES {
                affected.examples.push(Example::of(&event, &old, &new));
            }
        }
        Ok(())
    }
}

impl Example {
    fn of(event: &Event, old: &Fate, new: &Fate) -> Self {
        Self {
            event: event.id.to_string(),
            source: event.source.to_string(),
            r#type: event.kind.clone(),
            old: ShownFate::of(old),
            new: ShownFate::of(new),
        }
    }
}

impl ShownFate {
    fn of(fate: &Fate) -> Self {
        match fate {
            Fate::Refused(why) => Self::Refused(why.clone()),
            Fate::Unrouted => Self::Unrouted,
            Fate::Routed(all) => Self::Deliveries(all.iter().map(ShownDelivery::of).collect()),
        }
    }
}

impl ShownDelivery {
    fn of(delivery: &Delivery) -> Self {
        Self {
            route: delivery.route.to_string(),
            namespace: delivery.target.namespace.clone(),
            workflow: delivery.target.workflow.clone(),
            signal: delivery.target.signal.clone(),
            state: delivery.state,
            reason: delivery.reason.map(Reason::code),
            error: delivery.last_error.clone(),
            args: RawValue::from_string(delivery.args.clone()).ok(),
            rules: delivery.rules.clone(),
        }
    }
}

impl Report {
    pub(super) fn new(changes: Change, events: Option<Blast>) -> Self {
        Self {
            summary: changes.summary(),
            changes,
            events,
        }
    }

    pub(super) fn json(&self) -> String {
        // Names of members are text, so there is nothing that could fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn text(&self) -> Vec<String> {
        let mut lines = vec![self.summary.clone()];
        for rule in &self.changes.rules {
            lines.push(String::new());
            lines.extend(of_rule(rule));
        }
        if let Some(blast) = &self.events {
            lines.push(String::new());
            lines.extend(of_blast(blast));
        }
        lines.iter().map(|line| plain(line)).collect()
    }
}

fn of_rule(rule: &RuleChange) -> Vec<String> {
    let head = format!(
        "{} {} {}",
        rule.change.sign(),
        rule.kind.as_str(),
        rule.name
    );
    let width = rule.keys.iter().map(|key| key.key.chars().count()).max();
    let width = width.unwrap_or_default();
    let keys = rule.keys.iter().map(|key| of_key(rule.change, key, width));
    std::iter::once(head).chain(keys).collect()
}

/// Values stand whole: what is decided by them should be seen.
fn of_key(change: How, key: &KeyChange, width: usize) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".to_owned());
    let values = match change {
        How::Added => value(&key.new),
        How::Removed => value(&key.old),
        How::Changed => format!("{} → {}", value(&key.old), value(&key.new)),
    };
    format!("    {:width$}  {values}", key.key)
}

fn of_blast(blast: &Blast) -> Vec<String> {
    let erased = match blast.erased {
        0 => String::new(),
        erased => format!(", {erased} erased and not judged"),
    };
    let judged = counted(blast.judged);
    let head = format!("{judged}, {} affected{erased}", blast.affected);
    let mut lines = vec![head];
    for (effect, affected) in &blast.effects {
        lines.push(format!("{} {}", affected.count, effect.words()));
        for example in &affected.examples {
            let Example {
                event,
                source,
                r#type,
                ..
            } = example;
            lines.push(
                format!("    {event}  {source}  {type}")
                    .trim_end()
                    .to_owned(),
            );
            lines.extend(of_fate("now", &example.old, *effect));
            lines.extend(of_fate("then", &example.new, *effect));
        }
        let more = affected.count.saturating_sub(affected.examples.len());
        if more > 0 {
            lines.push(format!("    and {more} more"));
        }
    }
    lines
}

fn counted(events: usize) -> String {
    format!(
        "{events} event{} judged",
        if events == 1 { "" } else { "s" }
    )
}

fn of_fate(when: &str, fate: &ShownFate, effect: Effect) -> Vec<String> {
    let line = |text: String| format!("        {when:<4}  {text}");
    match fate {
        ShownFate::Refused(why) => vec![line(format!("refused: {why}"))],
        ShownFate::Unrouted => vec![line("unrouted".to_owned())],
        ShownFate::Deliveries(deliveries) => {
            let deliveries = deliveries.iter();
            deliveries.map(|it| line(of_delivery(it, effect))).collect()
        }
    }
}

fn of_delivery(delivery: &ShownDelivery, effect: Effect) -> String {
    let ShownDelivery {
        route,
        namespace,
        workflow,
        signal,
        ..
    } = delivery;
    let text = match (delivery.state, delivery.reason, &delivery.error) {
        (State::Parked, Some(code), Some(error)) => format!("{route}: parked, {code}: {error}"),
        (State::Dropped, ..) => format!("{route}: dropped"),
        _ => format!("{route}: {signal} to {workflow} in {namespace}"),
    };
    match (effect, &delivery.args) {
        (Effect::Arguments, Some(args)) => format!("{text}, {}", cut(args.get())),
        (Effect::Rules, _) => {
            let rules = serde_json::to_string(&delivery.rules).unwrap_or_default();
            format!("{text}, {}", cut(&rules))
        }
        _ => text,
    }
}

fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
