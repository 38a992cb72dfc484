//! What is shown while a secret is rotated.

use crate::sample::{connected, happens, press, told};
use gatewright::{
    blueprint::{PartId, Wave},
    engine::{
        End, GoodUntil,
        event::{Action, Counts, Event, Outcome, Problem, ProblemKind, StepSummary, Title},
        rotate::What,
    },
    tui::{Ending, Item, Rotating, Rotation, Standing, happening::Happening, state::State},
};

const DAY: &str = "2027-05-25";

fn item(what: What, id: &str, (kind, name): (&str, &str), action: Action, why: &str, standing: Standing) -> Item {
    Item {
        summary: StepSummary {
            part: PartId(format!("rotate/{}/{id}", what.word())),
            title: Title { kind: kind.to_owned(), name: name.to_owned() },
            wave: Wave::Ground,
            action,
            why: why.to_owned(),
            diff: String::new(),
            warnings: Vec::new(),
            problem: None,
        },
        document: String::new(),
        fate: None,
        standing: Some(standing),
    }
}

fn opened(size: (u16, u16)) -> State {
    let mut state = connected(size);
    "rotate".clone_into(&mut state.opening.doing);
    state.opening.about.clear();
    state
}

pub(crate) fn offered(size: (u16, u16)) -> State {
    let offer = |what: What, kind: &str, until: &str| {
        item(what, "offer", (kind, until), Action::Update, what.notice(), Standing::Offered(what))
    };
    let mut items = vec![
        offer(What::ClientSecret, "Client secret", &format!("until {DAY}")),
        offer(What::CookieSecret, "Cookie secret", "does not expire"),
        offer(What::CertificateKey, "Certificate's key", "until 2027-02-24"),
        offer(What::RedisPassword, "Redis password", "not here"),
    ];
    items[3].summary.action = Action::Blocked;
    items[3].summary.problem = Some(Problem {
        tried: "look at the password of the session store".to_owned(),
        cause: "redis.example.com:6380 is not ours: its password is changed where it is kept".to_owned(),
        remedy: "have whoever keeps it change it, and run `gatewright setup`".to_owned(),
        kind: ProblemKind::UnusableAnswers,
    });
    let about = Rotating { application: "myapp".to_owned(), rotation: None };
    happens(opened(size), 0.5, Happening::Rotating(Box::new(about), items))
}

fn states(what: What, begun: bool) -> Vec<Item> {
    let done = if begun { Standing::Done } else { Standing::ToCome };
    let secret = ("Secret", "myapp/myapp-oauth2-proxy");
    let former = if what == What::CookieSecret { "Cookie secret" } else { "Client secret" };
    let all = [
        item(what, "add", ("Client secret", "gatewright myapp/myapp"), Action::Create, "Beside the one in use.", done),
        item(what, "store", secret, Action::Update, "Gets the new one; the former one stays beside it.", done),
        item(
            what,
            "roll",
            ("Deployment", "myapp/myapp-oauth2-proxy"),
            Action::Update,
            "Gets new pods, while former ones serve until these are ready.",
            Standing::ToCome,
        ),
        item(
            what,
            "try",
            ("Sign-in", "myapp.cluster.example.com"),
            Action::Keep,
            "Sign-in and tokens are tried from outside.",
            Standing::ToCome,
        ),
        item(
            what,
            "remove",
            (former, "the former one"),
            Action::Delete,
            "The former one, by its key id, and none that is not ours.",
            Standing::ToCome,
        ),
    ];
    all.into_iter().skip(usize::from(what == What::CookieSecret)).collect()
}

fn rotation(what: What) -> Rotation {
    let good_until = what.expires().then(|| DAY.to_owned());
    Rotation { what, good_until, goes_on: false, undo: false, may_choose: false }
}

fn shown(state: State, rotation: Rotation, items: Vec<Item>) -> State {
    let about = Rotating { application: "myapp".to_owned(), rotation: Some(rotation) };
    happens(state, 0.2, Happening::Rotating(Box::new(about), items))
}

/// After it was chosen.
pub(crate) fn reviewed(size: (u16, u16)) -> State {
    let rotation = Rotation { may_choose: true, ..rotation(What::ClientSecret) };
    shown(press(offered(size), "\n"), rotation, states(What::ClientSecret, false))
}

pub(crate) fn signs_out(size: (u16, u16)) -> State {
    shown(opened(size), rotation(What::CookieSecret), states(What::CookieSecret, false))
}

/// An earlier run has begun it.
pub(crate) fn begun(size: (u16, u16)) -> State {
    let rotation = Rotation { goes_on: true, ..rotation(What::ClientSecret) };
    shown(opened(size), rotation, states(What::ClientSecret, true))
}

