//! Whether an object has the shape of its kind: unknown fields, types, and what a schema demands of values.

use super::{
    catalog::Kind,
    schema::{Scalar, Schema, Shape},
    status::{Cause, invalid, required, unsupported},
};
use serde_json::{Value, json};

/// The object without fields that are `null`, which is the same as not being there.
pub(super) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key, without_nulls(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

fn dotted(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Paths of fields that the kind does not have, such as `spec.containers[0].imagee`: of custom resources in the order of the
/// alphabet, of others as they come.
pub(super) fn unknown_fields(kind: &Kind, value: &Value) -> Vec<String> {
    let mut unknown = Vec::new();
    find_unknown(&kind.schema, value, "", &mut unknown);
    if kind.is_custom() {
        unknown.sort();
    }
    unknown
}

fn find_unknown(schema: &Schema, value: &Value, path: &str, unknown: &mut Vec<String>) {
    match (&schema.shape, value) {
        (Shape::Struct { .. } | Shape::Map { .. }, Value::Object(map)) => {
            for (key, child) in map {
                let below = dotted(path, key);
                match schema.below(key) {
                    Some(shape) => find_unknown(&shape, child, &below, unknown),
                    None => unknown.push(below),
                }
            }
        }
        (Shape::List { item, .. }, Value::Array(items)) => {
            for (at, child) in items.iter().enumerate() {
                find_unknown(item, child, &format!("{path}[{at}]"), unknown);
            }
        }
        _ => {}
    }
}

/// The object without the fields that the kind does not have.
pub(super) fn without_unknown(schema: &Schema, value: &Value) -> Value {
    match (&schema.shape, value) {
        (Shape::Struct { .. } | Shape::Map { .. }, Value::Object(map)) => {
            let known = map.iter().filter_map(|(key, child)| {
                schema.below(key).map(|shape| (key.clone(), without_unknown(&shape, child)))
            });
            Value::Object(known.collect())
        }
        (Shape::List { item, .. }, Value::Array(items)) => {
            Value::Array(items.iter().map(|child| without_unknown(item, child)).collect())
        }
        _ => value.clone(),
    }
}

/// How a JSON value's type is called in messages.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Whether a value is of a scalar type.
pub(super) fn fits(scalar: Scalar, value: &Value) -> bool {
    match scalar {
        Scalar::String | Scalar::Time | Scalar::Bytes | Scalar::Duration => value.is_string(),
        Scalar::Integer => value.is_i64() || value.is_u64(),
        Scalar::Number => value.is_number(),
        Scalar::Boolean => value.is_boolean(),
        Scalar::IntOrString => value.is_string() || value.is_i64() || value.is_u64(),
        Scalar::Quantity => value.is_string() || value.is_number(),
    }
}

fn wanted_type(shape: &Shape) -> &'static str {
    match shape {
        Shape::Any | Shape::Struct { .. } | Shape::Map { .. } => "object",
        Shape::List { .. } => "array",
        Shape::Scalar(Scalar::Integer) => "integer",
        Shape::Scalar(Scalar::Number) => "number",
        Shape::Scalar(Scalar::Boolean) => "boolean",
        Shape::Scalar(_) => "string",
    }
}

/// Where and how the types differ, first to last.
struct Mismatch<'a> {
    path: String,
    wanted: &'static str,
    shape: Shape,
    found: &'a Value,
}

fn mismatches<'a>(schema: &Schema, value: &'a Value, path: &str, found: &mut Vec<Mismatch<'a>>) {
    let differs = match (&schema.shape, value) {
        (Shape::Any, _) => false,
        (Shape::Struct { .. } | Shape::Map { .. }, Value::Object(map)) => {
            for (key, child) in map {
                if let Some(shape) = schema.below(key) {
                    mismatches(&shape, child, &dotted(path, key), found);
                }
            }
            false
        }
        (Shape::List { item, .. }, Value::Array(items)) => {
            for (at, child) in items.iter().enumerate() {
                mismatches(item, child, &format!("{path}[{at}]"), found);
            }
            false
        }
        (Shape::Scalar(scalar), value) => !fits(*scalar, value),
        _ => true,
    };
    if differs {
        let wanted = wanted_type(&schema.shape);
        found.push(Mismatch { path: path.to_owned(), wanted, shape: schema.shape.clone(), found: value });
    }
}

