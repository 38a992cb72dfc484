//! Which keys do what where, as data. Dispatch, the hint bar and the overlay of all keys read the same table.

use super::state::{Home, Pace, Pane, Phase, State};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described by its label in the table below")]
pub enum Command {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Left,
    Right,
    Yaml,
    Diff,
    Why,
    Filter,
    All,
    Details,
    Change,
    New,
    Practise,
    TakeAway,
    Rotate,
    FirstOffer,
    SecondOffer,
    ThirdOffer,
    FourthOffer,
    Another,
    RemoveFormer,
    PutBack,
    KeepRegistration,
    KeepNamespace,
    KeepCertificate,
    DeleteAllTheSame,
    Find,
    FindNext,
    Save,
    Copy,
    Apply,
    Leave,
    Quit,
    Stop,
    Pause,
    Log,
    Again,
    Back,
    Steps,
    Explain,
    Revise,
    Edit,
    Help,
    Close,
    Accept,
    Suspend,
    Redraw,
}

impl Command {
    /// Where it leads from line `from` of a list that ends with line `last`, where `page` lines are a page; `None` for what moves
    /// nothing.
    pub(super) fn moved(self, from: usize, page: usize, last: usize) -> Option<usize> {
        let to = match self {
            Self::Up => from.saturating_sub(1),
            Self::Down => from + 1,
            Self::PageUp => from.saturating_sub(page),
            Self::PageDown => from + page,
            Self::First => 0,
            Self::Last => last,
            _ => return None,
        };
        Some(to.min(last))
    }
}

/// A key, with or without Ctrl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub code: KeyCode,
    /// Whether Ctrl is held.
    pub control: bool,
}

impl Key {
    /// The event of pressing it.
    pub fn event(self) -> KeyEvent {
        KeyEvent::new(self.code, if self.control { KeyModifiers::CONTROL } else { KeyModifiers::NONE })
    }

    fn is(self, event: &KeyEvent) -> bool {
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        let alt = event.modifiers.contains(KeyModifiers::ALT);
        self.code == event.code && self.control == control && !alt
    }

    /// How it is written in hints.
    pub fn name(self, ascii: bool) -> String {
        let name = match self.code {
            KeyCode::Up => ["↑", "Up"],
            KeyCode::Down => ["↓", "Down"],
            KeyCode::Left => ["←", "Left"],
            KeyCode::Right => ["→", "Right"],
            KeyCode::Enter => ["⏎", "Enter"],
            KeyCode::Esc => ["Esc", "Esc"],
            KeyCode::PageUp => ["PgUp", "PgUp"],
            KeyCode::PageDown => ["PgDn", "PgDn"],
            KeyCode::Home => ["Home", "Home"],
            KeyCode::End => ["End", "End"],
            KeyCode::Tab => ["Tab", "Tab"],
            KeyCode::F(number) => return format!("F{number}"),
            KeyCode::Char(' ') => ["Space", "Space"],
            KeyCode::Char(letter) if self.control => return format!("^{}", letter.to_ascii_uppercase()),
            KeyCode::Char(letter) => return letter.to_string(),
            _ => ["?", "?"],
        };
        let [unicode, plain] = name;
        (if ascii { plain } else { unicode }).to_owned()
    }
}

const fn key(code: KeyCode) -> Key {
    Key { code, control: false }
}

const fn letter(letter: char) -> Key {
    key(KeyCode::Char(letter))
}

const fn control(letter: char) -> Key {
    Key { code: KeyCode::Char(letter), control: true }
}

/// Where a binding is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// In the hint bar and in the overlay.
    InTheBar,
    /// In the overlay alone.
    InTheOverlay,
}

/// A row of the table.
pub struct Row {
    /// The keys; the first is the one that hints name.
    pub keys: &'static [Key],
    /// What they do.
    pub command: Command,
    /// What that is called. Rows beside each other of the same name are told of together.
    pub label: fn(&State) -> String,
    /// Where it is told of.
    pub told: Told,
    when: fn(&State) -> bool,
}

