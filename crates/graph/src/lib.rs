//! Models as graphs of operations: description, planning, execution, differentiation and training.
//!
//! A [`GraphSpec`] describes inputs, weights and operations. An [`Executor`] checks it once, then binds batches,
//! runs them forward and differentiates them. Weights live in [`Parameters`], their gradients in [`Gradients`];
//! neither belongs to an executor, so a training graph and a prediction graph can share them.
#![forbid(unsafe_code)]

mod buffer;
pub mod decode;
mod discard;
pub mod error;
mod form;
mod gradients;
pub mod init;
mod ir;
mod mask;
mod memory;
mod mode;
mod ops;
pub mod optim;
mod parallel;
mod params;
mod plan;
mod registry;
pub mod rng;
mod run;
mod scan;
mod setting;
mod shape;
#[cfg(test)]
mod table;
mod tensor;
pub mod train;
mod transform;
pub mod values;
pub mod wire;

pub use buffer::{Buffer, Exclusive, copy};
pub use discard::discard;
pub use error::{Code, Error, Result};
pub use form::Form;
pub use gradients::{Gradient, GradientMut, Gradients, RowGradient};
pub use ir::Graph;
pub use mask::SequenceMask;
pub use memory::{address_limit, available_bytes, bytes_for, room_for};
pub use mode::{Record, Run};
pub use parallel::unless_cancelled;
pub use params::{Parameters, Scales, Slot};
pub use registry::operation_names;
pub use run::{Executor, RunBytes};
pub use tensor::{
    BatchData, BatchInput, BatchSequence, HostTensor, Sequence, StateGradient, TensorData, TensorView,
};
pub use wire::GraphSpec;
