//! What a request asks for: its path, its query and the kinds of answers it takes.

use super::{
    catalog::{Catalog, Kind},
    status::ApiError,
    write::Strictness,
};
use std::{collections::BTreeMap, sync::Arc};

/// A path under `/api` or `/apis` that names objects.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The kind.
    pub(super) kind: Arc<Kind>,
    /// The version spoken.
    pub(super) version: String,
    /// The namespace, where the path has one.
    pub(super) namespace: Option<String>,
    /// The name, where the path has one.
    pub(super) name: Option<String>,
    /// The subresource, or the empty text.
    pub(super) subresource: String,
}

impl Asked {
    /// Reads the steps of a path after the group and version.
    pub(super) fn read(catalog: &Catalog, group: &str, version: &str, steps: &[&str]) -> Option<Self> {
        let (namespace, steps) = match steps {
            ["namespaces", namespace, rest @ ..]
                if !rest.is_empty() && (!group.is_empty() || !matches!(rest, ["status" | "finalize"])) =>
            {
                (Some((*namespace).to_owned()), rest)
            }
            other => (None, other),
        };
        let (plural, name, subresource) = match steps {
            [plural] => (*plural, None, ""),
            [plural, name] => (*plural, Some((*name).to_owned()), ""),
            [plural, name, subresource] => (*plural, Some((*name).to_owned()), *subresource),
            _ => return None,
        };
        let kind = catalog.resource(group, plural)?.clone();
        let version_is_served = kind.versions.iter().any(|served| served == version);
        let scope_fits = kind.namespaced || namespace.is_none();
        let named_in_namespace = name.is_none() || !kind.namespaced || namespace.is_some();
        (version_is_served && scope_fits && named_in_namespace).then(|| Self {
            kind,
            version: version.to_owned(),
            namespace,
            name,
            subresource: subresource.to_owned(),
        })
    }

    /// The plural with the subresource, as rights name it.
    pub(super) fn right(&self) -> String {
        if self.subresource.is_empty() {
            self.kind.plural.clone()
        } else {
            format!("{}/{}", self.kind.plural, self.subresource)
        }
    }
}

/// A query, read.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads a query; of a key that is given twice the first counts, as for the real server.
    pub(super) fn read(raw: Option<&str>) -> Self {
        let mut map = BTreeMap::new();
        for (key, value) in url::form_urlencoded::parse(raw.unwrap_or_default().as_bytes()) {
            map.entry(key.into_owned()).or_insert_with(|| value.into_owned());
        }
        Self(map)
    }

    /// The value, where there is one that is not empty.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether it is set to yes.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| matches!(value.as_str(), "true" | "1" | ""))
    }

    /// Whether the write is only tried.
    pub(super) fn dry_run(&self, options: &str) -> Result<bool, ApiError> {
        match self.get("dryRun") {
            None => Ok(false),
            Some("All") => Ok(true),
            Some(other) => Err(bad_option(
                options,
                "dryRun",
                "FieldValueNotSupported",
                &format!("Unsupported value: [{other:?}]: supported values: \"All\""),
            )),
        }
    }

    /// What happens to unknown fields.
    pub(super) fn strictness(&self, options: &str) -> Result<Strictness, ApiError> {
        match self.get("fieldValidation") {
            None | Some("Warn") => Ok(Strictness::Warn),
            Some("Strict") => Ok(Strictness::Strict),
            Some("Ignore") => Ok(Strictness::Ignore),
            Some(other) => Err(bad_option(
                options,
                "fieldValidation",
                "FieldValueNotSupported",
                &format!("Unsupported value: {other:?}: supported values: \"Ignore\", \"Strict\", \"Warn\""),
            )),
        }
    }
}

/// 422 about a request's options.
pub(super) fn bad_option(options: &str, field: &'static str, reason: &'static str, why: &str) -> ApiError {
    let message = format!("{options}.meta.k8s.io \"\" is invalid: {field}: {why}");
    let mut error = ApiError::plain(422, "Invalid", message).about("meta.k8s.io", options, "");
    error.causes = vec![super::status::Cause { reason, message: why.to_owned(), field: field.to_owned() }];
    error
}

/// In which form the answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    Whole,
    /// As rows for people.
    Table,
    /// Only the metadata.
    Metadata,
}

impl Form {
    /// The first form of an `Accept` header that we can give.
    pub(super) fn wanted(accept: &str) -> Self {
        for range in accept.split(',') {
            if range.contains("application/json") {
                if range.contains("as=Table") {
                    return Self::Table;
                }
                if range.contains("as=PartialObjectMetadata") {
                    return Self::Metadata;
                }
                return Self::Whole;
            }
        }
        Self::Whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(group: &str, version: &str, path: &str) -> Option<(String, Option<String>, Option<String>, String)> {
        let steps: Vec<&str> = path.split('/').collect();
        let asked = Asked::read(&Catalog::embedded(), group, version, &steps)?;
        Some((asked.kind.plural.clone(), asked.namespace, asked.name, asked.subresource))
    }

    #[test]
    fn given_paths_when_read_then_namespaces_are_told_from_what_is_in_them() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("", "v1", "namespaces"), Some(("namespaces".into(), None, None, String::new())));
        assert_eq!(read("", "v1", "namespaces/a"), Some(("namespaces".into(), None, some("a"), String::new())));
        assert_eq!(
            read("", "v1", "namespaces/a/status"),
            Some(("namespaces".into(), None, some("a"), "status".into()))
        );
        assert_eq!(read("", "v1", "namespaces/a/pods"), Some(("pods".into(), some("a"), None, String::new())));
        assert_eq!(
            read("", "v1", "namespaces/a/pods/p/portforward"),
            Some(("pods".into(), some("a"), some("p"), "portforward".into()))
        );
        assert_eq!(read("", "v1", "pods"), Some(("pods".into(), None, None, String::new())));
        assert_eq!(read("", "v1", "pods/p"), None);
        assert_eq!(read("apps", "v1beta1", "deployments"), None);
    }
}
