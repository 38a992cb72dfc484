//! `setup` on the full screen: the same engine, the same exit codes, another face.

use super::{
    Exit, Global, Ui,
    answers::{DEFAULT_FILE, NoAnswers, of_a_file, recorded},
    connection::{Connection, commands_text},
    export,
    screen::{Screen, columns, say, unusable},
    setup::kind,
};
use crate::{
    answers::Answers,
    blueprint,
    engine::{
        self, Plan,
        event::{Envelope, Event, Events, Outcome, Problem},
    },
    face::{Face as _, Plain, Style, plan_text, problem_text},
    tui::{Decision, Dialogue, Ending, Item, Opening, Performed, Stage},
};
use std::{io::IsTerminal as _, path::Path};

const NOTHING_CHANGED: &str = "Nothing has been changed.";

/// How it was left: the exit code, and what to say about it in the scrollback.
struct Left {
    exit: Exit,
    text: String,
}

/// Whether this run is to be full-screen.
pub(super) fn is_wanted(global: &Global) -> bool {
    match global.ui {
        Ui::Tui => true,
        Ui::Plain | Ui::Json => false,
        Ui::Auto => {
            let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb" || term.is_empty());
            let known = std::env::var_os("TERM").is_some() && !dumb;
            let terminals = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
            // Whoever has no answers yet is asked for them, in plain lines.
            let has_answers = global.answers.is_some() || Path::new(DEFAULT_FILE).is_file();
            terminals && known && has_answers && !global.yes
        }
    }
}

/// Puts sign-in in front of an application, on the full screen.
pub(super) async fn setup(global: &Global, screen: Screen, app: Option<&str>) -> Exit {
    // A file's mistakes are told before anything is opened or connected to.
    let answers = match of_a_file(global, app) {
        Ok(answers) => answers,
        Err(error) => {
            say(&error.to_string());
            return Exit::from(kind(&error));
        }
    };
    if !std::io::stdin().is_terminal() {
        return unusable("the full screen needs a terminal to read keys from; use --ui plain or --ui json");
    }
    let about = answers.as_ref().map(|answers| answers.application.name.to_string()).or_else(|| app.map(str::to_owned));
    let about = about.unwrap_or_default();
    let opening = Opening {
        doing: "setup".to_owned(),
        folder: if about.is_empty() { "./objects".to_owned() } else { format!("./{about}-objects") },
        about,
        practice: global.practice.is_some(),
        confirmed: global.yes,
    };
    let stage = match Stage::open(opening) {
        Ok(stage) => stage,
        Err(error) => {
            return unusable(&format!("the full screen needs a terminal ({error}); use --ui plain or --ui json"));
        }
    };
    let (global, app) = (global.clone(), app.map(str::to_owned));
    let performed = stage.perform(move |dialogue| work(global, screen, app, answers, dialogue)).await;
    leave_a_transcript(&performed.told);
    end(performed)
}

fn end(performed: Performed<Left>) -> Exit {
    let Performed { value, was_applying, .. } = performed;
    let left = value.unwrap_or_else(|| Left {
        exit: Exit::Interrupted,
        text: if was_applying {
            "Interrupted. The same command goes on from here.".to_owned()
        } else {
            NOTHING_CHANGED.to_owned()
        },
    });
    say(&left.text);
    left.exit
}

/// What was done stays in the scrollback, as the plain face would have told it; what it waited for meanwhile does not.
fn leave_a_transcript(told: &[Envelope]) {
    let mut plain = Plain::new(anstream::stderr(), Style::Brief, columns);
    for envelope in told {
        let stays = match &envelope.event {
            Event::Ready { action, .. } => *action != engine::event::Action::Keep,
            Event::Connected { .. }
            | Event::Proven { .. }
            | Event::Failed { .. }
            | Event::HandOver { .. }
            | Event::Tried { .. }
            | Event::Usage { .. }
            | Event::Finished { .. } => true,
            _ => false,
        };
        if stays && plain.show(envelope).is_err() {
            return;
        }
    }
}

async fn work(
    global: Global,
    screen: Screen,
    app: Option<String>,
    of_a_file: Option<Answers>,
    mut dialogue: Dialogue,
) -> Left {
    let events = Events::to(dialogue.listener());
    let cancel = dialogue.cancel();
    let opening = open(&global, screen, &events, app.as_deref(), of_a_file);
    let (connection, answers) = match cancel.run_until_cancelled(opening).await {
        None => return nothing_changed(),
        Some(Ok(opened)) => opened,
        Some(Err(problem)) => return cannot_go_on(&global, &mut dialogue, problem).await,
    };
    let mut again = false;
    let left = loop {
        match attempt(&global, &connection, &answers, &events, &mut dialogue).await {
            Some(left) if again && left.text == NOTHING_CHANGED => {
                break Left {
                    text: "Nothing more has been changed; the same command goes on from here.".to_owned(),
                    ..left
                };
            }
            Some(left) => break left,
            None => again = true,
        }
    };
    connection.close().await;
    left
}

