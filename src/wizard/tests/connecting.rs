//! What a run connects to: asked first, known beforehand or the only choice, and never in the answers file.

use super::{EXAMPLE, asked, context, find_out, learn_all, read, sign_in, take_proposals_until, write};
use crate::wizard::{
    APPLICATION, Asking, CLOUD, CONTEXT, Fact, Given, Need, News, OPEN, RecordedApplication, SIGN_IN, Session, Side,
    Step, TENANT, Wizard, at,
};

fn connecting() -> Wizard {
    Wizard::connecting(Session::default(), None)
}

/// Writes each line at the question that it is for.
fn converse(wizard: &mut Wizard, lines: &[(&str, &str)]) {
    for (id, line) in lines {
        learn_all(wizard);
        assert_eq!(asked(wizard), *id);
        write(wizard, line).unwrap_or_else(|reason| panic!("{id}: {reason}"));
    }
}

fn recorded(namespace: &str, name: &str) -> RecordedApplication {
    let text = EXAMPLE.replace("name: myapp", &format!("name: {name}"));
    let text = text.replace("namespace: myapp", &format!("namespace: {namespace}"));
    RecordedApplication { namespace: namespace.to_owned(), name: name.to_owned(), answers: Ok(Box::new(read(&text))) }
}

/// Settles the session as far as to what is installed, which is this.
fn with_installed(application: Option<&str>, installed: Vec<RecordedApplication>) -> Wizard {
    let mut wizard = Wizard::connecting(Session::default(), application);
    converse(&mut wizard, &[(CONTEXT, ""), (CLOUD, ""), (SIGN_IN, "device-code")]);
    wizard.answer(Given::text(OPEN)).unwrap();
    assert_eq!((asked(&wizard), wizard.needs()), (APPLICATION, vec![Need::Installations]));
    wizard.learn(News::Installations(Fact::Known(installed)));
    wizard
}

#[test]
fn given_nothing_beforehand_then_context_cloud_sign_in_and_tenant_are_asked_before_anything_is_connected_to() {
    let mut wizard = connecting();
    let mut asked_for = Vec::new();
    for (id, line) in [(CONTEXT, "aks-test"), (CLOUD, "usgov"), (SIGN_IN, ""), (TENANT, "example.org")] {
        assert_eq!(asked(&wizard), id);
        while let Some(need) = wizard.needs().into_iter().next() {
            asked_for.push(need.clone());
            wizard.learn(find_out(&need));
        }
        let Asking::Question(question) = wizard.asking() else { unreachable!() };
        let given = wizard.read(question, line).unwrap();
        wizard.answer(given).unwrap();
    }
    assert!(asked_for.iter().all(|need| need.side() == Side::Machine), "{asked_for:?}");
    assert_eq!(wizard.needs(), [Need::Installations], "only now");
    let part = |text: &str| Some(text.to_owned());
    let session = Session {
        context: part("aks-test"),
        cloud: part("usgov"),
        sign_in: part("azure-cli"),
        tenant: part("example.org"),
    };
    assert_eq!(wizard.session(), session);
    take_proposals_until(&mut wizard, "review");
    assert_eq!(wizard.answers().unwrap(), read(EXAMPLE), "none of it is in the answers");
}

#[test]
fn given_the_command_line_says_it_then_it_is_not_asked() {
    let part = |text: &str| Some(text.to_owned());
    let given = Session {
        context: part("elsewhere"),
        cloud: part("./cloud.yaml"),
        sign_in: part("device-code"),
        tenant: part("contoso.com"),
    };
    let wizard = Wizard::connecting(given.clone(), None);
    assert_eq!((asked(&wizard), wizard.session()), (APPLICATION, given));
}

#[test]
fn given_one_context_and_one_tenant_then_nobody_is_asked_which() {
    let mut wizard = connecting();
    assert_eq!(asked(&wizard), CONTEXT, "as long as nobody has looked");
    wizard.learn(News::Contexts(Fact::Known(vec![context("only", false)])));
    assert_eq!(asked(&wizard), CLOUD);
    assert_eq!(wizard.session().context.as_deref(), Some("only"), "it need not be the current one");
    wizard.answer(Given::text("public")).unwrap();
    let ways = vec![sign_in("azure-cli", None, &["example.com"]), sign_in("device-code", None, &[])];
    wizard.learn(News::SignIns("public".to_owned(), Fact::Known(ways)));
    wizard.answer(Given::text("azure-cli")).unwrap();
    assert_eq!((asked(&wizard), wizard.session().tenant), (APPLICATION, None));
    assert!(wizard.back());
    wizard.answer(Given::text("device-code")).unwrap();
    assert_eq!(asked(&wizard), TENANT, "a person may belong to several, and nobody knows before they sign in");
}