fn ready(state: State, index: usize, proof: Option<&str>) -> State {
    let StepSummary { part, title, action, .. } = states(What::ClientSecret, false).swap_remove(index).summary;
    told(state, Event::Ready { part, title, action, proof: proof.map(str::to_owned), elapsed_ms: 1_200 })
}

pub(crate) fn rotating(size: (u16, u16)) -> State {
    let state = happens(press(begun(size), "\n"), 1.0, Happening::Begun);
    let StepSummary { part, title, .. } = states(What::ClientSecret, false).swap_remove(2).summary;
    let state = told(state, Event::Started { part: part.clone(), title: title.clone() });
    let reason = "1 of 2 pods is new and ready".to_owned();
    told(state, Event::Waiting { part, title, reason, elapsed_ms: 3_000, budget_ms: 300_000 })
}

/// Everything is proven, and nothing of what was in use is gone.
pub(crate) fn deciding(size: (u16, u16)) -> State {
    let state = ready(rotating(size), 2, Some("every pod is new and ready"));
    let StepSummary { part, title, .. } = states(What::ClientSecret, false).swap_remove(3).summary;
    let proof = "strangers are sent to sign in".to_owned();
    let state = told(state, Event::Proven { part, title, proof, elapsed_ms: 900 });
    happens(state, 0.1, Happening::LastState(What::ClientSecret))
}

fn over(state: State, outcome: Outcome, next: &[(&str, &str)]) -> State {
    let counts = Counts::of([Action::Create, Action::Update, Action::Update, Action::Delete]);
    let state = told(state, Event::Finished { outcome, counts, address: None, elapsed_ms: 9_400 });
    let next = next.iter().map(|(command, good_for)| ((*command).to_owned(), (*good_for).to_owned())).collect();
    happens(state, 0.1, Happening::Over(Ending { problem: None, next, may_run_again: outcome == Outcome::Failed }))
}

const STATUS: (&str, &str) = ("gatewright status", "every installation, one line each");

pub(crate) fn done(size: (u16, u16)) -> State {
    let state = ready(press(deciding(size), "\n"), 4, Some("1 removed, by key id"));
    let end = End { expires: "2027-05-25T08:15:02Z".parse().unwrap(), days: 179 };
    let good_until = GoodUntil { client_secret: Some(end), certificate: None };
    over(told(state, Event::GoodUntil { good_until }), Outcome::Done, &[STATUS])
}

/// It was stopped between two states.
pub(crate) fn interrupted(size: (u16, u16)) -> State {
    let again = "gatewright rotate myapp/myapp --practice --what client-secret";
    let back = "gatewright rotate myapp/myapp --practice --what client-secret --undo";
    let next = [(again, "go on from here: nothing is lost"), (back, "take back what was begun"), STATUS];
    over(ready(rotating(size), 2, Some("every pod is new and ready")), Outcome::Interrupted, &next)
}

/// There is no installation.
pub(crate) fn nothing_here(size: (u16, u16)) -> State {
    let problem = Problem {
        tried: "rotate a secret".to_owned(),
        cause: "there is nothing to rotate: nothing is installed here".to_owned(),
        remedy: "name an installation: gatewright rotate NAMESPACE/APP".to_owned(),
        kind: ProblemKind::UnusableAnswers,
    };
    let ending = Ending { problem: Some(problem), next: Vec::new(), may_run_again: true };
    happens(opened(size), 0.5, Happening::Over(ending))
}

/// The person wants the former one back.
pub(crate) fn put_back(size: (u16, u16)) -> State {
    let state = told(press(deciding(size), "u"), Event::Undoing { reason: "As you wish.".to_owned() });
    let secret = Title { kind: "Secret".to_owned(), name: "myapp/myapp-oauth2-proxy".to_owned() };
    told(state, Event::Started { part: PartId("rotate/client-secret/put-back".to_owned()), title: secret })
}

pub(crate) fn was_put_back(size: (u16, u16)) -> State {
    let title = Title { kind: "Secret".to_owned(), name: "myapp/myapp-oauth2-proxy".to_owned() };
    let part = PartId("rotate/client-secret/put-back".to_owned());
    let put = Event::Ready { part, title, action: Action::Update, proof: None, elapsed_ms: 40 };
    let state = told(put_back(size), put);
    let title = Title { kind: "Client secret".to_owned(), name: "the new one".to_owned() };
    let part = PartId("rotate/client-secret/remove".to_owned());
    let proof = Some("1 removed, by key id".to_owned());
    let state = told(state, Event::Ready { part, title, action: Action::Delete, proof, elapsed_ms: 90 });
    over(state, Outcome::Done, &[STATUS])
}
