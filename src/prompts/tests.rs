use super::{Lines, NoAnswer, ask, yes_or_no};
use crate::{
    answers::file,
    wizard::{Fact, Need, News, Session, Wizard},
};
use std::{collections::VecDeque, io};

const EXAMPLE: &str = include_str!("../../assets/answers/example.yaml");

/// Somebody whose lines are known beforehand.
struct Script {
    answers: VecDeque<&'static str>,
    said: String,
}

impl Script {
    fn of(answers: &[&'static str]) -> Self {
        Self { answers: answers.iter().copied().collect(), said: String::new() }
    }
}

impl Lines for Script {
    fn say(&mut self, text: &str) -> io::Result<()> {
        self.said.push_str(text);
        self.said.push('\n');
        Ok(())
    }

    fn ask(&mut self, prompt: &str) -> io::Result<Option<String>> {
        let answer = self.answers.pop_front();
        self.say(&[prompt, answer.unwrap_or("(end of input)")].join(" "))?;
        Ok(answer.map(str::to_owned))
    }
}

fn nobody_may_look(_: &Session, need: &Need) -> News {
    match need {
        Need::Gateways => News::Gateways(Fact::Known(vec![crate::facts::GatewaySummary {
            namespace: "istio-system".to_owned(),
            service: "istio-ingressgateway".to_owned(),
            address: None,
        }])),
        other => other.clone().failed("issuers is forbidden".to_owned()),
    }
}

#[test]
fn given_the_end_of_input_at_any_line_then_there_are_no_answers() {
    let lines = [
        "",
        "myapp",
        "",
        "",
        "docker.io/path/to/myapp:sometag",
        "",
        "",
        "",
        "myapp.cluster.example.com",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "ClusterIssuer/letsencrypt-production",
        "*.cluster.example.com",
        "",
        "",
        "sidecar",
        "",
    ];
    for end in 0..lines.len() {
        let mut script = Script::of(&lines[..end]);
        let asked = ask(&mut Wizard::new(None), &mut script, &mut nobody_may_look);
        assert!(matches!(asked, Err(NoAnswer::Ended)), "after {end} lines: {asked:?}\n{}", script.said);
    }
    let mut script = Script::of(&lines);
    let asked = ask(&mut Wizard::new(None), &mut script, &mut nobody_may_look);
    let asked = asked.unwrap_or_else(|error| panic!("{error}\n{}", script.said));
    assert_eq!(asked, file::parse(EXAMPLE, "the example").unwrap());
    assert!(script.said.contains("What there is could not be found out: issuers is forbidden"), "{}", script.said);
    let too_wide = script.said.lines().filter(|line| line.chars().count() > 80).collect::<Vec<_>>();
    assert!(too_wide.is_empty(), "{too_wide:#?}");
}

#[test]
fn given_the_review_when_a_step_is_chosen_then_it_is_asked_once_more_and_everything_else_stays() {
    let answers = file::parse(EXAMPLE, "the example").unwrap();
    let mut script = Script::of(&["8", "?", "6", "", "no", "8h", "", "", "", "2", ""]);
    let asked = ask(&mut Wizard::about(&answers), &mut script, &mut nobody_may_look).unwrap();
    let changed: Vec<_> = asked.differences(&answers).into_iter().map(|difference| difference.key).collect();
    assert_eq!(changed, ["proxy.replicas", "proxy.sessionLifetime"], "{}", script.said);
    assert!(script.said.contains("That is none of the steps; write a number from 1 to 7"), "{}", script.said);
}

#[test]
fn given_a_yes_or_no_then_the_end_of_input_is_neither() {
    let asked = |answers: &[&'static str]| yes_or_no(&mut Script::of(answers), "Save it?", true).unwrap();
    assert_eq!(
        [asked(&[""]), asked(&["NO"]), asked(&["perhaps", "y"]), asked(&[])],
        [Some(true), Some(false), Some(true), None]
    );
}
