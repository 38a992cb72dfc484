//! The questions of setup, as data, and the conversation about them: pure, and shown by several faces.
//!
//! A [`Wizard`] holds a [`Draft`] of answers and what has been [`Discovered`] so far. It says which question is open, what
//! can be chosen, what is proposed and what is wrong with an answer; it knows no terminal, no cluster and no Entra. Whoever
//! runs it asks for [`Wizard::needs`], finds them out in the [`Session`] that the conversation has arrived at, and tells
//! [`Wizard::learn_in`].

mod choices;
mod discovered;
mod draft;
mod makes;
mod question;
mod questions;
mod reading;
mod session;
#[cfg(test)]
mod tests;

pub use choices::Choice;
pub use discovered::{Discovered, Fact, Likeness, Need, News, Place, RecordedApplication, Side};
pub use draft::{Draft, Given, OPEN};
pub use makes::Made;
pub use question::{Choices, Kind, Proposal, Question, Step, When};
pub use questions::{
    ADOPTED, APPLICATION, CERTIFICATE, CLOUD, CONTEXT, DEPLOY, ISSUED, KEEP_DETAILS, NEW, NEWLY_ISSUED, OWN_STORE,
    QUESTIONS, REDIS, REGISTRATION, SERVICE, SIGN_IN, STORE, TENANT, THERE, WORKLOAD, at,
};
pub use session::{Session, USUAL_CLOUD};

use crate::answers::{Answers, Mistakes, names::Unusable};
use std::collections::BTreeSet;

/// Where Istio's charts put a gateway; used while nobody knows better.
const USUAL_GATEWAY_NAMESPACE: &str = "istio-system";

/// What is being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// This question.
    Question(&'static Question),
    /// Nothing: everything is answered, and is to be looked at.
    Review,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Everything in it is answered.
    Done,
    /// It is being asked.
    Current,
    /// Something in it is still to be answered.
    Open,
}

/// A conversation.
#[derive(Clone, Debug)]
pub struct Wizard {
    draft: Draft,
    discovered: Discovered,
    asking: Asking,
    /// Answers that rest on one that has changed since, or that are to be looked at again.
    stale: BTreeSet<&'static str>,
    /// Answers that are what was proposed: they go along when the proposal changes.
    as_proposed: BTreeSet<&'static str>,
    /// What was known before anybody was asked, where the conversation is also about what to connect to.
    beforehand: Option<session::Beforehand>,
    /// The recorded answers that it goes on from.
    recorded: Option<Box<Answers>>,
}

impl Wizard {
    /// A conversation from the beginning, about the application `name`, if that is known.
    pub fn new(name: Option<&str>) -> Self {
        let mut wizard = Self {
            draft: Draft::default(),
            discovered: Discovered::default(),
            asking: Asking::Review,
            stale: BTreeSet::new(),
            as_proposed: BTreeSet::new(),
            beforehand: None,
            recorded: None,
        };
        if let (Some(question), Some(name)) = (at("application.name"), name) {
            wizard.draft.put(question.id, Given::text(name));
            wizard.stale.insert(question.id);
        }
        wizard.asking = wizard.next_open();
        wizard
    }

    /// A conversation about answers that are there already: it begins with the review.
    pub fn about(answers: &Answers) -> Self {
        let mut wizard = Self::new(None);
        wizard.draft = Draft::from(answers);
        wizard.note_what_is_as_proposed();
        wizard.asking = wizard.next_open();
        wizard
    }

    fn note_what_is_as_proposed(&mut self) {
        let as_proposed = QUESTIONS.iter().filter(|question| {
            self.draft.get(question.id).is_some() && self.draft.get(question.id) == self.default_of(question).as_ref()
        });
        self.as_proposed = as_proposed.map(|question| question.id).collect();
    }

    /// What is being asked.
    pub fn asking(&self) -> Asking {
        self.asking
    }

    /// The step that is being asked.
    pub fn step(&self) -> Step {
        match self.asking {
            Asking::Question(question) => question.step,
            Asking::Review => Step::Review,
        }
    }

    /// Every step, and how far it is.
    pub fn steps(&self) -> Vec<(Step, StepState)> {
        let state = |step| match step {
            step if step == self.step() => StepState::Current,
            Step::Review => StepState::Open,
            step if self.has_open_questions(step) => StepState::Open,
            _ => StepState::Done,
        };
        Step::ALL.into_iter().map(|step| (step, state(step))).collect()
    }

    /// Whether something of `step` is still to be answered.
    pub fn has_open_questions(&self, step: Step) -> bool {
        self.in_step(step).any(|question| self.is_open(question))
    }

