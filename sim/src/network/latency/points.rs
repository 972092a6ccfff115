//! Points on the globe or in a plane: the delay is the distance over the speed of light in fibre, 200,000 km/s, times how
//! much longer the cable is than the great circle. Each host may add a delay of its own at its end.

use std::path::Path;

use super::table::{PLACES_MAX, Table, number};
use crate::network::config::{Points, Space};
use crate::network::distribution::open_unit;
use crate::network::file::{FileProblems, read_text};
use crate::problem::{Problem, zero_time};
use crate::random::Philox;

/// Mean radius of the earth (IUGG 1980) over the speed of light in fibre: nanoseconds per radian of a great circle.
const NANOS_PER_RADIAN: f64 = 6371.0088 / 200_000.0 * 1e9;

/// Uniform points, one per node; a node's own does not depend on the number of nodes.
#[derive(Debug)]
pub(crate) struct Coordinates {
    /// On the unit sphere, or in the unit square with the third coordinate 0. Single precision is a metre on the globe.
    points: Vec<[f32; 3]>,
    /// Nanoseconds per radian, or per side of the square.
    scale: f64,
    round: bool,
}

impl Coordinates {
    pub(crate) fn on_globe(nodes: u32, detour: f64, key: u64) -> Self {
        let point = |node: u32| {
            let [height, turn] = Philox::block(key, [node.into(), 0]).map(open_unit);
            let height = 2.0 * height - 1.0;
            let (radius, angle) = (libm::sqrt(1.0 - height * height), turn * std::f64::consts::TAU);
            [radius * libm::cos(angle), radius * libm::sin(angle), height].map(|x| x as f32)
        };
        Self { points: (0..nodes).map(point).collect(), scale: NANOS_PER_RADIAN * detour, round: true }
    }

    pub(crate) fn in_square(nodes: u32, side: u64, key: u64) -> Self {
        let point = |node: u32| {
            let [x, y] = Philox::block(key, [node.into(), 0]).map(open_unit);
            [x as f32, y as f32, 0.0]
        };
        Self { points: (0..nodes).map(point).collect(), scale: side as f64, round: false }
    }

    #[inline]
    pub(crate) fn delay(&self, from: u32, to: u32) -> u64 {
        let (a, b) = (self.points[from as usize], self.points[to as usize]);
        let chord = straight(a.map(f64::from), b.map(f64::from));
        (self.scale * if self.round { arc(chord) } else { chord } + 0.5) as u64
    }
}

fn straight(a: [f64; 3], b: [f64; 3]) -> f64 {
    let square = |i: usize| (a[i] - b[i]) * (a[i] - b[i]);
    libm::sqrt(square(0) + square(1) + square(2))
}

/// The angle over a chord of the unit sphere.
fn arc(chord: f64) -> f64 {
    2.0 * libm::asin((chord / 2.0).min(1.0))
}

/// Nanoseconds along the great circle between two points given by latitude and longitude in degrees.
pub(crate) fn great_circle(a: (f64, f64), b: (f64, f64)) -> f64 {
    let on_sphere = |(latitude, longitude): (f64, f64)| {
        let (latitude, longitude) = (latitude.to_radians(), longitude.to_radians());
        let radius = libm::cos(latitude);
        [radius * libm::cos(longitude), radius * libm::sin(longitude), libm::sin(latitude)]
    };
    NANOS_PER_RADIAN * arc(straight(on_sphere(a), on_sphere(b)))
}

/// A latitude and a longitude in degrees.
pub(crate) fn coordinates(latitude: &str, longitude: &str) -> Option<(f64, f64)> {
    let latitude = number(latitude).filter(|degrees| degrees.abs() <= 90.0)?;
    Some((latitude, number(longitude).filter(|degrees| degrees.abs() <= 360.0)?))
}

/// What is wrong with the parameters, before anything is read.
pub(crate) fn validate(config: &Points) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Space::Globe { detour } | Space::Places { detour, .. } = &config.space
        && !(1.0..=100.0).contains(detour)
    {
        let kind = if matches!(config.space, Space::Globe { .. }) { "globe" } else { "places" };
        let path = format!("network.latency.points.space.{kind}.detour");
        let help = "a cable is at least as long as the great circle: 1 to 100; measured paths have about 2";
        problems.push(Problem::new(path, format!("a detour of {detour}"), help));
    }
    if let Space::Plane { side } = &config.space
        && side.0.is_zero()
    {
        problems.push(zero_time("network.latency.points.space.plane.side"));
    }
    if let Some(delay) = &config.access_delay {
        problems.extend(delay.validate("network.latency.points.access_delay"));
    }
    problems
}

/// Reads places, `name,latitude,longitude` in degrees with that header, into a table of delays.
pub(crate) fn read_places(file: &Path, detour: f64, base: &Path) -> Result<Table, Vec<Problem>> {
    let key = "network.latency.points.space.places.file";
    parse_places(&read_text(base, file, key)?, detour, key, &file.display().to_string())
}

