//! `setup` on the full screen: the same engine, the same exit codes, another face.

use super::{
    Exit, Global, Ui,
    answers::{DEFAULT_FILE, NoAnswers, of_a_file, recorded},
    connection::{Connection, commands_text},
    discovery::Discovery,
    export,
    full_screen_run::{honest, on_stage},
    questions,
    screen::{Screen, columns, say},
    setup::kind,
};
use crate::{
    answers::Answers,
    blueprint::{self, PartId},
    engine::{
        self, NoPlan, Plan,
        event::{Envelope, Event, Events, Outcome, Problem},
    },
    face::{Face, Plain, Style, plan_text, problem_text},
    tui::{Conversation, Decision, Dialogue, Ending, Item, Opening, Performed},
    wizard::{Need, Session, Side, Wizard},
};
use std::{io::IsTerminal as _, path::Path, time::Duration};
use tokio::task::JoinSet;

/// How long a fact may take to be found out.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a sign-in may take: a device code is good for a quarter of an hour (domain.md 2.4).
const SIGN_IN_PATIENCE: Duration = Duration::from_secs(16 * 60);

const NOTHING_CHANGED: &str = "Nothing has been changed.";

/// How it was left: the exit code, and what to say about it in the scrollback.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) exit: Exit,
    pub(super) text: String,
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
            terminals && known && !global.yes
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
    let opening = opening(global, app, answers.as_ref());
    let (global, app) = (global.clone(), app.map(str::to_owned));
    on_stage(
        opening,
        move |mut dialogue| async move { work(&global, screen, app.as_deref(), answers, &mut dialogue).await },
    )
    .await
}

/// The same from what is installed, on the screen that is open. Whether the person has left, or only this, the dialogue tells.
pub(super) async fn from_home(global: &Global, screen: Screen, app: Option<&str>, dialogue: &mut Dialogue) -> Left {
    let answers = of_a_file(global, app);
    dialogue.open(opening(global, app, answers.as_ref().ok().and_then(Option::as_ref)));
    match answers {
        Ok(answers) => work(global, screen, app, answers, dialogue).await,
        Err(error) => cannot_go_on(global, dialogue, no_answers(&error)).await,
    }
}

fn opening(global: &Global, app: Option<&str>, answers: Option<&Answers>) -> Opening {
    let about = answers.map(|answers| answers.application.name.to_string()).or_else(|| app.map(str::to_owned));
    let about = about.unwrap_or_default();
    Opening {
        doing: "setup".to_owned(),
        folder: if about.is_empty() { "./objects".to_owned() } else { format!("./{about}-objects") },
        about,
        practice: global.practice.is_some(),
        confirmed: global.yes,
    }
}

/// How what is written into the scrollback looks.
fn plain_face() -> Plain<impl std::io::Write> {
    Plain::new(anstream::stderr(), Style::Brief, columns)
}

/// Leaves what was done and how it ended in the scrollback.
pub(super) fn end(performed: Performed<Left>) -> Exit {
    let Performed { value, was_applying, told } = performed;
    leave_a_transcript(&told);
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
pub(super) fn leave_a_transcript(told: &[Envelope]) {
    let mut plain = plain_face();
    for envelope in told {
        // From home one thing after another is begun, and each ends in its own words.
        plain.turn_to(&envelope.event);
        let stays = match &envelope.event {
            Event::Ready { action, .. } => *action != engine::event::Action::Keep,
            Event::Connected { .. }
            | Event::Proven { .. }
            | Event::Failed { .. }
            | Event::HandOver { .. }
            | Event::Tried { .. }
            | Event::Usage { .. }
            | Event::GoodUntil { .. }
            | Event::Finished { .. } => true,
            _ => false,
        };
        if stays && plain.show(envelope).is_err() {
            return;
        }
    }
}

async fn work(
    global: &Global,
    screen: Screen,
    app: Option<&str>,
    of_a_file: Option<Answers>,
    dialogue: &mut Dialogue,
) -> Left {
    let events = Events::to(dialogue.listener());
    let discovery = Discovery::new(global, screen, &events);
    let origin = of_a_file.as_ref().map(|_| file_name(global));
    let mut run =
        Run { global, discovery, events, dialogue, looking: JoinSet::new(), origin, connected: None, applied: false };
    let left = Box::pin(run.carry_through(app, of_a_file)).await;
    // Whatever still looks must not keep a practice ground from being written down.
    run.looking.abort_all();
    run.discovery.close().await;
    left
}

fn file_name(global: &Global) -> String {
    global.answers.as_ref().map_or_else(|| format!("./{DEFAULT_FILE}"), |path| path.display().to_string())
}

/// A run of setup, from the first answers to its end.
struct Run<'a> {
    global: &'a Global,
    discovery: Discovery,
    events: Events,
    dialogue: &'a mut Dialogue,
    /// What is being found out for the questions.
    looking: JoinSet<()>,
    /// The file that the answers came from, if they did.
    origin: Option<String>,
    /// What is connected to, and in which session.
    connected: Option<(Session, Connection)>,
    /// Whether anything has been carried out.
    applied: bool,
}

