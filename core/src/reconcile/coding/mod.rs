//! Codes that tell two sets apart: pure mathematics, without messages and without a store.
//!
//! | file | what it holds |
//! |---|---|
//! | `salt` | the key under which items are hashed |
//! | `gf64` | the field of 2^64 elements |
//! | `polynomial` | polynomials over it, and their roots |
//! | `pinsketch` | PinSketch: power sums of ids, one per difference |
//! | `partition` | the parts of a set that is bisected |
//! | `iblt` | invertible Bloom lookup tables |
//! | `strata` | the strata estimator, and the size of table that it calls for |

pub mod gf64;
pub mod iblt;
mod partition;
pub mod pinsketch;
mod polynomial;
mod salt;
mod strata;

pub use iblt::{Difference, Iblt, Shape};
pub use partition::Partition;
pub use pinsketch::Sketch;
pub use salt::Salt;
pub use strata::{Estimate, Strata};
