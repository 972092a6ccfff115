//! Nodes that take part in a run and are not measured.

/// Whom the measurements of a run leave out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aside {
    /// By node; empty where nobody is left out.
    marks: Vec<bool>,
}

impl Aside {
    /// These of `nodes` nodes.
    pub fn of(chosen: impl IntoIterator<Item = u32>, nodes: u32) -> Self {
        let mut marks = vec![false; nodes as usize];
        for node in chosen {
            marks[node as usize] = true;
        }
        Self { marks }
    }

    /// Whether a node is left out.
    pub fn contains(&self, node: u32) -> bool {
        self.marks.get(node as usize).copied().unwrap_or(false)
    }
}