macro_rules! rows {
    ($($keys:expr => $command:ident, $label:expr, $told:ident $(, if $when:expr)?;)*) => {
        &[$(Row {
            keys: &$keys,
            command: Command::$command,
            label: $label,
            told: Told::$told,
            when: rows!(@when $($when)?),
        }),*]
    };
    (@when) => { |_| true };
    (@when $when:expr) => { $when };
}

mod asking;

fn named(text: &str) -> String {
    text.to_owned()
}

static HOME: &[Row] = rows![
    [key(KeyCode::Enter)] => Change, change_label, InTheBar, if |state| home(state, |home| home.installation().is_some());
    [letter('n'), key(KeyCode::Enter)] => New, |_| named("new"), InTheBar;
    [key(KeyCode::Up), letter('k')] => Up, |_| named("choose"), InTheBar, if |state| home(state, Home::may_choose);
    [key(KeyCode::Down), letter('j')] => Down, |_| named("choose"), InTheBar, if |state| home(state, Home::may_choose);
    [letter('d')] => Details, |_| named("details"), InTheBar, if |state| home(state, |home| home.installation().is_some());
    [letter('/')] => Filter, |_| named("filter"), InTheBar, if |state| home(state, |home| home.installations.len() > 1);
    [key(KeyCode::Esc)] => All, |_| named("show all"), InTheBar, if |state| home(state, |home| !home.filter.is_empty());
    [letter('r')] => Again, |_| named("look again"), InTheBar, if |state| !home(state, Home::is_looking);
    [letter('p')] => Practise, |_| named("practice ground"), InTheBar, if may_practise;
    [letter('t')] => TakeAway, |_| named("take away"), InTheBar, if |state| home(state, |home| home.installation().is_some());
    [letter('s')] => Rotate, |_| named("rotate a secret"), InTheOverlay, if |state| home(state, |home| home.installation().is_some());
    [letter('q'), key(KeyCode::Esc)] => Leave, |_| named("leave"), InTheBar;
    [key(KeyCode::PageUp)] => PageUp, |_| named("page"), InTheOverlay, if |state| home(state, Home::may_choose);
    [key(KeyCode::PageDown), letter(' ')] => PageDown, |_| named("page"), InTheOverlay, if |state| home(state, Home::may_choose);
    [key(KeyCode::Home), letter('g')] => First, |_| named("first, last"), InTheOverlay, if |state| home(state, Home::may_choose);
    [key(KeyCode::End), letter('G')] => Last, |_| named("first, last"), InTheOverlay, if |state| home(state, Home::may_choose);
];

static HOME_DETAILS: &[Row] = rows![
    [key(KeyCode::Enter)] => Change, change_label, InTheBar;
    [key(KeyCode::Up), letter('k')] => Up, |_| named("scroll"), InTheBar, if |state| home(state, Home::may_scroll);
    [key(KeyCode::Down), letter('j')] => Down, |_| named("scroll"), InTheBar, if |state| home(state, Home::may_scroll);
    [key(KeyCode::PageUp)] => PageUp, |_| named("page"), InTheOverlay, if |state| home(state, Home::may_scroll);
    [key(KeyCode::PageDown), letter(' ')] => PageDown, |_| named("page"), InTheOverlay, if |state| home(state, Home::may_scroll);
    [letter('t')] => TakeAway, |_| named("take away"), InTheBar;
    [letter('s')] => Rotate, |_| named("rotate a secret"), InTheOverlay;
    [letter('d'), key(KeyCode::Esc), letter('q')] => Details, |_| named("back to the list"), InTheBar;
];

/// Whether something holds of what is installed.
fn home(state: &State, holds: impl FnOnce(&Home) -> bool) -> bool {
    state.home.as_ref().is_some_and(holds)
}

/// The practice ground is for whoever has nothing yet.
fn may_practise(state: &State) -> bool {
    !state.opening.practice && home(state, |home| home.is_empty() && !home.is_looking())
}