/// What comes after a plan, and perhaps after it was carried out.
enum Next {
    /// The person has left.
    Left(Left),
    /// The same once more.
    Again,
    /// The same with other answers: the conversation about them goes on.
    Revise,
    /// The same with another answer: the one behind this part.
    Edit(Option<PartId>),
    /// The same with another answer to this key.
    Mend(&'static str),
}

impl Next {
    /// What follows from a decision that was made while a plan is made, shown, or over; nothing, where it belongs to another
    /// screen.
    fn after(decision: Decision, left: impl FnOnce() -> Left) -> Option<Self> {
        match decision {
            Decision::Leave | Decision::Home => Some(Self::Left(left())),
            Decision::Again => Some(Self::Again),
            Decision::Revise => Some(Self::Revise),
            Decision::Edit(part) => Some(Self::Edit(part)),
            _ => None,
        }
    }
}

impl Run<'_> {
    async fn carry_through(&mut self, app: Option<&str>, of_a_file: Option<Answers>) -> Left {
        let (mut session, mut answers) = match Box::pin(self.first_answers(app, of_a_file)).await {
            Ok(first) => first,
            Err(left) => return left,
        };
        loop {
            // On the heap, like everything large here: the thread that works has a small stack.
            let asked = match Box::pin(self.attempt(&session, &answers)).await {
                Next::Left(left) => return honest(self.applied, left),
                Next::Again => continue,
                Next::Revise => self.asked().await,
                Next::Edit(part) => {
                    let about = part.and_then(|part| engine::answer_behind(&part, &answers));
                    self.asked_about(&session, &answers, about).await
                }
                Next::Mend(key) => self.asked_about(&session, &answers, Some(key)).await,
            };
            match asked {
                Some(revised) => (session, answers) = revised,
                None => return honest(self.applied, nothing_changed()),
            }
        }
    }

    /// The answers of the file or of the record, or those that the person gives.
    async fn first_answers(
        &mut self,
        app: Option<&str>,
        of_a_file: Option<Answers>,
    ) -> Result<(Session, Box<Answers>), Left> {
        let given = self.discovery.given();
        if let Some(answers) = of_a_file {
            let of_file = answers.registration.tenant.as_ref().map(ToString::to_string);
            return Ok((Session { tenant: given.tenant.or(of_file), ..given }, Box::new(answers)));
        }
        if self.global.yes {
            let answers = self.recorded(&given, app).await?;
            return Ok((given, Box::new(answers)));
        }
        let wizard = Wizard::connecting(given, app);
        self.dialogue.ask(Conversation { wizard, about: None, note: None });
        let cancel = self.dialogue.cancel();
        match cancel.run_until_cancelled(Box::pin(self.discovery.begin())).await {
            Some(Ok(())) => self.asked().await.ok_or_else(nothing_changed),
            Some(Err(problem)) => Err(cannot_go_on(self.global, self.dialogue, problem).await),
            None => Err(nothing_changed()),
        }
    }

    async fn recorded(&mut self, session: &Session, app: Option<&str>) -> Result<Answers, Left> {
        let problem = match connect(&self.discovery, &mut self.connected, session).await {
            Ok(()) => match &self.connected {
                Some((_, connection)) => match recorded(&connection.target.cluster, app).await {
                    Ok(answers) => return Ok(answers),
                    Err(error) => no_answers(&error),
                },
                None => return Err(nothing_changed()),
            },
            Err(problem) => problem,
        };
        Err(cannot_go_on(self.global, self.dialogue, problem).await)
    }

