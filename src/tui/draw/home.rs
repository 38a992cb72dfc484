//! HOME: what is installed, how well it is, and what to do.

use super::{
    boxed, clock, heading,
    looking::problem_lines,
    review::scrollbar,
    spinner,
    text::{column, fit, width, wrap},
};
use crate::{
    engine::installations::{Finding, Hook, Installation, Level},
    face::{advisories_text, certificate_text, days_text, last_run_text, pods_text},
    tui::{
        layout,
        state::{Home, Look, State},
        theme::Theme,
    },
};
use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::Paragraph,
};

/// The columns of a health, a certificate's end and a secret's end.
const HEALTH: usize = 8;
const CERTIFICATE: usize = 11;
const SECRET: usize = 9;

pub(super) fn draw(state: &State, home: &Home, theme: &Theme, frame: &mut Frame, area: Rect) {
    if home.is_empty() {
        return alone(state, home, theme, frame, area);
    }
    if home.detailed {
        return details(home, theme, frame, area);
    }
    if home.installation().is_none() {
        return list(state, home, theme, frame, area);
    }
    let [list_area, details_area] = layout::home(area);
    list(state, home, theme, frame, list_area);
    details(home, theme, frame, details_area);
}

/// Nothing is installed, or nobody knows.
fn alone(state: &State, home: &Home, theme: &Theme, frame: &mut Frame, area: Rect) {
    let block = boxed(theme, heading("What is installed here", theme, area));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let room = usize::from(inner.width).saturating_sub(4);
    let mut lines = vec![Line::default()];
    match &home.look {
        Look::GoingOn { since } => {
            let what = if state.opening.practice { "Looking at the practice ground" } else { "Looking at the cluster" };
            lines.push(Line::from(vec![
                Span::styled(format!("  {} ", spinner(state, theme)), theme.accent),
                Span::raw(what),
                Span::styled(format!("  {}", clock(state.now.saturating_sub(*since))), theme.faint),
            ]));
        }
        Look::Failed(problem) => {
            lines.push(Line::styled(format!("  {} What is installed cannot be told", theme.glyphs.failed), theme.bad));
            lines.extend(problem_lines(problem, theme, room, "    "));
            lines.push(Line::default());
            lines.extend(invitations(state, theme, room));
        }
        Look::Told => {
            let context = home.context.as_deref().unwrap_or("this cluster");
            let nothing = format!("  Nothing is installed in {context} yet.");
            lines.push(Line::styled(fit(&nothing, room, theme), theme.strong));
            lines.push(Line::default());
            lines.extend(invitations(state, theme, room));
        }
    }
    frame.render_widget(Paragraph::new(lines), inner);
}

/// What there is to do where nothing is.
fn invitations(state: &State, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let practice = state.opening.practice;
    let mut invitations = vec![(
        "n",
        "Set up sign-in for an application: some twenty minutes, and nothing is changed before you have seen all of it.",
    )];
    if !practice {
        let try_it = "Try it on the practice ground first: an embedded tenant and cluster, with no Azure and no cluster of yours.";
        invitations.push(("p", try_it));
    }
    let mut lines = Vec::new();
    for (key, text) in invitations {
        for (index, text) in wrap(text, room.saturating_sub(6)).into_iter().enumerate() {
            let key = if index == 0 { key } else { " " };
            lines.push(Line::from(vec![Span::styled(format!("  {key}   "), theme.accent), Span::raw(text)]));
        }
    }
    lines
}

fn list(state: &State, home: &Home, theme: &Theme, frame: &mut Frame, area: Rect) {
    let block = boxed(theme, heading(&title(state, home, theme), theme, area));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let room = usize::from(inner.width);
    let height = usize::from(inner.height).saturating_sub(1);
    let columns = Columns::of(home, room);
    let mut lines = vec![columns.headings(theme)];
    if home.count() == 0 {
        lines.push(Line::styled(
            format!("  Nothing has {:?} in its name, its host or its health.", home.filter),
            theme.faint,
        ));
    }
    let (first, window) = home.window(height);
    lines.extend(window.enumerate().map(|(index, one)| columns.row(one, first + index == home.chosen, theme)));
    frame.render_widget(Paragraph::new(lines), inner);
    scrollbar(theme, frame, area, home.count(), first, height);
}

