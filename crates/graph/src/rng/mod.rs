//! Counter-based random numbers: every value is a pure function of (seed, step, operation, element), so results
//! depend neither on the number of threads nor on the order in which elements are filled.

mod philox;
mod shuffle;
mod stream;

pub use philox::philox4x32;
pub use shuffle::shuffle;
pub use stream::{Key, Stream, fill_normal, fill_uniform, uniform};

/// Ranges of [`Key::op`] that keep the parts of the crate from drawing the same numbers. Operations of a graph use
/// their plain node index (range zero).
pub mod domain {
    /// Initial values of weights; add the weight's index.
    pub const INIT: u64 = 1 << 56;
    /// The order of the rows of an epoch (the epoch is the step).
    pub const SHUFFLE: u64 = 2 << 56;
    /// The choice of tokens in generation (the token's position is the step).
    pub const SAMPLE: u64 = 3 << 56;
    /// The rounding of an optimizer's states; add the state's number.
    pub const ROUND: u64 = 4 << 56;
}
