//! A pseudo-terminal with the binary in it.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::{
    io::{Read as _, Write},
    num::NonZero,
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_gatewright");

/// How long anything may take to appear.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A run of the binary in a terminal.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    writer: Option<Box<dyn Write + Send>>,
    reader: Option<JoinHandle<()>>,
    bytes: Arc<Mutex<Vec<u8>>>,
    screen: Arc<Mutex<vt100::Parser>>,
    home: Arc<tempfile::TempDir>,
    /// The driver's modes before the program ran.
    modes_before: String,
    /// How much of what was shown has been waited for.
    seen: usize,
}

impl Terminal {
    /// Starts the binary in a terminal of this size, with a home of its own.
    pub(crate) fn run(arguments: &[&str], columns: u16, rows: u16) -> Self {
        Self::prepared(arguments, columns, rows, |_| {})
    }

    /// The same, with a say in its environment.
    pub(crate) fn prepared(arguments: &[&str], columns: u16, rows: u16, prepare: impl Fn(&mut CommandBuilder)) -> Self {
        Self::start(BINARY, arguments, columns, rows, Arc::new(tempfile::tempdir().unwrap()), prepare)
    }

    /// Another program in a terminal: a shell, or this test itself.
    pub(crate) fn of_program(program: &str, arguments: &[&str]) -> Self {
        Self::start(program, arguments, 80, 24, Arc::new(tempfile::tempdir().unwrap()), |_| {})
    }

    /// Another run in the same home.
    pub(crate) fn run_again(&self, arguments: &[&str]) -> Self {
        Self::start(BINARY, arguments, 80, 24, Arc::clone(&self.home), |_| {})
    }

    /// The same, in a terminal of another size.
    pub(crate) fn run_again_at(&self, arguments: &[&str], (columns, rows): (u16, u16)) -> Self {
        Self::start(BINARY, arguments, columns, rows, Arc::clone(&self.home), |_| {})
    }

    /// The same, with a say in its environment.
    pub(crate) fn run_again_prepared(&self, arguments: &[&str], prepare: impl Fn(&mut CommandBuilder)) -> Self {
        Self::start(BINARY, arguments, 80, 24, Arc::clone(&self.home), prepare)
    }

    /// The screen size does not matter to it, and neither does anybody watching: runs to its end and tells exit code and output.
    pub(crate) fn run_to_its_end(&self, arguments: &[&str]) -> (u32, String) {
        let mut run = self.run_again(arguments);
        (run.end(), run.everything())
    }

