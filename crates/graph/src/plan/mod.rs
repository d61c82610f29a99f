//! From a description to something that runs: the checked graph, what of it a run needs, and where its values lie.

mod graph;
mod layout;
mod program;
mod rewrite;

pub(crate) use graph::{Graph, Node};
pub(crate) use layout::Layout;
pub(crate) use program::Program;
