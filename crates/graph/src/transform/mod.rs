//! Rewrites of typed graphs.

mod carry;
mod fuse;
mod hoist;
mod merge;
mod states;
mod stream;
mod timing;

pub(crate) use carry::carry;
pub(crate) use fuse::fuse;
pub(crate) use merge::merge;
pub(crate) use stream::Streaming;
