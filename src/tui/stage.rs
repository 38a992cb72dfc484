//! The loop: takes in what happens, draws, and sees to what the person wants. It alone touches the terminal.

use super::{
    background::{QUESTION, is_worth_asking},
    clipboard,
    device::Device,
    draw::draw,
    guard::Guard,
    happening::{Conversation, Happening, Wish},
    sources::Sources,
    state::{Ending, Item, Opening, Rotating, State, TakingAway},
    theme::{Abilities, Theme},
};
use crate::{
    answers::Answers,
    blueprint::PartId,
    engine::{
        Control,
        event::{Envelope, Listener, Problem},
        installations::Overview,
        rotate::{self, What},
        teardown::Choices,
    },
    wizard::{Need, News, Session},
};
use ratatui::{Terminal, backend::CrosstermBackend, layout::Rect};
use std::{
    io::{self, BufWriter, Write},
    ops::ControlFlow,
    time::{Duration, Instant},
};
use tokio::{
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        watch,
    },
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// How often time is shown to go by, while something runs.
const TICK: Duration = Duration::from_millis(100);
/// How long work that has nothing to finish may take to end, once the person has left.
const GRACE: Duration = Duration::from_secs(3);
/// How long after it was asked the terminal's answer is still waited for, before the terminal is given back.
const ANSWER: Duration = Duration::from_millis(250);
/// A frame of a large window fits into this.
const FRAME_BYTES: usize = 64 * 1024;

/// The full screen, open.
pub struct Stage {
    guard: Guard,
    terminal: Terminal<CrosstermBackend<BufWriter<Device>>>,
    abilities: Abilities,
    theme: Theme,
    /// When the terminal was asked for its background, while it has not answered.
    asked: Option<Instant>,
    state: State,
    began: Instant,
    sender: UnboundedSender<Happening>,
    happenings: UnboundedReceiver<Happening>,
    told: Vec<Envelope>,
    gone: bool,
    leaves_when_over: bool,
}

/// What came of the work.
#[derive(Debug)]
pub struct Performed<T> {
    /// What the work gave back; `None` when it was not waited for.
    pub value: Option<T>,
    /// Everything that was told meanwhile.
    pub told: Vec<Envelope>,
    /// Whether anything was being carried out when it ended.
    pub was_applying: bool,
}

/// What the person decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Carry it out.
    Apply,
    /// Find this out, and tell; beside everything else.
    FindOut(Session, Need),
    /// Make a plan for these answers, where this session leads to.
    Plan(Session, Box<Answers>),
    /// Ask for the answer behind this part, or for whichever the person wants to change.
    Edit(Option<PartId>),
    /// Back to the answers; the plan is not wanted.
    Revise,
    /// Save these answers, and ask again.
    SaveAnswers(Box<Answers>),
    /// Leave.
    Leave,
    /// Back to what is installed; whatever was done for this is over.
    Home,
    /// Look and plan again.
    Again,
    /// Set up an application: a new one, or the one that is named as `namespace/name`.
    SetUp(Option<String>),
    /// Take away the installation that is named as `namespace/name`.
    TearDown(String),
    /// Rotate a secret of the installation that is named as `namespace/name`.
    Rotate(String),
    /// Show what a rotation of this would go through.
    Chosen(What),
    /// Do this about what was in use, now that the new one works.
    Decided(rotate::Decision),
    /// Plan what is taken away with these choices, and show it.
    Choose(Choices),
    /// Go to the practice ground.
    Practise,
    /// Save the objects in this folder, and ask again.
    Save(String),
}

/// How the work speaks with the person.
#[derive(Debug)]
pub struct Dialogue {
    sender: UnboundedSender<Happening>,
    decisions: UnboundedReceiver<Decision>,
    /// The reins of what is done now. Who goes home ends that, and what is begun there has others.
    control: watch::Receiver<Control>,
}

/// Tells the person's screen what was found out. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Teller(UnboundedSender<Happening>);

impl Teller {
    /// Tells of a fact of this session, or that it could not be found out.
    pub fn tell(&self, session: Session, news: News) {
        let _the_screen_is_closed = self.0.send(Happening::Learned(session, Box::new(news)));
    }
}

/// Brings the engine's events onto the one channel.
#[derive(Clone, Debug)]
struct Ear(UnboundedSender<Happening>);

impl Listener for Ear {
    fn hear(&mut self, envelope: &Envelope) {
        let _the_screen_is_closed = self.0.send(Happening::Told(envelope.clone()));
    }
}

