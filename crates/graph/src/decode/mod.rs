//! Running a model one step at a time.

mod generate;
mod sample;
mod session;
mod streaming;

pub use generate::{Generated, Generator};
pub use sample::{Sampler, SamplingOptions};
pub use session::Session;
