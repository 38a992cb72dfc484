//! `teardown` on the full screen: the same engine, the same exit codes, another face.

use super::{
    Exit, Global,
    answers::of_a_file,
    connection::{Connection, commands_text},
    full_screen::{Left, nothing_changed},
    full_screen_run::{honest, on_stage, opening, practice_flag, stuck, what_next},
    screen::{Screen, columns, say},
    setup::kind,
    teardown::{TEARDOWN, show},
};
use crate::{
    answers::Answers,
    engine::{
        event::{Events, Outcome, Problem, TeardownStep},
        teardown::{self, Choices, Plan, Seen},
    },
    face::teardown_text,
    tui::{Decision, Dialogue, Ending, Fate, Item, TakingAway},
};

/// Takes an installation away, on the full screen.
pub(super) async fn teardown(global: &Global, screen: Screen, app: Option<&str>, choices: Choices) -> Exit {
    // One that only happens to lie here, and is about something else or of no use, says nothing.
    let answers = match of_a_file(global, app) {
        Ok(answers) => answers,
        Err(_) if global.answers.is_none() => None,
        Err(error) => {
            say(&error.to_string());
            return Exit::from(kind(&error));
        }
    };
    let opening = opening(TEARDOWN, global, app);
    let (global, app) = (global.clone(), app.map(str::to_owned));
    on_stage(opening, move |mut dialogue| async move {
        work(&global, screen, app.as_deref(), (answers, choices), &mut dialogue).await
    })
    .await
}

/// The same from what is installed, on the screen that is open. Whether the person has left, or only this, the dialogue tells.
pub(super) async fn from_home(global: &Global, screen: Screen, app: &str, dialogue: &mut Dialogue) -> Left {
    dialogue.open(opening(TEARDOWN, global, Some(app)));
    work(global, screen, Some(app), (None, Choices::default()), dialogue).await
}

async fn work(
    global: &Global,
    screen: Screen,
    app: Option<&str>,
    (answers, choices): (Option<Answers>, Choices),
    dialogue: &mut Dialogue,
) -> Left {
    let events = Events::to(dialogue.listener());
    let mut run = Run { global, screen, app, answers, choices, events, dialogue, connection: None, applied: false };
    let left = loop {
        if let Some(left) = Box::pin(run.attempt()).await {
            break honest(run.applied, left);
        }
    };
    if let Some(connection) = run.connection {
        connection.close().await;
    }
    left
}

/// A run of teardown, from the first look to its end.
struct Run<'a> {
    global: &'a Global,
    screen: Screen,
    app: Option<&'a str>,
    answers: Option<Answers>,
    choices: Choices,
    events: Events,
    dialogue: &'a mut Dialogue,
    connection: Option<Connection>,
    /// Whether anything has been carried out.
    applied: bool,
}

