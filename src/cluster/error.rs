//! What can go wrong between us and the Kubernetes API, told so that somebody can do something about it.

use kube::core::Status;
use std::{fmt, time::Duration};

/// Something that was asked of the Kubernetes API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// The verb as RBAC knows it: `get`, `list`, `watch`, `create`, `patch`, `update`, `delete`.
    pub verb: &'static str,
    /// The API group; empty for the core group.
    pub group: String,
    /// The resource as RBAC knows it, such as `deployments`, or the kind where the plural is not known yet.
    pub resource: String,
    /// The namespace, for kinds that have one.
    pub namespace: Option<String>,
    /// The object's name, where it is about one.
    pub name: Option<String>,
}

impl Attempt {
    pub(super) fn path(path: &str) -> Self {
        Self { verb: "get", resource: path.to_owned(), ..Self::default() }
    }

    /// `deployments.apps`, the way kubectl and RBAC messages spell it.
    fn qualified_resource(&self) -> String {
        if self.group.is_empty() { self.resource.clone() } else { format!("{}.{}", self.resource, self.group) }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.verb, self.qualified_resource())?;
        match (&self.namespace, &self.name) {
            (Some(namespace), Some(name)) => write!(formatter, " {namespace}/{name}"),
            (Some(namespace), None) => write!(formatter, " in namespace {namespace}"),
            (None, Some(name)) => write!(formatter, " {name}"),
            (None, None) => Ok(()),
        }
    }
}

/// A right that the caller lacks, and what to ask for (design.md law 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingRight {
    /// The verb, such as `patch`.
    pub verb: String,
    /// The API group; empty for the core group.
    pub group: String,
    /// The resource, such as `deployments`.
    pub resource: String,
    /// The namespace; `None` when the right is needed cluster-wide.
    pub namespace: Option<String>,
    /// What the server said.
    pub message: String,
}

impl MissingRight {
    /// Who can give the right.
    pub fn who_can_grant(&self) -> String {
        match &self.namespace {
            Some(namespace) => {
                format!("an administrator of namespace {namespace} (a RoleBinding there) or of the cluster")
            }
            None => "a cluster administrator (a ClusterRoleBinding)".to_owned(),
        }
    }

    /// The command with which that person can see for themselves that the right is missing; YOU stands for the caller.
    pub fn check_command(&self) -> String {
        let resource =
            if self.group.is_empty() { self.resource.clone() } else { format!("{}.{}", self.resource, self.group) };
        match &self.namespace {
            Some(namespace) => format!("kubectl auth can-i {} {resource} --namespace {namespace} --as YOU", self.verb),
            None => format!("kubectl auth can-i {} {resource} --as YOU", self.verb),
        }
    }
}

impl fmt::Display for MissingRight {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = if self.group.is_empty() { String::new() } else { format!(".{}", self.group) };
        write!(formatter, "{} {}{group}", self.verb, self.resource)?;
        match &self.namespace {
            Some(namespace) => write!(formatter, " in namespace {namespace}"),
            None => write!(formatter, " in the whole cluster"),
        }
    }
}

/// A field that somebody else owns.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FieldOwner {
    /// The field's path, such as `.spec.replicas`.
    pub field: String,
    /// The field manager that owns it, such as `kubectl-client-side-apply`.
    pub manager: String,
}

impl fmt::Display for FieldOwner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} is owned by {:?}", self.field, self.manager)
    }
}

/// One thing that the server found wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct InvalidField {
    /// The field's path; empty when the server named none.
    pub field: String,
    /// What is wrong with it, in the server's words.
    pub message: String,
}

impl fmt::Display for InvalidField {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            formatter.write_str(&self.message)
        } else {
            write!(formatter, "{}: {}", self.field, self.message)
        }
    }
}