    /// The answers so far.
    pub fn draft(&self) -> &Draft {
        &self.draft
    }

    /// What has been discovered so far.
    pub fn discovered(&self) -> &Discovered {
        &self.discovered
    }

    /// The facts that the open question waits for. It can be answered without them, but not from choices.
    pub fn needs(&self) -> Vec<Need> {
        let of_question = match self.asking {
            Asking::Question(question) => self.need_of(question),
            Asking::Review => None,
        };
        // Which gateway it is decides early what is asked at all, once it is said in which cluster.
        let gateways = Some(Need::Gateways).filter(|_| !self.is_asking_of_session());
        let mut needs: Vec<Need> = [gateways, of_question].into_iter().flatten().collect();
        needs.dedup();
        needs.retain(|need| self.discovered.is_pending(need) && self.is_settled(need));
        needs
    }

    /// The facts that later questions will wait for, as far as what they rest on is settled. Found out early, they are there when
    /// the person is.
    pub fn foreseeable(&self) -> Vec<Need> {
        let mut needs = self.needs();
        for question in QUESTIONS.iter().filter(|question| self.is_likely(question)) {
            if let Some(need) =
                self.need_of(question).filter(|need| self.rests_on_settled(need) && !needs.contains(need))
            {
                needs.push(need);
            }
        }
        needs.retain(|need| self.discovered.is_pending(need) && self.is_settled(need));
        needs
    }

    /// Whether a question is asked, or will be if what it hangs on is answered as proposed.
    fn is_likely(&self, question: &Question) -> bool {
        match question.when {
            When::Answered(id, answer) if self.draft.get(id).is_none() => {
                at(id).is_some_and(|condition| condition.proposal == Proposal::Fixed(answer))
            }
            _ => self.applies(question),
        }
    }

    /// Whether the answers that say where to look are given, and are not to be asked again.
    fn rests_on_settled(&self, need: &Need) -> bool {
        let ids: &[&str] = match need {
            Need::Services(_) => &["application.namespace"],
            Need::Registrations(_) => &["application.name", "application.host"],
            Need::Issuers(_) => &["gateway"],
            Need::Zones(_) => &["certificate.newIssuer.zone.subscription"],
            Need::Surroundings(_) => {
                &[WORKLOAD, "application.name", "application.namespace", "application.service.name", "gateway"]
            }
            Need::Contexts
            | Need::SignIns(_)
            | Need::Installations
            | Need::Tenant
            | Need::ConsentRight
            | Need::Gateways
            | Need::Namespaces
            | Need::Subscriptions => &[],
        };
        // Whether it has to be asked which gateway it is shows only once the gateways are known.
        let is_plain = !ids.contains(&"gateway") || !self.discovered.gateways().is_pending();
        is_plain && ids.iter().filter_map(|id| at(id)).all(|question| !self.is_open(question))
    }

    /// How many questions are answered, and how many are asked in all, as far as that is known.
    pub fn answered(&self) -> (usize, usize) {
        let asked = || QUESTIONS.iter().filter(|question| self.applies(question));
        (asked().filter(|question| !self.is_open(question)).count(), asked().count())
    }

    /// Whether nothing is open any more.
    pub fn is_answered(&self) -> bool {
        self.next_open() == Asking::Review
    }

    /// Goes on to the next question that is open, or to the look at all answers.
    pub fn go_on(&mut self) {
        self.asking = self.next_open();
    }

    /// The questions of `step` that apply and their answers, for a look at all of them.
    pub fn answers_of(&self, step: Step) -> Vec<(&'static Question, Option<&Given>)> {
        self.in_step(step).map(|question| (question, self.draft.get(question.id))).collect()
    }

    /// Whether the open question could have more to offer: something was not found out, or cannot be used as it is now.
    pub fn may_look_again(&self) -> bool {
        let Asking::Question(question) = self.asking else { return false };
        self.need_of(question).is_some_and(|need| !self.discovered.is_pending(&need))
    }

    /// The fact that the proposal for the open question comes from, as long as it is pending: until then, what is proposed may
    /// turn out otherwise.
    pub fn proposes_after(&self) -> Option<Need> {
        let Asking::Question(question) = self.asking else { return None };
        let is_answered = self.draft.get(question.id).is_some() && !self.stale.contains(question.id);
        if is_answered || matches!(question.proposal, Proposal::Fixed(_)) {
            return None;
        }
        self.need_of(question).filter(|need| self.discovered.is_pending(need))
    }

