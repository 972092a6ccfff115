//! Ways to find the difference of two sets, without I/O and without a store: items in, messages in, messages out.
//!
//! | file | method |
//! |---|---|
//! | `range` | range-based reconciliation: fingerprints of ranges, split where they differ |
//! | `search_tree` | Merkle search tree: a walk down two trees of hashes |

pub mod range;
pub mod search_tree;