fn change_label(state: &State) -> String {
    let chosen = state.home.as_ref().and_then(Home::installation);
    chosen.map_or_else(|| named("set up"), |one| format!("set up {}", one.application))
}

static LOOKING: &[Row] = rows![
    [letter('c')] => Copy, |_| named("copy the code"), InTheBar, if State::may_copy;
    [letter('l')] => Log, |_| named("log"), InTheBar;
    [key(KeyCode::Esc)] => Revise, |_| named("back to the questions"), InTheBar, if State::may_revise;
    [letter('q')] => Leave, leave_label, InTheBar, if State::may_revise;
    [letter('q'), key(KeyCode::Esc)] => Leave, leave_label, InTheBar, if |state| !state.may_revise();
];

static REVIEW: &[Row] = rows![
    [key(KeyCode::Enter)] => Apply, apply_label, InTheBar, if |state| state.review.may_be_applied();
    [key(KeyCode::Up), letter('k')] => Up, |_| named("choose"), InTheBar;
    [key(KeyCode::Down), letter('j')] => Down, |_| named("choose"), InTheBar;
    [letter('1')] => FirstOffer, |_| named("choose"), InTheBar, if |state| state.review.is_offer();
    [letter('2')] => SecondOffer, |_| named("choose"), InTheBar, if |state| state.review.is_offer();
    [letter('3')] => ThirdOffer, |_| named("choose"), InTheBar, if |state| state.review.is_offer();
    [letter('4')] => FourthOffer, |_| named("choose"), InTheBar, if |state| state.review.is_offer();
    [letter('1')] => KeepRegistration, |_| named("keep"), InTheBar, if State::is_taking_away;
    [letter('2')] => KeepNamespace, |_| named("keep"), InTheBar, if State::is_taking_away;
    [letter('3')] => KeepCertificate, |_| named("keep"), InTheBar, if State::is_taking_away;
    [letter('4')] => DeleteAllTheSame, |_| named("delete all the same"), InTheBar, if may_delete_all_the_same;
    [letter('y')] => Yaml, |_| named("YAML"), InTheBar, if |state| state.review.has_documents() && state.review.pane() != Pane::Yaml;
    [letter('d')] => Diff, |_| named("diff"), InTheBar, if |state| state.review.has_differences() && state.review.pane() != Pane::Diff;
    [letter('w')] => Why, |_| named("why"), InTheBar, if |state| state.review.pane() != Pane::Why;
    [letter('e')] => Edit, |_| named("edit an answer"), InTheBar, if State::may_edit;
    [key(KeyCode::Esc)] => Close, |_| named("end the search"), InTheBar, if |state| state.review.is_searched();
    [key(KeyCode::Esc)] => Revise, |_| named("back"), InTheBar, if |state| state.may_revise() && !state.review.is_searched();
    [key(KeyCode::Esc)] => Another, |_| named("choose another"), InTheBar, if |state| state.may_choose_another() && !state.review.is_searched();
    [letter('q')] => Leave, leave_label, InTheBar, if keeps_escape;
    [key(KeyCode::Esc), letter('q')] => Leave, leave_label, InTheBar, if |state| !keeps_escape(state);
    [letter('/')] => Find, |_| named("find"), InTheBar;
    [letter('n')] => FindNext, |_| named("next"), InTheBar, if |state| state.review.has_another_match();
    [letter('s')] => Save, |_| named("save"), InTheBar, if |state| state.review.has_documents();
    [letter('c')] => Copy, |_| named("copy what is shown"), InTheOverlay, if State::may_copy;
    [key(KeyCode::PageUp)] => PageUp, |_| named("scroll the text"), InTheOverlay, if |state| state.review.may_scroll();
    [key(KeyCode::PageDown), letter(' ')] => PageDown, |_| named("scroll the text"), InTheOverlay, if |state| state.review.may_scroll();
    [key(KeyCode::Left), letter('h')] => Left, |_| named("scroll the text sideways"), InTheOverlay, if |state| state.review.sideways > 0;
    [key(KeyCode::Right)] => Right, |_| named("scroll the text sideways"), InTheOverlay, if |state| state.review.may_scroll_sideways();
    [key(KeyCode::Home), letter('g')] => First, |_| named("first object, last object"), InTheOverlay;
    [key(KeyCode::End), letter('G')] => Last, |_| named("first object, last object"), InTheOverlay;
    [letter('l')] => Log, |_| named("log"), InTheOverlay;
];

