//! Nodes that take part in a run and are not measured.

/// Whom the measurements of a run leave out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aside {
    /// By node; empty where nobody is left out.
    marks: Vec<bool>,
    /// In the order in which they were drawn.
    chosen: Vec<u32>,
    /// Against whom they are, where they are against one.
    victim: Option<u32>,
}

impl Aside {
    /// These of `nodes` nodes.
    pub fn of(chosen: impl IntoIterator<Item = u32>, nodes: u32) -> Self {
        let chosen: Vec<u32> = chosen.into_iter().collect();
        let mut marks = vec![false; nodes as usize];
        for node in &chosen {
            marks[*node as usize] = true;
        }
        Self { marks, chosen, victim: None }
    }

    /// The same, against this node, which is measured.
    #[must_use]
    pub fn against(self, victim: Option<u32>) -> Self {
        Self { victim, ..self }
    }

    /// Those left out, in the order in which they were drawn.
    pub fn chosen(&self) -> &[u32] {
        &self.chosen
    }

    /// The measured node that they are against.
    pub fn victim(&self) -> Option<u32> {
        self.victim
    }

    /// Whether a node is left out.
    pub fn contains(&self, node: u32) -> bool {
        self.marks.get(node as usize).copied().unwrap_or(false)
    }
}
