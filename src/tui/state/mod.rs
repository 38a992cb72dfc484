//! What the screens show. Changed by happenings alone, and by nothing else: drawing only reads it.

mod answering;
mod asking;
mod at_hand;
mod copying;
mod home;
mod log;
mod looking;
mod mouse;
mod progress;
mod review;
mod rotating;
mod taking_away;
mod trial;

pub use asking::{Asking, Choosing, Chosen, Field, Focus, LONGEST_ANSWER, Text, label, sentence};
pub use copying::Copyable;
pub use home::{Home, Look};
pub use log::Log;
pub use looking::{Fact, Looking};
pub use progress::{Finish, Progress, Row, Status};
pub use review::{Item, Pane, Review, TreeRow};
pub use rotating::{Rotating, Rotation, Standing};
pub use taking_away::{Fate, TakingAway};
pub use trial::Trial;

use super::{
    happening::{Happening, Wish},
    keymap::{self, Command},
    layout,
};
use crate::engine::{
    event::{Envelope, Event, Problem, Title},
    installations::Overview,
    rotate::{self, What},
    teardown::Keepable,
};
use crossterm::event::{Event as TerminalEvent, KeyEvent};
use std::time::Duration;
use tui_input::{Input, InputRequest, backend::crossterm::EventHandler as _};

/// The smallest window that everything fits into, in columns and rows.
pub const WHOLE: (u16, u16) = (80, 24);

/// From this many columns on, what a step makes and why stands beside the question.
pub const WIDE: u16 = 100;

/// Nothing that is typed here needs more characters.
const LONGEST_INPUT: usize = 200;

/// What is known before anything is looked at.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// The command, such as `setup`.
    pub doing: String,
    /// About which application; empty when the record will tell.
    pub about: String,
    /// Whether this is the practice ground.
    pub practice: bool,
    /// Whether the plan is confirmed already, by `--yes`.
    pub confirmed: bool,
    /// Where objects are saved unless the person names another folder.
    pub folder: String,
}

/// Where the work has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The person looks at what is installed.
    Home,
    /// Facts arrive.
    Looking,
    /// The person is asked.
    Asking,
    /// The person looks at the plan.
    Review,
    /// It is carried out.
    Applying,
    /// It has ended.
    Over,
}

/// Whether the work goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// It does.
    #[default]
    GoingOn,
    /// It will pause, after what it is doing now.
    Pausing,
    /// It pauses, after what was done last.
    Paused(Option<Title>),
}

/// How the work ended.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// What stands in the way, where it ended before anything could be carried out.
    pub problem: Option<Problem>,
    /// What to do next: at most three commands, each with what it is good for.
    pub next: Vec<(String, String)>,
    /// Whether looking and going on makes sense.
    pub may_run_again: bool,
}

/// The world that is worked on.
#[derive(Clone, Debug)]
pub struct World {
    /// The tenant's name.
    pub tenant: String,
    /// The kubeconfig context.
    pub context: String,
}

/// What is being typed.
#[derive(Clone, Debug)]
pub enum Prompt {
    /// What to find.
    Find(Input),
    /// Which installations to show.
    Filter(Input),
    /// Where to save.
    Folder(Input),
    /// The name of what is taken away.
    Confirm(Input),
}

/// Everything that the screens show.
#[derive(Clone, Debug)]
pub struct State {
    /// What was known at first.
    pub opening: Opening,
    /// Where the work has come to.
    pub phase: Phase,
    /// The world, once it is known.
    pub world: Option<World>,
    /// What is installed, where that is shown.
    pub home: Option<Home>,
    /// The facts.
    pub looking: Looking,
    /// The questions, where somebody is asked.
    pub asking: Option<Asking>,
    /// The plan.
    pub review: Review,
    /// The work.
    pub progress: Progress,
    /// How it ended.
    pub ending: Option<Ending>,
    /// Everything that was told.
    pub log: Log,
    /// Whether all keys are shown.
    pub help: bool,
    /// What is being typed, if anything is.
    pub prompt: Option<Prompt>,
    /// What to tell the person about the last key, until the next one.
    pub notice: Option<String>,
    /// How many parts earlier runs of this screen have changed.
    pub changed_before: usize,
    /// Whether the person wants it to stop.
    pub stopping: bool,
    /// What is rotated, where it is asked whether to remove the former one.
    pub deciding: Option<What>,
    /// Whether the work goes on.
    pub pace: Pace,
    /// Which of the things that can be copied was copied last.
    pub copied: Option<usize>,
    /// Whether the terminal tells us of clicks.
    pub mouse: bool,
    /// How long the screen has been open.
    pub now: Duration,
    /// The window, in columns and rows.
    pub size: (u16, u16),
    /// When what is at hand has changed by itself last, and the person has done nothing about it since.
    pub changed_by_itself: Option<Duration>,
}

