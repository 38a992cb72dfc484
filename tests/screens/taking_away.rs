//! What is shown while an installation is taken away.

use crate::sample::{connected, happens, part_ready, press, told};
use gatewright::{
    blueprint::{PartId, Wave},
    engine::{
        event::{Action, Counts, Event, HandOver, Outcome, Problem, ProblemKind, StepSummary, TeardownGroup, Title},
        teardown::{Choices, Keepable},
    },
    tui::{Ending, Fate, Item, TakingAway, happening::Happening, state::State},
};

const CHANGED: &str = "-  replicas: 2\n+  replicas: 5";

fn item(kind: &str, name: &str, wave: Wave, (group, action): (TeardownGroup, Action), why: &str) -> Item {
    let diff = if group == TeardownGroup::ChangedByOthers { CHANGED.to_owned() } else { String::new() };
    Item {
        summary: StepSummary {
            part: PartId(format!("cluster/{kind}/{name}")),
            title: Title { kind: kind.to_owned(), name: name.to_owned() },
            wave,
            action,
            why: why.to_owned(),
            diff,
            warnings: Vec::new(),
            problem: None,
        },
        document: String::new(),
        fate: Some(Fate { group, place: 0, hand_over: None }),
        standing: None,
    }
}

/// In the order of the engine.
fn items() -> Vec<Item> {
    let goes = (TeardownGroup::Removed, Action::Delete);
    let ours = "It carries our mark.";
    let mut items = vec![
        item("VirtualService", "myapp/myapp", Wave::Routes, goes, ours),
        item("Gateway", "myapp/myapp", Wave::Routes, goes, ours),
        item(
            "Deployment",
            "myapp/myapp",
            Wave::Application,
            (TeardownGroup::ChangedByOthers, Action::Delete),
            "It carries our mark, and was changed since by kubectl-scale on 2026-11-20.",
        ),
        item("Deployment", "myapp/myapp-oauth2-proxy", Wave::Proxy, goes, ours),
        item("Deployment", "myapp/myapp-sessions", Wave::SessionStore, goes, ours),
        item("Certificate", "istio-system/gatewright-myapp-myapp", Wave::Foundation, goes, ours),
        item("AuthorizationPolicy", "myapp/myapp-sign-in", Wave::Locks, goes, ours),
        item(
            "Mesh provider",
            "gatewright-myapp-myapp in istio-system/istio",
            Wave::Foundation,
            (TeardownGroup::Removed, Action::Update),
            "Our entry goes; everything else in the mesh configuration stays.",
        ),
        item(
            "Application",
            "myapp",
            Wave::Registration,
            goes,
            "It goes to the tenant's bin, and can be taken back within 30 days.",
        ),
        item("ConfigMap", "myapp/gatewright-myapp", Wave::Ground, goes, "The record of the answers."),
        item(
            "Namespace",
            "myapp",
            Wave::Ground,
            (TeardownGroup::Kept, Action::Keep),
            "others have something in it: ConfigMap myapp/notes",
        ),
        item(
            "Role assignment",
            "App.Access to the application",
            Wave::Registration,
            (TeardownGroup::Gone, Action::Keep),
            "the recorded answers ask for it, and it is not there",
        ),
    ];
    for (place, item) in items.iter_mut().enumerate() {
        item.fate.as_mut().unwrap().place = place;
    }
    items
}

fn shown(size: (u16, u16), choices: Choices, others_have_credentials: bool, items: Vec<Item>) -> State {
    let mut state = connected(size);
    "teardown".clone_into(&mut state.opening.doing);
    let about = TakingAway {
        application: "myapp".to_owned(),
        good_until: Some("Good until: client secret 2027-05-25 (179 d), certificate 2027-02-24 (89 d)".to_owned()),
        choices,
        others_have_credentials,
    };
    happens(state, 0.5, Happening::TakingAway(Box::new(about), items))
}

pub(crate) fn reviewed(size: (u16, u16)) -> State {
    shown(size, Choices::default(), false, items())
}

/// The one that others have changed is chosen.
pub(crate) fn changed(size: (u16, u16)) -> State {
    press(reviewed(size), "Gkk")
}

/// With everything kept that can be, and a registration that others have credentials in.
pub(crate) fn kept(size: (u16, u16)) -> State {
    let choices = Choices { keep: Keepable::ALL.into_iter().collect(), delete_credentials_of_others: false };
    press(shown(size, choices, true, items()), "G")
}

