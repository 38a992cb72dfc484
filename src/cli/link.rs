//! A connection that is made when it is first needed, once for everybody who needs it.

use crate::{
    engine::event::{Problem, ProblemKind},
    wizard::Need,
};
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// A connection to one place at a time, which `K` names.
pub(super) struct Link<K, T> {
    latest: Mutex<Option<(K, Arc<Attempt<T>>)>>,
}

struct Attempt<T> {
    /// Another place is connected to instead.
    superseded: CancellationToken,
    /// Held by whoever connects; the others wait for it.
    outcome: tokio::sync::Mutex<Outcome<T>>,
}

enum Outcome<T> {
    /// Nobody has got anywhere yet.
    Open,
    Connected(T),
    /// Why not, and who has been told so.
    Failed(Problem, Vec<Need>),
}

impl<K, T> Default for Link<K, T> {
    fn default() -> Self {
        Self { latest: Mutex::new(None) }
    }
}

impl<K: PartialEq, T: Clone> Link<K, T> {
    /// The connection to the place that `key` names. Where there is none yet, `connecting` makes it, for everybody who asks
    /// meanwhile; if whoever connects is dropped, the next one does.
    ///
    /// A failure is told once for each `need`: a need that comes back is somebody who has looked again, and so is nobody's need.
    /// Asking for another place ends every wait for this one.
    pub(super) async fn get(
        &self,
        key: K,
        need: Option<&Need>,
        connecting: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        let attempt = self.attempt(key);
        let connecting = async {
            let mut outcome = attempt.outcome.lock().await;
            match (&mut *outcome, need) {
                (Outcome::Connected(connection), _) => return Ok(connection.clone()),
                (Outcome::Failed(problem, told), Some(need)) if !told.contains(need) => {
                    told.push(need.clone());
                    return Err(problem.clone());
                }
                _ => {}
            }
            let connected = connecting.await;
            *outcome = match &connected {
                Ok(connection) => Outcome::Connected(connection.clone()),
                Err(problem) => Outcome::Failed(problem.clone(), need.cloned().into_iter().collect()),
            };
            connected
        };
        attempt.superseded.run_until_cancelled(connecting).await.unwrap_or_else(|| Err(superseded()))
    }

    fn attempt(&self, key: K) -> Arc<Attempt<T>> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, attempt)) = &*latest {
            if *of == key {
                return Arc::clone(attempt);
            }
            attempt.superseded.cancel();
        }
        let attempt =
            Arc::new(Attempt { superseded: CancellationToken::new(), outcome: tokio::sync::Mutex::new(Outcome::Open) });
        *latest = Some((key, Arc::clone(&attempt)));
        attempt
    }
}

fn superseded() -> Problem {
    Problem {
        tried: "connect".to_owned(),
        cause: "another place was chosen meanwhile".to_owned(),
        remedy: "look again".to_owned(),
        kind: ProblemKind::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::Link;
    use crate::{
        engine::event::{Problem, ProblemKind},
        wizard::Need,
    };
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn problem() -> Problem {
        let text = |text: &str| text.to_owned();
        Problem {
            tried: text("connect"),
            cause: text("refused"),
            remedy: text("look again"),
            kind: ProblemKind::Failed,
        }
    }

    #[tokio::test]
    async fn given_several_who_need_it_at_a_time_then_one_connects_for_all() {
        let (link, count) = (Link::default(), AtomicUsize::new(0));
        let get = |need| {
            let (link, count) = (&link, &count);
            async move {
                let connecting = async {
                    tokio::task::yield_now().await;
                    count.fetch_add(1, Ordering::SeqCst);
                    Ok(7)
                };
                link.get("here", Some(&need), connecting).await
            }
        };
        let both = tokio::join!(get(Need::Gateways), get(Need::Namespaces));
        assert_eq!((both.0.unwrap(), both.1.unwrap(), count.load(Ordering::SeqCst)), (7, 7, 1));
    }

    #[tokio::test]
    async fn given_a_failure_then_each_need_is_told_once_and_one_that_comes_back_tries_again() {
        let (link, count) = (Link::<_, u8>::default(), AtomicUsize::new(0));
        let fail = |need: Option<Need>| {
            let (link, count) = (&link, &count);
            async move {
                let connecting = async {
                    count.fetch_add(1, Ordering::SeqCst);
                    Err(problem())
                };
                link.get("here", need.as_ref(), connecting).await.unwrap_err();
                count.load(Ordering::SeqCst)
            }
        };
        assert_eq!(fail(Some(Need::Gateways)).await, 1);
        assert_eq!(fail(Some(Need::Namespaces)).await, 1, "it is told what came of the first try");
        assert_eq!(fail(Some(Need::Gateways)).await, 2, "somebody looked again");
        assert_eq!(fail(None).await, 3, "whoever goes on to the plan wants to know it now");
    }

    #[tokio::test]
    async fn given_a_connection_that_takes_its_time_when_another_place_is_chosen_then_its_wait_ends() {
        let link = Link::default();
        let never = link.get("there", Some(&Need::Tenant), std::future::pending());
        let other = link.get("here", Some(&Need::Tenant), async { Ok(7) });
        let (never, other) = tokio::join!(never, other);
        assert!(never.unwrap_err().cause.contains("another place"));
        assert_eq!(other.unwrap(), 7);
    }

    #[tokio::test]
    async fn given_whoever_connects_is_dropped_then_the_next_one_connects() {
        let link = Link::default();
        {
            let mut dropped = Box::pin(link.get("here", Some(&Need::Tenant), std::future::pending()));
            assert!(futures::poll!(&mut dropped).is_pending());
        }
        assert_eq!(link.get("here", Some(&Need::Tenant), async { Ok(7) }).await.unwrap(), 7);
    }
}