    /// What has to be said where answers of a file are changed.
    fn note(&self) -> Option<String> {
        let origin = self.origin.as_ref()?;
        Some(format!(
            "{origin} stays as it is: what you change here holds for this run, and `s` saves all of it in a file beside."
        ))
    }

    /// Asks for these answers once more, first for the one to `about`.
    async fn asked_about(
        &mut self,
        session: &Session,
        answers: &Answers,
        about: Option<&'static str>,
    ) -> Option<(Session, Box<Answers>)> {
        let wizard = Wizard::about_in(self.discovery.given(), session, answers);
        self.dialogue.ask(Conversation { wizard, about, note: self.note() });
        self.asked().await
    }

    /// Finds out what the questions need, each beside the others, until there are answers; `None` when the person leaves.
    async fn asked(&mut self) -> Option<(Session, Box<Answers>)> {
        loop {
            match self.dialogue.decision().await {
                Decision::Plan(session, answers) => return Some((session, answers)),
                Decision::Leave | Decision::Home => return None,
                Decision::FindOut(session, need) => self.find_out(session, need),
                Decision::SaveAnswers(answers) => self.dialogue.saved(questions::save_beside(&answers)),
                // These belong to other screens.
                Decision::Apply
                | Decision::Again
                | Decision::Revise
                | Decision::Edit(_)
                | Decision::Save(_)
                | Decision::SetUp(_)
                | Decision::TearDown(_)
                | Decision::Rotate(_)
                | Decision::Chosen(_)
                | Decision::Decided(_)
                | Decision::Choose(_)
                | Decision::Practise => {}
            }
        }
    }

    fn find_out(&mut self, session: Session, need: Need) {
        let (discovery, teller) = (self.discovery.clone(), self.dialogue.teller());
        // Somebody who types a code into a browser takes as long as that code is good.
        let patience = if need.side() == Side::Tenant { SIGN_IN_PATIENCE } else { PATIENCE };
        self.looking.spawn(async move {
            let found = tokio::time::timeout(patience, Box::pin(discovery.find_out(&session, &need))).await;
            let too_late = || need.failed(format!("nothing came back within {} s", patience.as_secs()));
            teller.tell(session, found.unwrap_or_else(|_| too_late()));
        });
    }

    /// One look, one plan, and what the person makes of it.
    async fn attempt(&mut self, session: &Session, answers: &Answers) -> Next {
        let cancel = self.dialogue.cancel();
        let Self { discovery, connected, events, dialogue, .. } = self;
        let planning = async {
            connect(discovery, connected, session).await?;
            match connected {
                Some((_, connection)) => engine::plan(&connection.target, answers, events).await.map(Some),
                None => Ok(None),
            }
        };
        let planned = tokio::select! {
            biased;
            next = called_away(dialogue) => return next,
            () = cancel.cancelled() => return Next::Left(nothing_changed()),
            planned = Box::pin(planning) => planned,
        };
        let plan = match planned {
            Ok(Some(plan)) => plan,
            Ok(None) => return Next::Left(nothing_changed()),
            Err(no_plan) => return self.stuck(no_plan).await,
        };
        self.events.tell(Event::Planned { steps: plan.summaries(), counts: plan.counts() });
        self.dialogue.show_plan(items(&plan));
        if let Some(next) = reviewed(self.global, &plan, self.dialogue).await {
            return next;
        }
        Box::pin(self.carry_out(plan)).await
    }

    async fn carry_out(&mut self, plan: Plan) -> Next {
        let Some((_, connection)) = &self.connected else { return Next::Left(nothing_changed()) };
        self.applied = true;
        self.dialogue.begin();
        let applying = engine::apply(&connection.target, plan, self.events.clone(), self.dialogue.control());
        let outcome = Box::pin(applying).await;
        let went_well = matches!(outcome, Outcome::Done | Outcome::NothingToDo | Outcome::HandedOver);
        let next = if went_well { connection.next_commands() } else { HOW_TO_GO_ON };
        self.dialogue.end(Ending {
            problem: None,
            next: next.map(|(command, good_for)| (command.to_owned(), good_for.to_owned())).to_vec(),
            may_run_again: !went_well && !self.dialogue.cancel().is_cancelled(),
        });
        self.what_next(Left { exit: Exit::from(outcome), text: commands_text(&next) }).await
    }