static APPLYING: &[Row] = rows![
    [key(KeyCode::Enter)] => RemoveFormer, |_| named("remove the former one"), InTheBar, if |state| state.deciding.is_some();
    [letter('u')] => PutBack, |_| named("put it back"), InTheBar, if |state| state.deciding.is_some();
    [key(KeyCode::Up), letter('k')] => Up, |_| named("scroll"), InTheBar, if State::may_scroll;
    [key(KeyCode::Down), letter('j')] => Down, |_| named("scroll"), InTheBar, if State::may_scroll;
    [letter('l')] => Log, |_| named("log"), InTheBar;
    [letter('c')] => Copy, |_| named("copy"), InTheBar, if State::may_copy;
    [letter('p')] => Pause, pause_label, InTheBar, if |state| !state.stopping && !state.is_rotating();
    [control('c')] => Stop, stop_label, InTheBar;
];

static OVER: &[Row] = rows![
    [key(KeyCode::Enter), letter('q'), key(KeyCode::Esc)] => Leave, leave_label, InTheBar;
    [letter('r')] => Again, |_| named("look again, and go on"), InTheBar, if |state| state.may_run_again();
    [letter('e')] => Edit, |_| named("edit an answer"), InTheBar, if State::may_edit;
    [key(KeyCode::Up), letter('k')] => Up, |_| named("scroll"), InTheBar, if State::may_scroll;
    [key(KeyCode::Down), letter('j')] => Down, |_| named("scroll"), InTheBar, if State::may_scroll;
    [letter('c')] => Copy, |_| named("copy"), InTheBar, if State::may_copy;
    [letter('l')] => Log, |_| named("log"), InTheBar;
];

static HELP: &[Row] = rows![
    [key(KeyCode::Esc), letter('q'), letter('?'), key(KeyCode::Enter)] => Close, |_| named("close"), InTheBar;
];

static LOG: &[Row] = rows![
    [key(KeyCode::Up), letter('k')] => Up, |_| named("scroll"), InTheBar;
    [key(KeyCode::Down), letter('j')] => Down, |_| named("scroll"), InTheBar;
    [key(KeyCode::Home), letter('g')] => First, |_| named("begin, end"), InTheBar;
    [key(KeyCode::End), letter('G')] => Last, |_| named("begin, end"), InTheBar;
    [key(KeyCode::PageUp)] => PageUp, |_| named("page"), InTheOverlay;
    [key(KeyCode::PageDown), letter(' ')] => PageDown, |_| named("page"), InTheOverlay;
    [letter('c')] => Copy, |_| named("copy"), InTheBar, if State::may_copy;
    [letter('l'), key(KeyCode::Esc), letter('q')] => Close, |_| named("close"), InTheBar;
];

static TYPING: &[Row] = rows![
    [key(KeyCode::Enter)] => Accept, |state| state.prompt_label(), InTheBar;
    [key(KeyCode::Esc)] => Close, |_| named("leave it"), InTheBar;
];

static ANYWHERE: &[Row] = rows![
    [letter('?')] => Help, |_| named("keys"), InTheBar, if |state| !state.is_typing() && !state.help;
    [control('c')] => Quit, |_| named("leave"), InTheOverlay, if |state| !state.is_applying();
    [control('z')] => Suspend, |_| named("back to the shell; `fg` returns"), InTheOverlay;
    [control('l')] => Redraw, |_| named("draw everything again"), InTheOverlay;
];

