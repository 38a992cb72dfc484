//! How a program gets in: commands with its own client id and secret, never ours, and no secret on a command line.

use super::Entrance;
use crate::{answers::Answers, blueprint::APP_ROLE, engine::event::Usage, facts::Facts};

/// The commands; nothing, where no application is let in.
pub(super) fn of(answers: &Answers, facts: &Facts, client_id: &str, entrance: Entrance) -> Option<Usage> {
    if !answers.access.machines {
        return None;
    }
    let tenant = &facts.tenant;
    let host = &answers.application.host;
    let trust = tenant.cloud.certificate_authority.as_ref();
    let trust = trust.map_or_else(String::new, |file| format!("--cacert {} ", quoted(&file.display().to_string())));
    let way = match entrance {
        Entrance::At(address) => format!("--connect-to ::{address} "),
        Entrance::Service | Entrance::Nowhere => String::new(),
    };
    let sign_in = tenant.cloud.sign_in.as_str().trim_end_matches('/');
    Some(Usage {
        needs: format!(
            "the calling application's own client id and secret in $CLIENT_ID and $CLIENT_SECRET, and the role {APP_ROLE} of this one, which an \
             administrator gives it"
        ),
        token: format!(
            "TOKEN=$(printf 'data-urlencode = \"client_secret=%s\"' \"$CLIENT_SECRET\" | curl -sS {trust}--config - \
             -d grant_type=client_credentials --data-urlencode \"client_id=$CLIENT_ID\" \
             -d scope=api://{client_id}/.default {sign_in}/{}/oauth2/v2.0/token \
             | sed -n 's/.*\"access_token\": *\"\\([^\"]*\\)\".*/\\1/p')",
            tenant.id
        ),
        call: format!(
            "printf 'header = \"Authorization: Bearer %s\"' \"$TOKEN\" | curl -sS {trust}{way}--config - https://{host}/"
        ),
    })
}

/// One word of a POSIX shell.
fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
