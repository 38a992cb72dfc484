//! The answers file, `gatewright.yaml`: read with every mistake at once, written with a comment for every key.

use super::{
    Access, Adopt, Answers, Application, Certificate, Consent, DnsZone, EmailClaim, GatewayChoice, HookPlacement,
    Issuer, IssuerKind, Mistake, Mistakes, NewIssuer, PasswordSource, Proxy, Redis, RedisAddress, Registration,
    Sessions, Workload,
    checks::{self, Replicas},
    document::{self, Content, Place},
    keys,
    names::{AppName, DisplayName, DnsName, Hostname, SecretName, ServiceName, Unusable, ZoneName},
    reader::{Noted, Reader, Spot},
    spelling::quoted,
};

pub use super::writer::render;
pub(crate) use super::writer::{Value, entries};

/// Reads answers; `origin` names the text in messages, such as `gatewright.yaml`.
pub fn parse(text: &str, origin: &str) -> Result<Answers, Mistakes> {
    let whole = |place, wrong: &str, right: &str| Mistakes::new(origin, vec![Mistake::new(place, "", wrong, right)]);
    let root = document::read(text)
        .map_err(|unreadable| whole(unreadable.place, &unreadable.wrong, &unreadable.right))?
        .ok_or_else(|| whole(Place::START, "there are no answers in it", START_RIGHT))?;
    let Content::Section(entries) = &root.content else {
        return Err(whole(root.place, "there are no `key: value` lines in it", START_RIGHT));
    };
    understood(entries, origin)
}