/// Others have credentials in the registration.
fn may_delete_all_the_same(state: &State) -> bool {
    state.review.taking_away.as_ref().is_some_and(|about| about.others_have_credentials)
}

/// In the review, Esc leads somewhere else than out.
fn keeps_escape(state: &State) -> bool {
    state.may_revise() || state.may_choose_another() || state.review.is_searched()
}

fn apply_label(state: &State) -> String {
    if let Some(what) = state.offered() {
        return format!("rotate the {}", what.name());
    }
    if let Some(rotation) = state.rotation() {
        let label = match (rotation.undo, rotation.goes_on) {
            (true, _) => "take it back",
            (false, true) => "go on with it",
            (false, false) => "rotate it",
        };
        return named(label);
    }
    if state.is_taking_away() {
        return named("take it away");
    }
    match state.review.counts.changes() {
        0 => named("see that it works"),
        1 => named("apply 1 change"),
        changes => format!("apply {changes} changes"),
    }
}

fn leave_label(state: &State) -> String {
    named(if state.leads_home() { "home" } else { "leave" })
}

fn stop_label(state: &State) -> String {
    if state.deciding.is_some() {
        return named("leave both for now");
    }
    named(if state.stopping { "stop at once" } else { "stop (a re-run goes on)" })
}

fn pause_label(state: &State) -> String {
    named(if state.pace == Pace::GoingOn { "pause after this" } else { "go on" })
}

/// Every binding that holds now.
pub fn bindings(state: &State) -> impl Iterator<Item = &'static Row> {
    rows_here(state).into_iter().filter(|row| state.withheld(row.command).is_none())
}

/// Every binding that belongs here, the withheld ones among them.
fn rows_here(state: &State) -> Vec<&'static Row> {
    let here = if state.prompt.is_some() {
        TYPING
    } else if state.help {
        HELP
    } else if state.log.is_open() {
        LOG
    } else {
        match state.phase {
            Phase::Home if home(state, |home| home.detailed) => HOME_DETAILS,
            Phase::Home => HOME,
            Phase::Looking => LOOKING,
            Phase::Asking => asking::rows(state),
            Phase::Review => REVIEW,
            Phase::Applying => APPLYING,
            Phase::Over => OVER,
        }
    };
    // While something is applied, Ctrl-C means to stop it, whatever lies over the screen.
    let stop = if state.is_applying() && !std::ptr::eq(here, APPLYING) { APPLYING } else { &[] };
    let stop = stop.iter().filter(|row| row.command == Command::Stop);
    here.iter().chain(stop).chain(ANYWHERE).filter(|row| (row.when)(state)).collect()
}

/// Why a key that belongs here means nothing just now.
pub fn withheld(state: &State, event: &KeyEvent) -> Option<&'static str> {
    let row = rows_here(state).into_iter().find(|row| row.keys.iter().any(|key| key.is(event)))?;
    state.withheld(row.command)
}

/// What a key means now; `None` when nothing.
pub fn command(state: &State, event: &KeyEvent) -> Option<Command> {
    bindings(state).find(|row| row.keys.iter().any(|key| key.is(event))).map(|row| row.command)
}

/// A hint: which keys, and what they do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Such as `↑↓`.
    pub keys: String,
    /// Such as `choose`.
    pub label: String,
}

/// The hints for the bar, or all of them for the overlay.
pub fn hints(state: &State, all: bool, ascii: bool) -> Vec<Hint> {
    let mut hints: Vec<Hint> = Vec::new();
    for row in bindings(state).filter(|row| all || row.told == Told::InTheBar) {
        let Some(first) = row.keys.first() else { continue };
        let (name, label) = (first.name(ascii), (row.label)(state));
        match hints.last_mut().filter(|last| last.label == label) {
            Some(last) => {
                if name.chars().count() > 1 {
                    last.keys.push('/');
                }
                last.keys.push_str(&name);
            }
            None => hints.push(Hint { keys: name, label }),
        }
    }
    hints
}
