mod certificate;
mod connecting;
mod facts;

use super::{
    Asking, Discovered, Draft, Fact, Given, KEEP_DETAILS, Kind, Need, News, OPEN, QUESTIONS, SERVICE, STORE, Session,
    Step, StepState, WORKLOAD, Wizard, at,
};
use crate::{
    answers::{Answers, Certificate, Sessions, file},
    facts::{
        ConsentRight, ContextSummary, GatewaySummary, Injection, IssuerFacts, NamespaceSummary, RegistrationSummary,
        ServiceSummary, SignInSummary, SubscriptionSummary, TenantSummary, ZoneSummary,
    },
};
use proptest::prelude::*;
use std::collections::BTreeSet;

const EXAMPLE: &str = include_str!("../../assets/answers/example.yaml");
const MINIMAL: &str = include_str!("../../assets/answers/minimal.yaml");
const NEW_ISSUER: &str = include_str!("../../assets/answers/new-issuer.yaml");
const EXISTING: &str = include_str!("../../assets/answers/existing-service.yaml");
const ALL_THERE: &str = include_str!("../../assets/answers/all-there.yaml");

fn read(text: &str) -> Answers {
    file::parse(text, "a test").unwrap()
}

fn issuer(name: &str, ready: Result<(), &str>, signs_wildcards: bool) -> IssuerFacts {
    let (kind, ready) = ("ClusterIssuer".to_owned(), ready.map_err(str::to_owned));
    IssuerFacts { kind, name: name.to_owned(), ready, signs_wildcards }
}

fn gateway(service: &str) -> GatewaySummary {
    GatewaySummary { namespace: "istio-system".to_owned(), service: service.to_owned(), address: None }
}

fn service(name: &str, ports: &[u16], has_selector: bool) -> ServiceSummary {
    ServiceSummary { name: name.to_owned(), ports: ports.to_vec(), has_selector, pods: 1, pods_with_sidecar: 1 }
}

fn context(name: &str, is_current: bool) -> ContextSummary {
    ContextSummary { name: name.to_owned(), server: Some(format!("https://{name}.example.com")), is_current }
}

fn sign_in(method: &str, unusable: Option<&str>, tenants: &[&str]) -> SignInSummary {
    let tenant = |tenant: &&str| TenantSummary { tenant: (*tenant).to_owned(), name: None };
    SignInSummary {
        method: method.to_owned(),
        about: String::new(),
        unusable: unusable.map(str::to_owned),
        tenants: tenants.iter().map(tenant).collect(),
    }
}

fn sign_ins() -> Vec<SignInSummary> {
    vec![
        sign_in("service-principal", Some("not set: AZURE_CLIENT_ID"), &[]),
        sign_in("azure-cli", None, &["example.com", "example.org"]),
        sign_in("device-code", None, &[]),
    ]
}

const LEGACY: &str = "7f6bd2a4-5a0c-4f0e-9d53-2c1f8a1b6e90";
const OF_BICEP: &str = "11111111-2222-4333-8444-555555555555";

fn registration(client_id: &str, name: &str, kept_by: Option<&str>) -> RegistrationSummary {
    RegistrationSummary {
        client_id: client_id.to_owned(),
        display_name: name.to_owned(),
        owners: Some(vec!["Dora".to_owned()]),
        created: Some("2023-04-01".to_owned()),
        kept_by: kept_by.map(str::to_owned),
    }
}