/// Why a whole object of a built-in kind cannot be read, in the words of Go's JSON reader.
pub(super) fn unmarshal_problem(kind: &Kind, object: &Value) -> Option<String> {
    let mut found = Vec::new();
    mismatches(&kind.schema, object, "", &mut found);
    let first = found.into_iter().next()?;
    let go_wanted = match first.shape {
        Shape::Scalar(Scalar::Integer) => "int32",
        Shape::Scalar(Scalar::Number) => "float64",
        Shape::Scalar(Scalar::Boolean) => "bool",
        Shape::Scalar(_) => "string",
        Shape::List { .. } => "[]json.RawMessage",
        Shape::Any | Shape::Struct { .. } | Shape::Map { .. } => "map[string]json.RawMessage",
    };
    let got = match type_of(first.found) {
        "integer" => "number",
        "boolean" => "bool",
        other => other,
    };
    // Go names the struct that the field is in. Of those further inside we know no names.
    let within = if first.path.starts_with("spec.") { "Spec" } else { "" };
    let (kind, path) = (&kind.kind, first.path);
    Some(format!("json: cannot unmarshal {got} into Go struct field {kind}{within}.{path} of type {go_wanted}"))
}

/// Why the values of a built-in kind cannot be read, in the words of Go's readers.
pub(super) fn unreadable_value(schema: &Schema, value: &Value) -> Option<Unreadable> {
    match (&schema.shape, value) {
        (Shape::Struct { .. } | Shape::Map { .. }, Value::Object(map)) => {
            map.iter().find_map(|(key, child)| schema.below(key).and_then(|shape| unreadable_value(&shape, child)))
        }
        (Shape::List { item, .. }, Value::Array(items)) => items.iter().find_map(|child| unreadable_value(item, child)),
        (Shape::Scalar(Scalar::Bytes), Value::String(text)) => first_that_is_no_base64(text).map(Unreadable::Bytes),
        (Shape::Scalar(Scalar::Quantity), Value::String(text)) if !is_quantity(text) => Some(Unreadable::Quantity),
        _ => None,
    }
}

/// A value that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Bytes that are no base64 from here on.
    Bytes(usize),
    /// A quantity.
    Quantity,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(at) => write!(formatter, "illegal base64 data at input byte {at}"),
            Self::Quantity => formatter.write_str(QUANTITY_RULE),
        }
    }
}

/// Where Go's reader finds that a text is no base64.
fn first_that_is_no_base64(text: &str) -> Option<usize> {
    use base64::{DecodeError, Engine as _, engine::general_purpose::STANDARD};
    match STANDARD.decode(text) {
        // It reads over bits that are left at the end.
        Ok(_) | Err(DecodeError::InvalidLastSymbol(..)) => None,
        Err(DecodeError::InvalidByte(at, _)) => Some(at),
        // Padding that is not whole is found missing at the end, no padding at all where the last four begin.
        Err(DecodeError::InvalidLength(_) | DecodeError::InvalidPadding) => {
            Some(if text.ends_with('=') { text.len() } else { text.len() - text.len() % 4 })
        }
    }
}

