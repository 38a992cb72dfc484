//! Lists, page by page.

use super::{
    catalog::Kind, request::Query, selector::Selection, state::State, status::ApiError, store::Key, write::in_version,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// One page of a list.
pub(super) struct Page {
    /// The objects, in the version spoken.
    pub(super) items: Vec<Value>,
    /// The list's metadata.
    pub(super) metadata: Value,
}

/// Lists.
pub(super) fn page(
    state: &State,
    kind: &Kind,
    version: &str,
    namespace: Option<&str>,
    query: &Query,
) -> Result<Page, ApiError> {
    let selection = Selection::read(kind, query)?;
    let limit = query.get("limit").and_then(|limit| limit.parse::<usize>().ok()).filter(|limit| *limit > 0);
    let token = query.get("continue").map(Token::read).transpose()?;
    if let Some(token) = &token
        && token.revision < state.store.oldest_revision()
    {
        return Err(ApiError::plain(
            410,
            "Expired",
            "The provided continue parameter is too old to display a consistent list result. You can start a new list \
             without the continue parameter, or use the continue token in this response to retrieve the remainder of \
             the results.",
        ));
    }
    let after = token.as_ref().map(|token| Key::new(kind, &token.namespace, &token.name));
    let revision = token.as_ref().map_or_else(|| state.store.revision(), |token| token.revision);
    let mut matching = state
        .store
        .list(kind, namespace)
        .filter(|(key, object)| after.as_ref().is_none_or(|after| *key > after) && selection.includes(object));
    let mut items = Vec::new();
    let mut last = None;
    for (key, object) in matching.by_ref().take(limit.unwrap_or(usize::MAX)) {
        items.push(in_version(object, kind, version));
        last = Some(key.clone());
    }
    let remaining = matching.count();
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if let Some(last) = last.filter(|_| remaining > 0) {
        let token = Token { revision, namespace: last.namespace, name: last.name };
        metadata["continue"] = json!(token.spell());
        if selection.is_everything() {
            metadata["remainingItemCount"] = json!(remaining);
        }
    }
    Ok(Page { items, metadata })
}

struct Token {
    revision: u64,
    namespace: String,
    name: String,
}

impl Token {
    fn spell(&self) -> String {
        let value =
            json!({"v": "meta.k8s.io/v1", "rv": self.revision, "start": format!("{}/{}", self.namespace, self.name)});
        URL_SAFE_NO_PAD.encode(value.to_string())
    }

    fn read(text: &str) -> Result<Self, ApiError> {
        let refuse =
            |why: String| ApiError::bad_request(format!("invalid continue token: continue key is not valid: {why}"));
        // The real server's reader of base64 takes no padding here.
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| {
            let is_letter = |letter: &u8| letter.is_ascii_alphanumeric() || b"-_".contains(letter);
            let at = text.bytes().position(|letter| !is_letter(&letter)).unwrap_or(text.len());
            refuse(format!("illegal base64 data at input byte {at}"))
        })?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| {
            let first = bytes.first().copied().map_or('\u{fffd}', char::from);
            refuse(format!("invalid character '{}' looking for beginning of value", shown(first)))
        })?;
        let start = value["start"].as_str().and_then(|start| start.split_once('/'));
        match (value["rv"].as_u64(), start) {
            (Some(revision), Some((namespace, name))) => {
                Ok(Self { revision, namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err(refuse("server does not recognize this encoded version ".to_owned())),
        }
    }
}

/// A character as Go quotes it.
fn shown(letter: char) -> String {
    if letter.is_ascii_graphic() || letter == ' ' {
        letter.to_string()
    } else {
        format!("\\u{:04x}", u32::from(letter))
    }
}