impl State {
    /// The state before anything has happened.
    pub fn new(opening: Opening, size: (u16, u16)) -> Self {
        Self {
            home: None,
            looking: Looking::new(&opening),
            opening,
            phase: Phase::Looking,
            world: None,
            asking: None,
            review: Review::default(),
            progress: Progress::default(),
            ending: None,
            log: Log::default(),
            help: false,
            prompt: None,
            notice: None,
            changed_before: 0,
            stopping: false,
            deciding: None,
            pace: Pace::GoingOn,
            copied: None,
            mouse: false,
            now: Duration::ZERO,
            size,
            changed_by_itself: None,
        }
    }

    /// The same, with what is installed as the first screen.
    pub fn home(opening: Opening, size: (u16, u16)) -> Self {
        Self { home: Some(Home::new()), phase: Phase::Home, ..Self::new(opening, size) }
    }

    /// Takes in what happened at `now`, and tells what the person wants done that the screen can't do itself.
    pub fn take_in(&mut self, happening: Happening, now: Duration) -> Option<Wish> {
        self.now = now;
        let wish = self.noting_changes(happening, Self::took_in);
        let choices = self.review.lines_of_choices(self.size.0);
        self.review.keep_in_sight(layout::review_rows_in_sight(self.size, choices));
        wish
    }

    fn took_in(&mut self, happening: Happening) -> Option<Wish> {
        match happening {
            Happening::Opened(opening) => self.open(*opening),
            // What was begun from here, and left, may have told something more.
            _ if self.phase == Phase::Home && happening.is_of_a_run() => {}
            Happening::Pressed(key) => return self.pressed(key),
            Happening::Clicked(column, row) => return self.clicked(column, row),
            Happening::Wheeled(wheel, column, row) => self.wheeled(wheel, column, row),
            Happening::Pasted(text) => self.pasted(&text),
            Happening::Resized(columns, rows) => self.size = (columns, rows),
            Happening::Ticked | Happening::BackgroundIs(_) => {}
            Happening::Told(envelope) => self.told(&envelope),
            Happening::Asked(conversation) => self.begin_to_ask(*conversation),
            Happening::Learned(session, news) => self.learned(&session, *news),
            Happening::PlanReady(_) if self.phase == Phase::Asking => {}
            Happening::PlanReady(items) => {
                self.looking.finish(self.now);
                self.copied = None;
                self.review = Review::new(items);
                self.phase = Phase::Review;
            }
            Happening::TakingAway(about, items) => {
                self.looking.finish(self.now);
                self.copied = None;
                self.take_away(*about, items);
                self.phase = Phase::Review;
            }
            Happening::Rotating(about, items) => {
                self.looking.finish(self.now);
                self.copied = None;
                self.rotate(*about, items);
                self.phase = Phase::Review;
            }
            Happening::LastState(what) => self.deciding = Some(what).filter(|_| !self.stopping),
            Happening::Begun => {
                self.progress = if self.is_taking_away() {
                    Progress::of_teardown(&self.review.items)
                } else if self.is_rotating() {
                    Progress::of_rotation(&self.review.items)
                } else {
                    Progress::new(self.review.summaries())
                };
                self.phase = Phase::Applying;
                self.pace = Pace::GoingOn;
                self.copied = None;
            }
            // The person has gone back to the questions before it was known that there is no plan.
            Happening::Over(_) if self.asked().is_some_and(|asking| asking.planned) => {}
            Happening::Over(ending) => self.over(ending),
            Happening::LookingAround { practice } => {
                self.opening.practice = practice;
                let now = self.now;
                self.at_home(|home| home.begin(now));
            }
            Happening::LookedAround(found) => self.looked_around(*found),
            Happening::Saved(result) => {
                self.notice = Some(result.unwrap_or_else(|cause| format!("Not saved: {cause}")));
            }
            Happening::AskedToEnd => return Some(self.wish_to_end()),
            Happening::TerminalGone => return Some(if self.is_applying() { Wish::Stop } else { Wish::Leave }),
            Happening::Resumed => return Some(Wish::Redraw),
            Happening::AskedToSuspend => return Some(Wish::Suspend),
        }
        None
    }