/// What a cluster like the practice ground's would answer.
fn find_out(need: &Need) -> News {
    let namespace = |name: &str| NamespaceSummary { name: name.to_owned(), injection: Injection::Unsaid };
    match need {
        Need::Contexts => News::Contexts(Fact::Known(vec![context("kind-prod", true), context("aks-test", false)])),
        Need::SignIns(cloud) => News::SignIns(cloud.clone(), Fact::Known(sign_ins())),
        Need::Installations => News::Installations(Fact::Known(Vec::new())),
        Need::Tenant => News::Tenant(Fact::Known("example.com".to_owned())),
        Need::Registrations(likeness) => News::Registrations(
            likeness.clone(),
            Fact::Known(vec![
                registration(LEGACY, "Legacy portal", None),
                registration(OF_BICEP, "myapp", Some("portal-of-bicep")),
            ]),
        ),
        Need::ConsentRight => {
            News::ConsentRight(Fact::Known(ConsentRight::May { by: "Application Administrator".to_owned() }))
        }
        Need::Gateways => News::Gateways(Fact::Known(vec![gateway("istio-ingressgateway")])),
        Need::Namespaces => {
            News::Namespaces(Fact::Known(["default", "kube-system", "team-docs"].map(namespace).to_vec()))
        }
        Need::Services(namespace) => News::Services(
            namespace.clone(),
            Fact::Known(vec![service("headless", &[80], false), service("wiki-web", &[8080, 9090], true)]),
        ),
        Need::Issuers(namespace) => News::Issuers(
            namespace.clone(),
            Fact::Known(vec![
                issuer("corp-http", Ok(()), false),
                issuer("corp-old", Err("NoAccount: 403"), true),
                issuer("letsencrypt-production", Ok(()), true),
            ]),
        ),
        Need::Subscriptions => News::Subscriptions(Fact::Known(vec![
            subscription("Closed", "Disabled", '1'),
            subscription("Ops", "Enabled", '2'),
        ])),
        Need::Zones(subscription) => News::Zones(
            subscription.clone(),
            Fact::Known(vec![
                zone("fabrikam.example", true),
                zone("example.com", true),
                zone("cluster.example.com", true),
                zone("internal.cluster.example.com", false),
            ]),
        ),
        Need::Surroundings(place) => News::Surroundings(place.clone(), Fact::Failed("nobody may look".to_owned())),
    }
}

fn subscription(name: &str, state: &str, last: char) -> SubscriptionSummary {
    let id = format!("c0470505-0000-4000-8000-00000000000{last}");
    SubscriptionSummary { id, name: name.to_owned(), state: state.to_owned() }
}

fn zone(name: &str, is_public: bool) -> ZoneSummary {
    ZoneSummary { resource_group: "dns".to_owned(), name: name.to_owned(), is_public }
}

fn learn_all(wizard: &mut Wizard) {
    while let Some(need) = wizard.needs().into_iter().next() {
        wizard.learn(find_out(&need));
    }
}

fn asked(wizard: &Wizard) -> &'static str {
    match wizard.asking() {
        Asking::Question(question) => question.id,
        Asking::Review => "review",
    }
}

/// Writes a line, as at a prompt.
fn write(wizard: &mut Wizard, line: &str) -> Result<(), String> {
    learn_all(wizard);
    let Asking::Question(question) = wizard.asking() else { return Err("nothing is asked".to_owned()) };
    let given = wizard.read(question, line).map_err(|reason| reason.to_string())?;
    wizard.answer(given).map_err(|reason| reason.to_string())?;
    learn_all(wizard);
    Ok(())
}

/// Takes what is proposed until `id` is asked.
fn take_proposals_until(wizard: &mut Wizard, id: &str) {
    while asked(wizard) != id {
        let line = match asked(wizard) {
            "application.name" => "myapp",
            "application.deploy.image" => "docker.io/path/to/myapp:sometag",
            "application.host" => "myapp.cluster.example.com",
            "certificate.issuer" => "letsencrypt-production",
            _ => "",
        };
        write(wizard, line).unwrap_or_else(|reason| panic!("{}: {reason}", asked(wizard)));
    }
}

fn finished() -> Wizard {
    let mut wizard = Wizard::new(None);
    take_proposals_until(&mut wizard, "review");
    wizard
}

#[test]
fn given_the_table_then_names_are_unique_and_a_question_comes_after_what_it_depends_on() {
    let mut before = BTreeSet::new();
    for question in QUESTIONS {
        for needed in question.depends_on {
            // Which gateway it is matters, but it is mostly plain.
            assert!(before.contains(needed), "{} before {needed}", question.id);
        }
        assert!(before.insert(question.id), "{} twice", question.id);
        assert!(question.prompt.len() <= 72 && question.prompt.ends_with('?'), "{}", question.prompt);
        assert!(question.help.ends_with('.') && question.help.len() > 40, "{}: {}", question.id, question.help);
    }
    let steps: Vec<Step> = QUESTIONS.iter().map(|question| question.step).collect();
    assert!(steps.is_sorted(), "a step's questions stand together");
}

