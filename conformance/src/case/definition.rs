//! A case and the section it stands in.

use std::fmt;
use std::sync::Arc;

use super::profile::Profile;
use super::requirement::{CATALOGUE, Level};
use super::script::Script;
use super::setting::{Setting, host};
use super::world::World;

/// Writes the script of a case for whoever is where.
type Write = Arc<dyn Fn(&World) -> Script + Send + Sync>;

/// One thing that a stack must, may or must not do, and how it is found out.
#[derive(Clone)]
pub struct Case {
    /// `rfc1122/3.2.2.6/echo-reply-swaps-addresses`: section and name. Unique, never reused.
    pub id: String,
    /// Other names that select it: `tc8/ICMPv4_TYPE_08`, `idea/G01`, `bug/ping-of-death`. Cases can share one.
    pub aliases: Vec<String>,
    /// Ids of the catalogue that it covers.
    pub requirements: Vec<&'static str>,
    /// The profiles that know it; `None` if all do.
    pub profiles: Option<Vec<Profile>>,
    /// The scenario.
    pub setting: Setting,
    level: Option<Level>,
    write: Write,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("id", &self.id)
            .field("requirements", &self.requirements)
            .finish_non_exhaustive()
    }
}

/// A case that covers `requirements`, named within its section by the fact it states.
pub fn case(
    name: impl Into<String>,
    requirements: impl IntoIterator<Item = &'static str>,
    script: impl Fn(&World) -> Script + Send + Sync + 'static,
) -> Case {
    Case {
        id: name.into(),
        aliases: Vec::new(),
        requirements: requirements.into_iter().collect(),
        profiles: None,
        setting: host(),
        level: None,
        write: Arc::new(script),
    }
}

impl Case {
    /// Adds a name that selects it as well, such as `tc8/ICMPv4_TYPE_08` or `idea/G01`.
    #[must_use]
    pub fn alias(mut self, alias: impl Into<String>) -> Self {
        self.aliases.push(alias.into());
        self
    }

    /// Adds several such names.
    #[must_use]
    pub fn aliases(self, aliases: impl IntoIterator<Item = &'static str>) -> Self {
        aliases.into_iter().fold(self, Self::alias)
    }

    /// Plays in another scenario than the rest of the section.
    #[must_use]
    pub fn on(mut self, setting: Setting) -> Self {
        self.setting = Setting::own(setting);
        self
    }

    /// Only these profiles know it: the others are silent about it or say the contrary.
    #[must_use]
    pub fn only(mut self, profiles: impl IntoIterator<Item = Profile>) -> Self {
        self.profiles = Some(profiles.into_iter().collect());
        self
    }

    /// How binding it is, where that does not follow from its requirements.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }

    /// How binding it is: as the most binding of its requirements, SHOULD where it has none.
    pub fn strength(&self) -> Level {
        let levels = self.requirements.iter().filter_map(|id| CATALOGUE.get(*id)).map(|it| it.level);
        self.level.or_else(|| levels.min()).unwrap_or(Level::Should)
    }

    /// The clauses that it is about.
    pub fn clauses(&self) -> Vec<String> {
        let mut clauses: Vec<_> = self.requirements.iter().map(|id| clause(id)).collect();
        clauses.dedup();
        clauses
    }

    /// The steps in `world`.
    pub fn script(&self, world: &World) -> Script {
        (self.write)(world)
    }

    /// Whether `prefix` begins its id or one of its other names.
    pub fn is_selected_by(&self, prefix: &str) -> bool {
        self.id.starts_with(prefix) || self.aliases.iter().any(|alias| alias.starts_with(prefix))
    }
}

/// `RFC 1122 §3.2.2.6` for `rfc1122-3.2.2.6-1`.
pub fn clause(requirement: &str) -> String {
    let (rfc, rest) = requirement.split_once('-').unwrap_or((requirement, ""));
    let section = rest.rsplit_once('-').map_or(rest, |(section, _)| section);
    let number = rfc.trim_start_matches("rfc").trim_start_matches('0');
    if section.starts_with(|it: char| it.is_ascii_digit()) {
        format!("RFC {number} §{section}")
    } else {
        format!("RFC {number} \"{section}\"")
    }
}

/// The cases of one section of an RFC, or of one topic.
#[derive(Clone, Debug)]
pub struct Section {
    path: &'static str,
    setting: Setting,
    cases: Vec<Case>,
}

/// Begins the section `rfc1122/3.2.2.6`, whose cases play on a host unless told otherwise.
pub fn section(path: &'static str) -> Section {
    Section { path, setting: host(), cases: Vec::new() }
}

impl Section {
    /// The scenario of the cases that follow, unless they say otherwise.
    #[must_use]
    pub fn on(mut self, setting: Setting) -> Self {
        self.setting = setting;
        self
    }

    /// Adds cases: a list, or a family made by an iterator.
    #[must_use]
    pub fn cases(mut self, cases: impl IntoIterator<Item = Case>) -> Self {
        for mut case in cases {
            case.id = format!("{}/{}", self.path, case.id);
            if !case.setting.is_own() {
                case.setting = self.setting.clone();
            }
            self.cases.push(case);
        }
        self
    }

    /// The cases.
    pub fn into_cases(self) -> Vec<Case> {
        self.cases
    }
}
