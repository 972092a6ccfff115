//! GraphML (U. Brandes, M. Eiglsperger, J. Lerner and C. Pich, "Graph markup language", Handbook of Graph Drawing and
//! Visualization, 2013): vertices, edges, and the attributes that give a delay and a rate. The Internet Topology Zoo writes its
//! coordinates as the node attributes `Latitude` and `Longitude`, which are read here in any case of letters.

use std::collections::BTreeMap;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::graph::{Description, Edge, delay, rate};
use super::points::coordinates;
use crate::network::file::FileProblems;

/// What the parser has gathered of the vertex or edge that is open.
#[derive(Debug, Default)]
struct Open {
    latitude: Option<String>,
    longitude: Option<String>,
    delay: Option<String>,
    rate: Option<String>,
    /// Which attribute the text that follows belongs to.
    data: Option<Field>,
    item: Option<Item>,
    line: usize,
}

#[derive(Debug)]
enum Item {
    Vertex(String),
    Edge(String, String),
}

#[derive(Clone, Copy, Debug)]
enum Field {
    Latitude,
    Longitude,
    Delay,
    Rate,
}

/// Reads a GraphML file; `delay` names the attribute with the edges' delay in ms, `rate` that with their rate in bit/s.
pub(crate) fn parse(text: &str, delay: Option<&str>, rate: Option<&str>, problems: &mut FileProblems) -> Description {
    let mut reader = Reader::from_str(text);
    let mut lines = Lines { text: text.as_bytes(), position: 0, line: 1 };
    let mut parser = Parser { delay, rate, ..Parser::default() };
    loop {
        let line = lines.at(reader.buffer_position());
        match reader.read_event() {
            Ok(Event::Start(tag)) => parser.open(&tag, false, line, problems),
            Ok(Event::Empty(tag)) => parser.open(&tag, true, line, problems),
            Ok(Event::Text(text)) => parser.text(&text.xml10_content()),
            Ok(Event::CData(text)) => parser.text(&text.xml10_content()),
            Ok(Event::End(tag)) => parser.close(tag.local_name().as_ref(), problems),
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(error) => {
                problems.line(lines.at(reader.error_position()), format!("malformed XML: {error}"));
                return parser.graph;
            }
        }
        if parser.graph.is_too_large() {
            return parser.graph;
        }
    }
    parser.finish(problems)
}

#[derive(Debug, Default)]
struct Parser<'a> {
    delay: Option<&'a str>,
    rate: Option<&'a str>,
    /// From the id of a key to what it means here.
    keys: BTreeMap<String, Field>,
    edge_attributes: Vec<String>,
    graph: Description,
    open: Open,
    /// Edges by the names of their ends, which may be defined later.
    edges: Vec<([String; 2], [Option<u64>; 2], usize)>,
    is_graphml: bool,
}

