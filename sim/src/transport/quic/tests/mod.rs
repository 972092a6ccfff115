//! The stack on a link whose times are known.

mod faults;
mod hostile;
mod rig;
mod speed;
mod streams;
#[cfg(feature = "rustls")]
mod tls;
