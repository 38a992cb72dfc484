//! The answers file, `gatewright.yaml`: read with every mistake at once, written with a comment for every key.

use super::{
    Access, Answers, Application, Certificate, EmailClaim, GatewayChoice, HookPlacement, Issuer, IssuerKind, Mistake,
    Mistakes, Proxy, Registration, Sessions, Workload,
    checks::{self, DisplayName, Replicas},
    document::{self, Content, Place},
    keys,
    names::{AppName, Hostname, Unusable},
    reader::{Reader, Spot},
    spelling::quoted,
};

pub use super::writer::render;

/// Reads answers; `origin` names the text in messages, such as `gatewright.yaml`.
pub fn parse(text: &str, origin: &str) -> Result<Answers, Mistakes> {
    let whole = |place, wrong: &str, right: &str| Mistakes::new(origin, vec![Mistake::new(place, "", wrong, right)]);
    let root = document::read(text)
        .map_err(|unreadable| whole(unreadable.place, &unreadable.wrong, &unreadable.right))?
        .ok_or_else(|| whole(Place::START, "there are no answers in it", START_RIGHT))?;
    let Content::Section(entries) = &root.content else {
        return Err(whole(root.place, "there are no `key: value` lines in it", START_RIGHT));
    };
    let mut reader = Reader::new(entries);
    let answers = answers(&mut reader);
    let mistakes = reader.into_mistakes();
    match answers {
        Some(answers) if mistakes.is_empty() => Ok(answers),
        _ if mistakes.is_empty() => Err(whole(Place::START, "it cannot be read, and we cannot say why", START_RIGHT)),
        _ => Err(Mistakes::new(origin, mistakes)),
    }
}

const START_RIGHT: &str = "start from the documented example: `version: 1`, `application:` and `certificate:` at least";

/// Reads each part, whatever became of the others, so that all mistakes are found.
fn answers(reader: &mut Reader) -> Option<Answers> {
    version(reader);
    let application = application(reader);
    let name = application.name.as_ref();
    let registration = registration(reader, name);
    let access = access(reader);
    let certificate = certificate(reader, application.host.as_ref());
    let sessions = sessions(reader);
    let proxy = proxy(reader);
    let hook = reader.choice("hook");
    let gateway = gateway(reader);
    Some(Answers {
        application: application.whole()?,
        registration: registration?,
        access: access?,
        certificate: certificate?,
        sessions: sessions?,
        proxy: proxy?,
        hook: if hook? == 0 { HookPlacement::Sidecar } else { HookPlacement::Gateway },
        gateway: gateway?,
    })
}

/// Holds an answer against a rule, and lets it pass if it keeps the rule.
fn keep<T>(
    reader: &mut Reader,
    path: &str,
    spot: Option<Spot<T>>,
    rule: impl FnOnce(&T) -> Result<(), Unusable>,
) -> Option<Spot<T>> {
    let spot = spot?;
    match rule(&spot.value) {
        Ok(()) => Some(spot),
        Err(reason) => {
            reader.note(spot.place, path, reason);
            None
        }
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
            right: format!("write `version: {}`; a newer format needs a newer Gatewright", keys::VERSION),
        })
    }
}

fn version(reader: &mut Reader) {
    let _known: Option<Spot<Version>> = reader.required("version");
}

/// What is known of the application, though parts of it may be wrong: others are checked against its name and host.
struct PartialApplication {
    name: Option<AppName>,
    namespace: Option<super::names::Namespace>,
    host: Option<Hostname>,
    workload: Option<Workload>,
}

impl PartialApplication {
    fn whole(self) -> Option<Application> {
        Some(Application { name: self.name?, namespace: self.namespace?, host: self.host?, workload: self.workload? })
    }
}

fn application(reader: &mut Reader) -> PartialApplication {
    let name: Option<AppName> = reader.required("application.name").map(|spot| spot.value);
    let default = name.as_ref().map_or(String::new(), ToString::to_string);
    let namespace = reader.or("application.namespace", &default);
    let namespace = keep(reader, "application.namespace", namespace, checks::application_namespace);
    let host = reader.required("application.host").map(|spot| spot.value);
    let workload = workload(reader, name.as_ref());
    PartialApplication { name, namespace: namespace.map(|spot| spot.value), host, workload }
}

fn workload(reader: &mut Reader, app: Option<&AppName>) -> Option<Workload> {
    let (deploy, service) = (reader.section("application.deploy"), reader.section("application.service"));
    let wrong = reader.is_wrong("application.deploy") || reader.is_wrong("application.service");
    match (deploy, service) {
        (Some(place), Some(other)) => {
            let later = place.max(other);
            let reason = Unusable {
                wrong: "has both `deploy` and `service`".to_owned(),
                right: "keep `deploy` to have the application deployed, or `service` if it is there already".to_owned(),
            };
            reader.note(later, "application", reason);
            let _its_mistakes = (deployed(reader), existing(reader, app));
            None
        }
        (Some(_), None) => deployed(reader),
        (None, Some(_)) => existing(reader, app),
        (None, None) => {
            let place = reader.section("application");
            if !wrong && !reader.is_wrong("application") {
                let reason = Unusable {
                    wrong: "has neither `deploy` nor `service`".to_owned(),
                    right: "add `deploy: {image: docker.io/path/to/myapp:sometag}` to have it deployed, or `service: {name: \
                            myapp, port: 8000}` if it is there already"
                        .to_owned(),
                };
                reader.note(place.unwrap_or(Place::START), "application", reason);
            }
            None
        }
    }
}

