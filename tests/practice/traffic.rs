//! People and programs at work: fifty requests a second, sent whether the ones before have been answered or not.

use crate::{knock, world::World};
use reqwest::StatusCode;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Fifty requests a second.
const PACE: Duration = Duration::from_millis(20);
/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(60);
/// So many requests are several hundred.
const SEVERAL_HUNDRED: u64 = 300;

/// What became of requests, by who sent them and the words for it.
pub(crate) type Counts = BTreeMap<(&'static str, String), u64>;

pub(crate) const REACHED: &str = "reached the application";
pub(crate) const SENT_TO_SIGN_IN: &str = "was sent to sign in";
pub(crate) const PEOPLE: &str = "somebody who has signed in";
pub(crate) const PROGRAMS: &str = "a program with a token";

/// Those who call the application, by turns.
pub(crate) struct Traffic<'a> {
    world: &'a World,
    callers: usize,
    counts: Arc<Mutex<Counts>>,
    enough: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl<'a> Traffic<'a> {
    /// Somebody who has signed in, and a program with a token of the application's own.
    pub(crate) fn of_people_and_programs(world: &'a World) -> Self {
        let (client_id, secret) = knock::own_credentials(world);
        let token = knock::token(world, &client_id, &secret, &format!("api://{client_id}/.default"));
        Self::of(world, vec![a_person(world), (PROGRAMS, "authorization", format!("Bearer {token}"))])
    }

    /// Somebody who has signed in.
    pub(crate) fn of_people(world: &'a World) -> Self {
        Self::of(world, vec![a_person(world)])
    }

    /// These callers, each with its header, who have reached the application already.
    fn of(world: &'a World, callers: Vec<(&'static str, &'static str, String)>) -> Self {
        let (client, address) = (knock::client(world), knock::address(world, "/deep/page"));
        let (counts, enough) = (Arc::<Mutex<Counts>>::default(), Arc::new(AtomicBool::new(false)));
        let (seen, ends, several) = (Arc::clone(&counts), Arc::clone(&enough), callers.len());
        let task = world.spawn(async move {
            // A tick that comes late is followed by the next at once: the pace is kept, whatever the machine does.
            let mut pace = tokio::time::interval(PACE);
            let mut under_way = JoinSet::new();
            for (who, name, value) in callers.iter().cycle() {
                if ends.load(Ordering::SeqCst) {
                    break;
                }
                pace.tick().await;
                let request = client.get(&address).header(*name, value);
                let (seen, who) = (Arc::clone(&seen), *who);
                under_way.spawn(async move {
                    let met = met(request.send().await);
                    *seen.lock().unwrap().entry((who, met)).or_default() += 1;
                });
                while under_way.try_join_next().is_some() {}
            }
            // Every one that was sent is counted.
            while under_way.join_next().await.is_some() {}
        });
        let traffic = Self { world, callers: several, counts, enough, task };
        traffic.flows();
        traffic
    }

    /// How many of them met with that.
    pub(crate) fn met(&self, who: &'static str, what: &str) -> u64 {
        self.counts.lock().unwrap().get(&(who, what.to_owned())).copied().unwrap_or_default()
    }

    /// Waits until some more requests have reached the application.
    fn flows(&self) {
        let reached = || self.met(PEOPLE, REACHED) + self.met(PROGRAMS, REACHED);
        let before = reached();
        wait_until(|| reached() > before + 5);
    }

    /// Ends once several hundred are counted, and all that were sent are.
    pub(crate) fn end(self) -> Counts {
        wait_until(|| self.counts.lock().unwrap().values().sum::<u64>() >= SEVERAL_HUNDRED);
        self.enough.store(true, Ordering::SeqCst);
        self.world.wait_for(self.task).unwrap();
        let counts = self.counts.lock().unwrap();
        counts.clone()
    }

    /// Ends, and nobody was let down.
    pub(crate) fn none_failed(self, told: &str) {
        let callers = self.callers;
        let counts = self.end();
        assert!(counts.keys().all(|(_, met)| met == REACHED) && counts.len() == callers, "{counts:?}\n{told}");
    }
}

fn a_person(world: &World) -> (&'static str, &'static str, String) {
    (PEOPLE, "cookie", knock::sign_in(world, "alice@example.com", "/deep/page"))
}

fn met(answer: reqwest::Result<reqwest::Response>) -> String {
    match answer {
        Ok(answer) if knock::reached_the_app(&answer) => REACHED.to_owned(),
        Ok(answer) if answer.status() == StatusCode::FOUND => SENT_TO_SIGN_IN.to_owned(),
        Ok(answer) => format!("got {}", answer.status()),
        Err(error) => format!("got no answer: {error:?}"),
    }
}

pub(crate) fn wait_until(mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "it did not come true in time");
        std::thread::sleep(Duration::from_millis(5));
    }
}
