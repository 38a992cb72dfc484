//! Which kinds are served, under which names and versions, and of which shape.

use super::schema::{Definitions, Field, Scalar, Schema, SchemaMistake, Shape};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

/// A kind that is served.
#[derive(Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "the kind's own field of that name is what Kubernetes calls it")]
pub(super) struct Kind {
    /// The API group; the core group is the empty text.
    pub(super) group: String,
    /// The versions, best first.
    pub(super) versions: Vec<String>,
    /// Such as `VirtualService`.
    pub(super) kind: String,
    /// Such as `virtualservices`.
    pub(super) plural: String,
    /// Short names for kubectl.
    pub(super) short: Vec<String>,
    /// Categories for kubectl, such as `all`.
    pub(super) categories: Vec<String>,
    /// Whether its objects are in namespaces.
    pub(super) namespaced: bool,
    /// Whether it has the subresource `status`.
    pub(super) status: bool,
    /// Whether it is a question and no object: only `create`, and nothing is kept.
    pub(super) review: bool,
    /// The shape of a whole object.
    pub(super) schema: Arc<Schema>,
}

impl Kind {
    /// Its name in messages, such as `deployments.apps`.
    pub(super) fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// The kind in messages, such as `Deployment.apps`.
    pub(super) fn qualified(&self) -> String {
        if self.group.is_empty() { self.kind.clone() } else { format!("{}.{}", self.kind, self.group) }
    }

    /// `version` as `apiVersion` spells it.
    pub(super) fn spell(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }

    /// Whether it is defined by a CustomResourceDefinition, which changes how it is validated.
    pub(super) fn is_custom(&self) -> bool {
        self.group.contains('.') && !self.group.ends_with(".k8s.io")
    }

    /// The singular for kubectl.
    pub(super) fn singular(&self) -> String {
        self.kind.to_ascii_lowercase()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    group: String,
    versions: Vec<String>,
    kind: String,
    plural: String,
    #[serde(default)]
    short: Vec<String>,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    status: bool,
    #[serde(default)]
    review: bool,
    #[serde(default)]
    schema: Option<String>,
}

/// All kinds.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    kinds: Vec<Arc<Kind>>,
    by_resource: BTreeMap<(String, String), Arc<Kind>>,
    by_kind: BTreeMap<(String, String), Arc<Kind>>,
}

impl Catalog {
    /// The kinds of the embedded tables. They are part of the program, and a test reads them: were they unreadable, nothing
    /// would be served.
    pub(super) fn embedded() -> Arc<Self> {
        static EMBEDDED: LazyLock<Arc<Catalog>> = LazyLock::new(|| Arc::new(Catalog::read().unwrap_or_default()));
        EMBEDDED.clone()
    }

    fn read() -> Result<Self, SchemaMistake> {
        let mut definitions = Definitions::default();
        definitions.add(include_str!("schemas/core.yaml"))?;
        definitions.add(include_str!("schemas/cert-manager.yaml"))?;
        definitions.add(include_str!("schemas/istio.yaml"))?;
        let rows: Vec<Row> = serde_saphyr::from_str(include_str!("schemas/kinds.yaml"))
            .map_err(|error| SchemaMistake { definition: "kinds".to_owned(), problem: error.to_string() })?;
        let meta = definitions.get("Meta")?;
        let mut catalog = Self::default();
        for row in rows {
            let body = definitions.get(row.schema.as_deref().unwrap_or(&row.kind))?;
            catalog.add(Kind {
                schema: whole_object(&body, &meta),
                namespaced: row.scope.as_deref() != Some("Cluster"),
                group: row.group,
                versions: row.versions,
                kind: row.kind,
                plural: row.plural,
                short: row.short,
                categories: row.categories,
                status: row.status,
                review: row.review,
            });
        }
        Ok(catalog)
    }

    fn add(&mut self, kind: Kind) {
        let kind = Arc::new(kind);
        self.by_resource.insert((kind.group.clone(), kind.plural.clone()), kind.clone());
        self.by_kind.insert((kind.group.clone(), kind.kind.clone()), kind.clone());
        self.kinds.push(kind);
    }

    /// All kinds, in the order of the table.
    pub(super) fn kinds(&self) -> &[Arc<Kind>] {
        &self.kinds
    }

    /// By group and plural.
    pub(super) fn resource(&self, group: &str, plural: &str) -> Option<&Arc<Kind>> {
        self.by_resource.get(&(group.to_owned(), plural.to_owned()))
    }

    /// By group and kind.
    pub(super) fn kind(&self, group: &str, kind: &str) -> Option<&Arc<Kind>> {
        self.by_kind.get(&(group.to_owned(), kind.to_owned()))
    }
}

/// Adds what every object has to the shape of one.
fn whole_object(body: &Schema, meta: &Arc<Schema>) -> Arc<Schema> {
    let mut whole = body.clone();
    if let Shape::Struct { fields, .. } = &mut whole.shape {
        let text = Arc::new(Schema::of(Shape::Scalar(Scalar::String)));
        fields.insert("apiVersion".to_owned(), Field { schema: text.clone(), required: false });
        fields.insert("kind".to_owned(), Field { schema: text, required: false });
        fields.insert("metadata".to_owned(), Field { schema: meta.clone(), required: false });
    }
    Arc::new(whole)
}

/// Splits an `apiVersion` into group and version.
pub(super) fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_the_embedded_tables_then_they_can_be_read_and_every_kind_has_fields() {
        let catalog = Catalog::read().unwrap();
        assert!(catalog.kinds().len() > 30);
        for kind in catalog.kinds() {
            let Shape::Struct { fields, .. } = &kind.schema.shape else { panic!("{} is no struct", kind.kind) };
            assert!(fields.len() > 3, "{} has nothing of its own", kind.kind);
            assert_eq!(kind.status, fields.contains_key("status") && !kind.review, "{}", kind.kind);
        }
    }

    #[test]
    fn given_a_reference_to_nothing_then_the_definition_is_named() {
        let mut definitions = Definitions::default();
        definitions.add("Thing: {field: Nothing}").unwrap();
        assert_eq!(definitions.get("Thing").unwrap_err().to_string(), "schema Nothing: is not defined");
    }
}