#[test]
fn given_a_way_to_sign_in_that_cannot_work_then_it_is_there_with_its_reason_and_is_not_taken() {
    let mut wizard = connecting();
    converse(&mut wizard, &[(CONTEXT, ""), (CLOUD, "")]);
    let question = at(SIGN_IN).unwrap();
    let reason = wizard.choices(question)[0].unusable.clone();
    assert_eq!(reason.as_deref(), Some("not set: AZURE_CLIENT_ID"));
    assert!(write(&mut wizard, "service-principal").unwrap_err().contains("not set: AZURE_CLIENT_ID"));
    assert_eq!(wizard.proposal(question), Some(Given::text("azure-cli")), "the first that works");
}

#[test]
fn given_a_cloud_or_a_tenant_that_cannot_be_one_then_it_is_said_what_would_be_right() {
    let mut wizard = connecting();
    converse(&mut wizard, &[(CONTEXT, "")]);
    assert!(write(&mut wizard, "publc").unwrap_err().contains("write public, usgov or china"));
    write(&mut wizard, "clouds/practice.yaml").unwrap();
    converse(&mut wizard, &[(SIGN_IN, "device-code")]);
    let refused = write(&mut wizard, "not a tenant").unwrap_err();
    assert!(refused.contains("not a tenant"), "{refused}");
    write(&mut wizard, "contoso.onmicrosoft.com").unwrap();
    assert_eq!(wizard.session().tenant.as_deref(), Some("contoso.onmicrosoft.com"));
}

#[test]
fn given_no_kubeconfig_then_the_reason_is_told_and_looking_again_finds_one() {
    let mut wizard = connecting();
    wizard.learn(Need::Contexts.failed("no usable kubeconfig".to_owned()));
    assert_eq!((asked(&wizard), wizard.trouble()), (CONTEXT, Some("no usable kubeconfig")));
    assert!(wizard.answer(Given::text("anything")).is_err());
    wizard.look_again();
    assert_eq!(wizard.needs(), [Need::Contexts]);
    wizard.learn(News::Contexts(Fact::Known(vec![context("new", true)])));
    assert_eq!(asked(&wizard), CLOUD);
}

#[test]
fn given_another_context_is_chosen_then_what_the_first_clusters_facts_say_is_forgotten_and_asked_again() {
    let mut wizard = connecting();
    converse(&mut wizard, &[(CONTEXT, ""), (CLOUD, ""), (SIGN_IN, ""), (TENANT, "")]);
    take_proposals_until(&mut wizard, "review");
    let before = wizard.session();
    assert!(wizard.ask_about(CONTEXT));
    write(&mut wizard, "aks-test").unwrap();
    assert_eq!(asked(&wizard), "application.namespace");
    assert!(wizard.discovered().services("team-docs").is_pending());
    assert!(wizard.discovered().tenant().known().is_some(), "the tenant is the same");
    let stale = News::Namespaces(Fact::Known(Vec::new()));
    wizard.look_again();
    wizard.learn_in(&before, stale);
    assert!(wizard.discovered().namespaces().is_pending(), "it was found in the other cluster");
    let session = wizard.session();
    wizard.learn_in(&session, find_out(&Need::Namespaces));
    assert!(wizard.discovered().namespaces().known().is_some());
    take_proposals_until(&mut wizard, "review");
    assert_eq!(wizard.answers().unwrap(), read(EXAMPLE));
}

#[test]
fn given_another_way_to_sign_in_is_chosen_then_its_tenant_is_found_out_anew() {
    let mut wizard = connecting();
    converse(&mut wizard, &[(CONTEXT, ""), (CLOUD, ""), (SIGN_IN, ""), (TENANT, "example.org")]);
    learn_all(&mut wizard);
    assert_eq!(asked(&wizard), "registration.tenant");
    wizard.revisit(Step::Connect);
    converse(&mut wizard, &[(CONTEXT, ""), (CLOUD, ""), (SIGN_IN, "device-code")]);
    assert_eq!(asked(&wizard), TENANT);
    let session = wizard.session();
    wizard.answer(Given::text(OPEN)).unwrap();
    assert!(wizard.discovered().tenant().is_pending());
    wizard.learn_in(&session, find_out(&Need::Tenant));
    assert!(wizard.discovered().tenant().is_pending(), "it is the tenant of another sign-in");
}

#[test]
fn given_one_application_is_installed_then_the_conversation_goes_on_from_its_recorded_answers() {
    let wizard = with_installed(None, vec![recorded("myapp", "myapp")]);
    assert_eq!((wizard.asking(), wizard.answers().unwrap()), (Asking::Review, read(EXAMPLE)));
    assert_eq!(wizard.recorded(), Some(&read(EXAMPLE)));
    assert_eq!(wizard.session().sign_in.as_deref(), Some("device-code"), "the session stays");
}