fn nothing_changed() -> Left {
    Left { exit: Exit::Interrupted, text: NOTHING_CHANGED.to_owned() }
}

/// Shows a problem before which nothing was changed, until the person has seen it.
async fn cannot_go_on(global: &Global, dialogue: &mut Dialogue, problem: Problem) -> Left {
    let left =
        Left { exit: Exit::from(problem.kind), text: format!("setup cannot go on.\n{}", problem_text(&problem)) };
    dialogue.end(Ending { problem: Some(problem), next: Vec::new(), may_run_again: false });
    if !global.yes {
        dialogue.decision().await;
    }
    left
}

async fn open(
    global: &Global,
    screen: Screen,
    events: &Events,
    app: Option<&str>,
    of_a_file: Option<Answers>,
) -> Result<(Connection, Answers), Problem> {
    let tenant = of_a_file.as_ref().and_then(|answers| answers.registration.tenant.as_ref()).map(ToString::to_string);
    let connection = Connection::open(global, screen, events, tenant).await?;
    let answers = match of_a_file {
        Some(answers) => answers,
        None => match recorded(&connection.target.cluster, app).await {
            Ok(answers) => answers,
            Err(error) => {
                connection.close().await;
                return Err(no_answers(&error));
            }
        },
    };
    Ok((connection, answers))
}

fn no_answers(error: &NoAnswers) -> Problem {
    Problem {
        tried: "find the answers".to_owned(),
        cause: error.to_string(),
        remedy: "name an answers file with --answers FILE, and run again; nothing has been changed".to_owned(),
        kind: kind(error),
    }
}

/// One look, one plan, and what the person makes of it; `None` when all of that is to be done again.
async fn attempt(
    global: &Global,
    connection: &Connection,
    answers: &Answers,
    events: &Events,
    dialogue: &mut Dialogue,
) -> Option<Left> {
    let cancel = dialogue.cancel();
    let plan = match cancel.run_until_cancelled(engine::plan(&connection.target, answers, events)).await {
        None => return Some(nothing_changed()),
        Some(Ok(plan)) => plan,
        Some(Err(problem)) => return Some(cannot_go_on(global, dialogue, problem).await),
    };
    events.tell(Event::Planned { steps: plan.summaries(), counts: plan.counts() });
    dialogue.show_plan(items(&plan));
    if let Some(left) = reviewed(global, &plan, dialogue).await {
        return Some(left);
    }
    dialogue.begin();
    let outcome = engine::apply(&connection.target, plan, events.clone(), dialogue.control()).await;
    let went_well = matches!(outcome, Outcome::Done | Outcome::NothingToDo | Outcome::HandedOver);
    let next = if went_well { connection.next_commands() } else { HOW_TO_GO_ON };
    let may_run_again = !went_well && !cancel.is_cancelled();
    dialogue.end(Ending {
        problem: None,
        next: next.map(|(command, good_for)| (command.to_owned(), good_for.to_owned())).to_vec(),
        may_run_again,
    });
    if !global.yes && dialogue.decision().await == Decision::Again {
        return None;
    }
    Some(Left { exit: Exit::from(outcome), text: commands_text(&next) })
}

/// The same flags belong to each.
const HOW_TO_GO_ON: [(&str, &str); 3] = [
    ("gatewright setup", "go on from here: nothing has to be undone"),
    ("gatewright plan", "what is left to do, and why"),
    ("gatewright setup --log-file FILE -vv", "the same, with every request written down"),
];

/// The person looks at the plan; `None` when it is to be carried out.
async fn reviewed(global: &Global, plan: &Plan, dialogue: &mut Dialogue) -> Option<Left> {
    let blocked = plan.problems().first().map(|problem| Exit::from(problem.kind));
    let left = || match blocked {
        None => nothing_changed(),
        Some(exit) => Left {
            exit,
            text: format!(
                "{}Nothing has been changed: see above what stands in the way.",
                plan_text(&plan.summaries(), &plan.counts(), Style::Brief, columns())
            ),
        },
    };
    if global.yes {
        return blocked.is_some().then(left);
    }
    loop {
        match dialogue.decision().await {
            Decision::Apply if blocked.is_none() => return None,
            Decision::Save(folder) => dialogue.saved(save(plan, &folder)),
            Decision::Leave => return Some(left()),
            Decision::Apply | Decision::Again => {}
        }
    }
}

fn items(plan: &Plan) -> Vec<Item> {
    let documents = plan.steps.iter().map(|step| blueprint::document(&step.part));
    plan.summaries().into_iter().zip(documents).map(|(summary, document)| Item { summary, document }).collect()
}

fn save(plan: &Plan, folder: &str) -> Result<String, String> {
    let wanted = plan.steps.iter().filter(|step| step.action != engine::event::Action::Delete);
    let parts: Vec<blueprint::Part> = wanted.map(|step| step.part.clone()).collect();
    let files = blueprint::export(&parts);
    export::write(Path::new(folder), &files).map_err(|error| error.to_string())?;
    Ok(format!("{} files are in {folder}; no secret is in them.", files.len()))
}
