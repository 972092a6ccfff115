//! Network coordinates: every node places itself in a plane so that distances predict round-trip times, from its own probes
//! and the coordinates that the probed peers state. A height above the plane stands for the access link, which every path
//! crosses.
//!
//! F. Dabek, R. Cox, F. Kaashoek and R. Morris, "Vivaldi: a decentralized network coordinate system", SIGCOMM 2004:
//! the adaptive time step of section 3.3 with `ce = cc = 0.25`, height vectors of section 5.4. One thing differs: the plane's
//! part of the unit vector has length 1, as in Serf and other implementations, where the paper divides it by the
//! whole distance with the heights. On the PlanetLab matrix both end alike, but the paper's form needs twice the samples to get there
//! (`cargo run --release --example coordinates`), since early heights slow its steps in the plane. What is fed in should be
//! the least of a peer's last four round trips ([`crate::overlay::probe::Link::least`]): that is the moving percentile filter
//! (history 4, percentile 25) of J. Ledlie, P. Gardner and M. Seltzer, "Network coordinates in the wild", NSDI 2007.
//!
//! A peer states what it likes. Its coordinate is bounded by its encoding, its error has a floor, and one probe moves a
//! node by at most [`VivaldiConfig::step_max`].

use alloc::vec::Vec;

use rand_core::Rng;

use crate::random::unit;
use crate::time::Duration;
use crate::wire::{DecodeError, Reader, put_varint, varint_len};

/// Furthest from the origin on each axis, and greatest height, in microseconds.
pub const REACH_MAX: u32 = 10_000_000;
/// The unit of a stated error: 10,000 are a relative error of 1.
pub const ERROR_UNIT: u16 = 10_000;
/// Least and greatest relative error that a coordinate states.
const ERROR_RANGE: (f64, f64) = (0.01, 1.5);

/// A coordinate as peers tell it: fixed-point, so that there is one encoding. Axes and height in microseconds of round-trip
/// time, the error in units of 1 / [`ERROR_UNIT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coordinate<const D: usize> {
    position: [i32; D],
    height: u32,
    error: u16,
}

/// The coordinates of the overlay's messages: a plane and a height.
pub type NetworkCoordinate = Coordinate<2>;

impl<const D: usize> Coordinate<D> {
    /// Where everybody starts: the origin, without height, with an error of 1.
    pub const ORIGIN: Self = Self { position: [0; D], height: 0, error: ERROR_UNIT };

    /// A coordinate of these axes and this height, in microseconds, and this error, in units of 1 / [`ERROR_UNIT`]; `None`
    /// where one is beyond [`REACH_MAX`] or the error outside 0.01 to 1.5.
    pub fn new(position: [i32; D], height: u32, error: u16) -> Option<Self> {
        let reach = position.iter().all(|axis| axis.unsigned_abs() <= REACH_MAX) && height <= REACH_MAX;
        let (least, greatest) = ERROR_RANGE;
        let share = f64::from(error) / f64::from(ERROR_UNIT);
        (reach && (least..=greatest).contains(&share)).then_some(Self { position, height, error })
    }

    /// The axes in microseconds.
    pub fn position(&self) -> [i32; D] {
        self.position
    }

    /// The height in microseconds.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The relative error that its owner expects of it, 0.01 to 1.5.
    pub fn error(&self) -> f64 {
        f64::from(self.error) / f64::from(ERROR_UNIT)
    }

    /// The round-trip time that both predict: the distance in the plane and both heights.
    pub fn predict(&self, other: &Self) -> Duration {
        let mut square = 0.0;
        for (a, b) in self.position.iter().zip(&other.position) {
            let along = f64::from(*a) - f64::from(*b);
            square += along * along;
        }
        let micros = libm::sqrt(square) + f64::from(self.height) + f64::from(other.height);
        Duration::from_secs_f64(micros * 1e-6)
    }

    /// The exact number of bytes that [`Coordinate::encode`] appends.
    pub fn encoded_len(&self) -> usize {
        let axes: usize = self.position.iter().map(|axis| varint_len(zigzag(*axis))).sum();
        axes + varint_len(self.height.into()) + 2
    }

    /// Appends the canonical encoding: the axes (zigzag), the height, the error (two bytes, high one first).
    pub fn encode(&self, out: &mut Vec<u8>) {
        for axis in self.position {
            put_varint(out, zigzag(axis));
        }
        put_varint(out, self.height.into());
        out.extend_from_slice(&self.error.to_be_bytes());
    }

    /// Reads one coordinate.
    ///
    /// # Errors
    /// The bytes are not the canonical encoding of a coordinate within the limits.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut position = [0; D];
        for axis in &mut position {
            let coded = u32::try_from(reader.varint()?).map_err(|_| DecodeError::LimitExceeded)?;
            *axis = (coded >> 1) as i32 ^ -((coded & 1) as i32);
        }
        let height = u32::try_from(reader.varint()?).map_err(|_| DecodeError::LimitExceeded)?;
        let error = u16::from_be_bytes(reader.array()?);
        Self::new(position, height, error).ok_or(DecodeError::LimitExceeded)
    }
}

/// Small numbers of either sign as small numbers.
fn zigzag(value: i32) -> u64 {
    u64::from((value << 1 ^ value >> 31) as u32)
}

