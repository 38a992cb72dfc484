//! The screens of the questions, each reached by answering those before it.

use crate::sample::{connected, happens, press};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use gatewright::{
    answers::file,
    facts::{
        ConsentRight, ContextSummary, GatewaySummary, Injection, IssuerFacts, NamespaceSummary, ServiceSummary,
        SignInSummary,
    },
    tui::{Conversation, happening::Happening, state::State},
    wizard::{Fact, Need, News, Session, Wizard},
};

const EXAMPLE: &str = include_str!("../../assets/answers/example.yaml");

/// A key that is no letter.
pub(crate) fn key(state: State, code: KeyCode) -> State {
    happens(state, 0.1, Happening::Pressed(KeyEvent::new(code, KeyModifiers::NONE)))
}

/// What a cluster like the practice ground's answers.
pub(crate) fn found(need: &Need) -> News {
    let namespace = |name: &str, injection| NamespaceSummary { name: name.to_owned(), injection };
    let issuer = |name: &str, ready: Result<(), &str>, signs_wildcards| IssuerFacts {
        kind: "ClusterIssuer".to_owned(),
        name: name.to_owned(),
        ready: ready.map_err(str::to_owned),
        signs_wildcards,
    };
    match need {
        Need::Tenant => News::Tenant(Fact::Known("contoso.onmicrosoft.com".to_owned())),
        Need::ConsentRight => {
            News::ConsentRight(Fact::Known(ConsentRight::May { by: "Application Administrator".to_owned() }))
        }
        Need::Gateways => News::Gateways(Fact::Known(vec![GatewaySummary {
            namespace: "istio-system".to_owned(),
            service: "istio-ingressgateway".to_owned(),
            address: Some("203.0.113.7".to_owned()),
        }])),
        Need::Namespaces => News::Namespaces(Fact::Known(vec![
            namespace("default", Injection::Unsaid),
            namespace("istio-system", Injection::Off),
            namespace("kube-system", Injection::Unsaid),
            namespace("team-docs", Injection::On),
        ])),
        Need::Services(of) => News::Services(
            of.clone(),
            Fact::Known(vec![ServiceSummary {
                name: "wiki-web".to_owned(),
                ports: vec![8080, 9090],
                has_selector: true,
                pods: 2,
                pods_with_sidecar: 2,
            }]),
        ),
        Need::Issuers(of) => News::Issuers(
            of.clone(),
            Fact::Known(vec![
                issuer("letsencrypt-production", Ok(()), true),
                issuer("letsencrypt-staging", Ok(()), true),
                issuer(
                    "corp-ca",
                    Err(
                        "ErrRegisterACMEAccount: Failed to register ACME account: 403 urn:ietf:params:acme:error:unauthorized: \
                         this account is not allowed to order certificates for cluster.example.com",
                    ),
                    false,
                ),
            ]),
        ),
        Need::Contexts | Need::SignIns(_) | Need::Installations | Need::Registrations(_) => {
            need.clone().failed("nobody asks".to_owned())
        }
        Need::Subscriptions => News::Subscriptions(Fact::Known(Vec::new())),
        Need::Zones(subscription) => News::Zones(subscription.clone(), Fact::Known(Vec::new())),
        Need::Surroundings(_) => need.clone().failed("namespaces is forbidden".to_owned()),
    }
}

/// Everything that was asked for arrives.
pub(crate) fn found_out(mut state: State) -> State {
    loop {
        let wanted = state.wanted();
        if wanted.is_empty() {
            return state;
        }
        for (session, need) in wanted {
            state = happens(state, 0.1, Happening::Learned(session, Box::new(found(&need))));
        }
    }
}

fn ask(state: State, wizard: Wizard) -> State {
    let conversation = Conversation { wizard, about: None, note: None };
    happens(state, 0.2, Happening::Asked(Box::new(conversation)))
}

/// The first question, before anything is found out.
pub(crate) fn asked(size: (u16, u16)) -> State {
    ask(connected(size), Wizard::new(None))
}

/// The first question about what to connect to, before anything is found out.
pub(crate) fn connecting(size: (u16, u16)) -> State {
    ask(connected(size), Wizard::connecting(Session::default(), None))
}

/// There are two clusters.
pub(crate) fn choosing_a_context(size: (u16, u16)) -> State {
    let context = |name: &str, is_current| ContextSummary {
        name: name.to_owned(),
        server: Some(format!("https://{name}.example.com")),
        is_current,
    };
    let news = News::Contexts(Fact::Known(vec![context("kind-prod", true), context("aks-test", false)]));
    happens(connecting(size), 0.1, Happening::Learned(Session::default(), Box::new(news)))
}

/// Of the ways to sign in one cannot work.
pub(crate) fn choosing_a_way_in(size: (u16, u16)) -> State {
    let way = |method: &str, about: &str, unusable: Option<&str>| SignInSummary {
        method: method.to_owned(),
        about: about.to_owned(),
        unusable: unusable.map(str::to_owned),
        tenants: Vec::new(),
    };
    let ways = vec![
        way("azure-cli", "", Some("nobody is signed in; run `az login`")),
        way("device-code", "a person, in a browser on any machine", None),
    ];
    let mut state = press(press(choosing_a_context(size), "\n"), "\n");
    for (session, need) in state.wanted() {
        if matches!(need, Need::SignIns(_)) {
            let news = News::SignIns("public".to_owned(), Fact::Known(ways.clone()));
            state = happens(state, 0.1, Happening::Learned(session, Box::new(news)));
        }
    }
    state
}