fn deployed(reader: &mut Reader) -> Option<Workload> {
    let image = reader.required("application.deploy.image");
    let container_port = reader.or("application.deploy.containerPort", keys::DEFAULT_CONTAINER_PORT);
    let container_port =
        keep(reader, "application.deploy.containerPort", container_port, |port| checks::container_port(*port));
    let service_port = reader.or("application.deploy.servicePort", keys::DEFAULT_SERVICE_PORT);
    let replicas: Option<Spot<Replicas>> = reader.or("application.deploy.replicas", keys::DEFAULT_REPLICAS);
    Some(Workload::Deploy {
        image: image?.value,
        container_port: container_port?.value,
        service_port: service_port?.value,
        replicas: replicas?.value.0,
    })
}

fn existing(reader: &mut Reader, app: Option<&AppName>) -> Option<Workload> {
    let service = reader.required("application.service.name");
    let service = keep(reader, "application.service.name", service, |service: &super::names::ServiceName| {
        app.map_or(Ok(()), |app| checks::service_is_not_ours(service.as_str(), app))
    });
    let port = reader.or("application.service.port", keys::DEFAULT_SERVICE_PORT);
    Some(Workload::Existing { service: service?.value, port: port?.value })
}

fn registration(reader: &mut Reader, app: Option<&AppName>) -> Option<Registration> {
    let tenant = reader.optional("registration.tenant");
    let default = app.map_or(String::new(), ToString::to_string);
    let display_name: Option<Option<DisplayName>> = reader.optional("registration.displayName");
    let scope = reader.or("registration.scope", keys::DEFAULT_SCOPE);
    let lifetime = reader.or("registration.secretLifetime", keys::DEFAULT_SECRET_LIFETIME);
    let lifetime = keep(reader, "registration.secretLifetime", lifetime, |lifetime| checks::secret_lifetime(*lifetime));
    let assignment_required = reader.yes_or_no("registration.assignmentRequired");
    Some(Registration {
        tenant: tenant?,
        display_name: display_name?.map_or(default, |name| name.0),
        scope: scope?.value,
        secret_lifetime: lifetime?.value,
        assignment_required: assignment_required?,
    })
}

fn access(reader: &mut Reader) -> Option<Access> {
    let email_domains = reader.list("access.emailDomains");
    let email_claim = reader.choice("access.emailClaim");
    let machines = reader.yes_or_no("access.machines");
    Some(Access {
        email_domains: email_domains?.map_or_else(Vec::new, |spot| spot.value),
        email_claim: if email_claim? == 0 { EmailClaim::Email } else { EmailClaim::PreferredUsername },
        machines: machines?,
    })
}

fn certificate(reader: &mut Reader, host: Option<&Hostname>) -> Option<Certificate> {
    let kind = reader.choice("certificate.issuer.kind");
    let name = reader.required("certificate.issuer.name").map(|spot| spot.value);
    let names = match reader.list("certificate.names") {
        None => None,
        Some(None) => host.and_then(|host| host.as_str().parse().ok()).map(|name| vec![name]),
        Some(Some(spot)) => {
            let spot = keep(reader, "certificate.names", Some(spot), |names| checks::names_are_few(names));
            let covering = |names: &Vec<_>| host.map_or(Ok(()), |host| checks::names_cover(names, host));
            keep(reader, "certificate.names", spot, covering).map(|spot| spot.value)
        }
    };
    let kind = if kind? == 0 { IssuerKind::ClusterIssuer } else { IssuerKind::Issuer };
    Some(Certificate { issuer: Issuer { kind, name: name? }, names: names? })
}

fn sessions(reader: &mut Reader) -> Option<Sessions> {
    let image = reader.or("sessions.image", keys::DEFAULT_SESSIONS_IMAGE);
    Some(Sessions { image: keep(reader, "sessions.image", image, checks::sessions_image)?.value })
}

fn proxy(reader: &mut Reader) -> Option<Proxy> {
    let image = reader.or("proxy.image", keys::DEFAULT_PROXY_IMAGE);
    let image = keep(reader, "proxy.image", image, checks::proxy_image);
    let replicas: Option<Spot<Replicas>> = reader.or("proxy.replicas", keys::DEFAULT_REPLICAS);
    let lifetime = reader.or("proxy.sessionLifetime", keys::DEFAULT_SESSION_LIFETIME);
    let lifetime = keep(reader, "proxy.sessionLifetime", lifetime, |lifetime| checks::session_lifetime(*lifetime));
    let refresh = reader.or("proxy.sessionRefresh", keys::DEFAULT_SESSION_REFRESH);
    let refresh = keep(reader, "proxy.sessionRefresh", refresh, |refresh| checks::session_refresh(*refresh));
    let (lifetime, refresh) = (lifetime?, refresh?);
    // The mistake is noted at whichever of the two the file says; the other may be a default.
    let (path, place) =
        if refresh.given { ("proxy.sessionRefresh", refresh.place) } else { ("proxy.sessionLifetime", lifetime.place) };
    if let Err(reason) = checks::refresh_within_lifetime(refresh.value, lifetime.value) {
        reader.note(place, path, reason);
    }
    Some(Proxy {
        image: image?.value,
        replicas: replicas?.value.0,
        session_lifetime: lifetime.value,
        session_refresh: refresh.value,
    })
}

fn gateway(reader: &mut Reader) -> Option<Option<GatewayChoice>> {
    if reader.is_wrong("gateway") {
        return None;
    }
    if reader.section("gateway").is_none() {
        return Some(None);
    }
    let namespace = reader.required("gateway.namespace");
    let service = reader.required("gateway.service");
    Some(Some(GatewayChoice { namespace: namespace?.value, service: service?.value }))
}