/// What the schema demands and the object does not have. For the status subresource only `status` is looked at.
pub(super) fn violations(kind: &Kind, object: &Value, only_status: bool) -> Vec<Cause> {
    let mut causes = Vec::new();
    if kind.is_custom() {
        let mut found = Vec::new();
        mismatches(&kind.schema, object, "", &mut found);
        causes.extend(found.into_iter().map(|found| Cause {
            reason: "FieldValueTypeInvalid",
            message: format!(
                "Invalid value: {:?}: {} in body must be of type {}: {:?}",
                type_of(found.found),
                found.path,
                found.wanted,
                type_of(found.found)
            ),
            field: found.path,
        }));
    }
    for (key, child) in object.as_object().into_iter().flatten() {
        if only_status && key != "status" {
            continue;
        }
        if let Some(shape) = kind.schema.below(key).filter(|_| key != "metadata") {
            demand(&shape, child, key, Checker::of(kind), &mut causes);
        }
    }
    if !only_status && let Shape::Struct { fields, .. } = &kind.schema.shape {
        let missing = fields.iter().filter(|(name, field)| field.required && object.get(*name).is_none());
        causes.extend(missing.map(|(name, _)| required(name.clone(), "")));
    }
    causes
}

/// What finds a value of a good type wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Checker {
    /// Go's readers, as soon as they come upon it: built-in kinds.
    Reader,
    /// The schema.
    Schema,
    /// The schema, and rules in CEL for what it leaves open.
    SchemaAndRules,
}

impl Checker {
    fn of(kind: &Kind) -> Self {
        if !kind.is_custom() {
            Self::Reader
        } else if super::cel::has_rules(kind) {
            Self::SchemaAndRules
        } else {
            Self::Schema
        }
    }
}

fn demand(schema: &Schema, value: &Value, path: &str, checker: Checker, causes: &mut Vec<Cause>) {
    match (&schema.shape, value) {
        (Shape::Struct { fields, one_of, .. }, Value::Object(map)) => {
            for (name, field) in fields {
                match map.get(name) {
                    Some(child) => demand(&field.schema, child, &dotted(path, name), checker, causes),
                    None if field.required => causes.push(required(dotted(path, name), "")),
                    None => {}
                }
            }
            let alternatives = one_of.iter().filter(|name| map.contains_key(*name)).count();
            if alternatives > 1 {
                let why = format!(
                    "{path:?} must validate one and only one schema (oneOf). Found {alternatives} valid alternatives"
                );
                causes.push(invalid("<nil>", &json!(""), &why));
            }
        }
        (Shape::Map { value: shape, .. }, Value::Object(map)) => {
            for (key, child) in map {
                demand(shape, child, &dotted(path, key), checker, causes);
            }
        }
        (Shape::List { item, .. }, Value::Array(items)) => {
            for (at, child) in items.iter().enumerate() {
                demand(item, child, &format!("{path}[{at}]"), checker, causes);
            }
        }
        (Shape::Scalar(scalar), value) => demand_of_scalar(schema, *scalar, value, path, checker, causes),
        _ => {}
    }
}

fn demand_of_scalar(
    schema: &Schema,
    scalar: Scalar,
    value: &Value,
    path: &str,
    checker: Checker,
    causes: &mut Vec<Cause>,
) {
    if let Some(text) = value.as_str() {
        if !schema.allowed.is_empty() && !schema.allowed.iter().any(|allowed| allowed == text) {
            causes.push(unsupported(path, value, &schema.allowed));
        }
        if let Some(least) = schema.min_length.filter(|least| text.chars().count() < *least) {
            causes.push(invalid(path, value, &format!("{path} in body should be at least {least} chars long")));
        }
        if let Some(most) = schema.max_length.filter(|most| text.chars().count() > *most) {
            let message = format!("Too long: may not be more than {most} bytes");
            causes.push(Cause { reason: "FieldValueTooLong", message, field: path.to_owned() });
        }
        if schema.pattern.is_some() && !is_label(text) {
            causes.push(invalid(path, value, LABEL_RULE));
        }
        if let Some(why) = malformed(scalar, text, path, checker) {
            causes.push(invalid(path, value, &why));
        }
    }
    if let Some(number) = value.as_i64() {
        let (least, most) = (schema.min.unwrap_or(i64::MIN), schema.max.unwrap_or(i64::MAX));
        if number < least || number > most {
            let why = match (schema.min, schema.max) {
                (Some(least), None) if checker != Checker::Reader => {
                    format!("{path} in body should be greater than or equal to {least}")
                }
                (Some(least), Some(most)) => format!("must be between {least} and {most}, inclusive"),
                (Some(least), None) => format!("must be greater than or equal to {least}"),
                (None, most) => format!("must be less than or equal to {}", most.unwrap_or(i64::MAX)),
            };
            causes.push(invalid(path, value, &why));
        }
    }
}