    /// Whether time has to be told of, because something runs.
    pub fn is_running(&self) -> bool {
        if self.is_settling() {
            return true;
        }
        match self.phase {
            Phase::Looking => true,
            Phase::Asking => self.asking.as_ref().is_some_and(Asking::is_looking),
            Phase::Home => self.home.as_ref().is_some_and(Home::is_looking),
            // Until it is answered, nothing goes on.
            Phase::Applying if self.deciding.is_some() => false,
            // While it pauses, what has been written may still be waited for.
            Phase::Applying => !matches!(self.pace, Pace::Paused(_)) || self.progress.running().next().is_some(),
            Phase::Review | Phase::Over => false,
        }
    }

    /// Whether something is being carried out.
    pub fn is_applying(&self) -> bool {
        self.phase == Phase::Applying
    }

    /// Whether keys are text.
    pub fn is_typing(&self) -> bool {
        let is_writing = || self.asked().is_some_and(Asking::is_writing);
        self.prompt.is_some() || (!self.help && !self.log.is_open() && is_writing())
    }

    /// Whether it ended so that looking and going on makes sense.
    pub fn may_run_again(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.may_run_again)
    }

    /// Whether the rows of the work can be scrolled.
    pub fn may_scroll(&self) -> bool {
        self.progress.may_scroll(self.rows_in_sight(), self.size.0.into())
    }

    fn rows_in_sight(&self) -> usize {
        layout::rows_in_sight(self.size, self.phase == Phase::Over)
    }

    /// Whether the window holds everything.
    pub fn is_whole(&self) -> bool {
        self.size.0 >= WHOLE.0 && self.size.1 >= WHOLE.1
    }

    /// What accepting the prompt is called.
    pub fn prompt_label(&self) -> String {
        let label = match &self.prompt {
            Some(Prompt::Folder(_)) => "save",
            Some(Prompt::Filter(_)) => "keep",
            Some(Prompt::Confirm(_)) => "take it away",
            _ => "find",
        };
        label.to_owned()
    }

    fn at_home(&mut self, change: impl FnOnce(&mut Home)) {
        if let Some(home) = &mut self.home {
            change(home);
        }
    }

    fn looked_around(&mut self, found: Result<Overview, Problem>) {
        if let Ok(overview) = &found {
            self.world = Some(World { tenant: String::new(), context: overview.context.clone() });
        }
        // What was being typed may be about what is no longer there.
        if matches!(self.prompt, Some(Prompt::Filter(_))) && found.is_err() {
            self.prompt = None;
        }
        self.at_home(|home| home.found(found));
    }

    fn over(&mut self, ending: Ending) {
        if ending.problem.is_none() {
            self.looking.finish(self.now);
        }
        self.ending = Some(ending);
        self.phase = Phase::Over;
        self.stopping = false;
        self.deciding = None;
        self.pace = Pace::GoingOn;
        self.copied = None;
        self.prompt = None;
    }

    fn told(&mut self, envelope: &Envelope) {
        self.log.add(envelope);
        match &envelope.event {
            Event::Connected { tenant_domain, context, .. } => {
                self.world = Some(World { tenant: tenant_domain.clone(), context: context.clone() });
            }
            // A run that begins again brings its own plan.
            Event::Looking { .. } if !matches!(self.phase, Phase::Looking | Phase::Asking) => self.look_again(),
            Event::Paused { after } => self.pace = Pace::Paused(after.clone()),
            Event::Resumed { .. } => self.pace = Pace::GoingOn,
            _ => {}
        }
        self.looking.told(&envelope.event, self.now);
        self.progress.told(&envelope.event, self.now);
    }

    fn look_again(&mut self) {
        self.phase = Phase::Looking;
        self.looking = Looking::again(&self.looking);
        self.changed_before += std::mem::take(&mut self.progress).changed();
        self.ending = None;
    }

    fn wish_to_end(&mut self) -> Wish {
        if !self.is_applying() {
            return Wish::Leave;
        }
        if self.stopping {
            return Wish::EndNow;
        }
        self.stopping = true;
        self.deciding = None;
        Wish::Stop
    }

    fn wish_to_pause(&mut self) -> Wish {
        if self.pace == Pace::GoingOn {
            self.pace = Pace::Pausing;
            return Wish::Pause;
        }
        self.pace = Pace::GoingOn;
        Wish::GoOn
    }

    fn pasted(&mut self, text: &str) {
        if self.is_answering() {
            if !self.drops_answer() {
                self.pasted_as_an_answer(text);
            }
            return;
        }
        let Some(Prompt::Find(input) | Prompt::Filter(input) | Prompt::Folder(input) | Prompt::Confirm(input)) =
            &mut self.prompt
        else {
            return;
        };
        for letter in text.chars().filter(|letter| !letter.is_control()) {
            if input.value().chars().count() >= LONGEST_INPUT {
                break;
            }
            input.handle(InputRequest::InsertChar(letter));
        }
        self.typed();
    }

    /// What is typed is found at once.
    fn typed(&mut self) {
        match &self.prompt {
            Some(Prompt::Find(input)) => {
                let query = input.value().to_owned();
                self.review.find(&query);
            }
            Some(Prompt::Filter(input)) => {
                let filter = input.value().to_owned();
                self.at_home(|home| home.filter_by(&filter));
            }
            Some(Prompt::Folder(_) | Prompt::Confirm(_)) | None => {}
        }
    }

    fn pressed(&mut self, key: KeyEvent) -> Option<Wish> {
        self.notice = None;
        let Some(command) = keymap::command(self, &key) else {
            if let Some(why) = keymap::withheld(self, &key) {
                self.drop_key(why);
            } else if let Some(
                Prompt::Find(input) | Prompt::Filter(input) | Prompt::Folder(input) | Prompt::Confirm(input),
            ) = &mut self.prompt
            {
                let full = input.value().chars().count() >= LONGEST_INPUT;
                let adds = matches!(key.code, crossterm::event::KeyCode::Char(_)) && key.modifiers.is_empty();
                if !(full && adds) {
                    input.handle_event(&TerminalEvent::Key(key));
                }
                self.typed();
            } else if self.is_typing() && !self.drops_answer() {
                self.write(key);
            }
            return None;
        };
        self.command(command)
    }

    fn command(&mut self, command: Command) -> Option<Wish> {
        match command {
            Command::Suspend => return Some(Wish::Suspend),
            Command::Redraw => return Some(Wish::Redraw),
            Command::Stop => return Some(self.wish_to_end()),
            Command::Pause => return Some(self.wish_to_pause()),
            Command::Quit => return Some(Wish::Leave),
            Command::Leave => return Some(self.leave()),
            Command::Copy => return self.wish_to_copy(),
            Command::Apply => return self.wish_to_apply(),
            Command::KeepRegistration => return self.toggle(Keepable::Registration),
            Command::KeepNamespace => return self.toggle(Keepable::Namespace),
            Command::KeepCertificate => return self.toggle(Keepable::Certificate),
            Command::DeleteAllTheSame => return self.toggle_credentials_of_others(),
            Command::FirstOffer => self.review.choose(0),
            Command::SecondOffer => self.review.choose(1),
            Command::ThirdOffer => self.review.choose(2),
            Command::FourthOffer => self.review.choose(3),
            Command::Another => return Some(Wish::Revise),
            Command::RemoveFormer => return self.decide(rotate::Decision::GoOn),
            Command::PutBack => return self.decide(rotate::Decision::Undo),
            Command::Rotate => return self.chosen_at_home().map(Wish::Rotate),
            Command::TakeAway => return self.chosen_at_home().map(Wish::TearDown),
            Command::Change => return self.chosen_at_home().map(|name| Wish::SetUp(Some(name))),
            Command::New => return Some(Wish::SetUp(None)),
            Command::Practise => return Some(Wish::Practise),
            Command::Details => self.at_home(|home| home.show_details(!home.detailed)),
            Command::All => self.at_home(|home| home.filter_by("")),
            Command::Filter => self.filter(),
            Command::Again if self.phase == Phase::Home => return Some(Wish::Again),
            Command::Help => self.help = true,
            Command::Log => self.log.open(),
            _ if self.is_answering() => return self.answer(command),
            Command::Close => self.close(),
            Command::Revise => return self.revise(),
            Command::Edit => return Some(Wish::Edit(self.part_in_the_way())),
            Command::Again => {
                self.look_again();
                return Some(Wish::Again);
            }
            Command::Back | Command::Steps | Command::Explain => {}
            Command::Accept => return self.accept(),
            Command::Find => self.prompt = Some(Prompt::Find(Input::default())),
            Command::Save => self.prompt = Some(Prompt::Folder(Input::new(self.opening.folder.clone()))),
            Command::FindNext => self.review.find_next(),
            Command::Yaml => self.review.show(Pane::Yaml),
            Command::Diff => self.review.show(Pane::Diff),
            Command::Why => self.review.show(Pane::Why),
            Command::Left => self.review.scroll_sideways(-8),
            Command::Right => self.review.scroll_sideways(8),
            Command::Up | Command::Down | Command::PageUp | Command::PageDown | Command::First | Command::Last => {
                self.move_by(command);
            }
        }
        None
    }

    fn move_by(&mut self, command: Command) {
        let page = self.page();
        if self.log.is_open() {
            self.log.scroll(command, page);
        } else if self.phase == Phase::Home {
            self.at_home(|home| home.move_by(command, page));
        } else if self.phase == Phase::Review {
            self.review.move_by(command, page);
        } else {
            let in_sight = self.rows_in_sight();
            self.progress.scroll(command, in_sight, self.size.0.into());
        }
    }

    fn close(&mut self) {
        let prompt = self.prompt.take();
        if matches!(prompt, Some(Prompt::Filter(_))) {
            self.at_home(Home::filter_as_before);
        } else if matches!(prompt, Some(Prompt::Confirm(_))) {
            self.notice = Some("Nothing was taken away.".to_owned());
        } else if prompt.is_some() {
            self.review.stop_finding();
        } else if self.help {
            self.help = false;
        } else if self.log.is_open() {
            self.log.close();
        } else {
            self.review.end_search();
        }
    }

    fn filter(&mut self) {
        let Some(home) = &mut self.home else { return };
        home.begin_to_filter();
        self.prompt = Some(Prompt::Filter(Input::new(home.filter.clone())));
    }

    fn chosen_at_home(&self) -> Option<String> {
        Some(self.home.as_ref()?.installation()?.full_name())
    }

    fn accept(&mut self) -> Option<Wish> {
        match self.prompt.take()? {
            Prompt::Find(input) => {
                if !self.review.found_anything() {
                    self.notice = Some(format!("{:?} is in none of the objects.", input.value()));
                    self.review.stop_finding();
                }
                None
            }
            // It holds already, as it was typed.
            Prompt::Filter(_) => None,
            Prompt::Folder(input) if input.value().trim().is_empty() => {
                self.notice = Some("Nothing was saved: no folder was named.".to_owned());
                None
            }
            Prompt::Confirm(input) => self.confirmed_by(input.value()),
            Prompt::Folder(input) => Some(Wish::Save(input.value().trim().to_owned())),
        }
    }
}
