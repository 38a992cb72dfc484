//! Makes `screenshots/*.svg` from the real program on the practice ground: it runs in a terminal of this process, keys are
//! pressed, and what is on the screen is drawn cell by cell.
//!
//! ```text
//! cargo run --example pictures
//! ```
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a script that cannot go on must stop, and tells what it made"
)]

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::{
    fmt::Write as _,
    io::{Read as _, Write as _},
    num::NonZero,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const COLUMNS: u16 = 110;
const ROWS: u16 = 32;
const PATIENCE: Duration = Duration::from_secs(60);
/// A cell's size, for a font size of 15.
const CELL: (u32, u32) = (9, 19);
const BACKGROUND: &str = "#16181d";
const FOREGROUND: &str = "#c9cdd4";
const COLOURS: [&str; 16] = [
    "#16181d", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#c9cdd4", "#5c6370", "#ff7b86",
    "#b5e890", "#ffd68a", "#7cc0ff", "#d99bf0", "#7fdbe6", "#ffffff",
];

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    let example = root.join("assets/answers/example.yaml");
    let setup = |scenario: &str| {
        Program::start(&[&format!("--practice={scenario}"), "setup", "--answers", example.to_str().unwrap()])
    };

    let mut program = Program::start(&["--practice=issuer-not-ready", "setup"]);
    program.answer_up_to("Which issuer signs the certificate?");
    program.wait_for("cannot be used");
    program.picture(&folder, "question");

    let mut program = setup("healthy");
    program.wait_for("apply 35 changes");
    program.press("/AuthorizationPolicy myapp/myapp-sign-in\r", "action: CUSTOM");
    program.picture(&folder, "review");
    program.press("w", "Has the application's own sidecar");
    program.press("y", "action: CUSTOM");
    program.press("\r", "Order ");
    program.picture(&folder, "apply");
    program.wait_for("Done in ");
    program.picture(&folder, "end");

    let mut program = setup("store-will-not-start");
    program.wait_for("apply 35 changes");
    program.press("\r", "What next");
    program.picture(&folder, "failure");
}

/// What only a person can know of the walk-through's example; everything else is proposed.
const TYPED: [(&str, &str); 3] = [
    ("What is the application called?", "myapp"),
    ("Which container image?", "docker.io/path/to/myapp:sometag"),
    ("Which host name do people type?", "myapp.cluster.example.com"),
];

/// The program in a terminal, with a home of its own.
struct Program {
    screen: Arc<Mutex<vt100::Parser>>,
    keys: Box<dyn std::io::Write + Send>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    _home: tempfile::TempDir,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let size = PtySize { rows: ROWS, cols: COLUMNS, ..PtySize::default() };
        let pair = native_pty_system().openpty(size).unwrap();
        let home = tempfile::tempdir().unwrap();
        let mut command = CommandBuilder::new(binary());
        command.args(arguments);
        command.env_clear();
        for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8")] {
            command.env(name, value);
        }
        command.env("HOME", home.path());
        command.cwd(home.path());
        let child = pair.slave.spawn_command(command).unwrap();
        let screen =
            Arc::new(Mutex::new(vt100::Parser::new(NonZero::new(ROWS).unwrap(), NonZero::new(COLUMNS).unwrap(), 0)));
        let drawn = Arc::clone(&screen);
        let mut output = pair.master.try_clone_reader().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0_u8; 4096];
            while let Ok(read @ 1..) = output.read(&mut buffer) {
                drawn.lock().unwrap().process(&buffer[..read]);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        // The terminal lives as long as this process.
        std::mem::forget(pair.master);
        Self { screen, keys, child, _home: home }
    }

    fn wait_for(&mut self, text: &str) {
        let began = Instant::now();
        loop {
            let shown = self.screen.lock().unwrap().screen().contents();
            if shown.contains(text) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{text:?} never came:\n{shown}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The line that asks: between the steps and what stands beside.
    fn question(&self) -> String {
        let shown = self.screen.lock().unwrap().screen().contents();
        let line = shown.lines().nth(2).unwrap_or_default();
        line.split('│').nth(3).unwrap_or_default().trim().to_owned()
    }

    /// Answers one question after the other, until `question` is asked.
    fn answer_up_to(&mut self, question: &str) {
        self.wait_for("continue");
        loop {
            let asked = self.question();
            if asked == question {
                return;
            }
            let typed = TYPED.iter().find(|(asks, _)| *asks == asked).map_or("", |(_, typed)| typed);
            if !typed.is_empty() {
                self.keys.write_all(typed.as_bytes()).unwrap();
            }
            self.keys.write_all(b"\r").unwrap();
            self.keys.flush().unwrap();
            let began = Instant::now();
            while self.question() == asked {
                assert!(began.elapsed() < PATIENCE, "{asked:?} stays");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    fn press(&mut self, keys: &str, until: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
        self.wait_for(until);
    }

    fn picture(&self, folder: &Path, name: &str) {
        let path = folder.join(format!("{name}.svg"));
        std::fs::write(&path, svg(self.screen.lock().unwrap().screen())).unwrap();
        println!("{}", path.display());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _it_has_ended = self.child.kill();
        let _it_has_ended = self.child.wait();
    }
}

/// The program, which cargo builds beside its examples.
fn binary() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let folder = this.parent().unwrap().parent().unwrap();
    folder.join("gatewright")
}

fn svg(screen: &vt100::Screen) -> String {
    let (width, height) = (u32::from(COLUMNS) * CELL.0, u32::from(ROWS) * CELL.1);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"15\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{BACKGROUND}\"/>\n"
    );
    for row in 0..ROWS {
        for column in 0..COLUMNS {
            if let Some(cell) = screen.cell(row, column).filter(|cell| !cell.is_wide_continuation()) {
                draw_cell(&mut svg, cell, u32::from(column) * CELL.0, u32::from(row) * CELL.1);
            }
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_cell(svg: &mut String, cell: &vt100::Cell, left: u32, top: u32) {
    let mut foreground = colour(cell.fgcolor(), FOREGROUND);
    let mut background = colour(cell.bgcolor(), BACKGROUND);
    if cell.inverse() {
        std::mem::swap(&mut foreground, &mut background);
    }
    let width = if cell.is_wide() { 2 * CELL.0 } else { CELL.0 };
    if background != BACKGROUND {
        let _infallible = writeln!(
            svg,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{}\" fill=\"{background}\"/>",
            CELL.1
        );
    }
    let text = cell.contents();
    if text.trim().is_empty() {
        return;
    }
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let weight = if cell.bold() { " font-weight=\"bold\"" } else { "" };
    let opacity = if cell.dim() { " opacity=\"0.6\"" } else { "" };
    let baseline = top + 14;
    let _infallible =
        writeln!(svg, "<text x=\"{left}\" y=\"{baseline}\" fill=\"{foreground}\"{weight}{opacity}>{text}</text>");
}

fn colour(colour: vt100::Color, default: &'static str) -> &'static str {
    match colour {
        vt100::Color::Idx(index) => COLOURS.get(usize::from(index)).copied().unwrap_or(default),
        _ => default,
    }
}
