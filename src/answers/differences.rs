//! What changed between two sets of answers.

use super::{
    Answers,
    writer::{Value, entries},
};
use std::collections::BTreeMap;

/// One answer that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// The key, such as `application.host`.
    pub key: &'static str,
    /// What it was; `None` where nothing was said.
    pub before: Option<String>,
    /// What it is; `None` where nothing is said.
    pub after: Option<String>,
}

impl Answers {
    /// What changed since `earlier`, in the order of the file. Nothing means that both decide the same: the order of a list
    /// and the unit of a duration make no difference.
    pub fn differences(&self, earlier: &Self) -> Vec<Difference> {
        let before: BTreeMap<_, _> = entries(earlier).into_iter().collect();
        let after: BTreeMap<_, _> = entries(self).into_iter().collect();
        let shown = |value: Option<&Value>| value.map(canonical);
        super::keys::KEYS
            .iter()
            .map(|key| Difference {
                key: key.path,
                before: shown(before.get(key.path)),
                after: shown(after.get(key.path)),
            })
            .filter(|difference| difference.before != difference.after)
            .collect()
    }
}

fn canonical(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Bare(text) => text.clone(),
        Value::List(items) => {
            let mut items: Vec<&str> = items.iter().map(String::as_str).collect();
            items.sort_unstable();
            items.join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Difference;
    use crate::answers::{Answers, file::parse};

    fn read(access: &str, proxy: &str) -> Answers {
        let text = format!(
            "version: 1\napplication: {{name: a, host: a.example.com, deploy: {{image: \"x/y:1\"}}}}\n\
             certificate: {{issuer: {{name: ca}}}}\naccess: {access}\nproxy: {proxy}\n"
        );
        parse(&text, "f").unwrap()
    }

    #[test]
    fn given_the_same_decisions_in_another_spelling_then_nothing_differs() {
        let one = read("{emailDomains: [a.com, b.com]}", "{sessionLifetime: 7d}");
        let other = read("{emailDomains: [b.com, a.com], machines: false}", "{sessionLifetime: 168h}");
        assert_eq!(one.differences(&other), []);
    }

    #[test]
    fn given_changed_answers_then_each_is_named_with_what_it_was() {
        let before = read("{emailDomains: [a.com]}", "{sessionLifetime: 7d}");
        let after = read("{emailDomains: [a.com], machines: true}", "{sessionLifetime: 8h}");
        let difference = |key, before: &str, after: &str| Difference {
            key,
            before: Some(before.to_owned()),
            after: Some(after.to_owned()),
        };
        let expected =
            [difference("access.machines", "false", "true"), difference("proxy.sessionLifetime", "7d", "8h")];
        assert_eq!(after.differences(&before), expected);
    }
}