/// The question called `id`, with everything before it answered like the walk-through's example.
pub(crate) fn at(size: (u16, u16), id: &str) -> State {
    let mut state = found_out(asked(size));
    loop {
        let asking = state.asking.as_ref().unwrap();
        let Some(question) = asking.question().filter(|question| question.id != id) else { return state };
        let typed = match question.id {
            "application.name" => "myapp",
            "application.deploy.image" => "docker.io/path/to/myapp:sometag",
            "application.host" => "myapp.cluster.example.com",
            _ => "",
        };
        state = found_out(press(press(state, typed), "\n"));
    }
}

/// Goes through all questions with what is proposed, but for the keys of `way`, and shows each of them to `see`.
pub(crate) fn walk(size: (u16, u16), way: &[(&str, &str)], mut see: impl FnMut(&State)) {
    let mut state = found_out(asked(size));
    let mut before = None;
    while let Some(question) = state.asking.as_ref().unwrap().question() {
        assert_ne!(before, Some(question.id), "it is not answered");
        before = Some(question.id);
        see(&state);
        let usual = match question.id {
            "application.name" => "myapp",
            "application.deploy.image" => "docker.io/path/to/myapp:sometag",
            "application.host" => "myapp.cluster.example.com",
            _ => "",
        };
        let keys = way.iter().find(|(id, _)| *id == question.id).map_or(usual, |(_, keys)| keys);
        state = found_out(press(press(state, keys), "\n"));
    }
}

pub(crate) fn first(size: (u16, u16)) -> State {
    found_out(asked(size))
}

pub(crate) fn wrong(size: (u16, u16)) -> State {
    press(at(size, "application.name"), "My App")
}

pub(crate) fn cut(size: (u16, u16)) -> State {
    let state = at(size, "application.host");
    happens(state, 0.1, Happening::Pasted("👩‍👧\n\u{1b}[2J".repeat(2_500)))
}

/// The namespaces are still being looked at.
pub(crate) fn looking(size: (u16, u16)) -> State {
    let mut state = asked(size);
    let wanted = state.wanted();
    for (session, need) in wanted.into_iter().filter(|(_, need)| !matches!(need, Need::Namespaces)) {
        state = happens(state, 0.1, Happening::Learned(session, Box::new(found(&need))));
    }
    press(press(press(state, "\n"), "wiki\n"), "j\n")
}

pub(crate) fn trouble(size: (u16, u16)) -> State {
    let refused =
        "the API server does not let operator@contoso.onmicrosoft.com list namespaces: namespaces is forbidden";
    let news = Need::Namespaces.failed(refused.to_owned());
    happens(looking(size), 0.4, Happening::Learned(Session::default(), Box::new(news)))
}

pub(crate) fn unusable(size: (u16, u16)) -> State {
    press(at(size, "certificate.issuer"), "jj")
}

pub(crate) fn refused(size: (u16, u16)) -> State {
    press(unusable(size), "\n")
}

pub(crate) fn another(size: (u16, u16)) -> State {
    press(press(at(size, "certificate.issuer"), "jjj\n"), "Issuer/own ca")
}

pub(crate) fn answers(size: (u16, u16)) -> State {
    at(size, "nothing is asked any more")
}

/// The plan for all answers is being made.
pub(crate) fn planning(size: (u16, u16)) -> State {
    happens(press(answers(size), "\n"), 0.3, Happening::Ticked)
}

/// Recorded answers begin with the look at all of them.
pub(crate) fn recorded(size: (u16, u16)) -> State {
    let wizard = Wizard::about(&file::parse(EXAMPLE, "the record").unwrap());
    found_out(ask(connected(size), wizard))
}

/// What has to be said before the answers: where they come from, and where they stay.
pub(crate) fn noted(size: (u16, u16)) -> State {
    let wizard = Wizard::about(&file::parse(EXAMPLE, "the record").unwrap());
    let note = "./gatewright.yaml stays as it is: what you change here holds for this run, and `s` saves all of it in a file beside.";
    let conversation = Conversation { wizard, about: None, note: Some(note.to_owned()) };
    found_out(happens(connected(size), 0.2, Happening::Asked(Box::new(conversation))))
}

pub(crate) fn steps(size: (u16, u16)) -> State {
    press(key(recorded(size), KeyCode::Tab), "kkkk")
}

pub(crate) fn explanation(size: (u16, u16)) -> State {
    press(at(size, "hook"), "e")
}

pub(crate) fn leaving(size: (u16, u16)) -> State {
    key(first(size), KeyCode::Esc)
}

pub(crate) fn keys(size: (u16, u16)) -> State {
    key(at(size, "application.name"), KeyCode::F(1))
}