#[test]
fn given_a_conversation_that_takes_every_proposal_then_it_is_the_walk_throughs_example() {
    assert_eq!(finished().answers().unwrap(), read(EXAMPLE));
}

#[test]
fn given_answers_when_they_become_a_draft_then_the_draft_becomes_the_same_answers() {
    let others = [
        EXAMPLE.replace("# tenant: contoso", "tenant: contoso"),
        EXAMPLE
            .replace("# gateway:", "gateway:")
            .replace("#   namespace: istio", "  namespace: istio")
            .replace("#   service: istio", "  service: istio"),
        EXAMPLE.replace("kind: ClusterIssuer", "kind: Issuer").replace("sessionLifetime: 7d", "sessionLifetime: 8h"),
    ];
    for text in [EXAMPLE, MINIMAL, EXISTING, ALL_THERE, NEW_ISSUER].into_iter().map(str::to_owned).chain(others) {
        let answers = read(&text);
        assert_eq!(Draft::from(&answers).answers().unwrap(), answers, "{text}");
        let wizard = Wizard::about(&answers);
        assert_eq!((wizard.asking(), wizard.answers().unwrap()), (Asking::Review, answers));
    }
}

#[test]
fn given_an_answer_when_going_back_then_every_answer_stays_and_the_way_forward_jumps_to_what_is_open() {
    let mut wizard = Wizard::new(None);
    take_proposals_until(&mut wizard, "registration.scope");
    let before = wizard.draft().clone();
    for _ in 0..5 {
        assert!(wizard.back());
    }
    assert_eq!(wizard.draft(), &before);
    write(&mut wizard, "").unwrap();
    assert_eq!(asked(&wizard), "registration.scope", "nothing changed, so nothing else is asked again");
    while wizard.back() {}
    assert_eq!(asked(&wizard), "registration.tenant");
    assert!(!wizard.back());
}

#[test]
fn given_a_changed_answer_then_only_what_depends_on_it_is_asked_again_and_proposals_go_along() {
    let mut wizard = finished();
    assert!(wizard.ask_about("application.host"));
    write(&mut wizard, "wiki.intra.example.org").unwrap();
    assert_eq!(asked(&wizard), "access.emailDomains");
    let Asking::Question(question) = wizard.asking() else { unreachable!() };
    assert_eq!(wizard.proposal(question), Some(Given::List(vec!["example.org".to_owned()])), "it was as proposed");
    write(&mut wizard, "").unwrap();
    assert_eq!(asked(&wizard), "certificate.names");
    write(&mut wizard, "").unwrap();
    assert_eq!(asked(&wizard), "review");
    let Certificate::Issued { names, .. } = wizard.answers().unwrap().certificate else { unreachable!() };
    assert_eq!(names.iter().map(ToString::to_string).collect::<Vec<_>>(), ["*.intra.example.org"]);
}

#[test]
fn given_an_answer_of_ones_own_when_what_it_rests_on_changes_then_it_is_proposed_again() {
    let mut wizard = Wizard::new(None);
    take_proposals_until(&mut wizard, "access.emailDomains");
    write(&mut wizard, "example.net, example.com").unwrap();
    take_proposals_until(&mut wizard, "review");
    assert!(wizard.ask_about("application.host"));
    write(&mut wizard, "other.cluster.example.com").unwrap();
    let Asking::Question(question) = wizard.asking() else { unreachable!() };
    let own = ["example.net", "example.com"].map(str::to_owned).to_vec();
    assert_eq!((question.id, wizard.proposal(question)), ("access.emailDomains", Some(Given::List(own))));
}

#[test]
fn given_the_same_answer_once_more_then_nothing_is_asked_again() {
    let mut wizard = finished();
    wizard.revisit(Step::Application);
    assert_eq!(asked(&wizard), "application.name");
    let mut seen = Vec::new();
    while asked(&wizard) != "review" {
        seen.push(asked(&wizard));
        write(&mut wizard, "").unwrap();
    }
    assert!(seen.iter().all(|id| id.starts_with("application.")), "{seen:?}");
    assert_eq!(seen.len(), 8);
}