impl Dialogue {
    /// Takes in the engine's events.
    pub fn listener(&self) -> impl Listener + 'static {
        Ear(self.sender.clone())
    }

    /// Is cancelled when the person wants it to stop.
    pub fn cancel(&self) -> CancellationToken {
        self.control().cancel
    }

    /// What stops the work, or has it pause, when the person wants that.
    pub fn control(&self) -> Control {
        self.control.borrow().clone()
    }

    /// Shows that something is begun from what is installed: the screen is as if it had just been opened for that.
    pub fn open(&mut self, opening: Opening) {
        self.control.mark_unchanged();
        self.say(Happening::Opened(Box::new(opening)));
    }

    /// Whether the person has gone back to what is installed since something was begun from there.
    pub fn has_gone_home(&self) -> bool {
        self.control.has_changed().unwrap_or(false)
    }

    /// Asks questions.
    pub fn ask(&self, conversation: Conversation) {
        self.say(Happening::Asked(Box::new(conversation)));
    }

    /// Tells facts, from wherever they are found out.
    pub fn teller(&self) -> Teller {
        Teller(self.sender.clone())
    }

    /// Shows a plan.
    pub fn show_plan(&self, items: Vec<Item>) {
        self.say(Happening::PlanReady(items));
    }

    /// Shows what would be taken away, and what can be kept of it.
    pub fn show_what_goes(&self, about: TakingAway, items: Vec<Item>) {
        self.say(Happening::TakingAway(Box::new(about), items));
    }

    /// Shows what can be rotated, or what a rotation would go through.
    pub fn show_rotation(&self, about: Rotating, items: Vec<Item>) {
        self.say(Happening::Rotating(Box::new(about), items));
    }

    /// Asks whether what was in use goes, now that the new one works; leaves both where the person stops it or is gone.
    pub async fn about_the_last_state(&mut self, what: What) -> rotate::Decision {
        self.say(Happening::LastState(what));
        let cancel = self.cancel();
        loop {
            match cancel.run_until_cancelled(self.decision()).await {
                Some(Decision::Decided(decision)) => return decision,
                None | Some(Decision::Leave | Decision::Home) => return rotate::Decision::Leave,
                Some(_) => {}
            }
        }
    }

    /// Shows that the plan is being carried out.
    pub fn begin(&self) {
        self.control().pause.go_on();
        self.say(Happening::Begun);
    }

    /// Shows that what is installed is being looked at, on the practice ground or not.
    pub fn look_around(&self, practice: bool) {
        self.say(Happening::LookingAround { practice });
    }

    /// Shows what is installed, or why that cannot be told.
    pub fn looked_around(&self, found: Result<Overview, Problem>) {
        self.say(Happening::LookedAround(Box::new(found)));
    }

    /// Tells what came of saving.
    pub fn saved(&self, result: Result<String, String>) {
        self.say(Happening::Saved(result));
    }

    /// Shows how it ended.
    pub fn end(&self, ending: Ending) {
        self.say(Happening::Over(ending));
    }

    /// Waits for what the person decides. A screen that is closed has left.
    pub async fn decision(&mut self) -> Decision {
        self.decisions.recv().await.unwrap_or(Decision::Leave)
    }

    fn say(&self, happening: Happening) {
        let _the_screen_is_closed = self.sender.send(happening);
    }
}

impl Stage {
    /// Takes the terminal and draws the first frame.
    pub fn open(opening: Opening) -> io::Result<Self> {
        Self::showing(|size| State::new(opening, size))
    }

    /// The same, with what is installed as the first screen.
    pub fn open_home(opening: Opening) -> io::Result<Self> {
        Self::showing(|size| State::home(opening, size))
    }

    fn showing(first: impl FnOnce((u16, u16)) -> State) -> io::Result<Self> {
        let device = Device::find()?;
        let variable = |name: &str| std::env::var(name).ok();
        let abilities = Abilities::of_environment(variable);
        let guard = Guard::take(device.clone(), abilities.mouse)?;
        let backend = CrosstermBackend::new(BufWriter::with_capacity(FRAME_BYTES, device));
        let terminal = Terminal::new(backend)?;
        let size = crossterm::terminal::size()?;
        let (sender, happenings) = unbounded_channel();
        let mut stage = Self {
            guard,
            terminal,
            abilities,
            theme: Theme::of(abilities),
            asked: None,
            state: State { mouse: abilities.mouse, ..first(size) },
            began: Instant::now(),
            sender,
            happenings,
            told: Vec::new(),
            gone: false,
            leaves_when_over: false,
        };
        stage.draw();
        if is_worth_asking(variable) && stage.tell_the_terminal(QUESTION).is_ok() {
            stage.asked = Some(Instant::now());
        }
        Ok(stage)
    }