fn title(state: &State, home: &Home, theme: &Theme) -> String {
    let all = home.installations.len();
    let mut title = match (home.filter.is_empty(), all) {
        (true, 1) => "1 installation".to_owned(),
        (true, _) => format!("{all} installations"),
        (false, _) => format!("{} of {all} installations: {}", home.count(), home.filter),
    };
    if home.is_looking() {
        title = format!("{title}  {} looking again", spinner(state, theme));
    }
    title
}

/// How wide the columns are.
struct Columns {
    name: usize,
    host: usize,
}

impl Columns {
    fn of(home: &Home, room: usize) -> Self {
        // Marker, glyph and the space between columns.
        let room = room.saturating_sub(4 + HEALTH + 4 * 2 + CERTIFICATE + SECRET);
        let longest = home.installations.iter().map(|one| width(&name(one))).max().unwrap_or_default();
        let name = longest.clamp(11, (room * 2 / 5).max(11));
        Self { name, host: room.saturating_sub(name) }
    }

    fn headings(&self, theme: &Theme) -> Line<'static> {
        let Self { name, host } = *self;
        let cells = [
            ("Health", HEALTH),
            ("Application", name),
            ("Host", host),
            ("Certificate", CERTIFICATE),
            ("Secret", SECRET),
        ];
        let cells: Vec<String> = cells.iter().map(|(text, room)| column(text, *room, theme)).collect();
        Line::styled(format!("    {}", cells.join("  ")), theme.faint)
    }

    fn row(&self, one: &Installation, is_chosen: bool, theme: &Theme) -> Line<'static> {
        let (glyph, style) = mark(one.health, theme);
        let marker = if is_chosen { theme.glyphs.chosen } else { " " };
        let health = column(one.health.word(), HEALTH, theme);
        let host = one.host.as_deref().unwrap_or("? (unreadable record)");
        let rest = format!(
            "  {}  {}  {}  {}",
            column(&name(one), self.name, theme),
            column(host, self.host, theme),
            column(&certificate_end(one), CERTIFICATE, theme),
            column(&days_text(one.client_secret_days), SECRET, theme),
        );
        if is_chosen {
            return Line::styled(format!("{marker} {glyph} {health}{rest}"), theme.chosen);
        }
        Line::from(vec![
            Span::raw(format!("{marker} ")),
            Span::styled(format!("{glyph} {health}"), style),
            Span::raw(rest),
        ])
    }
}

/// How long its certificate is good for, or what is wrong with it.
fn certificate_end(one: &Installation) -> String {
    match one.certificate.as_deref() {
        Some("ready") => days_text(one.certificate_days),
        Some("missing") => "missing".to_owned(),
        Some("expired") => "expired".to_owned(),
        Some(_) => "not ready".to_owned(),
        None => "?".to_owned(),
    }
}

/// Its name, with the namespace where that is another.
fn name(one: &Installation) -> String {
    if one.namespace == one.application { one.application.clone() } else { one.full_name() }
}

fn mark(level: Level, theme: &Theme) -> (&'static str, Style) {
    match level {
        Level::Ok => (theme.glyphs.done, theme.good),
        Level::NotSeen => ("?", theme.faint),
        Level::Care => ("!", theme.care),
        Level::Broken => (theme.glyphs.failed, theme.bad),
    }
}

