//! `rapsim`: run scenarios from the command line.

fn main() {}
