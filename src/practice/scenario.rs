//! Scenarios: how a practice ground starts and what goes wrong on it, each one readable file under `assets/scenarios`.

use super::cluster::Denied;
use super::edge::outside::OutsideStore;
use super::faults::Fault;
use super::tenant::Settings;
use super::timings::Timings;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// The scenario of a ground that is asked for without a name.
pub const HEALTHY: &str = "healthy";

/// The scenarios that come with the program: name and text.
const EMBEDDED: &[(&str, &str)] = &[
    (HEALTHY, include_str!("../../assets/scenarios/healthy.yaml")),
    ("already-there", include_str!("../../assets/scenarios/already-there.yaml")),
    ("application-to-adopt", include_str!("../../assets/scenarios/application-to-adopt.yaml")),
    ("cluster-unreachable", include_str!("../../assets/scenarios/cluster-unreachable.yaml")),
    ("consent-refused", include_str!("../../assets/scenarios/consent-refused.yaml")),
    ("denied-rights", include_str!("../../assets/scenarios/denied-rights.yaml")),
    ("expired-cluster-sign-in", include_str!("../../assets/scenarios/expired-cluster-sign-in.yaml")),
    ("expired-sign-in", include_str!("../../assets/scenarios/expired-sign-in.yaml")),
    ("flaky-network", include_str!("../../assets/scenarios/flaky-network.yaml")),
    ("foreign-owner", include_str!("../../assets/scenarios/foreign-owner.yaml")),
    ("host-taken", include_str!("../../assets/scenarios/host-taken.yaml")),
    ("image-missing", include_str!("../../assets/scenarios/image-missing.yaml")),
    ("issuer-not-ready", include_str!("../../assets/scenarios/issuer-not-ready.yaml")),
    ("no-cert-manager", include_str!("../../assets/scenarios/no-cert-manager.yaml")),
    ("registration-forbidden", include_str!("../../assets/scenarios/registration-forbidden.yaml")),
    ("registry-only", include_str!("../../assets/scenarios/registry-only.yaml")),
    ("role-assignment-forbidden", include_str!("../../assets/scenarios/role-assignment-forbidden.yaml")),
    ("slow-replication", include_str!("../../assets/scenarios/slow-replication.yaml")),
    ("store-will-not-start", include_str!("../../assets/scenarios/store-will-not-start.yaml")),
    ("throttled-graph", include_str!("../../assets/scenarios/throttled-graph.yaml")),
];

/// How a practice ground starts and what goes wrong on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// The file's name without its ending; not written in the file.
    #[serde(skip)]
    pub name: String,
    /// One line for a list.
    pub title: String,
    /// What happens and what there is to see, for a person.
    pub about: String,
    /// How long effects take, where the scenario wants it otherwise than whoever starts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timings: Option<Timings>,
    /// What the tenant is like.
    #[serde(default)]
    pub tenant: Settings,
    /// What the cluster is like.
    #[serde(default)]
    pub cluster: ClusterConditions,
    /// What goes wrong, at which requests.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

/// What the cluster is like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClusterConditions {
    /// What the one who connects may not do.
    pub denied: Vec<Denied>,
    /// API groups that are not installed.
    pub missing_groups: Vec<String>,
    /// Whether traffic may leave the mesh without a ServiceEntry.
    pub outbound: Outbound,
    /// Images whose containers do not start, and why. The first that matches counts.
    pub images: Vec<ImageTrouble>,
    /// Issuers that are not ready.
    pub issuers: Vec<IssuerTrouble>,
    /// Redis stores outside of the cluster.
    pub stores: Vec<OutsideStore>,
    /// Objects that somebody else made, applied in order when the scenario starts.
    pub objects: Vec<ForeignObject>,
}

/// Whether traffic may leave the mesh without a ServiceEntry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outbound {
    /// `ALLOW_ANY`, the default of Istio.
    #[default]
    AllowAny,
    /// `REGISTRY_ONLY`.
    RegistryOnly,
}

/// Containers that do not start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageTrouble {
    /// The image as the pod names it; `*` stands for any text.
    pub image: String,
    /// What becomes of the container.
    pub trouble: Trouble,
    /// Only pods of this revision of their Deployment, and of later ones; the first is 1. Left out, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_revision: Option<u64>,
}

/// What becomes of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Trouble {
    /// The image can't be pulled, for this reason: ErrImagePull, then ImagePullBackOff.
    CannotBePulled(String),
    /// The container ends at once with this last line in its log: CrashLoopBackOff.
    Crashes(String),
}

/// An issuer that is not ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssuerTrouble {
    /// The name of the ClusterIssuer.
    pub name: String,
    /// The reason of its condition, such as `ErrRegisterACMEAccount` (domain.md 5.5).
    pub reason: String,
    /// The message of its condition.
    pub message: String,
}