    /// Shows why there is no plan. Other answers, another connection or another try may mend it.
    async fn stuck(&mut self, NoPlan { problem, answer }: NoPlan) -> Next {
        let left = cannot(&problem);
        self.dialogue.end(Ending { problem: Some(problem), next: Vec::new(), may_run_again: !self.global.yes });
        match (self.what_next(left).await, answer) {
            (Next::Edit(None), Some(key)) => Next::Mend(key),
            (next, _) => next,
        }
    }

    /// What the person wants after an end.
    async fn what_next(&mut self, left: Left) -> Next {
        if self.global.yes {
            return Next::Left(left);
        }
        loop {
            let decision = self.dialogue.decision().await;
            if matches!(decision, Decision::Leave | Decision::Home) {
                return Next::Left(left);
            }
            if let Some(next) = Next::after(decision, nothing_changed) {
                return next;
            }
        }
    }
}

/// Connects, unless that is done.
async fn connect(
    discovery: &Discovery,
    connected: &mut Option<(Session, Connection)>,
    session: &Session,
) -> Result<(), Problem> {
    if connected.as_ref().is_none_or(|(to, _)| to != session) {
        let connection = Box::pin(discovery.connection(session)).await?;
        *connected = Some((session.clone(), connection));
    }
    Ok(())
}

/// What the person wants who does not wait for the plan.
async fn called_away(dialogue: &mut Dialogue) -> Next {
    loop {
        let decision = dialogue.decision().await;
        if let Some(next @ (Next::Left(_) | Next::Revise)) = Next::after(decision, nothing_changed) {
            return next;
        }
    }
}

pub(super) fn nothing_changed() -> Left {
    Left { exit: Exit::Interrupted, text: NOTHING_CHANGED.to_owned() }
}

fn cannot(problem: &Problem) -> Left {
    Left { exit: Exit::from(problem.kind), text: format!("setup cannot go on.\n{}", problem_text(problem)) }
}

/// Shows a problem before which nothing was changed, until the person has seen it.
async fn cannot_go_on(global: &Global, dialogue: &mut Dialogue, problem: Problem) -> Left {
    let left = cannot(&problem);
    dialogue.end(Ending { problem: Some(problem), next: Vec::new(), may_run_again: false });
    while !global.yes && !matches!(dialogue.decision().await, Decision::Leave | Decision::Home) {}
    left
}

fn no_answers(error: &NoAnswers) -> Problem {
    Problem {
        tried: "find the answers".to_owned(),
        cause: error.to_string(),
        remedy: "name an answers file with --answers FILE, and run again; nothing has been changed".to_owned(),
        kind: kind(error),
    }
}

/// The same flags belong to each.
const HOW_TO_GO_ON: [(&str, &str); 3] = [
    ("gatewright setup", "go on from here: nothing has to be undone"),
    ("gatewright plan", "what is left to do, and why"),
    ("gatewright setup --log-file FILE -vv", "the same, with every request written down"),
];

/// The person looks at the plan; `None` when it is to be carried out.
async fn reviewed(global: &Global, plan: &Plan, dialogue: &mut Dialogue) -> Option<Next> {
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
        return blocked.is_some().then(|| Next::Left(left()));
    }
    loop {
        match dialogue.decision().await {
            Decision::Apply if blocked.is_none() => return None,
            Decision::Save(folder) => dialogue.saved(save(plan, &folder)),
            // Another look is another screen's to ask for.
            Decision::Again => {}
            decision => {
                if let Some(next) = Next::after(decision, left) {
                    return Some(next);
                }
            }
        }
    }
}

fn items(plan: &Plan) -> Vec<Item> {
    let documents = plan.steps.iter().map(|step| blueprint::document(&step.part));
    plan.summaries()
        .into_iter()
        .zip(documents)
        .map(|(summary, document)| Item { summary, document, fate: None, standing: None })
        .collect()
}

fn save(plan: &Plan, folder: &str) -> Result<String, String> {
    let wanted = plan.steps.iter().filter(|step| step.action != engine::event::Action::Delete);
    let parts: Vec<blueprint::Part> = wanted.map(|step| step.part.clone()).collect();
    let files = blueprint::export(&parts);
    export::write(Path::new(folder), &files).map_err(|error| error.to_string())?;
    Ok(format!("{} files are in {folder}; no secret is in them.", files.len()))
}