    fn start(
        program: &str,
        arguments: &[&str],
        columns: u16,
        rows: u16,
        home: Arc<tempfile::TempDir>,
        prepare: impl Fn(&mut CommandBuilder),
    ) -> Self {
        let size = PtySize { rows, cols: columns, ..PtySize::default() };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.env_clear();
        command.env("HOME", home.path());
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.cwd(home.path());
        prepare(&mut command);
        let modes_before = format!("{:?}", pair.master.get_termios().unwrap());
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let bytes: Arc<Mutex<Vec<u8>>> = Arc::default();
        let mut output = pair.master.try_clone_reader().unwrap();
        let into = Arc::clone(&bytes);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(size_of(rows), size_of(columns), 1_000)));
        let drawn = Arc::clone(&screen);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0_u8; 4096];
            while let Ok(read @ 1..) = output.read(&mut buffer) {
                into.lock().unwrap().extend_from_slice(&buffer[..read]);
                drawn.lock().unwrap().process(&buffer[..read]);
            }
        });
        let writer = pair.master.take_writer().unwrap();
        Self {
            child,
            master: Some(pair.master),
            writer: Some(writer),
            reader: Some(reader),
            bytes,
            screen,
            home,
            modes_before,
            seen: 0,
        }
    }

    /// Sends keys.
    pub(crate) fn press(&mut self, keys: &str) {
        let writer = self.writer.as_mut().unwrap();
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    /// Writes a line.
    pub(crate) fn write_line(&mut self, line: &str) {
        self.press(line);
        self.press("\r");
    }

    /// Waits until `text` is shown after everything that was waited for like this before.
    pub(crate) fn wait_for_news(&mut self, text: &str) {
        let began = Instant::now();
        loop {
            let shown = self.everything();
            if let Some(at) = shown.get(self.seen..).and_then(|news| news.find(text)) {
                self.seen += at + text.len();
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{text:?} never came:\n{shown}");
            assert!(!self.is_all_told() || self.everything() != shown, "it ended before {text:?}:\n{shown}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether it has ended, and everything that it wrote has been read.
    fn is_all_told(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some() && self.reader.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits until a line is waited for.
    pub(crate) fn wait_for_prompt(&mut self) {
        let began = Instant::now();
        while !self.everything().ends_with(": ") {
            assert!(began.elapsed() < PATIENCE, "no prompt came:\n{}", self.everything());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The folder that it runs in.
    pub(crate) fn home(&self) -> &std::path::Path {
        self.home.path()
    }

    /// Waits until `text` has been shown.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let began = Instant::now();
        while !self.everything().contains(text) {
            assert!(began.elapsed() < PATIENCE, "{text:?} never came:\n{}", self.everything());
            let ended = self.is_all_told();
            assert!(!ended || self.everything().contains(text), "it ended before {text:?}:\n{}", self.everything());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until `text` is on the screen now.
    pub(crate) fn wait_for_screen(&mut self, text: &str) {
        let began = Instant::now();
        while !self.screen().contains(text) {
            assert!(began.elapsed() < PATIENCE, "{text:?} never came:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the screen is as `is` wants it.
    pub(crate) fn wait_until(&mut self, is: impl Fn(&str) -> bool) {
        let began = Instant::now();
        while !is(&self.screen()) {
            assert!(began.elapsed() < PATIENCE, "it never came to that:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What is on the screen now.
    pub(crate) fn screen(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// What somebody makes of the screen as it is now, colours and all.
    pub(crate) fn picture<T>(&self, of: impl FnOnce(&vt100::Screen) -> T) -> T {
        of(self.screen.lock().unwrap().screen())
    }

    /// Waits until no byte has come for a while.
    pub(crate) fn wait_until_silent(&self) {
        let mut count = self.count();
        let mut since = Instant::now();
        let began = Instant::now();
        while since.elapsed() < Duration::from_millis(700) {
            assert!(began.elapsed() < PATIENCE, "it never falls silent:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(10));
            if self.count() != count {
                count = self.count();
                since = Instant::now();
            }
        }
    }

    /// How many bytes were written so far.
    fn count(&self) -> usize {
        self.bytes.lock().unwrap().len()
    }

    /// Gives the window another size.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.screen.lock().unwrap().screen_mut().set_size(size_of(rows), size_of(columns));
        let size = PtySize { rows, cols: columns, ..PtySize::default() };
        self.master.as_ref().unwrap().resize(size).unwrap();
    }

    /// Waits until these bytes have been sent.
    pub(crate) fn wait_for_raw(&self, bytes: &str) {
        let began = Instant::now();
        while !self.raw().contains(bytes) {
            assert!(began.elapsed() < PATIENCE, "{bytes:?} never came:\n{}", self.raw());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the cell in this row and column has this colour.
    pub(crate) fn wait_for_colour(&self, (row, column): (u16, u16), colour: vt100::Color) {
        let began = Instant::now();
        let colour_now = || self.screen.lock().unwrap().screen().cell(row, column).map(vt100::Cell::fgcolor);
        while colour_now() != Some(colour) {
            assert!(began.elapsed() < PATIENCE, "it is {:?}:\n{}", colour_now(), self.screen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.process_id().unwrap()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// Sends a signal to whoever has the terminal, as a shell's own child.
    pub(crate) fn signal_to_the_foreground(&self, signal: rustix::process::Signal) {
        let group = self.master.as_ref().unwrap().process_group_leader().unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(group).unwrap(), signal).unwrap();
    }

    /// What of the terminal has not been given back; empty when all of it was.
    pub(crate) fn not_given_back(&self) -> Vec<&'static str> {
        let parser = self.screen.lock().unwrap();
        let screen = parser.screen();
        // Raw mode is the driver's, and told by the master's side.
        let modes = format!("{:?}", self.master.as_ref().unwrap().get_termios().unwrap());
        let lacking = [
            (screen.alternate_screen(), "the alternate screen"),
            (screen.hide_cursor(), "the hidden cursor"),
            (screen.bracketed_paste(), "bracketed paste"),
            (screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None, "the mouse"),
            (modes != self.modes_before, "the modes of the driver"),
        ];
        lacking.into_iter().filter(|(lacks, _)| *lacks).map(|(_, what)| what).collect()
    }

    /// Waits for the end, sees that the terminal was given back, and tells the exit code.
    pub(crate) fn end_given_back(&mut self) -> u32 {
        let began = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < PATIENCE, "it did not end:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(10));
        }
        // What was written last is still on its way through the terminal.
        while !self.not_given_back().is_empty() && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(self.not_given_back(), [""; 0], "{}", self.screen());
        self.end()
    }

    /// Waits for the end, and tells the exit code.
    pub(crate) fn end(&mut self) -> u32 {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > PATIENCE {
                self.child.kill().unwrap();
                panic!("it did not end:\n{}", self.everything());
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        self.writer = None;
        self.master = None;
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        status.exit_code()
    }

    /// Everything that was ever written, as bytes read as text.
    pub(crate) fn raw(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    /// Everything that was ever shown, without the colours.
    pub(crate) fn everything(&self) -> String {
        anstream::adapter::strip_str(&self.raw()).to_string()
    }
}

pub(crate) fn size_of(cells: u16) -> NonZero<u16> {
    NonZero::new(cells).unwrap()
}