impl Run<'_> {
    /// One look, one plan, and what the person makes of it; `None` when all of it is wanted once more.
    async fn attempt(&mut self) -> Option<Left> {
        let cancel = self.dialogue.cancel();
        let seen = match cancel.run_until_cancelled(Box::pin(self.look())).await {
            None => return Some(nothing_changed()),
            Some(Err(problem)) => return stuck(TEARDOWN, self.global, self.dialogue, problem).await,
            Some(Ok(seen)) => seen,
        };
        let Some(seen) = seen else { return Some(self.nothing_here()) };
        let plan = match self.reviewed(&seen).await {
            Ok(plan) => plan,
            Err(left) => return Some(left),
        };
        Box::pin(self.carry_out(plan)).await
    }

    /// What is left of the installation; nothing, where nothing is.
    async fn look(&mut self) -> Result<Option<Seen>, Problem> {
        if self.connection.is_none() {
            let of_answers = self.answers.as_ref().and_then(|answers| answers.registration.tenant.as_ref());
            let tenant = of_answers.map(ToString::to_string);
            let opened = Box::pin(Connection::open(self.global, self.screen, &self.events, tenant)).await?;
            self.connection = Some(opened);
        }
        let Some(connection) = &self.connection else { return Ok(None) };
        let target = &connection.target;
        match teardown::find(target, self.app, self.answers.as_ref(), &self.events).await? {
            None => Ok(None),
            Some(installation) => teardown::look(target, &installation, &self.events).await.map(Some),
        }
    }

    fn nothing_here(&self) -> Left {
        let place = self.connection.as_ref().map_or_else(String::new, |connection| {
            let target = &connection.target;
            format!(", in {} and in {}", target.cluster.context(), target.session.tenant().domain)
        });
        Left { exit: Exit::Done, text: format!("Nothing of ours is here{place}.") }
    }

    /// The plan that the person has confirmed, with what is to be kept; or how they left.
    async fn reviewed(&mut self, seen: &Seen) -> Result<Plan, Left> {
        // Whether it is worth asking does not change with the answer.
        let others_have_credentials = {
            let choices = Choices { delete_credentials_of_others: false, ..self.choices.clone() };
            teardown::plan(seen, &choices).keeps_registration_for_others()
        };
        loop {
            let plan = teardown::plan(seen, &self.choices);
            if plan.summaries().is_empty() {
                return Err(self.nothing_here());
            }
            let worst = plan.problems().first().map(|problem| Exit::from(problem.kind));
            let about = TakingAway {
                application: plan.installation.application.clone(),
                good_until: plan.good_until.line(),
                choices: self.choices.clone(),
                others_have_credentials,
            };
            self.dialogue.show_what_goes(about, items(&plan));
            match worst {
                Some(exit) if self.global.yes => return Err(in_the_way(&plan, exit)),
                None if self.global.yes => return Ok(plan),
                _ => {}
            }
            match self.dialogue.decision().await {
                Decision::Apply if worst.is_none() && plan.has_work() => return Ok(plan),
                Decision::Choose(choices) => self.choices = choices,
                Decision::Leave | Decision::Home => {
                    return Err(match worst {
                        Some(exit) => in_the_way(&plan, exit),
                        None if !plan.has_work() => nothing_left(),
                        None => nothing_changed(),
                    });
                }
                _ => {}
            }
        }
    }

    async fn carry_out(&mut self, plan: Plan) -> Option<Left> {
        let Some(connection) = &self.connection else { return Some(nothing_changed()) };
        self.applied = true;
        self.dialogue.begin();
        show(&self.events, &plan);
        let cancel = self.dialogue.cancel();
        let control = self.dialogue.control();
        let outcome = Box::pin(teardown::apply(&connection.target, &plan, &self.events, control)).await;
        let went_well = matches!(outcome, Outcome::Done | Outcome::NothingToDo);
        let next = self.next_commands(&plan, went_well);
        let text = {
            let next: Vec<(&str, &str)> =
                next.iter().map(|(command, good_for)| (command.as_str(), good_for.as_str())).collect();
            commands_text(&next)
        };
        self.dialogue.end(Ending { problem: None, next, may_run_again: !went_well && !cancel.is_cancelled() });
        what_next(self.global, self.dialogue, Left { exit: Exit::from(outcome), text }).await
    }

    fn next_commands(&self, plan: &Plan, went_well: bool) -> Vec<(String, String)> {
        let practice = practice_flag(self.global);
        let status = (format!("gatewright status{practice}"), "every installation, one line each".to_owned());
        if went_well {
            return vec![status];
        }
        let installation = &plan.installation;
        let again = format!("gatewright teardown {}/{}{practice}", installation.namespace, installation.application);
        vec![(again, "go on from here: it takes away what is left".to_owned()), status]
    }
}

fn nothing_left() -> Left {
    Left { exit: Exit::Done, text: "There is nothing left to take away.".to_owned() }
}

/// The plan stays in the scrollback where something stands in its way.
fn in_the_way(plan: &Plan, exit: Exit) -> Left {
    let of = (plan.installation.namespace.as_str(), plan.installation.application.as_str());
    let shown = teardown_text(of, &plan.good_until, &plan.summaries(), &plan.counts(), columns());
    Left { exit, text: format!("{shown}Nothing has been changed: see above what stands in the way.") }
}

fn items(plan: &Plan) -> Vec<Item> {
    let item = |(place, TeardownStep { group, step, hand_over })| Item {
        summary: step,
        document: String::new(),
        fate: Some(Fate { group, place, hand_over }),
        standing: None,
    };
    plan.summaries().into_iter().enumerate().map(item).collect()
}
