//! Which installation is meant: by its record, and where that is gone by the marks of what is left.

use super::Installation;
use crate::{
    answers::{Answers, file},
    cluster::Error,
    engine::{
        Target,
        event::{Event, Events, Problem, ProblemKind},
        leftovers,
        plan::{INSTALLATION_LABEL, INSTALLATION_NAMESPACE_LABEL},
        problem,
    },
    entra,
};
use serde_json::Value;
use std::collections::BTreeSet;

/// A namespace and an application in it.
type Name = (String, String);

/// The installation that is `asked` for as `APP` or `NAMESPACE/APP`, else the one of `of_a_file`, else the only one there is.
/// `None` when nothing is left of any such.
pub async fn find(
    target: &Target,
    asked: Option<&str>,
    of_a_file: Option<&Answers>,
    events: &Events,
) -> Result<Option<Installation>, Problem> {
    events.tell(Event::Looking { at: "what is installed".to_owned() });
    let records = records(target).await?;
    let of_a_file_name = of_a_file.map(|answers| {
        let application = &answers.application;
        (application.namespace.to_string(), application.name.to_string())
    });
    let wanted = Wanted::of(asked, of_a_file_name.as_ref());
    let mut candidates: BTreeSet<Name> =
        records.iter().map(|(name, _)| name.clone()).filter(|name| wanted.is(name)).collect();
    if candidates.is_empty() {
        candidates = match &wanted {
            // What is named whole needs no looking for: whatever carries its mark is found.
            Wanted::One(name) => BTreeSet::from([name.clone()]),
            Wanted::Named(_) | Wanted::Any => {
                marked(target, &wanted).await?.into_iter().filter(|name| wanted.is(name)).collect()
            }
        };
    }
    let mut candidates = candidates.into_iter();
    match (candidates.next(), candidates.next()) {
        (None, _) => Ok(None),
        (Some((namespace, application)), None) => {
            let name = (namespace, application);
            let recorded = records.into_iter().find(|(recorded, _)| *recorded == name).and_then(|(_, answers)| answers);
            let of_the_file = of_a_file.filter(|_| of_a_file_name.as_ref() == Some(&name)).cloned();
            let (namespace, application) = name;
            Ok(Some(Installation { application, namespace, answers: recorded.or(of_the_file) }))
        }
        (Some(one), Some(another)) => Err(several([one, another].into_iter().chain(candidates))),
    }
}

/// What is asked for.
enum Wanted {
    One(Name),
    Named(String),
    Any,
}

impl Wanted {
    fn of(asked: Option<&str>, of_a_file: Option<&Name>) -> Self {
        match (asked, of_a_file) {
            (Some(asked), of_a_file) => match asked.split_once('/') {
                Some((namespace, application)) => Self::One((namespace.to_owned(), application.to_owned())),
                None => of_a_file
                    .filter(|(_, application)| application == asked)
                    .map_or_else(|| Self::Named(asked.to_owned()), |name| Self::One(name.clone())),
            },
            (None, Some(name)) => Self::One(name.clone()),
            (None, None) => Self::Any,
        }
    }

    fn is(&self, name: &Name) -> bool {
        match self {
            Self::One(wanted) => wanted == name,
            Self::Named(application) => *application == name.1,
            Self::Any => true,
        }
    }
}

fn several(names: impl Iterator<Item = Name>) -> Problem {
    let names: Vec<_> = names.map(|(namespace, application)| format!("{namespace}/{application}")).collect();
    Problem {
        tried: "find out which installation is to be taken away".to_owned(),
        cause: format!("there are several: {}", names.join(", ")),
        remedy: "name one: gatewright teardown NAMESPACE/APP".to_owned(),
        kind: ProblemKind::UnusableAnswers,
    }
}

/// Every record, with its answers where they can be read.
async fn records(target: &Target) -> Result<Vec<(Name, Option<Answers>)>, Problem> {
    let records = match target.cluster.installations().await {
        Ok(records) => records,
        Err(Error::Forbidden(right)) => {
            tracing::info!(%right, "records cannot be looked for in the whole cluster");
            Vec::new()
        }
        Err(error) => return Err(problem::cluster("look for what is installed", &error)),
    };
    Ok(records
        .iter()
        .filter_map(|record| {
            let text = record.pointer("/data/answers.yaml").and_then(Value::as_str).unwrap_or_default();
            Some((name_of(record)?, file::parse(text, "the record").ok()))
        })
        .collect())
}

/// Whose an object is, by its labels.
fn name_of(object: &Value) -> Option<Name> {
    let label = |name: &str| object.pointer("/metadata/labels")?.get(name)?.as_str().map(str::to_owned);
    Some((label(INSTALLATION_NAMESPACE_LABEL)?, label(INSTALLATION_LABEL)?))
}

/// The installations that something is left of, in the cluster or in the tenant.
async fn marked(target: &Target, wanted: &Wanted) -> Result<BTreeSet<Name>, Problem> {
    let installation = match wanted {
        Wanted::Named(application) => format!("{INSTALLATION_LABEL}={application}"),
        Wanted::One(_) | Wanted::Any => INSTALLATION_LABEL.to_owned(),
    };
    let labels = format!("app.kubernetes.io/managed-by=gatewright,{installation}");
    let mut kinds: Vec<_> = leftovers::kinds().into_iter().collect();
    kinds.push(("", "Namespace"));
    let tried = "look for what is left of an installation";
    let marked = target.cluster.marked(&kinds, &labels, &[]).await.map_err(|error| problem::cluster(tried, &error))?;
    let mut names: BTreeSet<Name> = marked.objects.iter().filter_map(name_of).collect();
    let cluster = target.cluster.cluster_id().await.map_err(|error| problem::cluster(tried, &error))?;
    match target.session.applications_tagged("gatewright").await {
        Ok(applications) => {
            let tags = applications.iter().flat_map(|application| &application.tags);
            names.extend(tags.filter(|tag| entra::is_of_installation(tag)).filter_map(|tag| {
                let place = tag.strip_prefix("gatewright:")?.strip_prefix(&cluster)?.strip_prefix('/')?;
                let (namespace, application) = place.split_once('/')?;
                Some((namespace.to_owned(), application.to_owned()))
            }));
        }
        Err(error) if error.lacks_right().is_some() => {
            tracing::info!(%error, "registrations cannot be looked for");
        }
        Err(error) => return Err(problem::entra(tried, &error)),
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::Wanted;

    #[test]
    fn given_a_name_then_it_means_the_one_of_the_file_or_any_of_that_name() {
        let name = |namespace: &str, application: &str| (namespace.to_owned(), application.to_owned());
        let of_a_file = name("shop", "myapp");
        assert!(matches!(Wanted::of(Some("a/b"), Some(&of_a_file)), Wanted::One(one) if one == name("a", "b")));
        assert!(matches!(Wanted::of(Some("myapp"), Some(&of_a_file)), Wanted::One(one) if one == of_a_file));
        assert!(matches!(Wanted::of(Some("other"), Some(&of_a_file)), Wanted::Named(one) if one == "other"));
        assert!(matches!(Wanted::of(None, Some(&of_a_file)), Wanted::One(one) if one == of_a_file));
        assert!(Wanted::of(Some("b"), None).is(&name("a", "b")) && Wanted::of(None, None).is(&name("a", "b")));
    }
}
