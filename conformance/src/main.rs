//! The `netassay` command.

fn main() {}
