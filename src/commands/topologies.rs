//! The catalogue.

use crate::cli::Format;
use crate::config::{ConfigError, Settings};
use crate::worker::RunError;
use holdfast_engine::inspect::describe;
use holdfast_engine::prelude::Topology;
use holdfast_ports::record::Topic;
use holdfast_tools::table::table;
use holdfast_topologies::{all, by_name, features};

/// Each topology in a line.
#[must_use]
pub fn list(settings: &Settings) -> String {
    let join = |topics: &[Topic]| topics.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let row = |topology: &Topology| {
        let (name, group) = (topology.name().to_string(), topology.group().to_owned());
        vec![name, group, join(topology.sources()), join(topology.sinks())]
    };
    let rows: Vec<_> = settings.shown(all()).iter().map(row).collect();
    table(&["TOPOLOGY", "GROUP", "READS", "SENDS TO"], &rows)
}

/// One topology in full.
///
/// # Errors
/// Exit code 2 when there is none of that name.
pub fn describe(settings: &Settings, name: &str, format: Format) -> Result<String, RunError> {
    let named = settings.shown(by_name(name).into_iter().collect());
    let topology = named.first().ok_or_else(|| no_such("NAME", name))?;
    Ok(match format {
        Format::Text => describe::text(topology, &settings.app_id),
        Format::Mermaid => describe::mermaid(topology, &settings.app_id),
    })
}

/// The topologies called `wanted`, with what `settings` say of the shop; none called = all.
///
/// # Errors
/// Exit code 2 for a name that nobody has.
pub fn chosen(settings: &Settings, wanted: &[String]) -> Result<Vec<Topology>, RunError> {
    let all = shop(settings)?;
    if wanted.is_empty() {
        return Ok(all);
    }
    for name in wanted {
        if by_name(name).is_none() {
            return Err(no_such("--topologies", name));
        }
    }
    // In the catalogue's order and each once, however they were named.
    Ok(all.into_iter().filter(|topology| wanted.iter().any(|name| **topology.name() == **name)).collect())
}

/// The shop with what `settings` say of it.
fn shop(settings: &Settings) -> Result<Vec<Topology>, RunError> {
    let made = features::topologies(|name| settings.features.get(name).map(String::as_str));
    made.map_err(|error| RunError::Failed(error.to_string()))
}

/// Exit code 2 for a `name` that no topology has; `given_as`: the argument that brought it.
pub(super) fn no_such(given_as: &str, name: &str) -> RunError {
    ConfigError::new(given_as, format!("there is no topology {name:?}; there are: {}", names())).into()
}

fn names() -> String {
    all().iter().map(|topology| topology.name().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sets_is_the_shops_usual() {
        let settings = crate::config::load(&crate::config::Sources::default()).unwrap();
        for feature in holdfast_model::FEATURES {
            let usual = feature.settings.as_ref().map(|settings| (settings.usual)());
            assert_eq!(settings.features.get(feature.name), usual.as_ref(), "{}", feature.name);
        }
        for feature in holdfast_topologies::FEATURES.iter().filter(|feature| feature.settings.is_some()) {
            let json = &settings.features[feature.name];
            assert_eq!(feature.rewritten(json).unwrap(), *json, "the room that decides reads what the words write");
        }
    }

    #[test]
    fn unknown_names_are_refused_and_known_ones_kept_once() {
        let settings = crate::config::load(&crate::config::Sources::default()).unwrap();
        let chosen = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            super::chosen(&settings, &names)
        };
        assert!(matches!(chosen(&["coupons"]), Err(RunError::Config(_))));
        assert_eq!(chosen(&["coupon", "coupon"]).unwrap().len(), 1);
        assert_eq!(chosen(&[]).unwrap().len(), all().len());
    }
}
