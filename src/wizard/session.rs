//! What a run connects to: which cluster, which tenant, as whom. It is asked before everything else, and is no part of the answers
//! file: the next run may be somebody else's, elsewhere.

use super::{
    APPLICATION, Asking, CLOUD, CONTEXT, Choice, Draft, Fact, Given, Need, News, OPEN, Question, RecordedApplication,
    SIGN_IN, Side, TENANT, When, Wizard, at, unusable,
};
use crate::{
    answers::{Answers, names::Unusable},
    facts::{SignInSummary, TenantSummary},
};

/// The cloud that almost everybody's tenant is in.
pub const USUAL_CLOUD: &str = "public";

/// The clouds that go by a name, and where one signs in there (domain.md 2.4).
const CLOUDS: [(&str, &str); 3] = [
    (USUAL_CLOUD, "signs in at login.microsoftonline.com"),
    ("usgov", "Azure Government, signs in at login.microsoftonline.us"),
    ("china", "Azure in China, signs in at login.partner.microsoftonline.cn"),
];

/// What a run connects to. Whatever is left open is as it comes: see each part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Session {
    /// The kubeconfig's context; left open, the current one.
    pub context: Option<String>,
    /// The cloud, by its name or as the path of a file that names its endpoints; left open, the public one.
    pub cloud: Option<String>,
    /// The way to sign in, by the name that `--sign-in` takes; left open, whichever works first.
    pub sign_in: Option<String>,
    /// The tenant, by its GUID or one of its domains; left open, the one that the recorded answers name, else the one that the
    /// sign-in brings.
    pub tenant: Option<String>,
}

impl Session {
    fn part(&self, id: &str) -> Option<&str> {
        match id {
            CONTEXT => self.context.as_deref(),
            CLOUD => self.cloud.as_deref(),
            SIGN_IN => self.sign_in.as_deref(),
            TENANT => self.tenant.as_deref(),
            _ => None,
        }
    }

    /// Whether what is found out on `side` is the same in the `other` session.
    pub fn is_same(&self, other: &Self, side: Side) -> bool {
        match side {
            Side::Machine => true,
            Side::Cluster => self.context == other.context,
            Side::Tenant => (&self.cloud, &self.sign_in, &self.tenant) == (&other.cloud, &other.sign_in, &other.tenant),
        }
    }
}

/// What was known before anybody was asked.
#[derive(Clone, Debug)]
pub(super) struct Beforehand {
    /// Parts of the session: these are not asked about.
    session: Session,
    /// The application, as `NAME` or `NAMESPACE/NAME`.
    application: Option<String>,
}

/// Which application it is, as far as what is installed says.
enum Which<'a> {
    /// This one, which is installed.
    Installed(&'a RecordedApplication),
    /// One that is not.
    New,
    /// Only the person knows.
    Unclear,
}

impl Question {
    /// Whether it is about what this run connects to, and not about the answers.
    pub fn is_of_session(&self) -> bool {
        self.when == When::SessionUnclear
    }
}

impl Wizard {
    /// A conversation that begins with what this run connects to, but for the parts of the `session` that are known already, and
    /// goes on with the recorded answers where the application is installed already. `application` is its `NAME` or
    /// `NAMESPACE/NAME`, if that is known.
    pub fn connecting(session: Session, application: Option<&str>) -> Self {
        let name = application.map(|name| name.rsplit('/').next().unwrap_or(name));
        let mut wizard = Self::new(name);
        wizard.beforehand = Some(Beforehand { session, application: application.map(str::to_owned) });
        wizard.asking = wizard.next_open();
        wizard
    }

    /// A conversation about `answers` that are there already, in a `session` of which `given` was known before anybody was asked: it
    /// begins with the look at all of them.
    pub fn about_in(given: Session, session: &Session, answers: &Answers) -> Self {
        let mut wizard = Self::about(answers);
        for id in [CONTEXT, CLOUD, SIGN_IN, TENANT, APPLICATION] {
            if let Some(question) = at(id).filter(|_| given.part(id).is_none()) {
                wizard.draft.put(question.id, Given::text(session.part(id).unwrap_or(OPEN)));
            }
        }
        wizard.beforehand = Some(Beforehand { session: given, application: None });
        wizard.asking = wizard.next_open();
        wizard
    }

    /// What this run connects to, as far as it is known or answered. What is found out belongs to the session that it was asked
    /// for in: hand this to whoever finds out, and both to [`Wizard::learn_in`].
    pub fn session(&self) -> Session {
        Session {
            context: self.session_part(CONTEXT),
            cloud: self.session_part(CLOUD),
            sign_in: self.session_part(SIGN_IN),
            tenant: self.session_part(TENANT),
        }
    }