#[test]
fn given_a_choice_that_cannot_work_then_it_is_there_with_its_reason_and_is_not_taken() {
    let mut wizard = Wizard::new(None);
    take_proposals_until(&mut wizard, "certificate.issuer");
    let issuers = wizard.choices(at("certificate.issuer").unwrap());
    let old = issuers.iter().find(|choice| choice.value.ends_with("corp-old")).unwrap();
    assert_eq!(old.unusable.as_deref(), Some("it is not ready: NoAccount: 403"));
    let refused = write(&mut wizard, "corp-old").unwrap_err();
    assert!(refused.contains("NoAccount"), "{refused}");
    assert_eq!(asked(&wizard), "certificate.issuer");
    let unknown = write(&mut wizard, "ClusterIssuer/other").unwrap_err();
    assert!(unknown.contains("there is no `ClusterIssuer/other`"), "{unknown}");
    write(&mut wizard, "corp-http").unwrap();
    let Asking::Question(question) = wizard.asking() else { unreachable!() };
    let host = Given::List(vec!["myapp.cluster.example.com".to_owned()]);
    assert_eq!(wizard.proposal(question), Some(host), "it signs no wildcards");
    let refused = write(&mut wizard, "*.cluster.example.com").unwrap_err();
    assert!(refused.contains("corp-http proves no domain over DNS"), "{refused}");
}

#[test]
fn given_an_application_that_is_there_then_its_service_and_port_are_chosen_from_the_cluster() {
    let mut wizard = Wizard::new(Some("wiki"));
    take_proposals_until(&mut wizard, "application.name");
    write(&mut wizard, "").unwrap();
    assert_eq!(asked(&wizard), WORKLOAD);
    write(&mut wizard, "2").unwrap();
    let refused = write(&mut wizard, "wiki").unwrap_err();
    assert!(refused.contains("there is no `wiki`"), "a Service is only in a namespace that is there: {refused}");
    let refused = write(&mut wizard, "kube-system").unwrap_err();
    assert!(refused.contains("belongs to Kubernetes"), "{refused}");
    write(&mut wizard, "team-docs").unwrap();
    assert_eq!(asked(&wizard), "application.service.name");
    assert!(write(&mut wizard, "headless").unwrap_err().contains("no selector"));
    write(&mut wizard, "").unwrap();
    assert_eq!(asked(&wizard), "application.service.port");
    assert!(write(&mut wizard, "80").unwrap_err().contains("there is no `80`"));
    write(&mut wizard, "2").unwrap();
    assert_eq!(wizard.draft().text("application.service.port"), Some("9090"));
    assert_eq!(wizard.draft().text(WORKLOAD), Some(SERVICE));
}

#[test]
fn given_several_gateways_then_it_is_asked_which_and_given_one_it_is_not() {
    let mut wizard = Wizard::new(None);
    write(&mut wizard, "").unwrap();
    assert_eq!(asked(&wizard), "application.name");
    wizard.learn(News::Gateways(Fact::Known(vec![gateway("inner"), gateway("outer")])));
    assert_eq!(asked(&wizard), "gateway", "the fact came late, and the question comes all the same");
    write(&mut wizard, "outer").unwrap();
    take_proposals_until(&mut wizard, "review");
    assert_eq!(wizard.answers().unwrap().gateway.unwrap().service.to_string(), "outer");
}

