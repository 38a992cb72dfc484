//! The wizard's questions as plain lines: for `--ui plain`, dumb terminals and screen readers.
//!
//! No redraws, no colour, no glyphs. `?` explains, `<` goes back, `!` looks again at what could not be found out.

mod lines;
#[cfg(test)]
mod tests;

pub use lines::{Lines, Terminal};

use crate::{
    answers::{Answers, file},
    wizard::{Asking, KEEP_DETAILS, Kind, Need, News, Question, REDIS, STORE, Session, Step, Wizard, at},
};
use std::io;

/// Longest line of running text, so that an 80-column terminal breaks none of them.
const WIDTH: usize = 78;
/// How many choices are listed; what is beyond can be written.
const LISTED: usize = 20;

/// Why there are no answers.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The input ended, which is never an answer.
    #[error("the input ended before everything was answered")]
    Ended,
    /// The terminal is gone.
    #[error("the terminal cannot be written to or read from: {0}")]
    Gone(#[from] io::Error),
}

/// Asks everything that is open, shows the answers, and asks whether they are right. `find_out` finds a fact out in a session.
pub fn ask(
    wizard: &mut Wizard,
    lines: &mut dyn Lines,
    find_out: &mut dyn FnMut(&Session, &Need) -> News,
) -> Result<Answers, NoAnswer> {
    lines.say(
        "Enter takes the answer in brackets, ? explains, < goes back, Ctrl-C stops.\n\
         Nothing is changed before you have seen the plan and said yes to it.",
    )?;
    let mut shown = None;
    loop {
        for need in wizard.needs() {
            if need != Need::Contexts {
                lines.say(&format!("Looking at {need} ..."))?;
            }
            let session = wizard.session();
            wizard.learn_in(&session, find_out(&session, &need));
        }
        if !wizard.needs().is_empty() {
            continue;
        }
        if shown != Some(wizard.step()) {
            shown = Some(wizard.step());
            lines.say(&heading(wizard.step()))?;
        }
        match wizard.asking() {
            Asking::Question(question) => one(wizard, lines, question)?,
            Asking::Review => {
                if let Some(answers) = review(wizard, lines)? {
                    return Ok(answers);
                }
                shown = None;
            }
        }
    }
}

/// A yes or no. `None` is the end of input.
pub fn yes_or_no(lines: &mut dyn Lines, question: &str, default: bool) -> io::Result<Option<bool>> {
    let proposed = if default { "yes" } else { "no" };
    loop {
        let Some(line) = lines.ask(&format!("{question} [{proposed}]:"))? else { return Ok(None) };
        match line.trim().to_ascii_lowercase().as_str() {
            "" => return Ok(Some(default)),
            "y" | "yes" => return Ok(Some(true)),
            "n" | "no" => return Ok(Some(false)),
            _ => lines.say("That is neither yes nor no; write yes or no.")?,
        }
    }
}

fn heading(step: Step) -> String {
    let number = Step::ALL.iter().position(|each| *each == step).map_or(0, |index| index + 1);
    format!("\nStep {number} of {}: {}", Step::ALL.len(), step.title())
}

/// Shows one question and takes one line. Whatever is wrong is said in one sentence, and the question stays open.
fn one(wizard: &mut Wizard, lines: &mut dyn Lines, question: &'static Question) -> Result<(), NoAnswer> {
    lines.say(&format!("\n{}", question.prompt))?;
    list_choices(wizard, lines, question)?;
    if question.id == KEEP_DETAILS {
        lines.say(&details(wizard))?;
    }
    loop {
        let Some(line) = lines.ask(&prompt(wizard, question))? else { return Err(NoAnswer::Ended) };
        match line.trim() {
            "?" => lines.say(&wrapped(question.help))?,
            "<" if wizard.back() => return Ok(()),
            "<" => lines.say("This is the first question; there is nothing before it.")?,
            "!" => {
                wizard.look_again();
                return Ok(());
            }
            _ => match wizard.read(question, &line).and_then(|given| wizard.answer(given)) {
                Ok(()) => return Ok(()),
                Err(reason) => lines.say(&sentence(&reason.to_string()))?,
            },
        }
    }
}

fn prompt(wizard: &Wizard, question: &Question) -> String {
    let name = match question.kind {
        Kind::Choice { .. } => "Choice",
        Kind::YesNo => "Yes or no",
        Kind::Text | Kind::List => "Answer",
    };
    let proposal = wizard.proposal(question).map(|given| given.to_string());
    let shown = match (question.kind, proposal.as_deref()) {
        (_, None) => return format!("{name}:"),
        (Kind::YesNo, Some("true")) => "yes".to_owned(),
        (Kind::YesNo, Some(_)) => "no".to_owned(),
        (Kind::Choice { .. }, Some(value)) => {
            let choices = wizard.choices(question);
            let number = choices.iter().position(|choice| choice.value == value);
            number.map_or_else(|| value.to_owned(), |number| (number + 1).to_string())
        }
        (_, Some(value)) => value.to_owned(),
    };
    format!("{name} [{shown}]:")
}

