//! Running a model one step at a time.

mod beam;
mod blueprint;
mod hoist;
mod search;
mod session;
mod streaming;
mod timing;

pub use blueprint::Blueprint;
pub use search::{Hypothesis, SearchOptions};
pub use session::Session;
