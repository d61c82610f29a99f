//! Running a model one step at a time.

mod beam;
mod blueprint;
mod ctc;
mod generate;
mod head;
mod sample;
mod search;
mod session;
mod transducer;

pub use blueprint::Blueprint;
pub use ctc::{CtcOptions, CtcSearch, Transcript};
pub use generate::{Generated, Generator};
pub use head::From;
pub use sample::SamplingOptions;
pub use search::{Hypothesis, SearchOptions, beam_search};
pub use session::Session;
pub use transducer::{TransducerJoint, TransducerOptions, TransducerSearch};
