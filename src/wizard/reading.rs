//! What a person wrote, as an answer.

use super::{Choice, Given, Kind, Question, Wizard, unusable};
use crate::answers::names::Unusable;

impl Wizard {
    /// Reads a line as an answer to `question`. A choice may be written as its number in the list, counted from 1, or as itself.
    /// Nothing written takes what is proposed.
    pub fn read(&self, question: &Question, line: &str) -> Result<Given, Unusable> {
        let text = line.trim();
        if text.is_empty() {
            let nothing = || unusable("nothing is proposed here", "write an answer, or `?` for help");
            return self.proposal(question).ok_or_else(nothing);
        }
        match question.kind {
            Kind::Text => Ok(Given::text(text)),
            Kind::YesNo => yes_or_no(text),
            Kind::List => Ok(list(text)),
            Kind::Choice { free, .. } => chosen(&self.choices(question), text, free),
        }
    }

    /// Reads what stands in a field as an answer to `question`. Unlike in a line, nothing is taken that is not written there, and a
    /// number is itself and no place in a list.
    pub fn read_field(&self, question: &Question, text: &str) -> Result<Given, Unusable> {
        let text = text.trim();
        if text.is_empty() {
            let right = if question.kind == Kind::List { "write an answer, or `none`" } else { "write an answer" };
            return Err(unusable("nothing is written here", right));
        }
        match question.kind {
            Kind::Text => Ok(Given::text(text)),
            Kind::YesNo => yes_or_no(text),
            Kind::List => Ok(list(text)),
            Kind::Choice { .. } => {
                let named = named(&self.offered(question), text).map(|choice| choice.value.clone());
                Ok(Given::text(named.unwrap_or_else(|| text.to_owned())))
            }
        }
    }
}

fn yes_or_no(text: &str) -> Result<Given, Unusable> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "true" => Ok(Given::text("true")),
        "n" | "no" | "false" => Ok(Given::text("false")),
        _ => Err(unusable("that is neither yes nor no", "write `yes` or `no`")),
    }
}

/// Several texts with commas or spaces between them; `none` and `-` for no text at all.
fn list(text: &str) -> Given {
    if matches!(text.to_ascii_lowercase().as_str(), "none" | "-") {
        return Given::List(Vec::new());
    }
    let items = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|item| !item.is_empty());
    Given::List(items.map(|item| item.trim_matches(['"', '\'']).to_owned()).collect())
}

fn chosen(choices: &[Choice], text: &str, free: bool) -> Result<Given, Unusable> {
    let number = text.parse::<usize>().ok().and_then(|number| choices.get(number.checked_sub(1)?));
    match named(choices, text).or(number) {
        Some(choice) => Ok(Given::text(&choice.value)),
        None if free => Ok(Given::text(text)),
        None => Err(unusable(
            "that is none of the choices",
            format!("write a number from 1 to {}, or one of them as it stands there", choices.len()),
        )),
    }
}

/// The choice that is called so: as it stands, or `letsencrypt` for `ClusterIssuer/letsencrypt`, where that is plain.
fn named<'a>(choices: &'a [Choice], text: &str) -> Option<&'a Choice> {
    let ends_so = |choice: &&Choice| choice.value.rsplit_once('/').is_some_and(|(_, name)| name == text);
    let mut by_name = choices.iter().filter(ends_so);
    let named = match (by_name.next(), by_name.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    };
    choices.iter().find(|choice| choice.value == text).or(named)
}
