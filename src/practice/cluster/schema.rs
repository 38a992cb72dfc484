//! The shapes of objects: which fields there are, of which type, and how lists and maps are merged.
//!
//! The files under `schemas/` hold one definition a name, in a short form of OpenAPI:
//!
//! * a text is a scalar type (`string`, `int`, `number`, `bool`, `quantity`, `intOrString`, `time`, `bytes`, `duration`),
//!   `any` for whatever fits, or the name of another definition (capitalised);
//! * `[T]` is an atomic list: server-side apply treats it as one value;
//! * a mapping is a struct; `name!` marks a required field;
//! * `{$map: T}` is a map whose entries are merged one by one, `{$atomicMap: T}` and `{$atomic: {fields}}` are one value;
//! * `{$keyed: [key], items: T}` is a list whose items are merged by their keys, `{$set: T}` one whose values are merged;
//! * `{$enum: [A, B]}` and `{$type: T, default, min, max, minLength, maxLength, pattern}` say more about a scalar;
//! * `$oneOf: [a, b]` in a struct allows at most one of the fields.

use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::Arc};

/// A scalar's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    /// A text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
    /// A whole number or a text, such as a port or a percentage.
    IntOrString,
    /// A resource quantity: a number or a text such as `64Mi`.
    Quantity,
    /// An RFC 3339 time.
    Time,
    /// Base64.
    Bytes,
    /// A duration such as `2160h` or `1.5s`.
    Duration,
}

/// How the items of a list find their counterpart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Merge {
    /// They do not: the list is one value.
    Atomic,
    /// By their own value.
    Set,
    /// By the values of these fields.
    Keys(Vec<String>),
}

/// A field of a struct.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    /// Its shape.
    pub(super) schema: Arc<Schema>,
    /// Whether it must be there.
    pub(super) required: bool,
}

/// What a value looks like.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// Whatever fits: maps are merged, lists are one value.
    Any,
    /// One value.
    Scalar(Scalar),
    /// A fixed set of fields.
    Struct {
        /// The fields.
        fields: BTreeMap<String, Field>,
        /// Whether it is one value to server-side apply.
        atomic: bool,
        /// At most one of these may be there; empty when that does not matter.
        one_of: Vec<String>,
    },
    /// Any keys, one shape of value.
    Map {
        /// The values' shape.
        value: Arc<Schema>,
        /// Whether it is one value to server-side apply.
        atomic: bool,
    },
    /// Items of one shape.
    List {
        /// The items' shape.
        item: Arc<Schema>,
        /// How the items find their counterpart.
        merge: Merge,
    },
}

/// A shape and what else is known of the value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Schema {
    /// The shape.
    pub(super) shape: Shape,
    /// What it is when it is not given.
    pub(super) default: Option<Value>,
    /// The values that are allowed; empty for all.
    pub(super) allowed: Vec<String>,
    /// The least number.
    pub(super) min: Option<i64>,
    /// The greatest number.
    pub(super) max: Option<i64>,
    /// The least length of a text.
    pub(super) min_length: Option<usize>,
    /// The greatest length of a text.
    pub(super) max_length: Option<usize>,
    /// A pattern for texts; one of the few that [`super::validate`] knows.
    pub(super) pattern: Option<String>,
}

impl Schema {
    /// A schema that is nothing but its shape.
    pub(super) fn of(shape: Shape) -> Self {
        Self {
            shape,
            default: None,
            allowed: Vec::new(),
            min: None,
            max: None,
            min_length: None,
            max_length: None,
            pattern: None,
        }
    }

    /// Whatever fits.
    pub(super) fn any() -> Arc<Self> {
        static ANY: std::sync::LazyLock<Arc<Schema>> = std::sync::LazyLock::new(|| Arc::new(Schema::of(Shape::Any)));
        ANY.clone()
    }

    /// The shape below a key of a struct or map; `None` when a struct has no such field.
    pub(super) fn below(&self, key: &str) -> Option<Arc<Self>> {
        match &self.shape {
            Shape::Struct { fields, .. } => fields.get(key).map(|field| field.schema.clone()),
            Shape::Map { value, .. } => Some(value.clone()),
            Shape::Any => Some(Self::any()),
            Shape::Scalar(_) | Shape::List { .. } => None,
        }
    }

    /// The shape of a list's items.
    pub(super) fn item(&self) -> Arc<Self> {
        match &self.shape {
            Shape::List { item, .. } => item.clone(),
            _ => Self::any(),
        }
    }

    /// Whether `key` is a named field here, other than a map's entry.
    pub(super) fn names(&self, key: &str) -> bool {
        matches!(&self.shape, Shape::Struct { fields, .. } if fields.contains_key(key))
    }
}

/// Something about the schema files that cannot be understood; a mistake in this program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("schema {definition}: {problem}")]
pub(super) struct SchemaMistake {
    /// The definition it is in.
    pub(super) definition: String,
    /// What is wrong.
    pub(super) problem: String,
}

/// All definitions, by name.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    raw: Map<String, Value>,
    ready: BTreeMap<String, Arc<Schema>>,
}