#[test]
fn given_recorded_answers_that_name_their_tenant_then_that_is_signed_in_to_unless_another_one_was_said() {
    let named = || {
        let text = EXAMPLE.replace("# tenant: contoso", "tenant: contoso");
        RecordedApplication { answers: Ok(Box::new(read(&text))), ..recorded("myapp", "myapp") }
    };
    let wizard = with_installed(None, vec![named()]);
    assert_eq!(wizard.session().tenant.as_deref(), Some("contoso.onmicrosoft.com"));
    let mut wizard = connecting();
    converse(&mut wizard, &[(CONTEXT, ""), (CLOUD, ""), (SIGN_IN, "")]);
    wizard.answer(Given::text("example.org")).unwrap();
    wizard.learn(News::Installations(Fact::Known(vec![named()])));
    assert_eq!((wizard.asking(), wizard.session().tenant.as_deref()), (Asking::Review, Some("example.org")));
}

#[test]
fn given_several_are_installed_then_it_is_asked_which_and_a_name_tells() {
    let both = || vec![recorded("team-a", "wiki"), recorded("team-b", "wiki"), recorded("shop", "shop")];
    let mut wizard = with_installed(None, both());
    assert_eq!(asked(&wizard), APPLICATION);
    write(&mut wizard, "team-b/wiki").unwrap();
    assert_eq!(wizard.answers().unwrap().application.namespace.as_str(), "team-b");

    let mut wizard = with_installed(Some("wiki"), both());
    let offered = wizard.choices(at(APPLICATION).unwrap());
    let offered: Vec<&str> = offered.iter().map(|choice| choice.value.as_str()).collect();
    assert_eq!((asked(&wizard), offered), (APPLICATION, vec!["team-a/wiki", "team-b/wiki", OPEN]));
    write(&mut wizard, "1").unwrap();
    assert_eq!(wizard.answers().unwrap().application.namespace.as_str(), "team-a");

    let wizard = with_installed(Some("team-b/wiki"), both());
    assert_eq!(wizard.answers().unwrap().application.namespace.as_str(), "team-b");
    let wizard = with_installed(Some("blog"), both());
    assert_eq!((asked(&wizard), wizard.recorded()), ("registration.tenant", None), "a new one");
    let wizard = with_installed(Some("team-c/wiki"), both());
    assert_eq!(asked(&wizard), APPLICATION, "nothing of that name is installed there");
}

#[test]
fn given_recorded_answers_were_taken_up_when_a_new_application_is_wanted_then_nothing_of_them_stays() {
    let mut wizard = with_installed(None, vec![recorded("shop", "shop"), recorded("wiki", "wiki")]);
    write(&mut wizard, "shop").unwrap();
    assert_eq!(wizard.asking(), Asking::Review);
    assert!(wizard.ask_about(APPLICATION));
    write(&mut wizard, OPEN).unwrap();
    assert_eq!((asked(&wizard), wizard.recorded()), ("registration.tenant", None));
    assert!(wizard.draft().get("application.name").is_none());
    assert_eq!(wizard.session().sign_in.as_deref(), Some("device-code"));
}

#[test]
fn given_recorded_answers_that_cannot_be_read_then_it_says_so_and_a_new_one_can_be_begun() {
    let broken = RecordedApplication {
        namespace: "shop".to_owned(),
        name: "shop".to_owned(),
        answers: Err("line 3: unknown key".to_owned()),
    };
    let mut wizard = with_installed(None, vec![broken]);
    assert_eq!(asked(&wizard), APPLICATION);
    assert!(write(&mut wizard, "shop").unwrap_err().contains("line 3: unknown key"));
    write(&mut wizard, "").unwrap();
    assert_eq!(asked(&wizard), "registration.tenant");
}

#[test]
fn given_a_cluster_that_is_away_then_the_reason_is_told_once_and_the_tenant_is_asked_about_all_the_same() {
    let mut wizard = connecting();
    converse(&mut wizard, &[(CONTEXT, ""), (CLOUD, ""), (SIGN_IN, "")]);
    wizard.answer(Given::text(OPEN)).unwrap();
    wizard.learn(Need::Installations.failed("connection refused".to_owned()));
    assert_eq!((asked(&wizard), wizard.trouble()), (APPLICATION, Some("connection refused")));
    assert_eq!(wizard.proposal(at(APPLICATION).unwrap()), Some(Given::text(OPEN)));
    wizard.answer(Given::text(OPEN)).unwrap();
    assert!(wizard.needs().contains(&Need::Tenant));
    wizard.learn(Need::Gateways.failed("connection refused".to_owned()));
    assert!(wizard.ask_about(APPLICATION));
    wizard.look_again();
    assert!(wizard.discovered().gateways().is_pending(), "it failed for the same reason");
}
