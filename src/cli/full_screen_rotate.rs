//! `rotate` on the full screen: the same engine, the same exit codes, another face.

use super::{
    Exit, Global,
    connection::{Connection, NotOpened, commands_text},
    full_screen::{Left, nothing_changed},
    full_screen_run::{honest, on_stage, opening, practice_flag, stuck, what_next},
    rotate::{Due, ROTATE, Wanted, opened, refusal},
    screen::{Screen, refused},
};
use crate::{
    answers::Answers,
    blueprint::{PartId, Wave},
    engine::{
        event::{Action, Event, Events, Outcome, Problem, RotationStep, StepSummary, Title},
        rotate::{self, Choices, Plan, Seen, What},
    },
    tui::{Decision, Dialogue, Ending, Item, Rotating, Rotation, Standing},
};

/// Rotates a secret of an installation, on the full screen.
pub(super) async fn rotate(global: &Global, screen: Screen, app: Option<&str>, wanted: Wanted) -> Exit {
    let opening = opening(ROTATE, global, app);
    let (global, app) = (global.clone(), app.map(str::to_owned));
    on_stage(
        opening,
        move |mut dialogue| async move { work(&global, screen, app.as_deref(), wanted, &mut dialogue).await },
    )
    .await
}

/// The same from what is installed, on the screen that is open. Whether the person has left, or only this, the dialogue tells.
pub(super) async fn from_home(global: &Global, screen: Screen, app: &str, dialogue: &mut Dialogue) -> Left {
    dialogue.open(opening(ROTATE, global, Some(app)));
    let wanted = Wanted { what: None, if_expiring: None, undo: false };
    work(global, screen, Some(app), wanted, dialogue).await
}

async fn work(global: &Global, screen: Screen, app: Option<&str>, wanted: Wanted, dialogue: &mut Dialogue) -> Left {
    let events = Events::to(dialogue.listener());
    let mut run = Run {
        global,
        screen,
        app,
        wanted,
        events,
        dialogue,
        connected: None,
        due: Vec::new(),
        applied: false,
        handed_over: false,
    };
    let left = loop {
        if let Some(left) = Box::pin(run.attempt()).await {
            break honest(run.applied, left);
        }
    };
    if let Some((connection, _)) = run.connected {
        connection.close().await;
    }
    left
}

/// A run of rotate, from the first look to its end.
struct Run<'a> {
    global: &'a Global,
    screen: Screen,
    app: Option<&'a str>,
    wanted: Wanted,
    events: Events,
    dialogue: &'a mut Dialogue,
    /// What is connected to, and the answers that are recorded there.
    connected: Option<(Connection, Answers)>,
    /// What is to be rotated, once that is known: what has come to its end is no longer among it.
    due: Vec<What>,
    /// Whether anything has been carried out.
    applied: bool,
    /// Whether somebody else has to end one of them.
    handed_over: bool,
}

/// What comes of looking at a plan.
enum Reviewed {
    /// It is to be carried out.
    Confirmed(Box<Plan>),
    /// Something else is to be rotated.
    Another,
    /// The person has left; or nothing, when all of it is wanted once more.
    Over(Option<Left>),
}