/// Reads answers that are keys and values already, by the same rules. There is no text in between: somebody who looks at hundreds
/// of choices has each of them held against every rule.
pub(crate) fn read_entries(entries: &[(&'static str, Value)], origin: &str) -> Result<Answers, Mistakes> {
    understood(&document::tree(entries), origin)
}

fn understood(entries: &[document::Entry], origin: &str) -> Result<Answers, Mistakes> {
    let mut reader = Reader::new(entries);
    let answers = answers(&mut reader);
    let mistakes = reader.into_mistakes();
    match answers {
        Ok(answers) if mistakes.is_empty() => Ok(answers),
        _ if mistakes.is_empty() => {
            let unclear = Mistake::new(Place::START, "", "it cannot be read, and we cannot say why", START_RIGHT);
            Err(Mistakes::new(origin, vec![unclear]))
        }
        _ => Err(Mistakes::new(origin, mistakes)),
    }
}

const START_RIGHT: &str = "start from the documented example: `version: 1`, `application:` and `certificate:` at least";

/// Reads each part, whatever became of the others, so that all mistakes are found.
fn answers(reader: &mut Reader) -> Result<Answers, Noted> {
    let version = reader.required::<Version>("version");
    let name = reader.required("application.name").map(|spot| spot.value);
    let host = reader.required("application.host").map(|spot| spot.value);
    let application = application(reader, name.as_ref().ok(), host.as_ref().ok());
    let registration = registration(reader, name.as_ref().ok());
    let access = access(reader);
    let certificate = certificate(reader, host.as_ref().ok());
    let sessions = sessions(reader, name.as_ref().ok(), application.as_ref().ok());
    let proxy = proxy(reader);
    let hook = reader.choice("hook", keys::HOOKS, HookPlacement::Sidecar);
    let gateway = gateway(reader);
    version?;
    Ok(Answers {
        application: application?,
        registration: registration?,
        access: access?,
        certificate: certificate?,
        sessions: sessions?,
        proxy: proxy?,
        hook: hook?,
        gateway: gateway?,
    })
}

/// Holds an answer against a rule, and lets it pass if it keeps the rule.
fn keep<T>(
    reader: &mut Reader,
    path: &str,
    spot: Result<Spot<T>, Noted>,
    rule: impl FnOnce(&T) -> Result<(), Unusable>,
) -> Result<Spot<T>, Noted> {
    let spot = spot?;
    match rule(&spot.value) {
        Ok(()) => Ok(spot),
        Err(reason) => Err(reader.note(spot.place, path, reason)),
    }
}

/// The format's number.
struct Version;

impl std::str::FromStr for Version {
    type Err = Unusable;

    fn from_str(text: &str) -> Result<Self, Unusable> {
        if text == keys::VERSION {
            return Ok(Self);
        }
        Err(Unusable {
            wrong: format!("{} is a format that this Gatewright does not know", quoted(text)),
            right: format!("write `version: {}`, or use the Gatewright that wrote the file", keys::VERSION),
        })
    }
}

fn application(reader: &mut Reader, name: Option<&AppName>, host: Option<&Hostname>) -> Result<Application, Noted> {
    let default = name.map_or(String::new(), ToString::to_string);
    let namespace = reader.or("application.namespace", &default);
    let namespace = keep(reader, "application.namespace", namespace, checks::application_namespace);
    let workload = workload(reader, name);
    Ok(Application {
        name: name.ok_or(Noted)?.clone(),
        namespace: namespace?.value,
        host: host.ok_or(Noted)?.clone(),
        workload: workload?,
    })
}

fn workload(reader: &mut Reader, app: Option<&AppName>) -> Result<Workload, Noted> {
    match (reader.section("application.deploy"), reader.section("application.service")) {
        (Some(_), None) => deployed(reader),
        (None, Some(_)) => existing(reader, app),
        (Some(deploy), Some(service)) => {
            let reason = Unusable {
                wrong: "has both `deploy` and `service`".to_owned(),
                right: "keep `deploy` to have the application deployed, or `service` if it is there already".to_owned(),
            };
            let both = reader.note(deploy.max(service), "application", reason);
            let _their_own_mistakes = (deployed(reader), existing(reader, app));
            Err(both)
        }
        (None, None) if reader.is_wrong("application.deploy") || reader.is_wrong("application.service") => Err(Noted),
        (None, None) => {
            let reason = Unusable {
                wrong: "has neither `deploy` nor `service`".to_owned(),
                right: "add `deploy: {image: docker.io/path/to/myapp:sometag}` to have it deployed, or `service: {name: myapp, \
                        port: 8000}` if it is there already"
                    .to_owned(),
            };
            let place = reader.section("application").unwrap_or(Place::START);
            Err(reader.note(place, "application", reason))
        }
    }
}

fn deployed(reader: &mut Reader) -> Result<Workload, Noted> {
    let image = reader.required("application.deploy.image");
    let container_port = reader.or("application.deploy.containerPort", keys::DEFAULT_CONTAINER_PORT);
    let container_port =
        keep(reader, "application.deploy.containerPort", container_port, |port| checks::container_port(*port));
    let service_port = reader.or("application.deploy.servicePort", keys::DEFAULT_SERVICE_PORT);
    let replicas = reader.or::<Replicas>("application.deploy.replicas", keys::DEFAULT_REPLICAS);
    Ok(Workload::Deploy {
        image: image?.value,
        container_port: container_port?.value,
        service_port: service_port?.value,
        replicas: replicas?.value.0,
    })
}

fn existing(reader: &mut Reader, app: Option<&AppName>) -> Result<Workload, Noted> {
    let service = reader.required::<ServiceName>("application.service.name");
    let service = keep(reader, "application.service.name", service, |service| {
        app.map_or(Ok(()), |app| checks::service_is_not_ours(service.as_str(), app))
    });
    let port = reader.or("application.service.port", keys::DEFAULT_SERVICE_PORT);
    Ok(Workload::Existing { service: service?.value, port: port?.value })
}

fn registration(reader: &mut Reader, app: Option<&AppName>) -> Result<Registration, Noted> {
    let tenant = reader.optional("registration.tenant");
    let adopt = adopt(reader);
    let display_name = reader.optional("registration.displayName");
    let scope = reader.or("registration.scope", keys::DEFAULT_SCOPE);
    let lifetime = reader.or("registration.secretLifetime", keys::DEFAULT_SECRET_LIFETIME);
    let lifetime = keep(reader, "registration.secretLifetime", lifetime, |lifetime| checks::secret_lifetime(*lifetime));
    let assignment_required = reader.yes_or_no("registration.assignmentRequired");
    let consent = reader.choice("registration.consent", keys::CONSENTS, Consent::Grant);
    Ok(Registration {
        tenant: tenant?,
        adopt: adopt?,
        display_name: display_name?.or_else(|| app.map(DisplayName::from)).ok_or(Noted)?,
        scope: scope?.value,
        secret_lifetime: lifetime?.value,
        assignment_required: assignment_required?,
        consent: consent?,
    })
}

fn adopt(reader: &mut Reader) -> Result<Option<Adopt>, Noted> {
    if reader.is_wrong("registration.adopt") {
        return Err(Noted);
    }
    if reader.section("registration.adopt").is_none() {
        return Ok(None);
    }
    let client_id = reader.required("registration.adopt.clientId");
    let rename = reader.yes_or_no("registration.adopt.rename");
    Ok(Some(Adopt { client_id: client_id?.value, rename: rename? }))
}

fn access(reader: &mut Reader) -> Result<Access, Noted> {
    let email_domains = reader.list("access.emailDomains");
    let email_claim = reader.choice("access.emailClaim", keys::EMAIL_CLAIMS, EmailClaim::Email);
    let machines = reader.yes_or_no("access.machines");
    Ok(Access {
        email_domains: email_domains?.map_or_else(Vec::new, |spot| spot.value),
        email_claim: email_claim?,
        machines: machines?,
    })
}

/// The three ways to a certificate, of which one is chosen.
const ISSUER: &str = "certificate.issuer";
const NEW_ISSUER: &str = "certificate.newIssuer";
const SECRET: &str = "certificate.secretName";

fn certificate(reader: &mut Reader, host: Option<&Hostname>) -> Result<Certificate, Noted> {
    let ways =
        [(ISSUER, reader.section(ISSUER)), (NEW_ISSUER, reader.section(NEW_ISSUER)), (SECRET, reader.place(SECRET))];
    let chosen: Vec<(&str, Place)> = ways.into_iter().filter_map(|(key, place)| Some((key, place?))).collect();
    match chosen.as_slice() {
        [(ISSUER, _)] => issued(reader, host),
        [(NEW_ISSUER, _)] => newly_issued(reader, host),
        [_] => existing_certificate(reader),
        [] if ways.iter().any(|(key, _)| reader.is_wrong(key)) => Err(Noted),
        [] => {
            let reason = Unusable {
                wrong: "has none of `issuer`, `newIssuer` and `secretName`".to_owned(),
                right: "add `issuer: {name: letsencrypt-production}` to have it made, `newIssuer` to have an issuer for Azure DNS \
                        made too, or `secretName: wildcard-tls` if it is there already"
                    .to_owned(),
            };
            let place = reader.section("certificate").unwrap_or(Place::START);
            Err(reader.note(place, "certificate", reason))
        }
        several => {
            let named: Vec<String> = several.iter().map(|(key, _)| format!("`{}`", keys::last_part(key))).collect();
            let reason = Unusable {
                wrong: format!("has {}", named.join(" and ")),
                right: "keep `issuer` to have the certificate made, `newIssuer` to have an issuer for Azure DNS made too, or \
                        `secretName` if it is there already"
                    .to_owned(),
            };
            let last = several.iter().map(|(_, place)| *place).max().unwrap_or(Place::START);
            let both = reader.note(last, "certificate", reason);
            for (key, _) in several {
                let _its_own_mistakes = match *key {
                    ISSUER => issued(reader, host).map(drop),
                    NEW_ISSUER => newly_issued(reader, host).map(drop),
                    _ => reader.required::<SecretName>(SECRET).map(drop),
                };
            }
            Err(both)
        }
    }
}

/// Its names are on it already.
fn existing_certificate(reader: &mut Reader) -> Result<Certificate, Noted> {
    const NAMES: &str = "certificate.names";
    let secret = reader.required(SECRET);
    if let Some(place) = reader.place(NAMES) {
        let reason = Unusable {
            wrong: "says which names a certificate gets, and the one of `secretName` has its names already".to_owned(),
            right: "take it out; that they cover the host is looked up in the cluster".to_owned(),
        };
        return Err(reader.note(place, NAMES, reason));
    }
    Ok(Certificate::Existing { secret: secret?.value })
}

fn issued(reader: &mut Reader, host: Option<&Hostname>) -> Result<Certificate, Noted> {
    let kind = reader.choice("certificate.issuer.kind", keys::ISSUER_KINDS, IssuerKind::ClusterIssuer);
    let name = reader.required("certificate.issuer.name");
    let names = certificate_names(reader, host);
    Ok(Certificate::Issued { issuer: Issuer { kind: kind?, name: name?.value }, names: names? })
}

fn newly_issued(reader: &mut Reader, host: Option<&Hostname>) -> Result<Certificate, Noted> {
    let server = reader.or("certificate.newIssuer.server", keys::DEFAULT_ACME_SERVER);
    let email = reader.optional("certificate.newIssuer.email");
    let client_id = reader.required("certificate.newIssuer.clientId");
    let subscription = reader.required("certificate.newIssuer.zone.subscription");
    let resource_group = reader.required("certificate.newIssuer.zone.resourceGroup");
    let zone = reader.required::<ZoneName>("certificate.newIssuer.zone.name");
    let names = certificate_names(reader, host);
    let (zone, names) = (zone?, names?);
    if let Err(reason) = checks::zone_holds(&zone.value, &names) {
        // Noted at the names, where the file says them: the zone is decided before.
        let given = reader.place("certificate.names").map(|place| ("certificate.names", place));
        let (path, place) = given.unwrap_or(("certificate.newIssuer.zone.name", zone.place));
        return Err(reader.note(place, path, reason));
    }
    Ok(Certificate::NewlyIssued {
        issuer: NewIssuer {
            server: server?.value,
            email: email?,
            zone: DnsZone {
                subscription: subscription?.value,
                resource_group: resource_group?.value,
                name: zone.value,
            },
            client_id: client_id?.value,
        },
        names,
    })
}

fn certificate_names(reader: &mut Reader, host: Option<&Hostname>) -> Result<Vec<DnsName>, Noted> {
    const PATH: &str = "certificate.names";
    let Some(names) = reader.list(PATH)? else {
        return host.map(|host| vec![DnsName::from(host)]).ok_or(Noted);
    };
    let names = keep(reader, PATH, Ok(names), |names| checks::names_are_few(names));
    let names = keep(reader, PATH, names, |names| host.map_or(Ok(()), |host| checks::names_cover(names, host)));
    Ok(names?.value)
}

fn sessions(reader: &mut Reader, app: Option<&AppName>, application: Option<&Application>) -> Result<Sessions, Noted> {
    const REDIS: &str = "sessions.redis";
    const IMAGE: &str = "sessions.image";
    match (reader.section(REDIS), reader.place(IMAGE)) {
        (Some(_), None) => redis(reader, app, application).map(Sessions::Existing),
        (Some(redis_at), Some(image)) => {
            let reason = Unusable {
                wrong: "has both `image` and `redis`".to_owned(),
                right: "keep `image` to have a store deployed, or `redis` if there is one already".to_owned(),
            };
            let both = reader.note(redis_at.max(image), "sessions", reason);
            let _its_own_mistakes = redis(reader, app, application);
            Err(both)
        }
        (None, _) if reader.is_wrong(REDIS) => Err(Noted),
        (None, _) => {
            let image = reader.or(IMAGE, keys::DEFAULT_SESSIONS_IMAGE);
            Ok(Sessions::Own { image: keep(reader, IMAGE, image, checks::sessions_image)?.value })
        }
    }
}

fn redis(reader: &mut Reader, app: Option<&AppName>, application: Option<&Application>) -> Result<Redis, Noted> {
    const ADDRESS: &str = "sessions.redis.address";
    const SECRET: &str = "sessions.redis.passwordFrom.secret";
    let address = reader.required::<RedisAddress>(ADDRESS);
    let address = keep(reader, ADDRESS, address, |address| {
        application
            .map_or(Ok(()), |application| checks::redis_is_not_ours(address, &application.name, &application.namespace))
    });
    let username = reader.optional("sessions.redis.username");
    let secret = reader.required::<SecretName>(SECRET);
    let secret = keep(reader, SECRET, secret, |secret| {
        app.map_or(Ok(()), |app| checks::secret_is_not_ours(secret.as_str(), app))
    });
    let key = reader.or("sessions.redis.passwordFrom.key", keys::DEFAULT_PASSWORD_KEY);
    Ok(Redis {
        address: address?.value,
        username: username?,
        password: PasswordSource { secret: secret?.value, key: key?.value },
    })
}

fn proxy(reader: &mut Reader) -> Result<Proxy, Noted> {
    let image = reader.or("proxy.image", keys::DEFAULT_PROXY_IMAGE);
    let image = keep(reader, "proxy.image", image, checks::proxy_image);
    let replicas = reader.or::<Replicas>("proxy.replicas", keys::DEFAULT_REPLICAS);
    let lifetime = reader.or("proxy.sessionLifetime", keys::DEFAULT_SESSION_LIFETIME);
    let lifetime = keep(reader, "proxy.sessionLifetime", lifetime, |lifetime| checks::session_lifetime(*lifetime));
    let refresh = reader.or("proxy.sessionRefresh", keys::DEFAULT_SESSION_REFRESH);
    let refresh = keep(reader, "proxy.sessionRefresh", refresh, |refresh| checks::session_refresh(*refresh));
    let (lifetime, refresh) = (lifetime?, refresh?);
    // Noted at whichever of the two the file says; the other may be a default.
    let (path, place) =
        if refresh.given { ("proxy.sessionRefresh", refresh.place) } else { ("proxy.sessionLifetime", lifetime.place) };
    if let Err(reason) = checks::refresh_within_lifetime(refresh.value, lifetime.value) {
        return Err(reader.note(place, path, reason));
    }
    Ok(Proxy {
        image: image?.value,
        replicas: replicas?.value.0,
        session_lifetime: lifetime.value,
        session_refresh: refresh.value,
    })
}

fn gateway(reader: &mut Reader) -> Result<Option<GatewayChoice>, Noted> {
    if reader.is_wrong("gateway") {
        return Err(Noted);
    }
    if reader.section("gateway").is_none() {
        return Ok(None);
    }
    let namespace = reader.required("gateway.namespace");
    let service = reader.required("gateway.service");
    Ok(Some(GatewayChoice { namespace: namespace?.value, service: service?.value }))
}
