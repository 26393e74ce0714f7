//! What `--scenario` names: a role to make a scenario of for each capture, or a scenario as it stands.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use crate::capture::{CaptureError, CaptureOptions, Plan, RoleChoice, Survey};
use crate::model::{Limits, Scenario, scenario_file};

/// How the world around a DUT comes about.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ScenarioChoice {
    /// Made for the capture.
    Role(RoleChoice),
    /// Given by name or file.
    Given(Arc<Scenario>),
}

impl FromStr for ScenarioChoice {
    type Err = String;

    /// Roles come before scenarios of the same name: `router` is made for the capture.
    fn from_str(name: &str) -> Result<Self, String> {
        match RoleChoice::by_name(name) {
            Some(choice) => Ok(Self::Role(choice)),
            None => scenario_file::find(name)
                .map(|scenario| Self::Given(Arc::new(scenario)))
                .map_err(|error| error.to_string()),
        }
    }
}

impl ScenarioChoice {
    /// The name to give on a command line to get the same again; the scenario's own name for a file.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Role(choice) => choice.name(),
            Self::Given(scenario) => &scenario.name,
        }
    }

    /// The scenario for the capture at `path`, and how its packets become steps in it.
    pub(super) fn plan(
        &self,
        path: &Path,
        options: &CaptureOptions,
        limits: Option<Limits>,
    ) -> Result<Plan, CaptureError> {
        match self {
            Self::Role(choice) => {
                Ok(Plan::new(&Survey::of(path, options)?, *choice, limits.unwrap_or_default()))
            }
            Self::Given(scenario) => {
                let mut scenario = Arc::clone(scenario);
                if let Some(limits) = limits.filter(|limits| *limits != scenario.limits) {
                    Arc::make_mut(&mut scenario).limits = limits;
                }
                Ok(Plan::in_scenario(path, options, scenario))
            }
        }
    }
}