impl Definitions {
    /// Adds a file's definitions.
    pub(super) fn add(&mut self, yaml: &str) -> Result<(), SchemaMistake> {
        let parsed: Map<String, Value> = serde_saphyr::from_str(yaml)
            .map_err(|error| SchemaMistake { definition: "file".to_owned(), problem: error.to_string() })?;
        self.raw.extend(parsed);
        Ok(())
    }

    /// The definition of that name.
    pub(super) fn get(&mut self, name: &str) -> Result<Arc<Schema>, SchemaMistake> {
        if let Some(ready) = self.ready.get(name) {
            return Ok(ready.clone());
        }
        let Some(raw) = self.raw.get(name).cloned() else {
            return Err(SchemaMistake { definition: name.to_owned(), problem: "is not defined".to_owned() });
        };
        let schema = self.read(name, &raw)?;
        self.ready.insert(name.to_owned(), schema.clone());
        Ok(schema)
    }

    fn read(&mut self, definition: &str, raw: &Value) -> Result<Arc<Schema>, SchemaMistake> {
        match raw {
            Value::String(name) => match scalar(name) {
                Some(shape) => Ok(Arc::new(Schema::of(shape))),
                None => self.get(name),
            },
            Value::Array(items) => {
                let [item] = items.as_slice() else {
                    return Err(mistake(definition, "a list names the shape of its items, once"));
                };
                let item = self.read(definition, item)?;
                Ok(Arc::new(Schema::of(Shape::List { item, merge: Merge::Atomic })))
            }
            Value::Object(map) => self.read_mapping(definition, map).map(Arc::new),
            other => Err(mistake(definition, &format!("{other} is no shape"))),
        }
    }

    fn read_mapping(&mut self, definition: &str, map: &Map<String, Value>) -> Result<Schema, SchemaMistake> {
        if let Some(value) = map.get("$map") {
            return Ok(Schema::of(Shape::Map { value: self.read(definition, value)?, atomic: false }));
        }
        if let Some(value) = map.get("$atomicMap") {
            return Ok(Schema::of(Shape::Map { value: self.read(definition, value)?, atomic: true }));
        }
        if let Some(Value::Object(fields)) = map.get("$atomic") {
            return self.read_struct(definition, fields, true);
        }
        if let Some(item) = map.get("$set") {
            return Ok(Schema::of(Shape::List { item: self.read(definition, item)?, merge: Merge::Set }));
        }
        if let Some(keys) = map.get("$keyed") {
            let item = self.read(definition, map.get("items").unwrap_or(&Value::Null))?;
            return Ok(Schema::of(Shape::List { item, merge: Merge::Keys(texts(keys)) }));
        }
        if map.contains_key("$enum") || map.contains_key("$type") {
            return self.read_detailed(definition, map);
        }
        self.read_struct(definition, map, false)
    }

    fn read_detailed(&mut self, definition: &str, map: &Map<String, Value>) -> Result<Schema, SchemaMistake> {
        let shape = match map.get("$type") {
            Some(raw) => self.read(definition, raw)?.shape.clone(),
            None => Shape::Scalar(Scalar::String),
        };
        let length = |key: &str| map.get(key).and_then(Value::as_u64).and_then(|length| usize::try_from(length).ok());
        Ok(Schema {
            shape,
            default: map.get("default").cloned(),
            allowed: map.get("$enum").map(texts).unwrap_or_default(),
            min: map.get("min").and_then(Value::as_i64),
            max: map.get("max").and_then(Value::as_i64),
            min_length: length("minLength"),
            max_length: length("maxLength"),
            pattern: map.get("pattern").and_then(Value::as_str).map(str::to_owned),
        })
    }

    fn read_struct(
        &mut self,
        definition: &str,
        map: &Map<String, Value>,
        atomic: bool,
    ) -> Result<Schema, SchemaMistake> {
        let mut fields = BTreeMap::new();
        for (key, raw) in map.iter().filter(|(key, _)| *key != "$oneOf") {
            let (name, required) = key.strip_suffix('!').map_or((key.as_str(), false), |name| (name, true));
            let schema = self.read(&format!("{definition}.{name}"), raw)?;
            fields.insert(name.to_owned(), Field { schema, required });
        }
        let one_of = map.get("$oneOf").map(texts).unwrap_or_default();
        Ok(Schema::of(Shape::Struct { fields, atomic, one_of }))
    }
}

fn mistake(definition: &str, problem: &str) -> SchemaMistake {
    SchemaMistake { definition: definition.to_owned(), problem: problem.to_owned() }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

fn scalar(name: &str) -> Option<Shape> {
    Some(Shape::Scalar(match name {
        "any" => return Some(Shape::Any),
        "string" => Scalar::String,
        "int" => Scalar::Integer,
        "number" => Scalar::Number,
        "bool" => Scalar::Boolean,
        "intOrString" => Scalar::IntOrString,
        "quantity" => Scalar::Quantity,
        "time" => Scalar::Time,
        "bytes" => Scalar::Bytes,
        "duration" => Scalar::Duration,
        _ => return None,
    }))
}
