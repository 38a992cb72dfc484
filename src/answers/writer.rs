//! Writes answers as a commented file.

use super::{
    Answers, Certificate, Sessions, Workload,
    keys::{self, Absence, KEYS, Key, Shape},
};
use std::fmt::Write as _;

/// Longest line of a comment.
const WIDTH: usize = 110;

/// What stands behind a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A text, to be quoted where YAML needs it.
    Text(String),
    /// A number, a length of time, `true` or `false`: never quoted.
    Bare(String),
    /// A list of texts.
    List(Vec<String>),
}

/// Every answer by its key, in the order of the table; what a person left open is not there.
pub(crate) fn entries(answers: &Answers) -> Vec<(&'static str, Value)> {
    let text = |text: &dyn ToString| Value::Text(text.to_string());
    let bare = |bare: &dyn ToString| Value::Bare(bare.to_string());
    let Answers { application, registration, access, certificate, sessions, proxy, hook, gateway } = answers;
    let mut entries = vec![
        ("version", bare(&keys::VERSION)),
        ("application.name", text(&application.name)),
        ("application.namespace", text(&application.namespace)),
        ("application.host", text(&application.host)),
    ];
    match &application.workload {
        Workload::Deploy { image, container_port, service_port, replicas } => entries.extend([
            ("application.deploy.image", text(image)),
            ("application.deploy.containerPort", bare(container_port)),
            ("application.deploy.servicePort", bare(service_port)),
            ("application.deploy.replicas", bare(replicas)),
        ]),
        Workload::Existing { service, port } => {
            entries.extend([("application.service.name", text(service)), ("application.service.port", bare(port))]);
        }
    }
    entries.extend(registration.tenant.as_ref().map(|tenant| ("registration.tenant", text(tenant))));
    if let Some(adopt) = &registration.adopt {
        entries.extend([
            ("registration.adopt.clientId", text(&adopt.client_id)),
            ("registration.adopt.rename", bare(&adopt.rename)),
        ]);
    }
    entries.extend([
        ("registration.displayName", text(&registration.display_name)),
        ("registration.scope", text(&registration.scope)),
        ("registration.secretLifetime", bare(&registration.secret_lifetime)),
        ("registration.assignmentRequired", bare(&registration.assignment_required)),
        ("registration.consent", text(&keys::word(keys::CONSENTS, &registration.consent))),
        ("access.emailDomains", Value::List(access.email_domains.iter().map(ToString::to_string).collect())),
        ("access.emailClaim", text(&keys::word(keys::EMAIL_CLAIMS, &access.email_claim))),
        ("access.machines", bare(&access.machines)),
    ]);
    match certificate {
        Certificate::Issued { issuer, names } => entries.extend([
            ("certificate.issuer.kind", text(&keys::word(keys::ISSUER_KINDS, &issuer.kind))),
            ("certificate.issuer.name", text(&issuer.name)),
            ("certificate.names", Value::List(names.iter().map(ToString::to_string).collect())),
        ]),
        Certificate::NewlyIssued { issuer, names } => {
            entries.push(("certificate.newIssuer.server", text(&issuer.server)));
            entries.extend(issuer.email.as_ref().map(|email| ("certificate.newIssuer.email", text(email))));
            entries.extend([
                ("certificate.newIssuer.clientId", text(&issuer.client_id)),
                ("certificate.newIssuer.zone.subscription", text(&issuer.zone.subscription)),
                ("certificate.newIssuer.zone.resourceGroup", text(&issuer.zone.resource_group)),
                ("certificate.newIssuer.zone.name", text(&issuer.zone.name)),
                ("certificate.names", Value::List(names.iter().map(ToString::to_string).collect())),
            ]);
        }
        Certificate::Existing { secret } => entries.push(("certificate.secretName", text(secret))),
    }
    match sessions {
        Sessions::Own { image } => entries.push(("sessions.image", text(image))),
        Sessions::Existing(redis) => {
            entries.push(("sessions.redis.address", text(&redis.address)));
            entries.extend(redis.username.as_ref().map(|username| ("sessions.redis.username", text(username))));
            entries.extend([
                ("sessions.redis.passwordFrom.secret", text(&redis.password.secret)),
                ("sessions.redis.passwordFrom.key", text(&redis.password.key)),
            ]);
        }
    }
    entries.extend([
        ("proxy.image", text(&proxy.image)),
        ("proxy.replicas", bare(&proxy.replicas)),
        ("proxy.sessionLifetime", bare(&proxy.session_lifetime)),
        ("proxy.sessionRefresh", bare(&proxy.session_refresh)),
        ("hook", text(&keys::word(keys::HOOKS, hook))),
    ]);
    if let Some(gateway) = gateway {
        entries.extend([("gateway.namespace", text(&gateway.namespace)), ("gateway.service", text(&gateway.service))]);
    }
    entries
}