    /// Does `work` beside the screen, until it is done or the person has left. The terminal is given back before this returns.
    pub async fn perform<T, W, F>(mut self, work: F) -> Performed<T>
    where
        T: Send + 'static,
        W: Future<Output = T>,
        F: FnOnce(Dialogue) -> W + Send + 'static,
    {
        let (control, reins) = watch::channel(Control::default());
        let (decide, decisions) = unbounded_channel();
        let dialogue = Dialogue { sender: self.sender.clone(), decisions, control: reins };
        let sources = Sources::listen(&self.sender, self.asked);
        let runtime = tokio::runtime::Handle::current();
        // On a thread of its own: however busy the work is, keys are answered.
        let mut work = tokio::task::spawn_blocking(move || runtime.block_on(work(dialogue)));
        let ended = self.until_it_ends(&mut work, &decide, &control).await;
        self.wait_for_a_late_answer().await;
        self.guard.leave();
        drop(sources);
        let was_applying = self.state.is_applying();
        let value = match ended {
            Ended::ByItself(value) => value,
            // Nothing is being written.
            Ended::ByLeaving => tokio::time::timeout(GRACE, &mut work).await.ok().and_then(joined),
            Ended::AtOnce => None,
        };
        while let Ok(happening) = self.happenings.try_recv() {
            if let Happening::Told(envelope) = happening {
                self.told.push(envelope);
            }
        }
        let told = std::mem::take(&mut self.told);
        self.forget_a_terminal_that_is_gone();
        Performed { value, told, was_applying }
    }

    /// Who leaves at once leaves before the terminal has answered: the shell would take the answer for something typed.
    async fn wait_for_a_late_answer(&mut self) {
        let Some(asked) = self.asked.filter(|asked| asked.elapsed() < ANSWER && !self.gone) else { return };
        let until = tokio::time::Instant::from_std(asked + ANSWER);
        while let Ok(Some(happening)) = tokio::time::timeout_at(until, self.happenings.recv()).await {
            match happening {
                Happening::BackgroundIs(_) | Happening::TerminalGone => return,
                Happening::Told(envelope) => self.told.push(envelope),
                _ => {}
            }
        }
    }