    /// Takes a fact in that was found out in `session`. Where another cluster or tenant has been chosen meanwhile it says nothing
    /// of that, and is dropped: its need is pending still, and is to be found out again.
    pub fn learn_in(&mut self, session: &Session, news: News) {
        if self.session().is_same(session, news.need().side()) {
            self.learn(news);
        }
    }

    /// The recorded answers that the conversation began with, if it did.
    pub fn recorded(&self) -> Option<&Answers> {
        self.recorded.as_deref()
    }

    /// Whether everything is answered that it takes to find `need` out. What is asked before that would be asked elsewhere.
    pub fn is_settled(&self, need: &Need) -> bool {
        let parts: &[&str] = match need.side() {
            Side::Machine => &[],
            Side::Cluster => &[CONTEXT],
            Side::Tenant => &[CLOUD, SIGN_IN, TENANT],
        };
        parts.iter().filter_map(|id| at(id)).all(|question| !self.is_open(question))
    }

    fn session_part(&self, id: &str) -> Option<String> {
        let beforehand = self.beforehand.as_ref()?;
        let given = beforehand.session.part(id);
        let known = given.or_else(|| self.only_choice(id)).or_else(|| self.draft.text(id)).filter(|part| *part != OPEN);
        known.map(str::to_owned).or_else(|| if id == TENANT { self.recorded_tenant() } else { None })
    }

    /// An application that is registered already is registered there.
    fn recorded_tenant(&self) -> Option<String> {
        self.recorded.as_ref()?.registration.tenant.as_ref().map(ToString::to_string)
    }

    pub(super) fn cloud(&self) -> String {
        self.session_part(CLOUD).unwrap_or_else(|| USUAL_CLOUD.to_owned())
    }

    /// Where there is but one thing to choose, nobody is asked.
    fn only_choice(&self, id: &str) -> Option<&str> {
        match id {
            CONTEXT => match self.discovered.contexts().known()?.as_slice() {
                [only] => Some(&only.name),
                _ => None,
            },
            SIGN_IN => match self.discovered.sign_ins(&self.cloud()).known()?.as_slice() {
                [only] => Some(&only.method),
                _ => None,
            },
            TENANT => (self.chosen_sign_in()?.tenants.len() == 1).then_some(OPEN),
            _ => None,
        }
    }

    /// Whether a question about the session is asked.
    pub(super) fn is_asked_of_session(&self, id: &str) -> bool {
        let Some(beforehand) = &self.beforehand else { return false };
        if id == APPLICATION {
            return matches!(self.which_application(), Which::Unclear);
        }
        beforehand.session.part(id).is_none() && self.only_choice(id).is_none()
    }

    fn chosen_sign_in(&self) -> Option<&SignInSummary> {
        let chosen = self.session_part(SIGN_IN)?;
        self.discovered.sign_ins(&self.cloud()).known()?.iter().find(|sign_in| sign_in.method == chosen)
    }

    /// The installed applications that can be meant.
    fn installed(&self) -> Vec<&RecordedApplication> {
        let all: Vec<_> = self.discovered.installations().known().into_iter().flatten().collect();
        let named = self.beforehand.as_ref().and_then(|beforehand| beforehand.application.as_deref());
        let Some(named) = named else { return all };
        let meant: Vec<_> = all.iter().copied().filter(|one| one.name == named || one.full_name() == named).collect();
        if meant.is_empty() { all } else { meant }
    }

