//! Facts: begun before their question is reached, and what is said while they are missing.

use super::{
    super::{Choice, Fact, Given, Need, News, SERVICE, WORKLOAD, Wizard, at},
    asked, find_out, take_proposals_until, write,
};
use crate::facts::ConsentRight;

#[test]
fn given_the_first_question_then_what_later_ones_choose_from_is_looked_for_already() {
    let mut wizard = Wizard::new(None);
    let begun = wizard.foreseeable();
    for need in [Need::Tenant, Need::Gateways, Need::Namespaces, Need::ConsentRight] {
        assert!(begun.contains(&need), "{need:?} of {begun:?}");
    }
    assert!(!begun.iter().any(|need| matches!(need, Need::Issuers(_))), "which gateway it is decides where they sign");
    wizard.learn(find_out(&Need::Gateways));
    assert!(wizard.foreseeable().contains(&Need::Issuers("istio-system".to_owned())), "{:?}", wizard.foreseeable());
    assert!(!wizard.foreseeable().contains(&Need::Subscriptions), "nobody has said that an issuer is made");
}

#[test]
fn given_the_namespace_is_answered_then_its_services_are_looked_for_and_no_other_ones() {
    let mut wizard = Wizard::new(Some("wiki"));
    take_proposals_until(&mut wizard, "application.name");
    write(&mut wizard, "").unwrap();
    wizard.answer(Given::text(SERVICE)).unwrap();
    let of_services = |wizard: &Wizard| wizard.foreseeable().iter().any(|need| matches!(need, Need::Services(_)));
    assert!(!of_services(&wizard));
    wizard.learn(find_out(&Need::Namespaces));
    wizard.answer(Given::text("team-docs")).unwrap();
    assert!(wizard.foreseeable().contains(&Need::Services("team-docs".to_owned())), "{:?}", wizard.foreseeable());
    wizard.ask_about(WORKLOAD);
    wizard.answer(Given::text("deploy")).unwrap();
    assert!(!of_services(&wizard), "{}", asked(&wizard));
}

/// What is said of consenting here.
fn consenting(wizard: &Wizard) -> Choice {
    wizard.choices(at("registration.consent").unwrap()).remove(0)
}

#[test]
fn given_who_is_signed_in_then_consent_says_whether_they_may_and_who_else_and_what_cannot_be_told_apart_from_not_yet() {
    let mut wizard = Wizard::new(None);
    assert!(consenting(&wizard).about.contains("not known yet"), "{:?}", consenting(&wizard));
    let known = |right| News::ConsentRight(Fact::Known(right));
    wizard.learn(known(ConsentRight::May { by: "Global Administrator".to_owned() }));
    assert_eq!(consenting(&wizard).about, "give it here: you may, with Global Administrator");
    wizard.learn(known(ConsentRight::MayNot { who: "Cloud Application Administrator".to_owned() }));
    assert!(consenting(&wizard).about.starts_with("you may not: link and text for a Cloud Application Administrator"));
    assert_eq!(consenting(&wizard).unusable, None, "then it is handed over");
    wizard.learn(Need::ConsentRight.failed("me/memberOf is forbidden".to_owned()));
    assert!(consenting(&wizard).about.contains("cannot be seen"), "{:?}", consenting(&wizard));
}
