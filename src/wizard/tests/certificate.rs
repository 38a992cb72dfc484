//! Where the certificate comes from.

use super::{
    super::{CERTIFICATE, NEWLY_ISSUED, Wizard, at},
    EXAMPLE, asked, finished, read, take_proposals_until, write,
};
use crate::answers::Certificate;

#[test]
fn given_a_certificate_that_is_there_then_its_secret_is_asked_for_and_whoever_changes_their_mind_finds_the_issuer_again()
 {
    let mut wizard = finished();
    assert!(wizard.ask_about(CERTIFICATE));
    write(&mut wizard, "2").unwrap();
    assert_eq!(asked(&wizard), "certificate.secretName");
    assert!(write(&mut wizard, "Not A Secret").unwrap_err().contains("Not A Secret"));
    write(&mut wizard, "wildcard-tls").unwrap();
    assert_eq!(asked(&wizard), "review");
    let there = Certificate::Existing { secret: "wildcard-tls".parse().unwrap() };
    assert_eq!(wizard.answers().unwrap().certificate, there);
    assert!(wizard.ask_about(CERTIFICATE));
    write(&mut wizard, "1").unwrap();
    assert_eq!(wizard.answers().unwrap(), read(EXAMPLE));
}

/// Takes what is proposed until the certificate, and wants an issuer made.
fn wanting_a_new_issuer() -> Wizard {
    let mut wizard = Wizard::new(None);
    take_proposals_until(&mut wizard, CERTIFICATE);
    write(&mut wizard, NEWLY_ISSUED).unwrap();
    wizard
}

#[test]
fn given_a_new_issuer_is_wanted_then_subscription_and_zone_are_chosen_and_the_answers_are_those_of_a_file() {
    const IDENTITY: &str = "66666666-7777-8888-9999-00000000000d";
    let mut wizard = wanting_a_new_issuer();
    assert_eq!(asked(&wizard), "certificate.newIssuer.zone.subscription");
    let subscriptions = wizard.choices(at("certificate.newIssuer.zone.subscription").unwrap());
    assert_eq!(subscriptions[0].unusable.as_deref(), Some("it is Disabled"));
    write(&mut wizard, "").unwrap();
    let zones = wizard.choices(at("certificate.newIssuer.zone").unwrap());
    let shown: Vec<_> = zones.iter().map(|zone| (zone.value.as_str(), zone.unusable.is_none())).collect();
    let expected = [
        ("dns/cluster.example.com", true),
        ("dns/example.com", true),
        ("dns/internal.cluster.example.com", false),
        ("dns/fabrikam.example", false),
    ];
    assert_eq!(shown, expected);
    write(&mut wizard, "").unwrap();
    assert_eq!(asked(&wizard), "certificate.newIssuer.clientId");
    let wrong = write(&mut wizard, "cert-manager").unwrap_err();
    assert!(wrong.contains("is not a client id"), "{wrong}");
    write(&mut wizard, IDENTITY).unwrap();
    take_proposals_until(&mut wizard, "review");
    let answers = wizard.answers().unwrap();
    let issuer = answers.certificate.new_issuer().unwrap();
    assert_eq!(
        (issuer.client_id.as_str(), issuer.server.as_str(), &issuer.email),
        (IDENTITY, "letsencrypt-production", &None)
    );
    assert_eq!(issuer.zone.subscription.as_str(), "c0470505-0000-4000-8000-000000000002");
    assert_eq!((issuer.zone.resource_group.as_str(), issuer.zone.name.as_str()), ("dns", "cluster.example.com"));
    let names: Vec<_> = answers.certificate.issued_names().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["*.cluster.example.com"]);
    assert_eq!(Wizard::about(&answers).answers().unwrap(), answers, "a later run begins with the same");
}

#[test]
fn given_a_zone_that_does_not_hold_the_host_then_it_is_refused_and_one_that_does_goes_by_its_name() {
    let mut wizard = wanting_a_new_issuer();
    write(&mut wizard, "c0470505-0000-4000-8000-0000000000ff").unwrap();
    let wrong = write(&mut wizard, "dns/example.net").unwrap_err();
    assert!(wrong.contains("is not in the zone"), "{wrong}");
    write(&mut wizard, "example.com").unwrap();
    assert_eq!(asked(&wizard), "certificate.newIssuer.clientId");
}
