//! Running a model one step at a time.

mod blueprint;
mod hoist;
mod session;
mod streaming;
mod timing;

pub use blueprint::Blueprint;
pub use session::Session;