impl Run<'_> {
    /// One look, one plan, and what the person makes of it; `None` when all of it is wanted once more.
    async fn attempt(&mut self) -> Option<Left> {
        let cancel = self.dialogue.cancel();
        let seen = match cancel.run_until_cancelled(Box::pin(self.look())).await {
            None => return Some(nothing_changed()),
            Some(Err(problem)) => return stuck(ROTATE, self.global, self.dialogue, problem).await,
            Some(Ok(seen)) => seen,
        };
        let mut may_choose = false;
        if self.due.is_empty() {
            match self.wanted.of(&seen) {
                Due::These(all) => self.due = all,
                Due::NotYet(text) => return Some(Left { exit: Exit::Done, text }),
                Due::ToBeChosen if self.global.yes => self.due = vec![What::ClientSecret],
                Due::ToBeChosen => may_choose = true,
            }
        }
        loop {
            if may_choose {
                match self.chosen(&seen).await {
                    Some(what) => self.due = vec![what],
                    None => return Some(nothing_changed()),
                }
            }
            let Some(what) = self.due.first().copied() else { return Some(nothing_changed()) };
            match self.reviewed(&seen, what, may_choose).await {
                Reviewed::Confirmed(plan) => return Box::pin(self.carry_out(&seen, *plan, what)).await,
                Reviewed::Another => self.due.clear(),
                Reviewed::Over(left) => return left,
            }
        }
    }

    /// How far a rotation is.
    async fn look(&mut self) -> Result<Seen, Problem> {
        let (connection, answers) = match &mut self.connected {
            Some(connected) => connected,
            connected => {
                let opened = Box::pin(opened(self.global, self.screen, &self.events, self.app)).await;
                let opened = opened.map_err(|error| match error {
                    NotOpened::Problem(problem) => problem,
                    NotOpened::NoAnswers(error) => {
                        let (text, kind) = refusal(&error);
                        refused(&text, kind)
                    }
                })?;
                connected.insert(opened)
            }
        };
        rotate::look(&connection.target, answers, &self.events).await
    }

    /// What the person wants rotated; `None` when they leave.
    async fn chosen(&mut self, seen: &Seen) -> Option<What> {
        let about = Rotating { application: application(seen), rotation: None };
        self.dialogue.show_rotation(about, What::ALL.map(|what| offer(seen, what)).into());
        loop {
            match self.dialogue.decision().await {
                Decision::Chosen(what) => return Some(what),
                Decision::Leave | Decision::Home => return None,
                _ => {}
            }
        }
    }

    async fn reviewed(&mut self, seen: &Seen, what: What, may_choose: bool) -> Reviewed {
        let undo = self.wanted.undo;
        let plan = match rotate::plan(seen, Choices { what, undo }) {
            Ok(plan) => plan,
            Err(problem) => return Reviewed::Over(stuck(ROTATE, self.global, self.dialogue, problem).await),
        };
        let rotation = Rotation { what, good_until: day(seen, what), goes_on: plan.goes_on(), undo, may_choose };
        let about = Rotating { application: application(seen), rotation: Some(rotation) };
        self.dialogue.show_rotation(about, items(&plan));
        if self.global.yes {
            return Reviewed::Confirmed(Box::new(plan));
        }
        loop {
            match self.dialogue.decision().await {
                Decision::Apply => return Reviewed::Confirmed(Box::new(plan)),
                Decision::Revise if may_choose => return Reviewed::Another,
                Decision::Leave | Decision::Home => return Reviewed::Over(Some(nothing_changed())),
                _ => {}
            }
        }
    }

    async fn carry_out(&mut self, seen: &Seen, plan: Plan, what: What) -> Option<Left> {
        let Some((connection, _)) = &self.connected else { return Some(nothing_changed()) };
        self.applied = true;
        self.dialogue.begin();
        self.events.tell(plan.event());
        let cancel = self.dialogue.cancel();
        let confirmed = self.global.yes;
        let dialogue = &mut *self.dialogue;
        let decide = async || {
            if confirmed { rotate::Decision::GoOn } else { dialogue.about_the_last_state(what).await }
        };
        let applying = rotate::apply(&connection.target, plan, &self.events, &cancel, decide);
        let outcome = Box::pin(applying).await;
        let went_well = matches!(outcome, Outcome::Done | Outcome::NothingToDo | Outcome::HandedOver);
        self.handed_over |= outcome == Outcome::HandedOver;
        if went_well {
            self.due.retain(|due| *due != what);
            if !self.due.is_empty() {
                return None;
            }
            self.events.tell(Event::GoodUntil { good_until: seen.good_until(&connection.target).await });
        }
        let next = self.next_commands(seen, what, went_well);
        let text = {
            let next: Vec<(&str, &str)> =
                next.iter().map(|(command, good_for)| (command.as_str(), good_for.as_str())).collect();
            commands_text(&next)
        };
        self.dialogue.end(Ending { problem: None, next, may_run_again: !went_well && !cancel.is_cancelled() });
        let exit = if went_well && self.handed_over { Exit::HandedOver } else { Exit::from(outcome) };
        what_next(self.global, self.dialogue, Left { exit, text }).await
    }

    fn next_commands(&self, seen: &Seen, what: What, went_well: bool) -> Vec<(String, String)> {
        let practice = practice_flag(self.global);
        let status = (format!("gatewright status{practice}"), "every installation, one line each".to_owned());
        if went_well {
            return vec![status];
        }
        let application = &seen.answers().application;
        let again = format!(
            "gatewright rotate {}/{}{practice} --what {}",
            application.namespace,
            application.name,
            what.word()
        );
        let back = format!("{again} --undo");
        let (goes_on, takes_back) = ("go on from here: nothing is lost", "take back what was begun");
        vec![(again, goes_on.to_owned()), (back, takes_back.to_owned()), status]
    }
}

fn application(seen: &Seen) -> String {
    seen.answers().application.name.to_string()
}

/// The last day on which what is in use is good, where there is one.
fn day(seen: &Seen, what: What) -> Option<String> {
    let expires = seen.expires(what).filter(|expires| *expires < jiff::Timestamp::MAX)?;
    Some(expires.strftime("%Y-%m-%d").to_string())
}

/// What can be rotated, or why it can't be.
fn offer(seen: &Seen, what: What) -> Item {
    let problem = rotate::plan(seen, Choices { what, undo: false }).err();
    let name = match (&problem, day(seen, what)) {
        (Some(_), _) => "not here".to_owned(),
        (None, Some(day)) => format!("until {day}"),
        (None, None) => "does not expire".to_owned(),
    };
    let step = RotationStep {
        part: PartId(format!("rotate/{}", what.word())),
        title: Title { kind: capitalised(what.name()), name },
        action: if problem.is_some() { Action::Blocked } else { Action::Update },
        why: what.notice().to_owned(),
    };
    let item = item(step, Standing::Offered(what));
    Item { summary: StepSummary { problem, ..item.summary }, ..item }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn items(plan: &Plan) -> Vec<Item> {
    let standing = |is_done| if is_done { Standing::Done } else { Standing::ToCome };
    plan.every_step().into_iter().map(|(step, is_done)| item(step, standing(is_done))).collect()
}

fn item(step: RotationStep, standing: Standing) -> Item {
    let RotationStep { part, title, action, why } = step;
    let summary = StepSummary {
        part,
        title,
        // Its states have an order of their own.
        wave: Wave::Ground,
        action,
        why,
        diff: String::new(),
        warnings: Vec::new(),
        problem: None,
    };
    Item { summary, document: String::new(), fate: None, standing: Some(standing) }
}
