//! The full screen with a made-up plan and nothing behind it: the face alone, for scripts/measure-terminal.
//!
//! ```text
//! cargo run --example stream            the review
//! cargo run --example stream -- apply   twenty events a second
//! ```

use gatewright::{
    blueprint::{PartId, Wave},
    engine::event::{Action, Counts, Event, Events, Outcome, StepSummary, Title},
    tui::{Decision, Dialogue, Ending, Item, Opening, Stage},
};
use std::time::{Duration, Instant};

const OBJECTS: usize = 35;
const EVENTS_A_SECOND: u32 = 20;

fn main() -> std::io::Result<()> {
    let applies = std::env::args().nth(1).is_some_and(|argument| argument == "apply");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let opening = Opening { doing: "setup".to_owned(), about: "made-up".to_owned(), ..Opening::default() };
        Stage::open(opening)?.perform(move |dialogue| show(dialogue, applies)).await;
        Ok(())
    })
}

async fn show(mut dialogue: Dialogue, applies: bool) {
    dialogue.show_plan((0..OBJECTS).map(item).collect());
    if !applies {
        while !matches!(dialogue.decision().await, Decision::Leave) {}
        return;
    }
    dialogue.begin();
    let events = Events::to(dialogue.listener());
    let cancel = dialogue.cancel();
    let began = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / EVENTS_A_SECOND);
    for count in 0.. {
        if cancel.run_until_cancelled(ticks.tick()).await.is_none() {
            break;
        }
        let index = count % OBJECTS;
        let reason = format!("Order made-up-{count} is pending: waiting for what has been written to be seen");
        events.waiting(&part(index), &title(index), reason, began, Duration::from_secs(900));
    }
    events.tell(Event::Finished {
        outcome: Outcome::Interrupted,
        counts: Counts::default(),
        address: None,
        elapsed_ms: 0,
    });
    dialogue.end(Ending::default());
    dialogue.decision().await;
}

fn part(index: usize) -> PartId {
    PartId(format!("cluster/{index}"))
}

fn title(index: usize) -> Title {
    Title { kind: "AuthorizationPolicy".to_owned(), name: format!("made-up/made-up-object-{index}") }
}

fn item(index: usize) -> Item {
    let why = "Says why it is there, in a sentence as long as such sentences are in a real plan.".to_owned();
    let rules: Vec<String> =
        (0..40).map(|rule| format!("  - to:\n    - operation:\n        ports: [\"80{rule:02}\"]\n")).collect();
    let head = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nspec:\n  action: CUSTOM\n  rules:\n";
    let document = format!("# {why}\n{head}{}", rules.concat());
    let diff = document.lines().map(|line| format!("+{line}")).collect::<Vec<_>>().join("\n");
    let summary = StepSummary {
        part: part(index),
        title: title(index),
        wave: Wave::Locks,
        action: Action::Create,
        why,
        diff,
        warnings: Vec::new(),
        problem: None,
    };
    Item { summary, document, fate: None, standing: None }
}