    fn which_application(&self) -> Which<'_> {
        let Fact::Known(all) = self.discovered.installations() else { return Which::Unclear };
        let named = self.beforehand.as_ref().and_then(|beforehand| beforehand.application.as_deref());
        let is_meant = |one: &RecordedApplication| named.is_none_or(|name| one.name == name || one.full_name() == name);
        match (self.installed().as_slice(), named) {
            ([only], _) if only.answers.is_ok() && is_meant(only) => Which::Installed(only),
            ([], None) => Which::New,
            // A namespace is only written to tell installed ones apart.
            (_, Some(name)) if !name.contains('/') && !all.iter().any(is_meant) => Which::New,
            _ => Which::Unclear,
        }
    }

    /// Settles which application it is, where what is installed says that already.
    pub(super) fn settle_application(&mut self) {
        if self.beforehand.is_none() || self.draft.get(APPLICATION).is_some() {
            return;
        }
        let settled = match self.which_application() {
            Which::Unclear => return,
            Which::New => OPEN.to_owned(),
            Which::Installed(application) => application.full_name(),
        };
        self.draft.put(APPLICATION, Given::text(&settled));
        if settled == OPEN {
            // Answers that another cluster had recorded are proposals here.
            self.ask_again_all_but_session();
        } else {
            self.begin_with_record(&settled);
        }
    }

    /// After an answer about the session: forgets what belongs to another one, and takes up what belongs to this.
    pub(super) fn session_changed(&mut self, before: &Session, answered: &'static Question) {
        let now = self.session();
        if !now.is_same(before, Side::Tenant) {
            self.discovered.forget_all_of(Side::Tenant);
        }
        if !now.is_same(before, Side::Cluster) {
            self.discovered.forget_all_of(Side::Cluster);
            self.draft.remove(APPLICATION);
        }
        if answered.id == APPLICATION
            && let Some(chosen) = self.draft.text(APPLICATION).map(str::to_owned)
        {
            if chosen == OPEN && self.recorded.take().is_some() {
                self.draft = self.draft.of_session();
                self.stale.clear();
            } else {
                self.begin_with_record(&chosen);
            }
        }
    }

    fn begin_with_record(&mut self, full_name: &str) {
        let found = self.discovered.installations().known().into_iter().flatten();
        let Some(Ok(answers)) = found.filter(|one| one.full_name() == full_name).map(|one| one.answers.clone()).next()
        else {
            return;
        };
        let session = self.draft.of_session();
        self.draft = Draft::from(&*answers);
        self.draft.extend(session);
        self.stale.retain(|id| at(id).is_some_and(Question::is_of_session));
        self.note_what_is_as_proposed();
        self.recorded = Some(answers);
    }

    fn ask_again_all_but_session(&mut self) {
        if self.recorded.take().is_some() {
            let answered = super::QUESTIONS.iter().filter(|question| !question.is_of_session());
            self.stale.extend(answered.filter(|it| self.draft.get(it.id).is_some()).map(|question| question.id));
        }
    }

    /// Whether the question that is open has to do with the session.
    pub(super) fn is_asking_of_session(&self) -> bool {
        matches!(self.asking, Asking::Question(question) if question.is_of_session())
    }

    /// What is wrong with an answer about the session, apart from not being among the choices.
    pub(super) fn session_mistake(&self, question: &Question, given: &Given) -> Option<Unusable> {
        let text = given.as_text().unwrap_or_default();
        match question.id {
            CLOUD if CLOUDS.iter().any(|(name, _)| *name == text) || text.contains(['/', '\\', '.']) => None,
            CLOUD => Some(unusable(
                "no cloud goes by that name",
                "write public, usgov or china, or the path of a file, such as ./cloud.yaml",
            )),
            TENANT if text != OPEN => {
                let mistake = self.draft.with("registration.tenant", given.clone()).mistake("registration.tenant")?;
                Some(Unusable { wrong: mistake.wrong, right: mistake.right })
            }
            _ => None,
        }
    }

    pub(super) fn contexts(&self) -> Vec<Choice> {
        let found = self.discovered.contexts().known().into_iter().flatten();
        found
            .map(|context| {
                let current = context.is_current.then(|| "the current one".to_owned());
                let about: Vec<String> = context.server.iter().cloned().chain(current).collect();
                Choice::new(&context.name, about.join(", "))
            })
            .collect()
    }

    pub(super) fn sign_ins(&self) -> Vec<Choice> {
        let found = self.discovered.sign_ins(&self.cloud()).known().into_iter().flatten();
        found.map(|way| Choice::new(&way.method, &way.about).unless(way.unusable.clone())).collect()
    }

    pub(super) fn sign_in_tenants(&self) -> Vec<Choice> {
        let known: &[TenantSummary] = self.chosen_sign_in().map_or(&[], |sign_in| &sign_in.tenants);
        let own = known.first().map_or_else(
            || "whichever the one who signs in belongs to".to_owned(),
            |tenant| format!("the one that it is signed in to, {}", named(tenant)),
        );
        let others = known.iter().skip(1);
        let others = others.map(|tenant| Choice::new(&tenant.tenant, tenant.name.clone().unwrap_or_default()));
        std::iter::once(Choice::new(OPEN, own)).chain(others).collect()
    }

    pub(super) fn applications(&self) -> Vec<Choice> {
        let installed = self.installed().into_iter().map(|one| match &one.answers {
            Ok(answers) => Choice::new(one.full_name(), format!("installed, at {}", answers.application.host)),
            Err(reason) => Choice::new(one.full_name(), "").unless(Some(reason.clone())),
        });
        installed.chain(std::iter::once(Choice::new(OPEN, "a new one"))).collect()
    }
}

pub(super) fn clouds() -> Vec<Choice> {
    CLOUDS.into_iter().map(|(name, about)| Choice::new(name, about)).collect()
}

fn named(tenant: &TenantSummary) -> String {
    tenant.name.as_ref().map_or_else(|| tenant.tenant.clone(), |name| format!("{name} ({})", tenant.tenant))
}
