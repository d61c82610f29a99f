//! Which part of a checked graph a run needs, and where its values lie.

mod layout;
mod program;

pub(crate) use layout::Layout;
pub(crate) use program::Program;