/// An object that somebody else made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForeignObject {
    /// The field manager it is applied under, such as `helm`.
    pub manager: String,
    /// The object.
    pub object: Value,
}

/// A scenario can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// Neither a scenario of that name nor a file.
    #[error("there is no practice scenario {name:?}{}; there are: {}", did_you_mean(name), names().join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The file can't be read.
    #[error("the scenario file {path} can't be read: {cause}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// The file is no scenario.
    #[error("{origin} is not a scenario: {cause}")]
    Invalid {
        /// The file, or the embedded name.
        origin: String,
        /// Line, column and what was expected.
        cause: String,
    },
}

impl Scenario {
    /// The scenario that stands for a ground where everything is well.
    pub fn healthy() -> Result<Self, ScenarioError> {
        Self::named(HEALTHY)
    }

    /// A scenario by its name; or from a file, when `name` has a slash or ends in `.yaml`.
    pub fn named(name: &str) -> Result<Self, ScenarioError> {
        if let Some((_, text)) = EMBEDDED.iter().find(|(known, _)| *known == name) {
            return Self::parse(name, text, name);
        }
        let path = Path::new(name);
        if !name.contains(std::path::MAIN_SEPARATOR) && path.extension().is_none_or(|ending| ending != "yaml") {
            return Err(ScenarioError::Unknown { name: name.to_owned() });
        }
        let text = std::fs::read_to_string(path)
            .map_err(|cause| ScenarioError::Unreadable { path: name.to_owned(), cause })?;
        let stem = path.file_stem().map_or_else(|| name.into(), std::ffi::OsStr::to_string_lossy);
        Self::parse(&stem, &text, name)
    }

    /// Reads a scenario's text; `origin` names it in errors.
    pub fn parse(name: &str, text: &str, origin: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = serde_saphyr::from_str(text)
            .map_err(|cause| ScenarioError::Invalid { origin: origin.to_owned(), cause: cause.to_string() })?;
        Ok(Self { name: name.to_owned(), ..scenario })
    }
}

/// The names of the scenarios that come with the program, `healthy` first.
pub fn names() -> Vec<&'static str> {
    EMBEDDED.iter().map(|(name, _)| *name).collect()
}

/// The scenarios that come with the program, `healthy` first.
pub fn scenarios() -> Vec<Scenario> {
    names().into_iter().filter_map(|name| Scenario::named(name).ok()).collect()
}

fn did_you_mean(name: &str) -> String {
    let nearest = names().into_iter().map(|known| (strsim::jaro_winkler(name, known), known));
    nearest
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map_or_else(String::new, |(_, known)| format!(" (did you mean {known:?}?)"))
}

#[cfg(test)]
mod tests {
    use super::{Scenario, ScenarioError, names};

    #[test]
    fn given_every_embedded_file_when_read_then_it_is_a_scenario_that_explains_itself() {
        for name in names() {
            let scenario = Scenario::named(name).unwrap_or_else(|error| panic!("{error}"));
            assert!(scenario.title.len() > 10 && scenario.about.len() > 40, "{name} says too little");
        }
    }

    #[test]
    fn given_the_folder_of_scenarios_when_listed_then_every_file_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/scenarios");
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        files.sort();
        let mut embedded: Vec<_> =
            names().into_iter().map(|name| std::ffi::OsString::from(format!("{name}.yaml"))).collect();
        embedded.sort();
        assert_eq!(files, embedded);
    }

    #[test]
    fn given_the_page_about_the_ground_when_read_then_it_lists_every_scenario() {
        let page = include_str!("../../docs/practice-ground.md");
        for name in names() {
            assert!(page.contains(&format!("| `{name}` | ")), "docs/practice-ground.md does not list {name}");
        }
    }

    #[test]
    fn given_a_key_nobody_knows_when_read_then_the_error_names_it_and_its_line() {
        let text = "title: a title\nabout: about\ntenant:\n  mayConsnt: false\n";
        let error = Scenario::parse("x", text, "x.yaml").unwrap_err().to_string();
        assert!(error.contains("mayConsnt") && error.contains('4'), "{error}");
    }

    #[test]
    fn given_a_name_nobody_knows_when_asked_for_then_the_nearest_is_offered() {
        let error = Scenario::named("consent-refusd").unwrap_err();
        assert!(matches!(error, ScenarioError::Unknown { .. }));
        assert!(error.to_string().contains("did you mean \"consent-refused\""), "{error}");
    }

    #[test]
    fn given_a_file_when_named_by_its_path_then_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.yaml");
        std::fs::write(&path, "title: t\nabout: a\nfaults:\n- match: {server: graph, nth: 3}\n  then: {stop: after}\n")
            .unwrap();
        let scenario = Scenario::named(path.to_str().unwrap()).unwrap();
        assert_eq!((scenario.name.as_str(), scenario.faults.len()), ("mine", 1));
    }
}
