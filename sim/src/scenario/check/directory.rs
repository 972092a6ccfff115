//! Names and their lookups.

use rapprochement_core::kademlia::config::K_MAX;

use super::super::schema::Scenario;
use super::Checker;
use crate::model::config::ProtocolConfig;
use crate::model::directory::config::DirectorySettings;
use crate::units::Span;

/// What became of every lookup is kept, some hundred bytes each.
const MAX_LOOKUPS: f64 = 20e6;

fn key(key: &str) -> String {
    format!("protocol.directory.{key}")
}

pub(super) fn directory(s: &Scenario, c: &mut Checker) {
    let ProtocolConfig::Directory(settings) = &s.protocol else { return };
    if settings.bootstrap == 0 {
        c.report(&[&key("bootstrap")], "nodes that know nobody find nobody", "use at least 1");
    }
    if settings.bootstrap >= s.nodes || settings.bootstrap as usize > K_MAX {
        let most = s.nodes.saturating_sub(1).min(K_MAX as u32);
        let message = format!("{} peers to begin with", settings.bootstrap);
        c.report(&[&key("bootstrap"), "nodes"], message, format!("use at most {most}"));
    }
    for wrong in settings.kademlia().problems() {
        c.report(&[&key(wrong.key)], "the directory cannot have this", format!("it must be {}", wrong.demand));
    }
    lookups(s, c, settings);
}

fn lookups(s: &Scenario, c: &mut Checker, settings: &DirectorySettings) {
    let (gap, patience) = (key("gap"), key("patience"));
    let problems = settings.gap.validate(&gap);
    let is_sound = problems.is_empty();
    c.take(problems);
    c.positive(&patience, settings.patience);
    let quiet = s.workload.warm_up.0 + settings.patience.0;
    if quiet >= s.duration.0 && s.workload.warm_up < s.duration {
        let message = format!(
            "after the warm-up of {} no lookup can end within {} in a run of {}",
            s.workload.warm_up, settings.patience, s.duration
        );
        let help = "run longer, shorten the warm-up, or have less patience";
        return c.report(&[&patience, "workload.warm_up", "duration"], message, help);
    }
    let mean = settings.gap.mean();
    if is_sound && mean.is_zero() {
        c.report(&[&gap], "lookups without time between them never end", "use a mean above zero");
    } else if is_sound && quiet < s.duration.0 {
        let window = Span(s.duration.0 - quiet);
        if mean > window.0 {
            let message = format!("a mean of {} between lookups that are made within {window}", Span(mean));
            c.report(&[&gap, &patience, "workload.warm_up", "duration"], message, "use a shorter gap, or run longer");
        }
        let count = f64::from(s.nodes) * (window.0.as_secs_f64() / mean.as_secs_f64());
        if count > MAX_LOOKUPS {
            let message = format!("about {count:.0} lookups of all nodes together");
            let help = format!("use a longer gap or fewer nodes: a run follows at most {MAX_LOOKUPS:.0}");
            c.report(&[&gap, "nodes", "duration"], message, help);
        }
    }
}
