//! Running a model one step at a time.

mod beam;
mod blueprint;
mod generate;
mod hoist;
mod sample;
mod search;
mod session;
mod streaming;
mod timing;

pub use blueprint::Blueprint;
pub use generate::{Generated, Generator};
pub use sample::{Sampler, SamplingOptions};
pub use search::{Hypothesis, SearchOptions};
pub use session::Session;
