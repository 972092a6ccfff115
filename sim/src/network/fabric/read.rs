//! A topology from a GraphML file, read by `latency`'s reader.

use std::path::Path;

use rapprochement_core::time::Duration;

use super::SHAPE;
use super::config::{Cable, HostVertices, Shape};
use super::plan::{Plan, VERTICES_MAX};
use crate::network::file::{FileProblems, read_text};
use crate::network::latency::parse_graphml;
use crate::network::link::RATE_MIN;
use crate::problem::Problem;
use crate::units::{Rate, Span};

/// Reads the file of a shape.
pub(super) fn read(shape: &Shape, base: &Path) -> Result<Plan, Vec<Problem>> {
    let Shape::Graphml { file, delay, rate, default, hosts } = shape else { return Ok(Plan::default()) };
    let key = format!("{SHAPE}.graphml.file");
    let text = read_text(base, file, &key)?;
    let mut problems = FileProblems::new(&key, &file.display().to_string());
    let graph = parse_graphml(&text, delay.as_deref(), rate.as_deref(), &mut problems);
    if problems.is_empty() && (graph.is_too_large() || graph.names.len() as u64 > VERTICES_MAX) {
        problems.whole(format!("a topology has at most {VERTICES_MAX} vertices"));
    }
    problems.check()?;
    let mut degree = vec![0; graph.names.len()];
    for end in graph.edges.iter().flat_map(|edge| edge.ends) {
        degree[end as usize] += 1;
    }
    let all = 0..graph.names.len();
    let (mut order, routers): (Vec<usize>, Vec<usize>) = all.partition(|vertex| match hosts {
        HostVertices::All => true,
        HostVertices::Leaves => degree[*vertex] == 1,
    });
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
            problems.line(edge.line, format!("a link below {RATE_MIN}"));
        }
        let delay = edge.delay.map_or(default.delay, |nanos| Span(Duration::from_nanos(nanos)));
        plan.edges.push((edge.ends.map(|end| place[end as usize]), Cable { rate, delay, queue: default.queue }));
    }
    if count == 0 {
        problems.whole("no vertex is a host");
    }
    problems.or(plan)
}
