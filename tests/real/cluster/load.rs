//! A person and a program who call the application fifty times a second, whether or not they have been answered.

use super::Whole;
use crate::visitors::{self, Client, HOST};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// Fifty requests a second.
const PACE: Duration = Duration::from_millis(20);

/// Both at work.
pub(super) struct Load {
    stop: CancellationToken,
    work: AbortOnDropHandle<Met>,
}

/// What became of their requests, by the words for it, and when it was so first.
#[derive(Debug, Default)]
pub(super) struct Met {
    pub(super) by_person: BTreeMap<String, (usize, Duration)>,
    pub(super) by_program: BTreeMap<String, (usize, Duration)>,
    /// How long they were at work.
    pub(super) lasted: Duration,
}

/// What is said of a request that got to where it should.
pub(super) const REACHED: &str = "reached the application";
/// What is said of one that was sent to sign in.
pub(super) const SIGN_IN: &str = "was sent to sign in";

impl Met {
    /// How many requests that was, of both.
    pub(super) fn total(&self) -> usize {
        self.by_person.values().chain(self.by_program.values()).map(|(count, _)| count).sum()
    }

    /// Everything that became of requests but what is said here.
    pub(super) fn other_than(&self, fine: &[&str]) -> Vec<String> {
        let all = self.by_person.iter().chain(&self.by_program);
        let other = all.filter(|(what, _)| !fine.contains(&what.as_str()));
        other.map(|(what, (count, first))| format!("{count} of them, the first after {first:?}: {what}")).collect()
    }
}

impl Load {
    /// Puts both to work: every other request is the person's.
    pub(super) async fn start(whole: &Whole) -> Self {
        let session = visitors::sign_in(&whole.client, &whole.ground, "alice@example.com", "/").await;
        let bearer = format!("Bearer {}", whole.own_token().await);
        let stop = CancellationToken::new();
        let work = work(stop.clone(), whole.client.clone(), session, bearer);
        Self { stop, work: AbortOnDropHandle::new(tokio::spawn(work)) }
    }

    /// Lets both finish what they have begun.
    pub(super) async fn end(self) -> Met {
        self.stop.cancel();
        self.work.await.unwrap()
    }
}

async fn work(stop: CancellationToken, client: Client, session: String, bearer: String) -> Met {
    let mut met = Met::default();
    let mut answers: JoinSet<(bool, Duration, String)> = JoinSet::new();
    let mut pace = tokio::time::interval(PACE);
    let begun = Instant::now();
    let mut person = false;
    while !stop.is_cancelled() {
        pace.tick().await;
        person = !person;
        let (client, header) =
            (client.clone(), if person { ("cookie", session.clone()) } else { ("authorization", bearer.clone()) });
        answers.spawn(async move {
            let asked = client.exchange(HOST, &format!("https://{HOST}/"), &[(header.0, &header.1)]).await;
            let what = match asked {
                Ok(answer) if answer.is_from_the_application() => REACHED.to_owned(),
                Ok(answer) if answer.status == http::StatusCode::FOUND => SIGN_IN.to_owned(),
                Ok(answer) => format!("{} {}", answer.status, answer.body.chars().take(200).collect::<String>()),
                Err(error) => format!("no answer: {error}"),
            };
            (person, begun.elapsed(), what)
        });
        while let Some(answer) = answers.try_join_next() {
            met.note(answer.unwrap());
        }
    }
    while let Some(answer) = answers.join_next().await {
        met.note(answer.unwrap());
    }
    met.lasted = begun.elapsed();
    met
}

impl Met {
    fn note(&mut self, (person, when, what): (bool, Duration, String)) {
        let of = if person { &mut self.by_person } else { &mut self.by_program };
        of.entry(what).or_insert((0, when)).0 += 1;
    }
}
