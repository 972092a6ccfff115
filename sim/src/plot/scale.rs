//! Axes as numbers: what they cover, where their ticks are, and how those read.

use super::Axis;

/// An axis with its range, ticks and label settled.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) log: bool,
    pub(super) low: f64,
    pub(super) high: f64,
    /// Labelled ticks.
    pub(super) ticks: Vec<(f64, String)>,
    /// Ticks without label, on logarithmic axes.
    pub(super) minor: Vec<f64>,
    pub(super) label: String,
}

impl Scale {
    /// Settles an axis on the values that are shown; about `count` ticks. `tight` leaves no room beyond the data, as along time.
    pub(super) fn new(axis: &Axis, values: impl Iterator<Item = f64>, count: f64, tight: bool) -> Self {
        if !axis.names.is_empty() {
            return Self::named(axis);
        }
        // Beyond these, the steps and margins of an axis would overflow.
        let sane = |value: f64| value.abs() < 1e290 && (!axis.log || value > 1e-290);
        let shown = values.filter(|value| sane(*value));
        let (low, high) =
            shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let asked = axis.range.filter(|(low, high)| low < high && sane(*low) && sane(*high));
        let (low, high) = asked.unwrap_or_else(|| padded(low, high, axis.log, tight));
        if axis.log { Self::logarithmic(axis, low, high, count) } else { Self::linear(axis, low, high, count) }
    }

    /// The share of the axis at which a value lies; none where it cannot be shown.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let along = |value: f64| if self.log { libm::log10(value) } else { value };
        let share = (along(value) - along(self.low)) / (along(self.high) - along(self.low));
        (share.is_finite() && (-1e-9..=1.0 + 1e-9).contains(&share)).then(|| share.clamp(0.0, 1.0))
    }

    fn named(axis: &Axis) -> Self {
        let ticks: Vec<(f64, String)> = (1..).map(f64::from).zip(axis.names.iter().cloned()).collect();
        let high = ticks.len() as f64 + 0.5;
        Self { log: false, low: 0.5, high, ticks, minor: Vec::new(), label: axis.label.clone() }
    }

    fn linear(axis: &Axis, low: f64, high: f64, count: f64) -> Self {
        let step = nice_step((high - low) / count);
        // An axis that all but reaches its next tick reaches it: 59.5 s becomes 60 s.
        let next = libm::ceil(high / step - 1e-9) * step;
        let high = if axis.range.is_none() && next - high < (high - low) * 0.02 { next } else { high };
        let largest = low.abs().max(high.abs());
        let (name, unit) = split_unit(&axis.label);
        let (factor, unit) = prefixed(unit, largest);
        let decimals = libm::ceil(-libm::log10(step / factor) - 1e-9).clamp(0.0, 12.0) as usize;
        let first = libm::ceil(low / step - 1e-9);
        let last = libm::floor(high / step + 1e-9);
        let ticks = (0..=(last - first).clamp(0.0, 100.0) as u32).map(|index| {
            let value = (first + f64::from(index)) * step;
            (value, minus(format!("{:.decimals$}", value / factor + 0.0)))
        });
        let label = if unit.is_empty() { name.to_owned() } else { format!("{name} ({unit})") };
        Self { log: false, low, high, ticks: ticks.collect(), minor: Vec::new(), label }
    }

    fn logarithmic(axis: &Axis, low: f64, high: f64, count: f64) -> Self {
        let (first, last) = (libm::floor(libm::log10(low) + 1e-9) as i32, libm::ceil(libm::log10(high) - 1e-9) as i32);
        let inside = |value: f64| value >= low * (1.0 - 1e-9) && value <= high * (1.0 + 1e-9);
        let decades: Vec<i32> = (first..=last).filter(|power| inside(ten_to(*power))).collect();
        let minor = (first..last).flat_map(|power| (2..10).map(move |digit| f64::from(digit) * ten_to(power)));
        let minor: Vec<f64> = minor.filter(|value| inside(*value)).collect();
        let ticks: Vec<(f64, String)> = if decades.len() >= 3 {
            let every = libm::ceil(decades.len() as f64 / (count + 1.0)).max(1.0) as i32;
            let shown = decades.iter().filter(|power| (*power - decades[0]) % every == 0);
            shown.map(|power| (ten_to(*power), power_of_ten(*power))).collect()
        } else {
            let digits: &[i32] = if decades.len() == 2 { &[1, 3] } else { &[1, 2, 5] };
            let all =
                (first..=last).flat_map(|power| digits.iter().map(move |digit| f64::from(*digit) * ten_to(power)));
            all.filter(|value| inside(*value)).map(|value| (value, plain(value))).collect()
        };
        Self { log: true, low, high, ticks, minor, label: axis.label.clone() }
    }
}

/// The range of an axis: the data, with some room; down to zero where that does not flatten them.
fn padded(low: f64, high: f64, log: bool, tight: bool) -> (f64, f64) {
    if low > high {
        return if log { (1.0, 10.0) } else { (0.0, 1.0) };
    }
    if log {
        return if low == high {
            (low / 2.0, high * 2.0)
        } else if tight {
            (low, high)
        } else {
            // The logarithms first: the ratio of far ends is beyond all numbers.
            let room = libm::pow(10.0, 0.05 * (libm::log10(high) - libm::log10(low)));
            ((low / room).max(1e-300), (high * room).min(1e300))
        };
    }
    if low == high {
        let room = if low == 0.0 { 1.0 } else { low.abs() * 0.5 };
        return if low >= 0.0 { (0.0, high + room) } else { (low - room, high + room) };
    }
    let room = (high - low) * 0.05;
    match (tight, low >= 0.0 && low < high * 0.6) {
        (true, _) => (low, high),
        (false, true) => (0.0, high + high * 0.05),
        (false, false) => (low - room, high + room),
    }
}

