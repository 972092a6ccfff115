//! What `rapsim bench reconcile` counts over its trials, and how it says so.

use std::time::Duration;

use rapprochement_core::reconcile::session::pair::Transcript;
use rapprochement_core::reconcile::session::work::Work;
use serde::Serialize;

use crate::cli::Format;
use crate::measure::statistics::Summary;

/// What was asked for, and what it took. A number that there is not is null.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) algorithm: &'static str,
    pub(super) items: u32,
    pub(super) differences: u32,
    pub(super) updates: f64,
    pub(super) authors: u32,
    pub(super) value_bytes: u32,
    pub(super) salted: bool,
    pub(super) room: u32,
    pub(super) trials: u32,
    pub(super) seed: u64,
    #[serde(flatten)]
    pub(super) figures: Figures,
}

/// The figures themselves; the long help of the verb says what each is.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    overhead_mean: Option<f64>,
    overhead_sd: Option<f64>,
    bytes_mean: Option<f64>,
    search_bytes_mean: Option<f64>,
    tuple_bytes_mean: Option<f64>,
    rounds_mean: Option<f64>,
    messages_mean: Option<f64>,
    encode_us: Option<f64>,
    decode_us: Option<f64>,
    encode_charged_us: Option<f64>,
    decode_charged_us: Option<f64>,
    repeated: u32,
    wrong: u32,
    failed: u32,
}

/// Sums over trials.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) wrong: u32,
    pub(super) failed: u32,
    pub(super) repeated: u32,
    /// Units per changed key, a value per trial that has one.
    overheads: Vec<f64>,
    sessions: u32,
    bytes: u64,
    search_bytes: u64,
    tuple_bytes: u64,
    flights: u64,
    messages: u64,
    spent: [Duration; 2],
    charged: [Work; 2],
}

impl Tally {
    /// Counts a trial in, but for the costs of a session that was given up.
    pub(super) fn add(
        &mut self,
        transcript: &Transcript,
        units: Option<u64>,
        spent: [Duration; 2],
        differences: u32,
        gave_up: bool,
    ) {
        let units = units.filter(|_| differences > 0);
        self.overheads.extend(units.map(|units| units as f64 / f64::from(differences)));
        if gave_up {
            return;
        }
        self.sessions += 1;
        self.bytes += transcript.bytes;
        self.search_bytes += transcript.search_bytes;
        self.tuple_bytes += transcript.tuple_bytes;
        self.flights += u64::from(transcript.flights);
        self.messages += u64::from(transcript.messages);
        self.charged.iter_mut().zip(transcript.work).for_each(|(sum, work)| sum.merge(work));
        self.spent.iter_mut().zip(spent).for_each(|(sum, spent)| *sum += spent);
    }

    pub(super) fn figures(&self) -> Figures {
        let overhead = Summary::of(&self.overheads);
        let number = |value: f64| value.is_finite().then_some(value);
        let mean = |sum: f64| number(sum / f64::from(self.sessions));
        let [encode, decode] = self.spent.map(|spent| mean(spent.as_secs_f64() * 1e6));
        let [encode_charged, decode_charged] = self.charged.map(|work| mean(work.time().as_secs_f64() * 1e6));
        Figures {
            overhead_mean: number(overhead.mean),
            overhead_sd: number(overhead.sd),
            bytes_mean: mean(self.bytes as f64),
            search_bytes_mean: mean(self.search_bytes as f64),
            tuple_bytes_mean: mean(self.tuple_bytes as f64),
            rounds_mean: mean(self.flights as f64 / 2.0),
            messages_mean: mean(self.messages as f64),
            encode_us: encode,
            decode_us: decode,
            encode_charged_us: encode_charged,
            decode_charged_us: decode_charged,
            repeated: self.repeated,
            wrong: self.wrong,
            failed: self.failed,
        }
    }
}

impl Report {
    /// One object, or a line per entry of it.
    pub(super) fn text(&self, format: Format) -> Result<String, String> {
        if format == Format::Json {
            return serde_json::to_string(self).map_err(|error| format!("cannot write the report: {error}"));
        }
        let Self { algorithm, items, differences, updates, trials, seed, figures, .. } = self;
        let number = |value: Option<f64>| value.map_or_else(|| "none".into(), |value| format!("{value:.4}"));
        let lines = [
            format!(
                "{algorithm}: {differences} of {items} keys differ, {updates} of them updated; {trials} trials, seed {seed}"
            ),
            format!("overhead {} (sd {})", number(figures.overhead_mean), number(figures.overhead_sd)),
            format!("bytes {}", number(figures.bytes_mean)),
            format!("search bytes {}", number(figures.search_bytes_mean)),
            format!("tuple bytes {}", number(figures.tuple_bytes_mean)),
            format!("rounds {}", number(figures.rounds_mean)),
            format!("messages {}", number(figures.messages_mean)),
            format!("encode {} us, decode {} us", number(figures.encode_us), number(figures.decode_us)),
            format!(
                "charged for in simulations: encode {} us, decode {} us",
                number(figures.encode_charged_us),
                number(figures.decode_charged_us)
            ),
            format!("{} repeated, {} wrong, {} failed", figures.repeated, figures.wrong, figures.failed),
        ];
        Ok(lines.join("\n"))
    }
}