    /// Why the open question has no choices to offer, where something could not be found out.
    pub fn trouble(&self) -> Option<&str> {
        let Asking::Question(question) = self.asking else { return None };
        self.discovered.failure(&self.need_of(question)?)
    }

    /// Has what the open question rests on found out anew.
    pub fn look_again(&mut self) {
        let Asking::Question(question) = self.asking else { return };
        if let Some(need) = self.need_of(question) {
            self.discovered.forget(&need);
        }
        // What failed may have failed for the same reason.
        self.discovered.forget_failures();
    }

    /// Takes a fact in. The open question stays, unless the fact makes it or an earlier one pointless or needed.
    pub fn learn(&mut self, news: News) {
        self.discovered.learn(news);
        self.settle_application();
        let still_asked = match self.asking {
            Asking::Question(question) => self.applies(question),
            Asking::Review => true,
        };
        let gateway_is_open =
            at("gateway").is_some_and(|question| self.is_open(question) && self.draft.get(question.id).is_none());
        if !still_asked || (gateway_is_open && self.step() != Step::Connect) {
            self.asking = self.next_open();
        }
    }

    /// What stands in the answer of `question` before anybody types: what was given, else what is proposed.
    pub fn proposal(&self, question: &Question) -> Option<Given> {
        let goes_along = self.stale.contains(question.id) && self.as_proposed.contains(question.id);
        let stands = |proposal: &Given| self.wrong(question, proposal).is_none();
        let given = self.draft.get(question.id).filter(|_| !goes_along).cloned();
        // What was given may be gone, in another cluster.
        given.filter(stands).or_else(|| self.default_of(question).filter(stands))
    }

    /// What is wrong with an answer to `question`; nothing, if it can stand.
    pub fn wrong(&self, question: &Question, given: &Given) -> Option<Unusable> {
        if holds_control_characters(given) {
            return Some(unusable(
                "that holds a character that moves the cursor or cannot be seen",
                "write it without",
            ));
        }
        if let (Kind::Choice { of, free }, Some(text)) = (question.kind, given.as_text()) {
            let found = self.offered(question).into_iter().find(|choice| choice.value == text);
            match found.map(|choice| self.held_against_the_rules(question, choice)) {
                Some(Choice { unusable: Some(reason), .. }) => {
                    return Some(unusable(format!("`{text}` cannot be used: {reason}"), "choose another"));
                }
                Some(_) => return None,
                None if !free => {
                    return Some(unusable("that is none of the choices", "choose one of those that are listed"));
                }
                None => {}
            }
            if let Some(reason) = self.not_there(of, text) {
                return Some(reason);
            }
        }
        self.mistake(question, given).or_else(|| self.wildcard_without_dns(question, given))
    }

    /// Answers the open question, and moves on to the next that is open. A wrong answer changes nothing.
    pub fn answer(&mut self, given: Given) -> Result<(), Unusable> {
        let Asking::Question(question) = self.asking else { return Ok(()) };
        if let Some(reason) = self.wrong(question, &given) {
            return Err(reason);
        }
        if self.default_of(question).as_ref() == Some(&given) {
            self.as_proposed.insert(question.id);
        } else {
            self.as_proposed.remove(question.id);
        }
        self.stale.remove(question.id);
        let session = self.session();
        let is_first = self.draft.get(question.id).is_none();
        if self.draft.put(question.id, given) {
            // Recorded answers may be there before everything about the session is: they rest on none of it yet.
            if !(is_first && question.is_of_session()) {
                self.ask_again_what_depends_on(question.id);
            }
            if question.is_of_session() {
                self.session_changed(&session, question);
            }
        }
        self.asking = self.next_open();
        Ok(())
    }

    /// Goes back to the question before; answers stay. False at the first one.
    pub fn back(&mut self) -> bool {
        let asked: Vec<&'static Question> = QUESTIONS.iter().filter(|question| self.applies(question)).collect();
        let here = match self.asking {
            Asking::Question(question) => asked.iter().position(|asked| asked.id == question.id).unwrap_or(0),
            Asking::Review => asked.len(),
        };
        match here.checked_sub(1).and_then(|before| asked.get(before)) {
            Some(before) => {
                self.asking = Asking::Question(before);
                true
            }
            None => false,
        }
    }

    /// Goes to a step and asks all of it once more, with the answers it has.
    pub fn revisit(&mut self, step: Step) {
        let questions: Vec<_> = self.in_step(step).collect();
        self.stale.extend(questions.iter().map(|question| question.id));
        if let Some(first) = questions.first() {
            self.asking = Asking::Question(first);
        }
    }