pub(crate) fn confirming(size: (u16, u16)) -> State {
    press(reviewed(size), "\nmya")
}

pub(crate) fn not_confirmed(size: (u16, u16)) -> State {
    press(confirming(size), "\n")
}

pub(crate) fn blocked(size: (u16, u16)) -> State {
    let mut items = items();
    items[0].summary.action = Action::Blocked;
    items[0].summary.problem = Some(Problem {
        tried: "delete VirtualService myapp/myapp".to_owned(),
        cause: "you may not delete virtualservices.networking.istio.io in myapp".to_owned(),
        remedy: "have a cluster administrator grant it, and run again".to_owned(),
        kind: ProblemKind::NotPermitted,
    });
    items[5].fate.as_mut().unwrap().hand_over = Some(HandOver {
        reason: "The cluster does not let us delete it.".to_owned(),
        who: "a cluster administrator".to_owned(),
        link: None,
        command: Some("kubectl delete certificate --namespace istio-system gatewright-myapp-myapp".to_owned()),
        text: None,
    });
    shown(size, Choices::default(), false, items)
}

pub(crate) fn nothing_left(size: (u16, u16)) -> State {
    let items = items().into_iter().skip(10).collect();
    shown(size, Choices::default(), false, items)
}

pub(crate) fn taking_away(size: (u16, u16)) -> State {
    let state = happens(press(reviewed(size), "\nmyapp\n"), 1.0, Happening::Begun);
    let items = items();
    let state = part_ready(part_ready(state, &items[0], 120), &items[1], 140);
    let title = Title { kind: "No route".to_owned(), name: "for myapp.cluster.example.com at the gateway".to_owned() };
    let part = PartId("proof/no-routes".to_owned());
    let state = told(state, Event::Started { part: part.clone(), title: title.clone() });
    told(
        state,
        Event::Waiting {
            part,
            title,
            reason: "1 of 2 pods of the gateway still has the route".to_owned(),
            elapsed_ms: 1_200,
            budget_ms: 60_000,
        },
    )
}

fn over(state: State, outcome: Outcome, next: &[(&str, &str)]) -> State {
    let deleted = [Action::Delete; 8];
    let counts = Counts::of(deleted.into_iter().chain([Action::Update, Action::Keep]));
    let state = told(state, Event::Finished { outcome, counts, address: None, elapsed_ms: 9_400 });
    let next = next.iter().map(|(command, good_for)| ((*command).to_owned(), (*good_for).to_owned())).collect();
    let ending = Ending { problem: None, next, may_run_again: outcome == Outcome::Failed };
    happens(state, 0.1, Happening::Over(ending))
}

fn all_but(size: (u16, u16), left: Option<usize>) -> State {
    let mut state = taking_away(size);
    let title = Title { kind: "No route".to_owned(), name: "for myapp.cluster.example.com at the gateway".to_owned() };
    let proof = "forgotten by 2 pods of the gateway".to_owned();
    let part = PartId("proof/no-routes".to_owned());
    state = told(state, Event::Proven { part, title, proof, elapsed_ms: 2_100 });
    for (index, item) in items().iter().enumerate().take(10).skip(2) {
        if left != Some(index) {
            state = part_ready(state, item, 300);
        }
    }
    state
}

pub(crate) fn done(size: (u16, u16)) -> State {
    let status = ("gatewright status --practice", "every installation, one line each");
    over(all_but(size, None), Outcome::Done, &[status])
}

/// Something could not be removed.
pub(crate) fn left(size: (u16, u16)) -> State {
    let summary = items().swap_remove(5).summary;
    let problem = Problem {
        tried: "see that Certificate istio-system/gatewright-myapp-myapp is gone".to_owned(),
        cause: "it is still there after 60 s: the finalizer example.com/keep holds it".to_owned(),
        remedy: "see to whoever set the finalizer, and run again".to_owned(),
        kind: ProblemKind::Failed,
    };
    let state = told(all_but(size, Some(5)), Event::Failed { part: summary.part, title: summary.title, problem });
    let again = ("gatewright teardown myapp/myapp", "go on from here: it takes away what is left");
    over(state, Outcome::Failed, &[again])
}