fn parse_places(text: &str, detour: f64, key: &str, file: &str) -> Result<Table, Vec<Problem>> {
    let mut problems = FileProblems::new(key, file);
    let mut lines =
        text.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| !line.trim().is_empty());
    let header = lines.next().map(|(_, line)| line.split(',').map(str::trim).eq(["name", "latitude", "longitude"]));
    if header != Some(true) {
        problems.whole("the first row must be \"name,latitude,longitude\"");
        return Err(problems.take());
    }
    let (mut names, mut points) = (Vec::new(), Vec::new());
    for (line, text) in lines {
        // A name may hold commas; the numbers do not.
        let mut cells = text.rsplitn(3, ',').map(str::trim);
        let (longitude, latitude, name) = (cells.next(), cells.next(), cells.next());
        match latitude.zip(longitude).and_then(|(latitude, longitude)| coordinates(latitude, longitude)).zip(name) {
            Some((point, name)) => {
                names.push(name.trim_matches('"').to_owned());
                points.push(point);
            }
            None => problems.line(line, "expected a name, a latitude within 90 and a longitude within 360 degrees"),
        }
    }
    if points.len() > PLACES_MAX || (points.is_empty() && problems.is_empty()) {
        problems.whole(format!("a list of places has 1 to {PLACES_MAX} rows"));
        return Err(problems.take());
    }
    let delay = |a, b| (great_circle(a, b) * detour + 0.5) as u64;
    let delays = points.iter().flat_map(|&a| points.iter().map(move |&b| delay(a, b))).collect();
    problems.or(Table { names, delays })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A quarter of the meridian is 10,007.543 km on the mean sphere: 50.037717 ms in fibre.
    #[test]
    fn great_circles_have_their_length() {
        let quarter = NANOS_PER_RADIAN * std::f64::consts::FRAC_PI_2;
        assert!((quarter - 50_037_717.0).abs() < 100.0, "{quarter}");
        for (a, b, quarters) in [
            ((0.0, 0.0), (90.0, 0.0), 1.0),
            ((0.0, 10.0), (0.0, 100.0), 1.0),
            ((30.0, 20.0), (-30.0, 200.0), 2.0),
            ((45.0, 179.0), (45.0, -181.0), 0.0),
        ] {
            assert!((great_circle(a, b) - quarters * quarter).abs() < 2.0, "{a:?} {b:?}");
        }
    }

    /// The mean distance of uniform points is a quarter of the great circle on a sphere, and 0.521405 sides in a square
    /// ((2 + sqrt 2 + 5 ln(1 + sqrt 2)) / 15; B. Burgstaller and F. Pillichshammer, 2009).
    #[test]
    fn uniform_points_have_the_known_mean_distance() {
        let mean = |space: &Coordinates| {
            let pairs = (0..20_000).map(|pair| space.delay(2 * pair, 2 * pair + 1) as f64);
            pairs.sum::<f64>() / 20_000.0
        };
        let globe = mean(&Coordinates::on_globe(40_000, 2.0, 7)) / (NANOS_PER_RADIAN * 2.0);
        // One standard deviation of an angle is sqrt(pi^2 / 4 - 2) = 0.684: four standard errors are 0.019.
        assert!((globe - std::f64::consts::FRAC_PI_2).abs() < 0.02, "{globe}");
        let square = mean(&Coordinates::in_square(40_000, 1_000_000, 7)) / 1e6;
        // The standard deviation is 0.248: four standard errors are 0.007.
        assert!((square - 0.521_405).abs() < 0.007, "{square}");
    }

    #[test]
    fn a_node_more_moves_no_point() {
        let (few, many) = (Coordinates::on_globe(10, 1.0, 3), Coordinates::on_globe(1000, 1.0, 3));
        assert_eq!(few.points, many.points[..10]);
    }

    #[test]
    fn places_are_read_or_refused_by_line() {
        let table = parse_places("name,latitude,longitude\n\"Quito, EC\",0,-78.5\nPole,90,0\n", 1.5, "k", "f").unwrap();
        assert_eq!(table.names, ["Quito, EC", "Pole"]);
        assert_eq!(table.delay(0, 0), 0);
        assert!(table.delay(0, 1).abs_diff(75_056_576) < 200);
        let messages = |text| {
            let problems: Vec<Problem> = parse_places(text, 1.0, "k", "f").unwrap_err();
            problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>()
        };
        assert!(messages("")[0].contains("first row"));
        assert!(messages("name,latitude,longitude\n")[0].contains("1 to 4096"));
        let bad = messages("name,latitude,longitude\na,91,0\nb,nan,0\nc\nd,1,2\n");
        assert_eq!(bad.len(), 3);
        assert!(bad[0].contains("line 2") && bad[2].contains("line 4"));
    }
}