/// Writes the answers as a commented file that reads back as the same answers.
pub fn render(answers: &Answers) -> String {
    render_entries(&entries(answers))
}

/// Writes answers that may be incomplete, or wrong: what is not among them is commented out.
fn render_entries(entries: &[(&'static str, Value)]) -> String {
    let mut file = String::from(
        "# Answers for Gatewright: what was decided, one key a decision, and never a secret.\n\
         # A line in `# key: value` form is off; take the `# ` away to turn it on.\n",
    );
    for key in KEYS {
        write_key(&mut file, key, entries);
    }
    file
}

fn write_key(file: &mut String, key: &Key, entries: &[(&'static str, Value)]) {
    let depth = key.path.matches('.').count();
    let is_used = |path: &str| entries.iter().any(|(entry, _)| *entry == path || keys::is_within(entry, path));
    let off = !is_used(key.path);
    if depth == 0 {
        file.push('\n');
    }
    // What is off is commented out at the indentation of the outermost section that is off.
    let on_depth = (0..depth).filter(|level| is_used(keys::ancestor(key.path, *level))).count();
    let (outer, inner) = ("  ".repeat(on_depth.min(depth)), "  ".repeat(depth - on_depth.min(depth)));
    let before = if off { format!("{outer}# {inner}") } else { outer.clone() };
    let comment_before = if off { format!("{outer}# {inner}") } else { format!("{outer}# ") };
    if !off || inner.is_empty() {
        write_comment(file, &comment_before, key);
    }
    let name = keys::last_part(key.path);
    let value = entries.iter().find(|(path, _)| *path == key.path).map(|(_, value)| value);
    let _infallible = match (key.shape, value) {
        (Shape::Section, _) => writeln!(file, "{before}{name}:"),
        (_, None) => writeln!(file, "{before}{name}: {}", key.example),
        (_, Some(Value::Text(text))) => writeln!(file, "{before}{name}: {}", scalar(text)),
        (_, Some(Value::Bare(bare))) => writeln!(file, "{before}{name}: {bare}"),
        (_, Some(Value::List(items))) if items.is_empty() => writeln!(file, "{before}{name}: []"),
        (_, Some(Value::List(items))) => {
            let _infallible = writeln!(file, "{before}{name}:");
            items.iter().try_for_each(|item| writeln!(file, "{before}  - {}", scalar(item)))
        }
    };
}

/// The key's meaning, and its default where it has one, wrapped.
fn write_comment(file: &mut String, before: &str, key: &Key) {
    let default = match key.absence {
        Absence::Means(default) if key.shape != Shape::Section => format!(" Default: {default}."),
        _ => String::new(),
    };
    let mut line = String::new();
    for word in format!("{}{default}", key.meaning).split_whitespace() {
        if !line.is_empty() && before.len() + line.len() + 1 + word.len() > WIDTH {
            let _infallible = writeln!(file, "{before}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _infallible = writeln!(file, "{before}{line}");
}

/// A text as one line of YAML, in quotes where any reader needs them.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@ ".contains(c);
    let harmless = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !text.ends_with([' ', ':'])
        && text.chars().all(plain)
        && !text.contains(": ");
    // Words such as `yes` look like text to us and not to others: serde-saphyr knows them.
    let stays_text = || serde_saphyr::to_string(&text).is_ok_and(|written| written.trim_end() == text);
    if harmless && stays_text() {
        return text.to_owned();
    }
    // JSON's strings are YAML's double-quoted ones.
    serde_json::Value::from(text).to_string()
}
