//! Where happenings come from besides the engine: keys, signals, and the terminal's end.

use super::{
    background::{Answer, Sieve, TORN},
    happening::{Happening, Wheel},
};
use crossterm::event::{Event, EventStream, KeyEvent, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};
use futures::StreamExt as _;
use std::time::Instant;
use tokio::{sync::mpsc::UnboundedSender, task::JoinHandle};

/// What listens; stops listening when dropped.
#[derive(Debug)]
pub(super) struct Sources(Vec<JoinHandle<()>>);

impl Sources {
    /// Listens to everything, and sends it to `sender`.
    /// `asked` is when the terminal was asked for its background, if it was.
    pub(super) fn listen(sender: &UnboundedSender<Happening>, asked: Option<Instant>) -> Self {
        watch_for_the_end(sender.clone());
        Self(vec![tokio::spawn(keys(sender.clone(), Sieve::new(asked))), tokio::spawn(signals(sender.clone()))])
    }
}

impl Drop for Sources {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

async fn keys(sender: UnboundedSender<Happening>, mut sieve: Sieve) {
    let mut events = EventStream::new();
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = tokio::time::sleep(TORN), if sieve.holds_an_escape() => {
                if !send_all(&sender, sieve.release()) {
                    return;
                }
                continue;
            }
        };
        let Some(Ok(event)) = event else { break };
        let happening = match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                let sifted = sieve.sift(key);
                let answered =
                    sifted.answer.is_none_or(|Answer(side)| sender.send(Happening::BackgroundIs(side)).is_ok());
                if !answered || !send_all(&sender, sifted.keys) {
                    return;
                }
                continue;
            }
            Event::Mouse(mouse) => moused(mouse),
            Event::Paste(text) => Some(Happening::Pasted(text)),
            Event::Resize(columns, rows) => Some(Happening::Resized(columns, rows)),
            _ => None,
        };
        if let Some(happening) = happening
            && sender.send(happening).is_err()
        {
            return;
        }
    }
    let _nobody_listens = sender.send(Happening::TerminalGone);
}

fn send_all(sender: &UnboundedSender<Happening>, keys: Vec<KeyEvent>) -> bool {
    keys.into_iter().all(|key| sender.send(Happening::Pressed(key)).is_ok())
}

fn moused(mouse: MouseEvent) -> Option<Happening> {
    let (column, row) = (mouse.column, mouse.row);
    match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => Some(Happening::Clicked(column, row)),
        MouseEventKind::ScrollUp => Some(Happening::Wheeled(Wheel::Up, column, row)),
        MouseEventKind::ScrollDown => Some(Happening::Wheeled(Wheel::Down, column, row)),
        _ => None,
    }
}

#[cfg(unix)]
async fn signals(sender: UnboundedSender<Happening>) {
    use tokio::signal::unix::{SignalKind, signal};
    // SIGTSTP, which has no name in tokio.
    let suspend = SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw());
    let resume = SignalKind::from_raw(rustix::process::Signal::CONT.as_raw());
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hang_up), Ok(mut suspend), Ok(mut resume)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
        signal(suspend),
        signal(resume),
    ) else {
        return;
    };
    loop {
        let happening = tokio::select! {
            _ = interrupt.recv() => Happening::AskedToEnd,
            _ = terminate.recv() => Happening::AskedToEnd,
            _ = hang_up.recv() => Happening::TerminalGone,
            _ = suspend.recv() => Happening::AskedToSuspend,
            _ = resume.recv() => Happening::Resumed,
        };
        if sender.send(happening).is_err() {
            return;
        }
    }
}

#[cfg(not(unix))]
async fn signals(sender: UnboundedSender<Happening>) {
    while tokio::signal::ctrl_c().await.is_ok() {
        if sender.send(Happening::AskedToEnd).is_err() {
            return;
        }
    }
}

/// A closed terminal is told of by SIGHUP, unless something took that signal away: the kernel is asked too. That costs a thread
/// that sleeps.
#[cfg(unix)]
fn watch_for_the_end(sender: UnboundedSender<Happening>) {
    use rustix::event::{PollFd, PollFlags, poll};
    use std::io::IsTerminal as _;
    if !std::io::stdin().is_terminal() {
        return;
    }
    let watch = move || {
        let input = std::io::stdin();
        loop {
            // No flags: only the end wakes it.
            let mut descriptors = [PollFd::new(&input, PollFlags::empty())];
            match poll(&mut descriptors, None) {
                Err(rustix::io::Errno::INTR) => {}
                _ => break,
            }
        }
        let _nobody_listens = sender.send(Happening::TerminalGone);
    };
    let _without_it_sighup_has_to_do = std::thread::Builder::new().name("terminal".to_owned()).spawn(watch);
}

#[cfg(not(unix))]
fn watch_for_the_end(_sender: UnboundedSender<Happening>) {}
