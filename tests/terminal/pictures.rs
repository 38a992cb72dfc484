//! The pictures in `screenshots`: the program is driven to what they show, and shows the same, or they are drawn anew:
//! `scripts/pictures`.

mod picture;
mod svg;

use crate::{
    EXAMPLE,
    asking::answer_up_to,
    terminal::{PATIENCE, Terminal},
};
use picture::Picture;
use std::{
    path::Path,
    time::{Duration, Instant},
};

const SIZE: (u16, u16) = (100, 30);

/// A screen that has not changed for so long will not.
const STILL: Duration = Duration::from_secs(3);

/// On it the client secret is not known everywhere for as long as the picture takes.
const SLOW_SECRET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/terminal/pictures/slow-secret.yaml");

fn setup(scenario: &str) -> Terminal {
    Terminal::run(&["setup", &format!("--practice={scenario}"), "--answers", EXAMPLE], SIZE.0, SIZE.1)
}

fn apply(terminal: &mut Terminal) {
    terminal.wait_for_screen("apply 36 changes");
    terminal.press("\r");
}

#[test]
fn given_the_picture_of_a_question_then_the_program_asks_it_so() {
    let mut terminal = Terminal::run(&["setup", "--practice=issuer-not-ready"], SIZE.0, SIZE.1);
    answer_up_to(&mut terminal, "Which issuer signs the certificate?");
    terminal.wait_for_screen("cannot be used");
    expect_picture(&terminal, "question");
}

#[test]
fn given_the_picture_of_the_review_then_the_program_shows_its_plan_so() {
    let mut terminal = setup("healthy");
    terminal.wait_for_screen("apply 36 changes");
    terminal.press("/AuthorizationPolicy myapp/myapp-sign-in\r");
    terminal.wait_for_screen("action: CUSTOM");
    expect_picture(&terminal, "review");
}

#[test]
fn given_the_picture_of_the_work_then_the_program_works_so() {
    let mut terminal = setup(SLOW_SECRET);
    apply(&mut terminal);
    terminal.wait_for_screen("does not know it everywhere yet");
    expect_picture(&terminal, "apply");
}

#[test]
fn given_the_pictures_of_the_end_and_of_home_then_the_program_shows_them_so() {
    let mut terminal = setup("healthy");
    apply(&mut terminal);
    terminal.wait_for_screen("Done in ");
    expect_picture(&terminal, "end");
    terminal.press("q");
    assert_eq!(terminal.end_given_back(), 0, "{}", terminal.screen());

    let mut home = terminal.run_again_at(&["--practice"], SIZE);
    home.wait_for_screen("1 installation");
    expect_picture(&home, "home");
}

#[test]
fn given_the_picture_of_a_failure_then_the_program_fails_so() {
    let mut terminal = setup("store-will-not-start");
    apply(&mut terminal);
    terminal.wait_for_screen("What next");
    expect_picture(&terminal, "failure");
}

/// Compares the cells, their text and their style, with those of the picture; or draws it anew where `scripts/pictures` asks for it and
/// it is another one.
fn expect_picture(terminal: &Terminal, name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("screenshots").join(format!("{name}.svg"));
    let stored = std::fs::read_to_string(&path).ok();
    let expected = stored.as_deref().map(svg::read);
    let is_drawn_so = |picture: &Picture| stored.as_ref().is_some_and(|stored| *stored == svg::draw(picture));
    let expected = expected.filter(is_drawn_so);
    let shown = what_is_shown(terminal, expected.as_ref());
    if expected.as_ref().is_some_and(|expected| expected.masked() == shown.masked()) {
        return;
    }
    if std::env::var_os("GATEWRIGHT_DRAW_PICTURES").is_some() {
        std::fs::write(&path, svg::draw(&shown)).unwrap();
        return;
    }
    let expected = expected.map_or_else(|| "There is none.".to_owned(), |expected| difference(&expected, &shown));
    panic!(
        "screenshots/{name}.svg is not what the program shows. If that is meant, run `scripts/pictures`, look at the picture, and \
         commit it.\n{expected}\nThe program shows:\n{}",
        shown.text()
    );
}

/// What is on the screen as soon as it is what is expected, or else once it stays as it is.
fn what_is_shown(terminal: &Terminal, expected: Option<&Picture>) -> Picture {
    let expected = expected.map(Picture::masked);
    let began = Instant::now();
    let mut shown = terminal.picture(Picture::of);
    let mut since = began;
    while expected != Some(shown.masked()) && since.elapsed() < STILL {
        assert!(began.elapsed() < PATIENCE, "it is never still:\n{}", shown.text());
        std::thread::sleep(Duration::from_millis(20));
        let now = terminal.picture(Picture::of);
        if now.masked() != shown.masked() {
            since = Instant::now();
        }
        shown = now;
    }
    shown
}

/// The rows that are not the same, as they are in the picture and on the screen.
fn difference(expected: &Picture, shown: &Picture) -> String {
    let (expected, shown) = (expected.masked(), shown.masked());
    let (expected_text, shown_text) = (expected.text(), shown.text());
    let texts = expected_text.lines().zip(shown_text.lines());
    let rows = expected.rows.iter().zip(&shown.rows).zip(texts).enumerate();
    rows.filter(|(_, ((one, other), _))| one != other)
        .map(|(row, (_, (one, other)))| {
            let (picture, program) = (format!("  picture: {one}\n"), format!("  program: {other}\n"));
            if one == other {
                format!("row {row}, the style alone:\n{program}")
            } else {
                format!("row {row}\n{picture}{program}")
            }
        })
        .collect()
}