    /// The answers, held against every rule of the answers file.
    pub fn answers(&self) -> Result<Answers, Mistakes> {
        self.draft.answers()
    }

    /// Goes to the question that is about the answers file's key `path`; false, where none is.
    pub fn ask_about(&mut self, path: &str) -> bool {
        let of = |question: &&Question| {
            path == question.id || path.strip_prefix(question.id).is_some_and(|rest| rest.starts_with('.'))
        };
        match QUESTIONS.iter().find(of) {
            Some(question) => {
                self.have_it_asked(question);
                self.asking = Asking::Question(question);
                true
            }
            None => false,
        }
    }

    /// What a question hangs on is answered so that it is asked: a detail, where details were to stay as they are.
    fn have_it_asked(&mut self, question: &Question) {
        let conditions = match question.when {
            When::Answered(id, answer) => vec![(id, answer)],
            When::Both(one, other) => vec![one, other],
            When::NameDiffers => vec![(REGISTRATION, ADOPTED)],
            When::AnsweredOtherwise(id, answer) => match at(id).map(|question| question.proposal) {
                Some(Proposal::Fixed(usual)) if self.draft.text(id) == Some(answer) => vec![(id, usual)],
                _ => Vec::new(),
            },
            When::Always | When::SessionUnclear | When::GatewayUnclear => Vec::new(),
        };
        for (id, answer) in conditions {
            if let Some(condition) = at(id).filter(|_| self.draft.text(id) != Some(answer)) {
                self.draft.put(condition.id, Given::text(answer));
            }
        }
    }

