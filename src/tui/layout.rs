//! Where things are. Scrolling and drawing agree on it.

use ratatui::layout::{Constraint, Layout, Margin, Rect};

/// The parts of the frame that every screen has.
#[derive(Clone, Copy, Debug)]
pub struct Areas {
    /// What is worked on.
    pub header: Rect,
    /// The screen itself.
    pub body: Rect,
    /// The truth about changes.
    pub status: Rect,
    /// Which keys work.
    pub hints: Rect,
}

/// Divides the window.
pub fn areas(window: Rect) -> Areas {
    let [header, body, status, hints] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1), Constraint::Length(1)])
            .areas(window);
    Areas { header, body, status, hints }
}

/// Divides the body of the review: the tree, and the text of the chosen object; `choices` lines below are left free.
pub fn review(body: Rect, choices: u16) -> [Rect; 2] {
    let body = Rect { height: body.height.saturating_sub(choices), ..body };
    let tree = (u32::from(body.width) * 45 / 100).clamp(38, 64);
    Layout::horizontal([Constraint::Length(u16::try_from(tree).unwrap_or(38)), Constraint::Fill(1)]).areas(body)
}

/// Divides the body of what is installed: the list, and the details of the chosen one; beside each other where there is room.
pub fn home(body: Rect) -> [Rect; 2] {
    if body.width >= 120 {
        let list = u32::from(body.width) * 60 / 100;
        let list = Constraint::Length(u16::try_from(list).unwrap_or(body.width));
        return Layout::horizontal([list, Constraint::Fill(1)]).areas(body);
    }
    let list = u32::from(body.height) * 45 / 100;
    let list = Constraint::Length(u16::try_from(list).unwrap_or(body.height));
    Layout::vertical([list, Constraint::Fill(1)]).areas(body)
}

/// Where the rows of what is installed are: below their headings.
pub fn home_rows(body: Rect) -> Rect {
    let [list, _] = home(body);
    let inside = inside(list);
    Rect { y: inside.y + 1, height: inside.height.saturating_sub(1), ..inside }
}

/// How many rows of the review's tree are in sight.
pub fn review_rows_in_sight(size: (u16, u16), choices: u16) -> usize {
    let [tree, _] = review(areas(Rect::new(0, 0, size.0, size.1)).body, choices);
    usize::from(inside(tree).height)
}

/// What is inside of a box's border.
pub fn inside(area: Rect) -> Rect {
    area.inner(Margin::new(1, 1))
}

/// Divides the body of the work: the rows, and what is to be said about them.
pub fn progress(body: Rect, is_over: bool) -> [Rect; 2] {
    let said = if is_over { 8 } else { 5 };
    Layout::vertical([Constraint::Fill(1), Constraint::Length(said)]).areas(body)
}

/// How many rows of the work are in sight.
pub fn rows_in_sight(size: (u16, u16), is_over: bool) -> usize {
    let [rows, _] = progress(areas(Rect::new(0, 0, size.0, size.1)).body, is_over);
    usize::from(rows.height.saturating_sub(2))
}

/// A box of this size in the middle of `area`.
pub fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect::new(area.x + (area.width - width) / 2, area.y + (area.height - height) / 2, width, height)
}

/// The parts of the questions' screen.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// The steps.
    pub steps: Rect,
    /// The question.
    pub question: Rect,
    /// What the step makes and why, where there is room beside.
    pub beside: Option<Rect>,
}

/// Divides the body of the questions.
pub fn asking(body: Rect, wide: u16) -> Asking {
    let steps = Constraint::Length(23);
    if body.width < wide {
        let [steps, question] = Layout::horizontal([steps, Constraint::Fill(1)]).areas(body);
        return Asking { steps, question, beside: None };
    }
    let beside = (u32::from(body.width) * 28 / 100).clamp(27, 44);
    let beside = Constraint::Length(u16::try_from(beside).unwrap_or(27));
    let [steps, question, beside] = Layout::horizontal([steps, Constraint::Fill(1), beside]).areas(body);
    Asking { steps, question, beside: Some(beside) }
}
