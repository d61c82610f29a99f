//! Running a model one step at a time.

mod session;
mod streaming;

pub use session::Session;
