//! Rotations of the whole cluster's example, while people and programs use it.

use super::load::{Load, Met, REACHED, SIGN_IN};
use super::{Versions, Whole};
use crate::parts::say;

/// Rotates under load; what became of the requests meanwhile.
async fn rotated(whole: &Whole, what: &str) -> Met {
    let load = Load::start(whole).await;
    let at = format!("127.0.0.1:{}", whole.gateway_port);
    let said = whole.gatewright().run_plain(&["rotate", "myapp", "--yes", "--what", what, "--try-at", &at]).await;
    // The last pod that goes may still have something to say.
    whole.has_settled().await;
    let met = load.end().await;
    say(&format!(
        "{what}: {} requests in {:.1?}, of which otherwise than as said: {:?}",
        met.total(),
        met.lasted,
        met.other_than(&[REACHED, SIGN_IN])
    ));
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    met
}

#[tokio::test(flavor = "multi_thread")]
async fn given_people_and_programs_at_work_when_secrets_are_rotated_then_no_request_fails() {
    every_rotation(super::NEWEST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn given_the_oldest_istio_and_envoy_with_classic_sidecars_when_secrets_are_rotated_then_no_request_fails_either()
{
    every_rotation(super::OLDEST).await;
}

async fn every_rotation(versions: Versions) {
    let Some(whole) = Whole::open_with(versions).await else { return };
    whole.set_up().await;

    let met = rotated(&whole, "client-secret").await;
    assert!(met.total() > 200, "{met:#?}");
    assert_eq!(met.other_than(&[REACHED]), [""; 0], "{met:#?}");

    let met = rotated(&whole, "redis-password").await;
    assert!(met.total() > 200, "{met:#?}");
    assert_eq!(met.other_than(&[REACHED]), [""; 0], "{met:#?}");

    let met = rotated(&whole, "certificate-key").await;
    assert!(met.total() > 50, "{met:#?}");
    assert_eq!(met.other_than(&[REACHED]), [""; 0], "{met:#?}");

    // It says before that it signs everybody out.
    let met = rotated(&whole, "cookie-secret").await;
    assert!(met.by_person.contains_key(SIGN_IN), "{met:#?}");
    assert_eq!(met.other_than(&[REACHED, SIGN_IN]), [""; 0], "{met:#?}");
    assert!(!met.by_program.contains_key(SIGN_IN), "{met:#?}");
}