fn list_choices(wizard: &Wizard, lines: &mut dyn Lines, question: &Question) -> io::Result<()> {
    let Kind::Choice { free, .. } = question.kind else { return Ok(()) };
    if let Some(reason) = wizard.trouble() {
        lines.say(&wrapped(&format!("What there is could not be found out: {reason}")))?;
        lines.say(if free { "Write it, or ! to look again." } else { "! looks again, < goes back." })?;
    }
    let choices = wizard.choices(question);
    for (index, choice) in choices.iter().take(LISTED).enumerate() {
        let name = if choice.value == crate::wizard::OPEN { "" } else { choice.value.as_str() };
        let about = match &choice.unusable {
            Some(reason) => format!("cannot be used: {reason}"),
            None => choice.about.clone(),
        };
        let between = if name.is_empty() || about.is_empty() { "" } else { ": " };
        lines.say(&format!("  {}. {name}{between}{about}", index + 1))?;
    }
    if let Some(beyond) = choices.len().checked_sub(LISTED).filter(|beyond| *beyond > 0) {
        lines.say(&format!("  and {beyond} more; write its name"))?;
    }
    if choices.iter().any(|choice| choice.unusable.is_some()) {
        lines.say("! looks again.")?;
    }
    if free && choices.is_empty() && wizard.trouble().is_none() {
        lines.say("There is nothing to choose from; write it, or ! to look again.")?;
    }
    Ok(())
}

/// What the details of sessions and proxy are now.
fn details(wizard: &Wizard) -> String {
    let value = |id: &str| {
        let given = at(id).and_then(|question| wizard.proposal(question));
        given.map_or_else(String::new, |given| given.to_string())
    };
    let store = if wizard.draft().text(STORE) == Some(REDIS) { "sessions.redis.address" } else { "sessions.image" };
    format!(
        "  People sign in again after {}, their tokens are renewed every {}.\n  \
         Sessions are kept in {}.\n  \
         Sign-in is done by {} of {}.",
        value("proxy.sessionLifetime"),
        value("proxy.sessionRefresh"),
        value(store),
        value("proxy.replicas"),
        value("proxy.image"),
    )
}

/// Shows the answers, and asks what to do with them. `None` when something is to be asked again.
fn review(wizard: &mut Wizard, lines: &mut dyn Lines) -> Result<Option<Answers>, NoAnswer> {
    let answers = match wizard.answers() {
        Ok(answers) => answers,
        Err(mistakes) => {
            // A rule between answers that no single question could see.
            for mistake in &mistakes.list {
                lines.say(&wrapped(&sentence(&mistake.to_string())))?;
            }
            let about = mistakes.list.first().map(|mistake| mistake.path.clone()).unwrap_or_default();
            if !wizard.ask_about(&about) {
                wizard.revisit(Step::Application);
            }
            return Ok(None);
        }
    };
    lines.say(&format!("These are the answers:\n\n{}", without_comments(&file::render(&answers))))?;
    let steps: Vec<Step> = Step::ALL.into_iter().filter(|step| *step != Step::Review).collect();
    lines.say("Enter goes on to the plan. To change answers, write the number of a step:")?;
    for (index, step) in steps.iter().enumerate() {
        lines.say(&format!("  {}. {}", index + 1, step.title()))?;
    }
    loop {
        let Some(line) = lines.ask("Go on, or change a step [go on]:")? else { return Err(NoAnswer::Ended) };
        match line.trim() {
            "" => return Ok(Some(answers)),
            "?" => lines.say(
                "The plan shows every object that would be made or changed. It writes nothing, and you are asked once\n\
                 more before anything is written.",
            )?,
            "<" => {
                let _there_is_always_one = wizard.back();
                return Ok(None);
            }
            text => match text.parse::<usize>().ok().and_then(|number| steps.get(number.checked_sub(1)?)) {
                Some(step) => {
                    wizard.revisit(*step);
                    return Ok(None);
                }
                None => lines.say(&format!(
                    "That is none of the steps; write a number from 1 to {}, or just Enter to go on.",
                    steps.len()
                ))?,
            },
        }
    }
}

/// An answers file without its comments, for a first look.
fn without_comments(file: &str) -> String {
    let lines = file.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let indented: Vec<String> = lines.map(|line| format!("  {line}")).collect();
    indented.join("\n") + "\n"
}

/// A sentence that begins with a capital and ends with a stop.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first: String = characters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", characters.as_str())
}

/// Running text in lines that an 80-column terminal does not break.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { continue };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= WIDTH {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join("\n")
}