fn details(home: &Home, theme: &Theme, frame: &mut Frame, area: Rect) {
    let Some(one) = home.installation() else {
        frame.render_widget(boxed(theme, Line::default()), area);
        return;
    };
    let block = boxed(theme, heading(&one.full_name(), theme, area));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    let (room, height) = (usize::from(inner.width), usize::from(inner.height));
    let lines = detail_lines(one, theme, room);
    let all = lines.len();
    let first = home.scroll.min(all.saturating_sub(height));
    let mut shown: Vec<Line> = lines.into_iter().skip(first).take(height).collect();
    if first + shown.len() < all
        && let Some(last) = shown.last_mut()
    {
        let left = all - first - height + 1;
        let how = if home.detailed { "" } else { ": d shows all" };
        let lines = if left == 1 { "line" } else { "lines" };
        *last = Line::styled(format!("{} {left} {lines} more{how}", theme.glyphs.ellipsis), theme.faint);
    }
    frame.render_widget(Paragraph::new(shown), inner);
    scrollbar(theme, frame, area, all, first, height);
}

fn detail_lines(one: &Installation, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if one.findings.is_empty() {
        let well = format!("{} Everything is as it should be.", theme.glyphs.done);
        lines.push(Line::styled(well, theme.good));
    }
    for finding in &one.findings {
        lines.extend(finding_lines(finding, theme, room));
    }
    lines.push(Line::default());
    for (label, text) in facts(one) {
        for (index, text) in wrap(&text, room.saturating_sub(15)).into_iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            lines.push(Line::from(vec![Span::styled(format!("{label:<15}"), theme.faint), Span::raw(text)]));
        }
    }
    lines
}

fn finding_lines(finding: &Finding, theme: &Theme, room: usize) -> Vec<Line<'static>> {
    let (glyph, style) = mark(finding.level, theme);
    let room = room.saturating_sub(2);
    let mut lines = Vec::new();
    for (index, text) in wrap(&finding.reason, room).into_iter().enumerate() {
        let glyph = if index == 0 { glyph } else { " " };
        lines.push(Line::from(vec![Span::styled(format!("{glyph} "), style), Span::styled(text, style)]));
    }
    lines.extend(wrap(&finding.to_do, room).into_iter().map(|text| Line::styled(format!("  {text}"), theme.strong)));
    lines
}

/// What is known, as far as it is.
fn facts(one: &Installation) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(host) = &one.host {
        facts.push(("Address", format!("https://{host}/")));
    }
    let version = one.proxy_version.as_ref().map(|version| format!(", oauth2-proxy {version}")).unwrap_or_default();
    facts.push(("Sign-in proxy", format!("{} pods ready{version}", pods_text(one.proxy))));
    let store = format!("{} pods ready", pods_text(one.session_store));
    facts.push(("Sessions", one.redis.as_ref().map_or(store, |redis| format!("in {redis}"))));
    facts.push(("Certificate", until(&certificate_text(one), one.certificate_expires.as_deref())));
    let secret = days_text(one.client_secret_days);
    facts.push(("Client secret", until(&secret, one.client_secret_expires.as_deref())));
    let hook = match one.hook {
        Some(Hook::Sidecar) => "in the application's sidecar",
        Some(Hook::Gateway) => "at the gateway",
        None => "?",
    };
    facts.push(("Sign-in hook", hook.to_owned()));
    let istio = if one.istio_versions.is_empty() { "?".to_owned() } else { one.istio_versions.join(" and ") };
    let address = one.address.as_deref().unwrap_or("no address known");
    facts.push(("Gateway", format!("{address}, Istio {istio}")));
    facts.push(("Advisories", advisories_text(one)));
    if let Some(last) = &one.last_run {
        facts.push(("Last run", last_run_text(last)));
    }
    facts
}

/// The text, with the day of the end.
fn until(text: &str, expires: Option<&str>) -> String {
    match expires.and_then(|expires| expires.get(..10)) {
        Some(day) => format!("{text}, until {day}"),
        None => text.to_owned(),
    }
}

/// What is installed, in a line.
pub(super) fn truth(home: &Home, theme: &Theme) -> (String, Style) {
    let counts = crate::face::health_counts(&home.installations);
    let worst = home.installations.iter().map(|one| one.health).max();
    match worst {
        None => ("This only looks: nothing is changed.".to_owned(), theme.faint),
        Some(worst) => (format!("{counts}. This only looks: nothing is changed."), mark(worst, theme).1),
    }
}