/// The parameters of the algorithm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VivaldiConfig {
    /// Weight of a sample in the node's error, 0 to 1.
    pub error_gain: f64,
    /// Share of the way that a node moves on a sample, 0 to 1.
    pub step_gain: f64,
    /// Least height in milliseconds; `None` for coordinates without height.
    pub height_min: Option<f64>,
    /// Furthest that one sample moves a node, in milliseconds.
    pub step_max: f64,
    /// Whether the plane's part of a step is divided by the distance with heights, as in the paper; else by that in the plane.
    pub paper_unit: bool,
}

impl Default for VivaldiConfig {
    /// The paper's gains, with height of at least 0.1 ms, steps of at most 250 ms.
    fn default() -> Self {
        Self { error_gain: 0.25, step_gain: 0.25, height_min: Some(0.1), step_max: 250.0, paper_unit: false }
    }
}

/// A node's own place. Lengths in milliseconds.
#[derive(Clone, Debug)]
pub struct Vivaldi<const D: usize> {
    config: VivaldiConfig,
    position: [f64; D],
    height: f64,
    error: f64,
    updates: u64,
}

impl<const D: usize> Vivaldi<D> {
    /// A node at the origin.
    pub fn new(config: VivaldiConfig) -> Self {
        let height = config.height_min.unwrap_or(0.0);
        Self { config, position: [0.0; D], height, error: 1.0, updates: 0 }
    }

    /// How many samples were taken in.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The relative error that the node expects of its predictions, 0.01 to 1.5.
    pub fn error(&self) -> f64 {
        self.error
    }

    /// What the node tells its peers.
    pub fn coordinate(&self) -> Coordinate<D> {
        let reach = f64::from(REACH_MAX);
        let micros = |millis: f64| round(millis * 1e3).clamp(-reach, reach);
        let position = self.position.map(|axis| micros(axis) as i32);
        let error = round(self.error * f64::from(ERROR_UNIT)) as u16;
        Coordinate { position, height: micros(self.height) as u32, error }
    }

    /// Takes in a round-trip time by this node's own clock to a peer at `remote`. `false` where it is no sample: no time at
    /// all, or longer than coordinates reach.
    pub fn update<R: Rng + ?Sized>(&mut self, remote: &Coordinate<D>, rtt: Duration, rng: &mut R) -> bool {
        let rtt = rtt.as_secs_f64() * 1e3;
        if rtt <= 0.0 || rtt > f64::from(REACH_MAX) / 1e3 {
            return false;
        }
        let mut direction = [0.0; D];
        for (axis, (own, theirs)) in direction.iter_mut().zip(self.position.iter().zip(&remote.position)) {
            *axis = own - f64::from(*theirs) / 1e3;
        }
        let apart = norm(&direction);
        let heights = self.config.height_min.map_or(0.0, |_| self.height + f64::from(remote.height) / 1e3);
        let distance = apart + heights;
        let weight = self.error / (self.error + remote.error());
        let sample_error = (distance - rtt).abs() / rtt;
        let gain = self.config.error_gain * weight;
        self.error = (sample_error * gain + self.error * (1.0 - gain)).clamp(ERROR_RANGE.0, ERROR_RANGE.1);
        let step_max = self.config.step_max;
        let step = (self.config.step_gain * weight * (rtt - distance)).clamp(-step_max, step_max);
        self.advance(step, direction, apart, heights, rng);
        self.updates += 1;
        true
    }

    /// Moves by `step` along the direction in the plane, and up or down in proportion to the heights' share of the distance.
    fn advance<R: Rng + ?Sized>(&mut self, step: f64, mut direction: [f64; D], apart: f64, heights: f64, rng: &mut R) {
        /// Nearer than this, in milliseconds, two nodes have no direction between them.
        const SAME_PLACE: f64 = 1e-6;
        let reach = f64::from(REACH_MAX) / 1e3;
        let mut length = if self.config.paper_unit { apart + heights } else { apart };
        if apart < SAME_PLACE {
            direction = random_direction(rng);
            length = 1.0;
        }
        for (own, axis) in self.position.iter_mut().zip(&direction) {
            *own = (*own + step * axis / length).clamp(-reach, reach);
        }
        if let Some(least) = self.config.height_min
            && apart + heights > SAME_PLACE
        {
            self.height = (self.height + step * heights / (apart + heights)).clamp(least, reach);
        }
    }
}

/// The nearest integer, halves away from zero.
fn round(value: f64) -> f64 {
    libm::round(value)
}

fn norm(vector: &[f64]) -> f64 {
    libm::sqrt(vector.iter().map(|axis| axis * axis).sum())
}

/// A unit vector: a point of the cube that lies in the ball and not at its centre, scaled. After many misses the last point
/// serves as it is, whose direction is still random.
fn random_direction<const D: usize, R: Rng + ?Sized>(rng: &mut R) -> [f64; D] {
    const TRIES: usize = 64;
    let mut point = [0.0; D];
    for _ in 0..TRIES {
        point = core::array::from_fn(|_| 2.0 * unit(rng) - 1.0);
        let length = norm(&point);
        if length > 1e-3 && length <= 1.0 {
            break;
        }
    }
    let length = norm(&point).max(1e-3);
    point.map(|axis| axis / length)
}