    fn in_step(&self, step: Step) -> impl Iterator<Item = &'static Question> {
        QUESTIONS.iter().filter(move |question| question.step == step && self.applies(question))
    }

    fn applies(&self, question: &Question) -> bool {
        match question.when {
            When::Always => true,
            When::Answered(id, answer) => self.draft.text(id) == Some(answer),
            When::AnsweredOtherwise(id, answer) => self.draft.text(id).is_some_and(|given| given != answer),
            When::Both((one, its_answer), (other, others_answer)) => {
                self.draft.text(one) == Some(its_answer) && self.draft.text(other) == Some(others_answer)
            }
            When::NameDiffers => self.draft.text(REGISTRATION) == Some(ADOPTED) && !self.keeps_its_name(),
            When::SessionUnclear => self.is_asked_of_session(question.id),
            When::GatewayUnclear => {
                let is_plain = match self.discovered.gateways() {
                    Fact::Pending => true,
                    Fact::Known(gateways) => gateways.len() == 1,
                    Fact::Failed(_) => false,
                };
                !is_plain || self.draft.get(question.id).is_some()
            }
        }
    }

    fn is_open(&self, question: &Question) -> bool {
        self.applies(question) && (self.draft.get(question.id).is_none() || self.stale.contains(question.id))
    }

    fn next_open(&self) -> Asking {
        QUESTIONS.iter().find(|question| self.is_open(question)).map_or(Asking::Review, Asking::Question)
    }

    fn ask_again_what_depends_on(&mut self, id: &'static str) {
        let mut changed = vec![id];
        while let Some(id) = changed.pop() {
            for question in QUESTIONS.iter().filter(|question| question.depends_on.contains(&id)) {
                if self.draft.get(question.id).is_some() && self.stale.insert(question.id) {
                    changed.push(question.id);
                }
            }
        }
    }

    fn default_of(&self, question: &Question) -> Option<Given> {
        match question.proposal {
            Proposal::Nothing => None,
            Proposal::Fixed(text) => Some(Given::text(text)),
            Proposal::AnswerTo(id) => self.draft.get(id).cloned(),
            Proposal::DomainOfHost => {
                let domain = domain_of(self.draft.text("application.host")?);
                Some(Given::List(domain.into_iter().collect()))
            }
            Proposal::NamesForHost => {
                let host = self.draft.text("application.host")?;
                let wildcard = host.split_once('.').map(|(_, parent)| format!("*.{parent}"));
                let signs_wildcards = self.draft.text(CERTIFICATE) == Some(NEWLY_ISSUED)
                    || self.chosen_issuer().is_some_and(|issuer| issuer.signs_wildcards);
                Some(Given::List(vec![wildcard.filter(|_| signs_wildcards).unwrap_or_else(|| host.to_owned())]))
            }
            Proposal::FirstThatWorks => {
                let held = |choice| self.held_against_the_rules(question, choice);
                let mut choices = self.offered(question).into_iter().map(held);
                choices.find(|choice| choice.unusable.is_none()).map(|choice| Given::Text(choice.value))
            }
        }
    }

    /// What the answers file's own reader says against an answer.
    fn mistake(&self, question: &Question, given: &Given) -> Option<Unusable> {
        let known = at(question.id)?;
        if question.is_of_session() {
            return self.session_mistake(question, given);
        }
        if matches!(question.when, When::GatewayUnclear)
            || matches!(question.id, "certificate.issuer" | "certificate.newIssuer.zone")
        {
            let text = given.as_text().unwrap_or_default();
            if text == OPEN && question.id == "gateway" {
                return None;
            }
            if !text.contains('/') {
                return Some(unusable(
                    "that is one word",
                    "write two with a `/` between them, as in the list above or in the help",
                ));
            }
        }
        let mistake = self.draft.with(known.id, given.clone()).mistake(question.id)?;
        Some(Unusable { wrong: mistake.wrong, right: mistake.right })
    }

    /// What facts say against something that was written and is not among the choices.
    fn not_there(&self, of: Choices, text: &str) -> Option<Unusable> {
        let must_be_there = match of {
            Choices::Namespaces => {
                self.discovered.namespaces().known().is_some() && self.draft.text(WORKLOAD) == Some(SERVICE)
            }
            Choices::Services | Choices::Ports => {
                self.place().is_some_and(|place| self.discovered.services(&place.namespace).known().is_some())
            }
            Choices::Issuers => self.discovered.issuers(&self.gateway_namespace()).known().is_some(),
            Choices::Gateways => self.discovered.gateways().known().is_some_and(|gateways| match gateways.as_slice() {
                [] => false,
                [_] => text != OPEN,
                _ => true,
            }),
            _ => false,
        };
        must_be_there.then(|| {
            let shown: String = text.escape_default().take(80).collect();
            unusable(
                format!("there is no `{shown}` in the cluster"),
                "choose one of those that are listed, or make it and look again",
            )
        })
    }

    /// An ACME issuer signs wildcards only after a DNS01 challenge (domain.md 5.3).
    fn wildcard_without_dns(&self, question: &Question, given: &Given) -> Option<Unusable> {
        let (Given::List(names), "certificate.names") = (given, question.id) else { return None };
        let wildcard = names.iter().find(|name| name.starts_with("*."))?;
        let issuer = self.chosen_issuer().filter(|issuer| !issuer.signs_wildcards)?;
        let host = self.draft.text("application.host").unwrap_or_default();
        Some(unusable(
            format!("`{wildcard}` is a wildcard, and {} proves no domain over DNS", issuer.name),
            format!("write `{host}`, or go back and choose another issuer"),
        ))
    }

    fn chosen_gateway(&self) -> Option<(String, String)> {
        let (namespace, service) = self.draft.halves("gateway")?;
        Some((namespace.to_owned(), service.to_owned()))
    }

    fn gateway_namespace(&self) -> String {
        let only = self.discovered.gateways().known().and_then(|gateways| gateways.first());
        let chosen = self.chosen_gateway().map(|(namespace, _)| namespace);
        chosen
            .or_else(|| only.map(|gateway| gateway.namespace.clone()))
            .unwrap_or_else(|| USUAL_GATEWAY_NAMESPACE.to_owned())
    }

    /// Where the application will be, once that is answered.
    fn place(&self) -> Option<Place> {
        let is_there = self.draft.text(WORKLOAD) == Some(SERVICE);
        Some(Place {
            app: self.draft.text("application.name")?.to_owned(),
            namespace: self.draft.text("application.namespace")?.to_owned(),
            service: self.draft.text("application.service.name").filter(|_| is_there).map(str::to_owned),
            gateway: self.chosen_gateway(),
        })
    }
}

fn holds_control_characters(given: &Given) -> bool {
    let holds = |text: &String| text.contains(char::is_control);
    match given {
        Given::Text(text) => holds(text),
        Given::List(items) => items.iter().any(holds),
    }
}

fn unusable(wrong: impl Into<String>, right: impl Into<String>) -> Unusable {
    Unusable { wrong: wrong.into(), right: right.into() }
}

/// What an organisation's mail domain may be, from a host of its own: `example.com` for `myapp.cluster.example.com`. Nothing,
/// where what is left could be a whole country's, such as `co.uk`.
fn domain_of(host: &str) -> Option<String> {
    let labels: Vec<&str> = host.split('.').collect();
    match labels.as_slice() {
        [.., second, top] if labels.len() > 2 && (top.len() > 2 || second.len() > 3) => Some(format!("{second}.{top}")),
        _ => None,
    }
}