#[test]
fn given_an_application_that_is_registered_already_when_it_is_chosen_then_the_answers_take_it_over_and_it_is_asked_about_its_name()
 {
    let mut wizard = Wizard::new(None);
    take_proposals_until(&mut wizard, "registration.source");
    write(&mut wizard, "there").unwrap();
    assert_eq!(asked(&wizard), "registration.adopt.clientId");
    let choices = wizard.choices(at("registration.adopt.clientId").unwrap());
    assert_eq!(
        (choices[0].value.as_str(), choices[0].about.as_str()),
        (LEGACY, "Legacy portal, owned by Dora, since 2023-04-01")
    );
    assert_eq!(choices[1].unusable.as_deref(), Some("another tool keeps it, as portal-of-bicep"));
    let refused = write(&mut wizard, "2").unwrap_err();
    assert!(refused.contains("another tool keeps it"), "{refused}");
    let wrong = write(&mut wizard, "Legacy portal").unwrap_err();
    assert!(wrong.contains("Legacy portal"), "{wrong}");
    write(&mut wizard, "1").unwrap();
    take_proposals_until(&mut wizard, "registration.adopt.rename");
    write(&mut wizard, "yes").unwrap();
    take_proposals_until(&mut wizard, "review");
    let answers = wizard.answers().unwrap();
    let adopt = answers.registration.adopt.clone().unwrap();
    assert_eq!((adopt.client_id.as_str(), adopt.rename), (LEGACY, true));
    assert_eq!(Draft::from(&answers).answers().unwrap(), answers);

    wizard.ask_about("registration.adopt.clientId");
    write(&mut wizard, "99999999-2222-4333-8444-555555555555").unwrap();
    assert_eq!(asked(&wizard), "registration.adopt.rename", "one that nobody knows here is asked about once more");
    wizard.ask_about("registration.displayName");
    wizard.answer(Given::text("Legacy portal")).unwrap();
    wizard.ask_about("registration.adopt.clientId");
    write(&mut wizard, "1").unwrap();
    assert_eq!(asked(&wizard), "review", "it is called like that already");

    wizard.ask_about("registration.source");
    write(&mut wizard, "new").unwrap();
    assert_eq!(
        wizard.answers().unwrap().registration.adopt,
        None,
        "and the choice is kept for whoever changes their mind"
    );
}

#[test]
fn given_an_answer_that_is_gone_when_it_is_asked_again_then_what_works_now_is_proposed() {
    let mut wizard = Wizard::new(None);
    wizard.learn(News::Gateways(Fact::Known(vec![gateway("inner"), gateway("outer")])));
    write(&mut wizard, "").unwrap();
    assert!(write(&mut wizard, OPEN).unwrap_err().contains("there is no `-`"), "it is not plain which one");
    write(&mut wizard, "outer").unwrap();
    wizard.learn(News::Gateways(Fact::Known(vec![gateway("inner")])));
    let question = at("gateway").unwrap();
    assert_eq!(wizard.proposal(question), Some(Given::text("istio-system/inner")));
    assert!(wizard.wrong(question, &Given::text(OPEN)).is_none(), "there is but one");
}

#[test]
fn given_facts_that_cannot_be_found_out_then_answers_are_written_and_the_reason_is_told() {
    let mut wizard = Wizard::new(None);
    let fail = |wizard: &mut Wizard| {
        while let Some(need) = wizard.needs().into_iter().next() {
            wizard.learn(need.failed("namespaces is forbidden".to_owned()));
        }
    };
    let lines = [
        "",
        OPEN,
        "myapp",
        "1",
        "myapp",
        "x/y:1",
        "",
        "",
        "",
        "myapp.cluster.example.com",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "1",
        "",
        "",
        "Issuer/own",
        "",
        "",
        "",
        "sidecar",
    ];
    for line in lines {
        fail(&mut wizard);
        let Asking::Question(question) = wizard.asking() else { unreachable!() };
        let needs_facts = matches!(
            question.id,
            "application.namespace" | "registration.consent" | "certificate.issuer" | "hook" | "gateway"
        );
        assert_eq!(wizard.trouble().is_some(), needs_facts || question.id == "registration.tenant", "{}", question.id);
        let given = wizard.read(question, line).unwrap();
        wizard.answer(given).unwrap_or_else(|reason| panic!("{}: {reason}", question.id));
    }
    let answers = wizard.answers().unwrap();
    let Certificate::Issued { issuer, .. } = answers.certificate else { unreachable!() };
    assert_eq!((answers.gateway, issuer.name.to_string()), (None, "own".to_owned()));
}

#[test]
fn given_details_are_wanted_then_they_are_asked_and_hold_the_rules_between_them() {
    let mut wizard = Wizard::new(None);
    take_proposals_until(&mut wizard, KEEP_DETAILS);
    write(&mut wizard, "no").unwrap();
    assert!(write(&mut wizard, "30s").unwrap_err().contains("1m"), "no time between renewals goes with it");
    write(&mut wizard, "30m").unwrap();
    assert_eq!(asked(&wizard), "proxy.sessionRefresh");
    let refused = write(&mut wizard, "").unwrap_err();
    assert!(refused.contains("nothing is proposed"), "55m does not go with 30m: {refused}");
    let refused = write(&mut wizard, "40m").unwrap_err();
    assert!(refused.contains("40m"), "{refused}");
    write(&mut wizard, "10m").unwrap();
    assert!(write(&mut wizard, "docker.io/bitnami/redis:7").unwrap_err().contains("Bitnami"));
    take_proposals_until(&mut wizard, "review");
    assert_eq!(wizard.answers().unwrap().proxy.session_refresh.to_string(), "10m");
}