    async fn until_it_ends<T>(
        &mut self,
        work: &mut JoinHandle<T>,
        decide: &UnboundedSender<Decision>,
        control: &watch::Sender<Control>,
    ) -> Ended<T> {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            let running = self.state.is_running() && !self.gone;
            let happening = tokio::select! {
                biased;
                Some(happening) = self.happenings.recv() => happening,
                ended = &mut *work => return Ended::ByItself(joined(ended)),
                _ = ticks.tick(), if running => Happening::Ticked,
            };
            let mut next = Some(happening);
            // Whatever came meanwhile is drawn in the same frame.
            while let Some(happening) = next {
                match self.take_in(happening, decide, control) {
                    ControlFlow::Continue(()) => self.ask_for_facts(decide),
                    ControlFlow::Break(Haste::Orderly) => return Ended::ByLeaving,
                    ControlFlow::Break(Haste::AtOnce) => return Ended::AtOnce,
                }
                next = self.happenings.try_recv().ok();
            }
            self.draw();
            if self.gone && !self.state.is_applying() {
                control.borrow().cancel.cancel();
                let _the_work_is_over = decide.send(Decision::Leave);
                return Ended::ByLeaving;
            }
        }
    }

    /// After the decision of the same moment: whoever goes back to the questions is heard before what they need.
    fn ask_for_facts(&mut self, decide: &UnboundedSender<Decision>) {
        for (session, need) in self.state.wanted() {
            let _the_work_is_over = decide.send(Decision::FindOut(session, need));
        }
    }

    fn take_in(
        &mut self,
        happening: Happening,
        decide: &UnboundedSender<Decision>,
        control: &watch::Sender<Control>,
    ) -> ControlFlow<Haste> {
        let Control { cancel, pause } = control.borrow().clone();
        match &happening {
            Happening::Told(envelope) => self.told.push(envelope.clone()),
            Happening::AskedToEnd => self.leaves_when_over = true,
            Happening::BackgroundIs(side) => {
                self.asked = None;
                self.theme = Theme::of(self.abilities.on(*side));
            }
            Happening::TerminalGone => {
                self.gone = true;
                self.leaves_when_over = true;
            }
            _ => {}
        }
        let is_over = matches!(happening, Happening::Over(_));
        let wish = self.state.take_in(happening, self.began.elapsed());
        let wish = if is_over && self.leaves_when_over { Some(Wish::Leave) } else { wish };
        let decision = match wish {
            None => return ControlFlow::Continue(()),
            Some(Wish::Apply) => Decision::Apply,
            Some(Wish::Plan(session, answers)) => Decision::Plan(session, answers),
            Some(Wish::Edit(part)) => Decision::Edit(part),
            Some(Wish::Revise) => Decision::Revise,
            Some(Wish::SaveAnswers(answers)) => Decision::SaveAnswers(answers),
            Some(Wish::Again) => Decision::Again,
            Some(Wish::SetUp(app)) => Decision::SetUp(app),
            Some(Wish::TearDown(app)) => Decision::TearDown(app),
            Some(Wish::Rotate(app)) => Decision::Rotate(app),
            Some(Wish::Chosen(what)) => Decision::Chosen(what),
            Some(Wish::Decided(decision)) => Decision::Decided(decision),
            Some(Wish::Choose(choices)) => Decision::Choose(choices),
            Some(Wish::Practise) => Decision::Practise,
            Some(Wish::Home) => {
                cancel.cancel();
                control.send_replace(Control::default());
                Decision::Home
            }
            Some(Wish::Save(folder)) => Decision::Save(folder),
            Some(Wish::Leave) => {
                cancel.cancel();
                let _the_work_is_over = decide.send(Decision::Leave);
                return ControlFlow::Break(Haste::Orderly);
            }
            Some(Wish::EndNow) => {
                cancel.cancel();
                return ControlFlow::Break(Haste::AtOnce);
            }
            Some(Wish::Stop) => {
                cancel.cancel();
                return ControlFlow::Continue(());
            }
            Some(Wish::Pause) => {
                pause.hold();
                return ControlFlow::Continue(());
            }
            Some(Wish::GoOn) => {
                pause.go_on();
                return ControlFlow::Continue(());
            }
            Some(Wish::Copy(text)) => {
                let inside_tmux = std::env::var_os("TMUX").is_some();
                let _it_is_gone = self.tell_the_terminal(&clipboard::sequence(&text, inside_tmux));
                return ControlFlow::Continue(());
            }
            Some(Wish::Suspend) => {
                self.suspend();
                return ControlFlow::Continue(());
            }
            Some(Wish::Redraw) => {
                self.come_back();
                return ControlFlow::Continue(());
            }
        };
        let _the_work_is_over = decide.send(decision);
        ControlFlow::Continue(())
    }

    fn draw(&mut self) {
        if self.gone || self.guard.is_telling_of_a_panic() {
            return;
        }
        // A panic somewhere has given the terminal back, to tell of itself; whoever still runs goes on.
        if !self.guard.is_ours() {
            self.come_back();
        }
        let (state, theme) = (&self.state, &self.theme);
        if let Err(error) = self.terminal.draw(|frame| draw(state, theme, frame)) {
            tracing::warn!(%error, "the terminal is gone");
            self.gone = true;
            self.leaves_when_over = true;
        }
    }

    /// Sends what draws nothing.
    fn tell_the_terminal(&mut self, text: &str) -> io::Result<()> {
        let device = self.terminal.backend_mut();
        device.write_all(text.as_bytes())?;
        Write::flush(device)
    }

    /// Stops the process, as a shell expects of Ctrl-Z; returns when it is continued.
    #[cfg(unix)]
    fn suspend(&mut self) {
        use rustix::process::{Signal, getpgrp, getsid, kill_current_process_group};
        // The group of the session's leader has no shell that could continue it: a terminal emulator or sshd started us.
        if getsid(None).is_ok_and(|session| session == getpgrp()) {
            self.state.notice = Some("There is no shell to go back to.".to_owned());
            return;
        }
        self.guard.leave();
        let _nothing_is_stopped = kill_current_process_group(Signal::STOP);
        self.come_back();
    }

    #[cfg(not(unix))]
    fn suspend(&mut self) {
        self.state.notice = Some("This system cannot suspend a program.".to_owned());
    }

    /// Takes the terminal anew, whatever it was left in, and draws everything again.
    fn come_back(&mut self) {
        self.guard.leave();
        let size = self.guard.enter().and_then(|()| crossterm::terminal::size());
        // Unlike `clear`, `resize` does not ask the terminal where its cursor is: the answer would come among the keys.
        let cleared = size.and_then(|(columns, rows)| {
            self.state.size = (columns, rows);
            self.terminal.resize(Rect::new(0, 0, columns, rows))
        });
        if cleared.is_err() {
            self.gone = true;
            self.leaves_when_over = true;
        }
    }

    /// Dropping ratatui's terminal writes to it, and complains on standard error when that fails; both are gone.
    fn forget_a_terminal_that_is_gone(self) {
        if self.gone {
            std::mem::forget(self.terminal);
        }
    }
}

/// How the loop ended.
enum Ended<T> {
    /// The work ended.
    ByItself(Option<T>),
    /// The person left.
    ByLeaving,
    /// The person can't wait for what is being written.
    AtOnce,
}

/// How the person leaves.
enum Haste {
    Orderly,
    AtOnce,
}

/// What the work gave back. Its panic goes on here.
fn joined<T>(ended: Result<T, tokio::task::JoinError>) -> Option<T> {
    match ended {
        Ok(value) => Some(value),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => None,
    }
}