impl Parser<'_> {
    fn open(&mut self, tag: &BytesStart<'_>, is_empty: bool, line: usize, problems: &mut FileProblems) {
        let mut get = |name: &str| match tag.try_get_attribute(name) {
            Ok(Some(attribute)) => {
                attribute.normalized_value(XmlVersion::Implicit1_0).ok().map(|value| value.into_owned())
            }
            Ok(None) => None,
            Err(error) => {
                problems.line(line, format!("malformed XML: {error}"));
                None
            }
        };
        match tag.local_name().as_ref() {
            "graphml" => self.is_graphml = true,
            "key" => {
                if let (Some(id), Some(name)) = (get("id"), get("attr.name")) {
                    self.key(id, name, get("for").as_deref());
                }
            }
            "node" => match get("id") {
                Some(id) => self.item(Item::Vertex(id), line),
                None => problems.line(line, "a node without an id"),
            },
            "edge" => match (get("source"), get("target")) {
                (Some(source), Some(target)) => self.item(Item::Edge(source, target), line),
                _ => problems.line(line, "an edge without a source and a target"),
            },
            "data" => self.open.data = get("key").and_then(|key| self.keys.get(&key).copied()),
            _ => {}
        }
        if is_empty {
            self.close(tag.local_name().as_ref(), problems);
        }
    }

    fn key(&mut self, id: String, name: String, kind: Option<&str>) {
        let for_vertices = matches!(kind, Some("node" | "all") | None);
        let for_edges = matches!(kind, Some("edge" | "all") | None);
        let field = match name.to_ascii_lowercase().as_str() {
            _ if for_edges && self.delay == Some(name.as_str()) => Some(Field::Delay),
            _ if for_edges && self.rate == Some(name.as_str()) => Some(Field::Rate),
            "latitude" if for_vertices => Some(Field::Latitude),
            "longitude" if for_vertices => Some(Field::Longitude),
            _ => None,
        };
        self.keys.extend(field.map(|field| (id, field)));
        if for_edges {
            self.edge_attributes.push(name);
        }
    }

    fn item(&mut self, item: Item, line: usize) {
        self.open = Open { item: Some(item), line, ..Open::default() };
    }

    fn text(&mut self, text: &str) {
        let field = match self.open.data {
            Some(Field::Latitude) => &mut self.open.latitude,
            Some(Field::Longitude) => &mut self.open.longitude,
            Some(Field::Delay) => &mut self.open.delay,
            Some(Field::Rate) => &mut self.open.rate,
            None => return,
        };
        field.get_or_insert_default().push_str(text.trim());
    }

    fn close(&mut self, tag: &str, problems: &mut FileProblems) {
        if tag == "data" {
            self.open.data = None;
        }
        if tag != "node" && tag != "edge" {
            return;
        }
        let open = std::mem::take(&mut self.open);
        match open.item {
            None => {}
            Some(Item::Vertex(id)) => {
                if self.graph.find(&id).is_some() {
                    problems.line(open.line, format!("the node \"{id}\" stands twice"));
                }
                let vertex = self.graph.vertex(&id);
                if let (Some(latitude), Some(longitude)) = (open.latitude, open.longitude) {
                    match coordinates(&latitude, &longitude) {
                        Some(place) => self.graph.places[vertex as usize] = Some(place),
                        None => problems.line(open.line, format!("the node \"{id}\" stands nowhere on the globe")),
                    }
                }
            }
            Some(Item::Edge(source, target)) => {
                let delay = open.delay.as_deref().map(delay).transpose();
                let rate = open.rate.as_deref().map(rate).transpose();
                match delay.and_then(|delay| Ok([delay, rate?])) {
                    Ok(values) => self.edges.push(([source, target], values, open.line)),
                    Err(message) => problems.line(open.line, message),
                }
            }
        }
    }

    fn finish(mut self, problems: &mut FileProblems) -> Description {
        if !self.is_graphml {
            problems.whole("not a GraphML file: there is no <graphml>");
            return self.graph;
        }
        let asked = [self.delay, self.rate].into_iter().flatten();
        for name in asked.filter(|name| !self.edge_attributes.iter().any(|known| known == name)) {
            let known = self.edge_attributes.join(", ");
            problems.whole(format!("edges have no attribute \"{name}\"; the file declares: {known}"));
        }
        for ([source, target], [delay, rate], line) in self.edges {
            match (self.graph.find(&source), self.graph.find(&target)) {
                (Some(a), Some(b)) => self.graph.edges.push(Edge { ends: [a, b], delay, rate, line }),
                _ => problems
                    .line(line, format!("the edge from \"{source}\" to \"{target}\" has an end that is no node")),
            }
        }
        self.graph
    }
}

/// Turns byte positions, which only grow, into line numbers.
struct Lines<'a> {
    text: &'a [u8],
    position: usize,
    line: usize,
}

impl Lines<'_> {
    fn at(&mut self, position: u64) -> usize {
        let position = usize::try_from(position).unwrap_or(usize::MAX).min(self.text.len());
        if let Some(passed) = self.text.get(self.position..position) {
            self.line += passed.iter().filter(|&&byte| byte == b'\n').count();
            self.position = position;
        }
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SMALL: &str = "<graphml><key id='d' for='edge' attr.name='ms'/><key id='x' attr.name='Latitude'/><graph>\
        <node id='a'><data key='x'>1</data></node><node id='b'/><edge source='a' target='b'><data key='d'>1</data>\
        </edge></graph></graphml>";

    proptest! {
        /// A file with bytes replaced, removed or repeated is a graph whose edges have ends, or a problem.
        #[test]
        fn no_mutation_breaks_the_parser(
            edits in prop::collection::vec((any::<prop::sample::Index>(), 0u8..3, "[<>/='a-d&;! ]"), 0..8)
        ) {
            let mut text: Vec<char> = SMALL.chars().collect();
            for (index, kind, with) in edits {
                let at = index.index(text.len());
                match kind {
                    0 => text[at] = with.chars().next().unwrap_or(' '),
                    1 if text.len() > 1 => drop(text.remove(at)),
                    _ => text.insert(at, text[at]),
                }
            }
            let text: String = text.into_iter().collect();
            let graph = parse(&text, Some("ms"), Some("rate"), &mut FileProblems::new("key", "file"));
            prop_assert_eq!(graph.names.len(), graph.places.len());
            for edge in &graph.edges {
                prop_assert!(edge.ends.iter().all(|&end| (end as usize) < graph.names.len()));
            }
        }
    }
}