#[test]
fn given_a_redis_that_is_there_then_everything_about_it_is_asked_and_no_image() {
    let mut wizard = Wizard::new(None);
    take_proposals_until(&mut wizard, STORE);
    for line in ["redis", "redis.cache.svc:6379", "", "redis-auth", ""] {
        write(&mut wizard, line).unwrap_or_else(|reason| panic!("{line}: {reason}"));
    }
    assert_eq!(asked(&wizard), KEEP_DETAILS);
    take_proposals_until(&mut wizard, "review");
    let answers = wizard.answers().unwrap();
    let Sessions::Existing(redis) = &answers.sessions else { unreachable!() };
    assert_eq!((redis.address.to_string().as_str(), &redis.username), ("redis.cache.svc:6379", &None));
    assert_eq!(Draft::from(&answers).answers().unwrap(), answers);
}

#[test]
fn given_a_conversation_then_each_step_says_how_far_it_is() {
    let mut wizard = Wizard::new(None);
    take_proposals_until(&mut wizard, "registration.displayName");
    let states: Vec<StepState> = wizard.steps().into_iter().map(|(_, state)| state).collect();
    let (done, open) = (StepState::Done, StepState::Open);
    assert_eq!(states, [done, done, StepState::Current, open, open, open, open, open]);
}

#[test]
fn given_a_fact_that_is_pending_then_the_question_can_be_answered_all_the_same() {
    let mut wizard = Wizard::new(None);
    assert!(wizard.discovered() == &Discovered::default() && !wizard.needs().is_empty());
    wizard.answer(Given::text(OPEN)).unwrap();
    assert_eq!(asked(&wizard), "application.name");
}

/// What somebody does who presses anything.
#[derive(Clone, Debug)]
enum Deed {
    Write(String),
    Back,
    Revisit(usize),
    LookAgain,
}

fn deed() -> impl Strategy<Value = Deed> {
    let words = [
        "",
        "",
        "",
        "1",
        "2",
        "3",
        "-",
        "myapp",
        "other",
        "x/y:1",
        "a.example.com",
        "no",
        "none",
        "Issuer/x",
        "9d",
        "\u{1f600}",
    ];
    prop_oneof![
        8 => proptest::sample::select(words.to_vec()).prop_map(|word| Deed::Write(word.to_owned())),
        1 => ".{0,20}".prop_map(Deed::Write),
        1 => Just(Deed::Back),
        1 => (0..Step::ALL.len()).prop_map(Deed::Revisit),
        1 => Just(Deed::LookAgain),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn given_anything_at_all_is_done_then_what_is_asked_applies_and_a_review_has_answers_or_says_where_it_lacks(
        deeds in proptest::collection::vec(deed(), 0..80), is_connecting: bool
    ) {
        let mut wizard = Wizard::new(None);
        if is_connecting {
            wizard = Wizard::connecting(Session::default(), None);
        }
        for deed in deeds {
            match deed {
                Deed::Write(line) => { let _refused = write(&mut wizard, &line); }
                Deed::Back => { let _at_the_first = wizard.back(); }
                Deed::Revisit(step) => wizard.revisit(Step::ALL[step]),
                Deed::LookAgain => wizard.look_again(),
            }
            if let Asking::Question(question) = wizard.asking() {
                prop_assert!(wizard.applies(question), "{}", question.id);
                if let Some(proposal) = wizard.proposal(question) {
                    prop_assert!(wizard.wrong(question, &proposal).is_none());
                }
                if let Kind::Choice { .. } = question.kind {
                    learn_all(&mut wizard);
                }
            }
        }
        if wizard.asking() == Asking::Review {
            match wizard.answers() {
                Ok(answers) => prop_assert_eq!(Draft::from(&answers).answers().unwrap(), answers),
                Err(mistakes) => prop_assert!(wizard.ask_about(&mistakes.list[0].path), "{}", mistakes),
            }
        }
    }
}
