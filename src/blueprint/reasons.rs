//! An object as YAML, with the reasons of its fields as comments: for people, and never for a server.

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap as _, SerializeSeq as _},
};
use serde_json::Value;
use serde_saphyr::Commented;

/// Why a field is as it is, where it is easy to get wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldReason {
    /// Which field: a JSON pointer to a text, a number or a truth value, such as `/spec/provider/name`.
    pub field: &'static str,
    /// A clause or two, short enough to stand behind the value.
    pub why: &'static str,
}

/// YAML that Go reads as the same values: what YAML 1.1 would take for a number or a truth value is quoted.
pub(super) fn yaml(value: &Value, reasons: &[FieldReason]) -> String {
    let options = serde_saphyr::ser_options! { folded_wrap_chars: 100_000 };
    let place = Place { value, pointer: String::new(), reasons };
    #[expect(clippy::expect_used, reason = "a JSON value has nothing that YAML cannot hold")]
    let text = serde_saphyr::to_string_with_options(&place, options).expect("a JSON value can be written as YAML");
    text
}

/// A value, where it is.
struct Place<'a> {
    value: &'a Value,
    pointer: String,
    reasons: &'a [FieldReason],
}

impl Place<'_> {
    fn below<'a>(&'a self, value: &'a Value, step: &str) -> Place<'a> {
        let step = step.replace('~', "~0").replace('/', "~1");
        Place { value, pointer: format!("{}/{step}", self.pointer), reasons: self.reasons }
    }
}

impl Serialize for Place<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (key, value) in fields {
                    map.serialize_entry(key, &self.below(value, key))?;
                }
                map.end()
            }
            Value::Array(items) => {
                let mut sequence = serializer.serialize_seq(Some(items.len()))?;
                for (index, value) in items.iter().enumerate() {
                    sequence.serialize_element(&self.below(value, &index.to_string()))?;
                }
                sequence.end()
            }
            scalar => match self.reasons.iter().find(|reason| reason.field == self.pointer) {
                Some(reason) => Commented(scalar, reason.why.to_owned()).serialize(serializer),
                None => scalar.serialize(serializer),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FieldReason, yaml};
    use serde_json::{Value, json};

    #[test]
    fn given_reasons_then_each_stands_behind_its_field_and_the_values_are_the_same() {
        let object =
            json!({"spec": {"name": "yes", "list": [{"a/b": true}, "x # y"], "text": "two\nlines\n", "empty": {}}});
        let reasons = [
            FieldReason { field: "/spec/name", why: "as elsewhere" },
            FieldReason { field: "/spec/list/0/a~1b", why: "never false" },
            FieldReason { field: "/spec/list", why: "is no scalar, and is told of nowhere" },
        ];
        let text = yaml(&object, &reasons);
        assert!(
            text.contains("name: \"yes\" # as elsewhere\n") && text.contains("a/b: true # never false\n"),
            "{text}"
        );
        assert_eq!(serde_saphyr::from_str::<Value>(&text).unwrap(), object);
        let bare: String = text.replace(" # as elsewhere", "").replace(" # never false", "");
        assert_eq!(bare, yaml(&object, &[]));
    }
}
