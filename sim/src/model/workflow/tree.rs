//! Trees along which data is passed on. A member is handed the list of those below it and splits that by the tree's rule: every part's
//! first is a child, and the rest of the part is what stands below that child. So nobody needs to know the whole tree.
//!
//! The binomial tree is that of store-and-forward broadcast: with 2^k - 1 receivers the last one has the data after k steps
//! (Johnsson and Ho, "Optimum broadcasting and personalized communication in hypercubes", IEEE Trans. Computers 38(9), 1989).

/// The rule by which a list is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tree {
    /// Everybody is a child of the root.
    Star,
    /// The first part has half of the list, rounded up, the next half of the rest, and so on.
    Binomial,
    /// So many parts of nearly equal length, or fewer where the list is shorter; at least one.
    Ary(u32),
}

impl Tree {
    /// The parts of a list, none of them empty.
    pub fn split<T>(self, mut list: &[T]) -> Vec<&[T]> {
        let mut parts = Vec::new();
        let mut left = match self {
            Self::Star | Self::Binomial => usize::MAX,
            Self::Ary(degree) => degree.max(1) as usize,
        };
        while !list.is_empty() {
            let length = match self {
                Self::Star => 1,
                Self::Binomial => list.len().div_ceil(2),
                Self::Ary(_) => list.len().div_ceil(left),
            };
            let (part, rest) = list.split_at(length);
            parts.push(part);
            (list, left) = (rest, left.saturating_sub(1).max(1));
        }
        parts
    }

    /// Where member `member` of `0..count` stands: its parent (`None` for the root, who is no member) and the members below it.
    pub fn place(self, count: u32, member: u32) -> (Option<u32>, Vec<u32>) {
        let all: Vec<u32> = (0..count).collect();
        let (mut parent, mut list) = (None, all.as_slice());
        loop {
            let parts = self.split(list);
            let Some(part) = parts.into_iter().find(|part| part.contains(&member)) else {
                return (parent, Vec::new());
            };
            if part[0] == member {
                return (parent, part[1..].to_vec());
            }
            (parent, list) = (Some(part[0]), &part[1..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn depth(tree: Tree, list: &[u32]) -> u32 {
        tree.split(list).into_iter().map(|part| 1 + depth(tree, &part[1..])).max().unwrap_or(0)
    }

    /// Rounds until all have it, where in each round everybody who has it passes it to one who has not.
    fn rounds(list: &[u32]) -> u32 {
        let parts = Tree::Binomial.split(list);
        parts.into_iter().zip(1..).map(|(part, round)| round + rounds(&part[1..])).max().unwrap_or(0)
    }

    #[test]
    fn a_binomial_tree_takes_the_logarithm_in_rounds() {
        for count in 1u32..200 {
            let list: Vec<u32> = (0..count).collect();
            assert_eq!(rounds(&list), 32 - count.leading_zeros(), "ceil(log2({count} + 1))");
            assert_eq!(depth(Tree::Star, &list), 1);
            assert_eq!(Tree::Binomial.split(&list).len() as u32, 32 - count.leading_zeros());
        }
        assert_eq!(depth(Tree::Ary(3), &(0..39).collect::<Vec<u32>>()), 3, "3 + 9 + 27");
    }

    proptest! {
        /// Every member stands in the tree once, below the parent that it is said to have.
        #[test]
        fn everybody_has_one_place(count in 1u32..150, degree in 1u32..6, kind in 0u8..3) {
            let tree = [Tree::Star, Tree::Binomial, Tree::Ary(degree)][usize::from(kind)];
            let list: Vec<u32> = (0..count).collect();
            prop_assert_eq!(tree.split(&list).concat(), list);
            let mut children = vec![0u32; count as usize + 1];
            for member in 0..count {
                let (parent, below) = tree.place(count, member);
                children[parent.map_or(count, |parent| parent) as usize] += 1;
                prop_assert!(!below.contains(&member));
                prop_assert!(parent.is_none_or(|parent| tree.place(count, parent).1.contains(&member)));
            }
            for member in 0..count {
                prop_assert_eq!(tree.split(&tree.place(count, member).1).len() as u32, children[member as usize]);
            }
        }
    }
}
