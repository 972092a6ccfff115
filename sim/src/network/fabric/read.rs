//! A topology from a GraphML file, read by `latency`'s reader.

use std::path::Path;

use super::config::{Cable, Shape};
use super::plan::{Plan, VERTICES_MAX};
use super::{SHAPE, is_host, of_file};
use crate::network::file::{FileProblems, read_text};
use crate::network::latency::parse_graphml;
use crate::network::link::RATE_MIN;
use crate::problem::Problem;
use crate::units::{Rate, Size, Span};
use rapprochement_core::time::Duration;

/// Reads the file of a shape, whose longest packet takes so many bytes.
pub(super) fn read(shape: &Shape, packet: Size, base: &Path) -> Result<Plan, Vec<Problem>> {
    let Some((file, delay, rate, default, hosts)) = of_file(shape) else { return Ok(Plan::default()) };
    let key = format!("{SHAPE}.graphml.file");
    let text = read_text(base, file, &key)?;
    let mut problems = FileProblems::new(&key, &file.display().to_string());
    let graph = parse_graphml(&text, delay, rate, &mut problems);
    if problems.is_empty() && (graph.is_too_large() || graph.names.len() as u64 > VERTICES_MAX) {
        problems.whole(format!("a topology has at most {VERTICES_MAX} vertices"));
    }
    problems.check()?;
    let mut degree = vec![0; graph.names.len()];
    for end in graph.edges.iter().flat_map(|edge| edge.ends) {
        degree[end as usize] += 1;
    }
    let all = 0..graph.names.len();
    let (mut order, routers): (Vec<usize>, Vec<usize>) = all.partition(|vertex| is_host(hosts, degree[*vertex]));
    let count = order.len() as u32;
    order.extend(routers);
    let mut place = vec![0; order.len()];
    order.iter().zip(0..).for_each(|(vertex, number)| place[*vertex] = number);
    let mut plan = Plan {
        hosts: count,
        vertices: order.len() as u32,
        names: order.iter().map(|vertex| graph.names[*vertex].clone()).collect(),
        edges: Vec::new(),
    };
    for edge in &graph.edges {
        let rate = edge.rate.map_or(default.rate, Rate);
        if rate < RATE_MIN {
            problems.line(edge.line, format!("a link below {RATE_MIN}, and packets of up to {packet}"));
        }
        let delay = edge.delay.map_or(default.delay, |nanos| Span(Duration::from_nanos(nanos)));
        plan.edges.push((edge.ends.map(|end| place[end as usize]), Cable { rate, delay, queue: default.queue }));
    }
    if count == 0 {
        problems.whole("no vertex is a host");
    }
    problems.or(plan)
}
