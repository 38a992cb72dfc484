//! The terminal is given back on every way out: a guard for returns and errors, a hook for panics, and the loop for signals.

use super::device::Device;
use crossterm::{
    cursor::{Hide, Show},
    event::{DisableBracketedPaste, EnableBracketedPaste},
    execute,
    style::Print,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use std::{
    io::{self, Write as _},
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

/// Whether the terminal is ours right now. Process-wide, because a panic hook is, and so is the terminal.
static OURS: AtomicBool = AtomicBool::new(false);
/// Whether a panic is being told of: nothing may be drawn over it.
static TELLING: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();
/// Buttons and the wheel, told in cells beyond column 223 too. crossterm would ask for every movement as well: one wake-up each.
const TAKE_MOUSE: &str = "\u{1b}[?1000h\u{1b}[?1006h";
const LEAVE_MOUSE: &str = "\u{1b}[?1006l\u{1b}[?1000l";

/// As long as this lives, the terminal is ours.
#[derive(Debug)]
pub struct Guard {
    device: Device,
    mouse: bool,
}

impl Guard {
    /// Takes the terminal: raw mode, a screen of its own, no cursor, pasted text told apart from typed keys, and the mouse, if it
    /// is wanted.
    pub fn take(device: Device, mouse: bool) -> io::Result<Self> {
        let for_panics = device.clone();
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                TELLING.store(true, Ordering::SeqCst);
                give_back(&for_panics);
                before(panic);
                TELLING.store(false, Ordering::SeqCst);
            }));
        });
        let guard = Self { device, mouse };
        guard.enter()?;
        Ok(guard)
    }

    /// Takes the terminal again after [`Guard::leave`].
    pub fn enter(&self) -> io::Result<()> {
        enable_raw_mode()?;
        OURS.store(true, Ordering::SeqCst);
        execute!(self.device.clone(), EnterAlternateScreen, Hide, EnableBracketedPaste)?;
        if self.mouse { execute!(self.device.clone(), Print(TAKE_MOUSE)) } else { Ok(()) }
    }

    /// Gives the terminal back.
    pub fn leave(&self) {
        give_back(&self.device);
    }

    /// Whether a panic is being told of right now.
    pub fn is_telling_of_a_panic(&self) -> bool {
        TELLING.load(Ordering::SeqCst)
    }

    /// Whether it is ours. A panic anywhere gives it back.
    pub fn is_ours(&self) -> bool {
        OURS.load(Ordering::SeqCst)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Undoes what [`Guard::enter`] did, once. Nothing can be done about a terminal that is gone.
fn give_back(device: &Device) {
    if !OURS.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut device = device.clone();
    let _it_is_gone = execute!(device, Print(LEAVE_MOUSE), DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _it_is_gone = device.flush();
    let _it_is_gone = disable_raw_mode();
}
