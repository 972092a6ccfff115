//! Sessions with peers and links that mean no good: what they can say costs a bounded amount, ends the session or does
//! nothing, and is never believed.

mod bounds;
mod cancellation;
mod links;
mod peers;
mod world;
