//! Facts as they arrive.

use super::Opening;
use crate::engine::event::Event;
use std::time::Duration;

/// Something that is found out.
#[derive(Clone, Debug)]
pub struct Fact {
    /// What it is about.
    pub what: String,
    /// What was found, once it was.
    pub found: Option<String>,
    /// When it was begun.
    pub since: Duration,
}

/// A page to open and a code to type there.
#[derive(Clone, Debug)]
pub struct DeviceCode {
    /// The page.
    pub url: String,
    /// The code.
    pub code: String,
    /// Until when it is good, as a clock shows it.
    pub until: String,
}

/// The facts.
#[derive(Clone, Debug, Default)]
pub struct Looking {
    /// Those that have begun, in order.
    pub facts: Vec<Fact>,
    /// A code that waits to be typed.
    pub device_code: Option<DeviceCode>,
}

impl Looking {
    pub(super) fn new(opening: &Opening) -> Self {
        Self::since(opening, Duration::ZERO)
    }

    /// The same, begun at `now`.
    pub(super) fn since(opening: &Opening, now: Duration) -> Self {
        let what = if opening.practice {
            "Starting the practice ground, and signing in to it"
        } else {
            "Connecting to the cluster, and signing in to Entra"
        };
        Self { facts: vec![Fact { what: what.to_owned(), found: None, since: now }], device_code: None }
    }

    /// Looking once more, at a world that is connected already.
    pub(super) fn again(before: &Self) -> Self {
        let connected = before.facts.iter().take_while(|fact| !fact.what.starts_with("Looking")).cloned();
        Self { facts: connected.collect(), device_code: None }
    }

    pub(super) fn told(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Connected { tenant, tenant_domain, caller, sign_in_method, context, server, .. } => {
                self.device_code = None;
                self.facts = vec![
                    found("Tenant", format!("{tenant_domain}  {tenant}")),
                    found("Signed in as", format!("{caller}, by {sign_in_method}")),
                    found("Cluster", format!("{context}  {server}")),
                ];
            }
            Event::DeviceCodeOver { code } => {
                self.device_code.take_if(|shown| shown.code == *code);
            }
            Event::Looking { at } => {
                self.finish(now);
                self.facts.push(Fact { what: format!("Looking at {at}"), found: None, since: now });
            }
            Event::DeviceCode { url, code, expires } => {
                let until = expires.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M").to_string();
                self.device_code = Some(DeviceCode { url: url.clone(), code: code.clone(), until });
            }
            _ => {}
        }
    }

    /// What was begun is found.
    pub(super) fn finish(&mut self, now: Duration) {
        if let Some(last) = self.facts.last_mut().filter(|last| last.found.is_none()) {
            let took = now.saturating_sub(last.since).as_millis();
            last.found = Some(format!("{}.{} s", took / 1_000, took % 1_000 / 100));
        }
    }
}

fn found(what: &str, found: String) -> Fact {
    Fact { what: what.to_owned(), found: Some(found), since: Duration::ZERO }
}
