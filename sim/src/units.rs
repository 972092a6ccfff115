//! Quantities as a scenario writes them: "50 ms", "20 Mbit/s", "256 kB", "2 h". Each is a newtype that reads and prints
//! its unit string, so that an effective scenario reads back to the same values.

use std::fmt;
use std::str::FromStr;

use rapprochement_core::time::Duration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A span of time: "250 us", "50 ms", "1.5 s", "20 min", "2 h", "1 d". Nanoseconds inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A rate of transmission: "56 kbit/s", "20 Mbit/s", "1 Gbit/s". Bits per second inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub u64);

/// An amount of data: "100 B", "256 kB", "4 MB" (powers of 1000) or "64 KiB" (powers of 1024). Bytes inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A share or probability from 0 to 1; a number, or a percentage such as "5 %".
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Share(pub f64);

const SPAN_UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];
const RATE_UNITS: &[(&str, u64)] = &[("bit/s", 1), ("kbit/s", 1_000), ("Mbit/s", 1_000_000), ("Gbit/s", 1_000_000_000)];
const SIZE_UNITS: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

impl Span {
    /// Nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0.as_nanos()
    }
}

impl Rate {
    /// Nanoseconds that `bytes` take at this rate, rounded up; the rate is positive by construction.
    pub fn transmission(self, bytes: u64) -> Duration {
        let nanos = (u128::from(bytes) * 8_000_000_000).div_ceil(u128::from(self.0.max(1)));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// Splits "1.5 ms" into its number and its unit and scales the number to a whole count of the smallest unit.
fn parse(text: &str, what: &str, example: &str, units: &[(&str, u64)]) -> Result<u64, String> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..split], text[split..].trim_start());
    let names = || units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    if text.starts_with('-') {
        return Err(format!("{what} cannot be negative"));
    }
    if number.is_empty() {
        return Err(format!("{what} is a number and a unit, such as \"{example}\""));
    }
    if unit.is_empty() {
        return Err(format!("{what} needs a unit ({}), such as \"{example}\"", names()));
    }
    let Some((_, scale)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("unknown unit \"{unit}\" for {what}; use one of {}", names()));
    };
    scaled(number, *scale).ok_or_else(|| format!("{what} \"{text}\" is malformed or too large"))
}

/// `number * scale` in exact integer arithmetic; digits below one are dropped.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || fraction.len() > 18 {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut total = whole.checked_mul(scale)?;
    if !fraction.is_empty() {
        let tenths = u128::from(fraction.parse::<u64>().ok()?) * u128::from(scale);
        total = total.checked_add(u64::try_from(tenths / 10u128.pow(fraction.len() as u32)).ok()?)?;
    }
    Some(total)
}

/// Prints with the largest unit that loses nothing.
fn print(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)]) -> fmt::Result {
    let (name, scale) = units
        .iter()
        .filter(|(_, scale)| value.is_multiple_of(*scale))
        .max_by_key(|(_, scale)| *scale)
        .unwrap_or(&units[0]);
    let (name, scale) = if value == 0 { units[0] } else { (*name, *scale) };
    write!(f, "{} {name}", value / scale)
}

impl FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        parse(text, "a time span", "50 ms", SPAN_UNITS).map(|nanos| Self(Duration::from_nanos(nanos)))
    }
}

impl FromStr for Rate {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match parse(text, "a rate", "20 Mbit/s", RATE_UNITS)? {
            0 => Err("a rate must be positive; leave the key out for no limit".into()),
            bits => Ok(Self(bits)),
        }
    }
}

impl FromStr for Size {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        parse(text, "an amount of data", "100 B", SIZE_UNITS).map(Self)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, self.0.as_nanos(), &SPAN_UNITS[..4])
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, self.0, RATE_UNITS)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, self.0, SIZE_UNITS)
    }
}

macro_rules! unit_string {
    ($type:ident, $pattern:literal, $description:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($description)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "description": $description })
            }
        }
    };
}

unit_string!(Span, r"^[0-9.]+ ?(ns|us|ms|s|min|h|d)$", "a time span such as \"50 ms\"");
unit_string!(Rate, r"^[0-9.]+ ?(bit|kbit|Mbit|Gbit)/s$", "a rate such as \"20 Mbit/s\"");
unit_string!(Size, r"^[0-9.]+ ?(B|kB|MB|GB|KiB|MiB|GiB)$", "an amount of data such as \"100 B\"");

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Share;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a share from 0 to 1, or a percentage such as \"5 %\"")
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Share, E> {
                if (0.0..=1.0).contains(&value) {
                    Ok(Share(value))
                } else {
                    Err(E::custom(format!("a share lies between 0 and 1, not {value}")))
                }
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Share, E> {
                self.visit_f64(value as f64)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Share, E> {
                let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
                percent.map_or_else(
                    || Err(E::custom("a share is a number from 0 to 1, or a percentage such as \"5 %\"")),
                    |percent| self.visit_f64(percent / 100.0),
                )
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

impl JsonSchema for Share {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Share".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "a share from 0 to 1, or a percentage such as \"5 %\"",
            "anyOf": [
                { "type": "number", "minimum": 0, "maximum": 1 },
                { "type": "string", "pattern": "^[0-9.]+ ?%$" }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_strings_are_exact_and_read_back() {
        assert_eq!("1.5 ms".parse::<Span>().unwrap().as_nanos(), 1_500_000);
        assert_eq!("0.1 s".parse::<Span>().unwrap().as_nanos(), 100_000_000);
        assert_eq!("2h".parse::<Span>().unwrap().as_nanos(), 7_200_000_000_000);
        assert_eq!("20 Mbit/s".parse::<Rate>().unwrap().0, 20_000_000);
        assert_eq!("64 KiB".parse::<Size>().unwrap().0, 65_536);
        for text in ["7 ns", "1500 us", "90 s", "0 ns"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_wrong_unit_is_told_what_would_be_right() {
        assert!("50".parse::<Span>().unwrap_err().contains("needs a unit"));
        assert!("50 parsecs".parse::<Span>().unwrap_err().contains("ns, us, ms"));
        assert!("-5 ms".parse::<Span>().unwrap_err().contains("negative"));
        assert!("0 Mbit/s".parse::<Rate>().unwrap_err().contains("positive"));
        assert!("99999999999999999999 d".parse::<Span>().unwrap_err().contains("too large"));
    }

    #[test]
    fn transmission_rounds_up_to_the_nanosecond() {
        assert_eq!(Rate(8).transmission(1), Duration::from_secs(1));
        assert_eq!(Rate(3_000_000_000).transmission(1), Duration::from_nanos(3));
        assert_eq!(Rate(1).transmission(u64::MAX), Duration::MAX);
    }
}