/// The smallest of 1, 2, 5 times a power of ten that is about `step` or more.
fn nice_step(step: f64) -> f64 {
    let power = ten_to(libm::floor(libm::log10(step)) as i32);
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * power >= step * 0.85);
    digit.unwrap_or(10.0) * power
}

fn ten_to(power: i32) -> f64 {
    libm::pow(10.0, f64::from(power))
}

/// "Time (s)" as its name and its unit.
fn split_unit(label: &str) -> (&str, &str) {
    let unit = label.trim_end().strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
    unit.map_or((label, ""), |(name, unit)| (name.trim_end(), unit))
}

/// What to divide by so that ticks stay short, and the unit that says so.
fn prefixed(unit: &str, largest: f64) -> (f64, String) {
    let large = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let small = [(1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n")];
    let bytes = unit == "B" || unit == "bit" || unit.starts_with("B/") || unit.starts_with("bit/");
    if bytes {
        let found = large.iter().find(|(factor, _)| largest >= *factor);
        return found.map_or_else(|| (1.0, unit.to_owned()), |(factor, prefix)| (*factor, format!("{prefix}{unit}")));
    }
    if unit == "s" {
        let found = small.iter().find(|(factor, _)| largest >= *factor).unwrap_or(&small[3]);
        return (found.0, format!("{}{unit}", found.1));
    }
    if largest >= 1e5 || (largest > 0.0 && largest < 1e-2) {
        let power = libm::floor(libm::log10(largest) / 3.0) as i32 * 3;
        return (ten_to(power), format!("{}{}{unit}", power_of_ten(power), if unit.is_empty() { "" } else { " " }));
    }
    (1.0, unit.to_owned())
}

/// "10⁻³".
fn power_of_ten(power: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let superscript = |c: char| c.to_digit(10).map_or('⁻', |digit| DIGITS[digit as usize]);
    format!("10{}", power.to_string().chars().map(superscript).collect::<String>())
}

/// A number of a tick with few digits, without the noise of binary fractions.
fn plain(value: f64) -> String {
    if !(1e-3..1e5).contains(&value) {
        let power = libm::floor(libm::log10(value) + 1e-9) as i32;
        return format!("{:.0}·{}", value / ten_to(power), power_of_ten(power));
    }
    let decimals = libm::ceil(-libm::log10(value) - 1e-9).max(0.0) as usize;
    format!("{value:.decimals$}")
}

/// A true minus sign instead of a hyphen.
fn minus(text: String) -> String {
    text.strip_prefix('-').map_or_else(|| text.clone(), |rest| format!("−{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, values: &[f64], tight: bool) -> (String, Vec<String>) {
        let scale = Scale::new(axis, values.iter().copied(), 5.0, tight);
        (scale.label, scale.ticks.into_iter().map(|tick| tick.1).collect())
    }

    #[test]
    fn linear_ticks_are_round_and_take_the_prefix_of_their_unit() {
        let (label, ticks) = labels(&Axis::linear("Time (s)"), &[0.0, 30.0], true);
        assert_eq!((label.as_str(), ticks), ("Time (s)", vec!["0".into(), "10".into(), "20".into(), "30".into()]));
        let (label, ticks) = labels(&Axis::linear("Sent (B/s)"), &[0.0, 22_000.0], false);
        assert_eq!((label.as_str(), ticks.join(" ")), ("Sent (kB/s)", "0 5 10 15 20".into()));
        let (label, ticks) = labels(&Axis::linear("Latency (s)"), &[0.0, 0.004], true);
        assert_eq!((label.as_str(), ticks.join(" ")), ("Latency (ms)", "0 1 2 3 4".into()));
        let (label, ticks) = labels(&Axis::linear("Nodes"), &[0.0, 1_000_000.0], true);
        assert_eq!((label.as_str(), ticks.join(" ")), ("Nodes (10⁶)", "0.0 0.2 0.4 0.6 0.8 1.0".into()));
        assert_eq!(labels(&Axis::linear("d"), &[-2.0, 2.0], true).1.join(" "), "−2 −1 0 1 2");
        assert_eq!(labels(&Axis::linear("Time (s)"), &[0.0, 59.5], true).1.join(" "), "0 20 40 60");
    }

    #[test]
    fn logarithmic_ticks_are_powers_of_ten() {
        let axis = Axis { log: true, ..Axis::linear("Nodes") };
        assert_eq!(labels(&axis, &[100.0, 100_000.0], true).1.join(" "), "10² 10³ 10⁴ 10⁵");
        assert_eq!(labels(&axis, &[2.0, 9.0], true).1.join(" "), "2 5");
        assert_eq!(labels(&axis, &[0.001, 0.0, -1.0, 10.0], true).1.join(" "), "10⁻³ 10⁻² 10⁻¹ 10⁰ 10¹");
    }

    #[test]
    fn odd_data_still_have_an_axis() {
        for values in [
            &[][..],
            &[f64::NAN],
            &[0.0],
            &[5.0, 5.0],
            &[-3.0],
            &[1e300, -1e300],
            &[1e289, -1e289],
            &[1e-300],
            &[1e-200, 1e200],
            &[1e-289, 1e289],
            &[f64::INFINITY],
        ] {
            for log in [false, true] {
                let scale = Scale::new(&Axis { log, ..Axis::linear("x") }, values.iter().copied(), 5.0, false);
                assert!(
                    scale.low < scale.high && !scale.ticks.is_empty() && scale.ticks.len() < 20,
                    "{values:?} {scale:?}"
                );
            }
        }
    }
}