/// What can go wrong between us and the Kubernetes API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nobody answered.
    #[error(
        "could not {attempt}: the cluster at {server} does not answer ({cause}); is it running, and is the network to it open?"
    )]
    Unreachable {
        /// The server's URL.
        server: String,
        /// What was tried.
        attempt: Box<Attempt>,
        /// Why, from the lowest layer.
        cause: String,
    },
    /// Somebody answered too slowly.
    #[error("could not {attempt}: the cluster at {server} did not answer within {} s; run again when it does", budget.as_secs())]
    TimedOut {
        /// The server's URL.
        server: String,
        /// What was tried.
        attempt: Box<Attempt>,
        /// How long it was given.
        budget: Duration,
    },
    /// The cluster does not know the caller, or no longer.
    #[error(
        "the cluster at {server} does not accept the sign-in of this kubeconfig ({cause}); sign in to the cluster again and re-run"
    )]
    Unauthorized {
        /// The server's URL.
        server: String,
        /// What the server or the credential plugin said.
        cause: String,
    },
    /// The caller lacks a right.
    #[error("not permitted: {} is needed; {} can grant it. The cluster says: {}", .0, .0.who_can_grant(), .0.message)]
    Forbidden(Box<MissingRight>),
    /// The kind is not served: its custom resource definition is missing.
    #[error("the cluster does not serve {kind} of {api_version}; {install}")]
    NotServed {
        /// The API version, such as `cert-manager.io/v1`.
        api_version: String,
        /// The kind.
        kind: String,
        /// What to install.
        install: &'static str,
    },
    /// The namespace the object belongs in is not there.
    #[error("could not {attempt}: there is no namespace {namespace}")]
    NoNamespace {
        /// What was tried.
        attempt: Box<Attempt>,
        /// The namespace.
        namespace: String,
    },
    /// Somebody else owns fields that we want to set.
    #[error(
        "could not {attempt}: {}. Settle with the owner who sets it, then run again; nothing was overwritten",
        list(owners)
    )]
    Conflict {
        /// What was tried.
        attempt: Box<Attempt>,
        /// The fields and who owns them.
        owners: Vec<FieldOwner>,
    },
    /// The object changed under our hands, or is another one of the same name.
    #[error(
        "could not {attempt}: it was changed by somebody else meanwhile ({message}); run again to start from what is there now"
    )]
    Stale {
        /// What was tried.
        attempt: Box<Attempt>,
        /// What the server said.
        message: String,
    },
    /// The server finds the object invalid.
    #[error("could not {attempt}: the cluster finds it invalid: {}", list(causes))]
    Invalid {
        /// What was tried.
        attempt: Box<Attempt>,
        /// What is wrong with it; never empty.
        causes: Vec<InvalidField>,
    },
    /// The server refused for another reason: an admission policy, a quota, a webhook that is down.
    #[error("could not {attempt}: the cluster refused with {status}{}: {message}", if reason.is_empty() { String::new() } else { format!(" {reason}") })]
    Refused {
        /// What was tried.
        attempt: Box<Attempt>,
        /// The HTTP status.
        status: u16,
        /// The machine-readable reason.
        reason: String,
        /// What the server said.
        message: String,
    },
    /// The answer makes no sense.
    #[error("could not {attempt}: the answer was not understood ({what}); is {server} a Kubernetes API server?")]
    NotUnderstood {
        /// The server's URL.
        server: String,
        /// What was tried.
        attempt: Box<Attempt>,
        /// What is odd about it; never the answer itself, which may hold a secret.
        what: String,
    },
    /// What listens in a pod could not be talked to: the pod is starting, going, or it is not up.
    #[error("could not talk to pod {namespace}/{pod}: {cause}")]
    PodUnreachable {
        /// The pod's namespace.
        namespace: String,
        /// The pod.
        pod: String,
        /// What went wrong.
        cause: String,
    },
    /// An object without apiVersion, kind or name cannot be sent.
    #[error("an object without {0} cannot be sent to the cluster; this is a mistake in Gatewright, please report it")]
    Incomplete(&'static str),
}

fn list(entries: &[impl fmt::Display]) -> String {
    entries.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Error {
    /// The right that is missing, when that is what is wrong.
    pub fn lacks_right(&self) -> Option<&MissingRight> {
        match self {
            Self::Forbidden(right) => Some(right),
            _ => None,
        }
    }

    /// Whether trying the same again, later, may help.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Stale { .. } | Self::PodUnreachable { .. } => true,
            // 500 is how a webhook that cannot be reached shows: a controller that is just starting.
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }

    /// What to install so that kinds of `group` are served.
    pub(super) fn not_served(api_version: &str, kind: &str) -> Self {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let install = match group {
            "cert-manager.io" | "acme.cert-manager.io" => {
                "install cert-manager with its CRDs (its Helm chart with `crds.enabled=true`)"
            }
            "networking.istio.io" | "security.istio.io" | "telemetry.istio.io" => {
                "install Istio's CRDs (the Helm chart `istio/base`, or `istioctl install`)"
            }
            _ => "the cluster is too old, or an API it needs is switched off",
        };
        Self::NotServed { api_version: api_version.to_owned(), kind: kind.to_owned(), install }
    }

    /// Sorts what the library returned.
    pub(super) fn from_kube(error: kube::Error, server: &str, attempt: Attempt) -> Self {
        let attempt = Box::new(attempt);
        match error {
            kube::Error::Api(status) => Self::from_status(*status, server, attempt),
            kube::Error::Auth(cause) => Self::Unauthorized { server: server.to_owned(), cause: plugin_failure(&cause) },
            kube::Error::SerdeError(cause) => Self::NotUnderstood {
                server: server.to_owned(),
                attempt,
                // serde_json's own text can quote the value it stumbled over.
                what: format!("{:?} error in line {} of its JSON", cause.classify(), cause.line()),
            },
            kube::Error::FromUtf8(_) => {
                Self::NotUnderstood { server: server.to_owned(), attempt, what: "it is not UTF-8".to_owned() }
            }
            other => Self::Unreachable { server: server.to_owned(), attempt, cause: root_cause(&other) },
        }
    }

    fn from_status(status: Status, server: &str, attempt: Box<Attempt>) -> Self {
        let message = without_values_of_secrets(&attempt, status.message.clone());
        match status.code {
            401 => Self::Unauthorized { server: server.to_owned(), cause: message },
            403 => missing_right(&attempt, &message).map_or_else(
                || Self::Refused { attempt, status: 403, reason: status.reason.clone(), message: message.clone() },
                |right| Self::Forbidden(Box::new(right)),
            ),
            404 => match missing_namespace(&status) {
                Some(namespace) => Self::NoNamespace { attempt, namespace },
                None => Self::Refused { attempt, status: 404, reason: status.reason, message },
            },
            409 => {
                let owners = owners(&status);
                match (owners.is_empty(), status.reason.as_str()) {
                    (false, _) => Self::Conflict { attempt, owners },
                    (true, "AlreadyExists") => Self::Refused { attempt, status: 409, reason: status.reason, message },
                    (true, _) => Self::Stale { attempt, message },
                }
            }
            400 | 422 => Self::Invalid { causes: invalid_fields(&attempt, &status, message), attempt },
            // How an object is refused that is applied with a field its schema does not have, or with a value nobody can read.
            500 if message.starts_with("failed to create typed patch object")
                || message.starts_with("failed to convert new object") =>
            {
                Self::Invalid { causes: invalid_fields(&attempt, &status, message), attempt }
            }
            code => Self::Refused { attempt, status: code, reason: status.reason, message },
        }
    }
}

