//! A terminal that can be closed while the program runs. A pseudo-terminal is closed when the last handle to it is, and those of
//! [`Terminal`](crate::terminal::Terminal) are also held by the thread that reads.

use crate::terminal::{BINARY, PATIENCE, size_of};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use std::{
    fs::File,
    io::{Read as _, Write as _},
    process::{Child, Command},
    time::{Duration, Instant},
};

/// A terminal's window with the program in it.
pub(crate) struct Window {
    master: File,
    screen: vt100::Parser,
    child: Child,
    _home: tempfile::TempDir,
}

impl Window {
    /// Opens a window and runs the program in it.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let terminal = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        tcsetwinsize(&terminal, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let home = tempfile::tempdir().unwrap();
        // It becomes the leader of a session of its own, which this terminal controls.
        let child = Command::new("setsid")
            .args(["--ctty", BINARY])
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home.path())
            .env("TERM", "xterm-256color")
            .env("LANG", "C.UTF-8")
            .stdin(terminal.try_clone().unwrap())
            .stdout(terminal.try_clone().unwrap())
            .stderr(terminal)
            .spawn()
            .unwrap();
        Self { master: File::from(master), screen: vt100::Parser::new(size_of(24), size_of(80), 0), child, _home: home }
    }

    /// Waits until `text` is on the screen.
    pub(crate) fn wait_for_screen(&mut self, text: &str) {
        let began = Instant::now();
        let mut buffer = [0_u8; 4096];
        while !self.screen.screen().contents().contains(text) {
            assert!(began.elapsed() < PATIENCE, "{text:?} never came:\n{}", self.screen.screen().contents());
            let pause = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
            if poll(&mut [PollFd::new(&self.master, PollFlags::IN)], Some(&pause)).unwrap() > 0 {
                let read = self.master.read(&mut buffer).unwrap();
                self.screen.process(&buffer[..read]);
            }
        }
    }

    /// Sends keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Closes the window; waits for the end of the program, and tells its exit code.
    pub(crate) fn close(self) -> Option<i32> {
        let Self { master, mut child, .. } = self;
        drop(master);
        let began = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status.code();
            }
            if began.elapsed() > PATIENCE {
                child.kill().unwrap();
                panic!("it did not end");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
