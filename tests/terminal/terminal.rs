//! A pseudo-terminal with the binary in it.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::{
    io::{Read as _, Write},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// How long anything may take to appear.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run of the binary in a terminal.
pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    writer: Option<Box<dyn Write + Send>>,
    reader: Option<JoinHandle<()>>,
    bytes: Arc<Mutex<Vec<u8>>>,
    home: Arc<tempfile::TempDir>,
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
        Self::start(arguments, columns, rows, Arc::new(tempfile::tempdir().unwrap()), prepare)
    }

    /// Another run in the same home.
    pub(crate) fn run_again(&self, arguments: &[&str]) -> Self {
        Self::start(arguments, 80, 24, Arc::clone(&self.home), |_| {})
    }

    /// The screen size does not matter to it, and neither does anybody watching: runs to its end and tells exit code and output.
    pub(crate) fn run_to_its_end(&self, arguments: &[&str]) -> (u32, String) {
        let mut run = self.run_again(arguments);
        (run.end(), run.everything())
    }

    fn start(
        arguments: &[&str],
        columns: u16,
        rows: u16,
        home: Arc<tempfile::TempDir>,
        prepare: impl Fn(&mut CommandBuilder),
    ) -> Self {
        let size = PtySize { rows, cols: columns, ..PtySize::default() };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_gatewright"));
        command.args(arguments);
        command.env_clear();
        command.env("HOME", home.path());
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.cwd(home.path());
        prepare(&mut command);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let bytes: Arc<Mutex<Vec<u8>>> = Arc::default();
        let mut output = pair.master.try_clone_reader().unwrap();
        let into = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0_u8; 4096];
            while let Ok(read @ 1..) = output.read(&mut buffer) {
                into.lock().unwrap().extend_from_slice(&buffer[..read]);
            }
        });
        let writer = pair.master.take_writer().unwrap();
        Self { child, master: Some(pair.master), writer: Some(writer), reader: Some(reader), bytes, home, seen: 0 }
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
            assert!(
                self.child.try_wait().unwrap().is_none() || self.everything() != shown,
                "it ended before {text:?}:\n{shown}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
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
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() || self.everything().contains(text),
                "it ended before {text:?}:\n{}",
                self.everything()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
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