/// The first line of what a credential plugin said, without its command line: that can hold anything.
pub(super) fn plugin_failure(error: &kube::client::AuthError) -> String {
    match error {
        kube::client::AuthError::AuthExecRun { out, .. } => {
            let said = String::from_utf8_lossy(&out.stderr);
            let line = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it said nothing");
            format!("the kubeconfig's credential plugin failed with {}: {line}", out.status)
        }
        kube::client::AuthError::AuthExecStart(cause) => {
            format!("the kubeconfig's credential plugin could not be started: {cause}")
        }
        kube::client::AuthError::AuthExecParse(_) => {
            "the kubeconfig's credential plugin printed something that is no credential".to_owned()
        }
        other => other.to_string(),
    }
}

/// The text of the innermost error: the outer ones only say "client error".
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// RBAC denials read `… cannot VERB resource "R" in API group "G" …`; other 403s are admission's (quota, policy).
fn missing_right(attempt: &Attempt, message: &str) -> Option<MissingRight> {
    let (_, denied) = message.split_once(" cannot ")?;
    let (verb, rest) = denied.split_once(' ')?;
    let quoted = |after: &str| rest.split_once(after)?.1.split_once('"').map(|(text, _)| text.to_owned());
    let namespace = quoted("in the namespace \"");
    Some(MissingRight {
        verb: verb.to_owned(),
        group: quoted("in API group \"").unwrap_or_else(|| attempt.group.clone()),
        resource: quoted("resource \"").unwrap_or_else(|| attempt.resource.clone()),
        namespace,
        message: message.to_owned(),
    })
}

/// `namespaces "x" not found`: the object itself may well be fine.
fn missing_namespace(status: &Status) -> Option<String> {
    let details = status.details.as_ref()?;
    (details.kind == "namespaces" && !details.name.is_empty()).then(|| details.name.clone())
}

fn owners(status: &Status) -> Vec<FieldOwner> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| FieldOwner {
            field: cause.field.clone(),
            // `conflict with "kubectl" using apps/v1`
            manager: cause.message.split('"').nth(1).unwrap_or(&cause.message).to_owned(),
        })
        .collect()
}

fn invalid_fields(attempt: &Attempt, status: &Status, message: String) -> Vec<InvalidField> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let fields: Vec<_> = causes
        .map(|cause| InvalidField {
            field: cause.field.clone(),
            message: without_values_of_secrets(attempt, cause.message.clone()),
        })
        .collect();
    if fields.is_empty() { vec![InvalidField { field: String::new(), message }] } else { fields }
}

/// The server quotes the offending value, which in a Secret is nobody's business (design.md law 5).
fn without_values_of_secrets(attempt: &Attempt, message: String) -> String {
    let quotes_a_value =
        ["Invalid value", "unable to parse", "valueUnstructured"].iter().any(|it| message.contains(it));
    if attempt.group.is_empty() && attempt.resource == "secrets" && quotes_a_value {
        "invalid value (not shown, it is a secret's)".to_owned()
    } else {
        message
    }
}