/// What the real server says of a name that is no DNS label.
pub(super) const LABEL_RULE: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
                              start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for \
                              validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

/// Whether a text is a DNS label as RFC 1123 has it, whatever its length.
pub(super) fn is_label(text: &str) -> bool {
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.as_bytes().first().is_some_and(alphanumeric)
        && text.as_bytes().last().is_some_and(alphanumeric)
        && text.bytes().all(|byte| alphanumeric(&byte) || byte == b'-')
}

const QUANTITY_RULE: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

fn malformed(scalar: Scalar, text: &str, path: &str, checker: Checker) -> Option<String> {
    use base64::Engine as _;
    match scalar {
        _ if checker == Checker::Reader => None,
        Scalar::Bytes if base64::engine::general_purpose::STANDARD.decode(text).is_err() => {
            Some(format!("{path} in body must be of type byte: {text:?}"))
        }
        Scalar::Time if text.parse::<jiff::Timestamp>().is_err() => {
            Some(format!("{path} in body must be of type date-time: {text:?}"))
        }
        Scalar::Duration if checker == Checker::Schema && !is_go_duration(text) => {
            Some(format!("time: invalid duration {text:?}"))
        }
        Scalar::Quantity if !is_quantity(text) => Some(QUANTITY_RULE.to_owned()),
        _ => None,
    }
}

/// Whether a text is a duration as Go writes them, such as `1h30m` or `1.5s`.
pub(super) fn is_go_duration(text: &str) -> bool {
    go_duration_seconds(text).is_some()
}

/// The seconds of a duration as Go writes them.
pub(super) fn go_duration_seconds(text: &str) -> Option<f64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0.0);
    }
    let mut seconds = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, after) = rest.split_at_checked(digits)?;
        let units = after.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(units)?;
        let factor = match unit {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * factor;
        rest = after;
    }
    Some(sign * seconds)
}

fn is_quantity(text: &str) -> bool {
    let number_ends =
        text.find(|letter: char| !letter.is_ascii_digit() && !"+-.".contains(letter)).unwrap_or(text.len());
    let (number, suffix) = text.split_at(number_ends);
    let exponent = suffix.strip_prefix(['e', 'E']).is_some_and(|digits| digits.parse::<i32>().is_ok());
    number.parse::<f64>().is_ok()
        && (exponent
            || matches!(
                suffix,
                "" | "n" | "u" | "m" | "k" | "M" | "G" | "T" | "P" | "E" | "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei"
            ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_texts_when_read_as_durations_then_only_those_of_go_are_taken() {
        assert_eq!(go_duration_seconds("1h30m"), Some(5400.0));
        assert_eq!(go_duration_seconds("1.5s"), Some(1.5));
        for wrong in ["", "10", "1d", "s", "1h30"] {
            assert_eq!(go_duration_seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn given_texts_when_read_as_quantities_then_only_quantities_are_taken() {
        for right in ["64Mi", "100m", "1", "0.5", "1e3", "2Gi"] {
            assert!(is_quantity(right), "{right}");
        }
        for wrong in ["", "64mb", "Mi", "1 Gi"] {
            assert!(!is_quantity(wrong), "{wrong}");
        }
    }
}
