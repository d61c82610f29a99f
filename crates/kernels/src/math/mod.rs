//! Transcendental functions and activations on vectors, and the slice kernels made of them.
//!
//! Error bounds against the correctly rounded value, at every level: exp, sigmoid and tanh 4 ulp. `accuracy.rs` tests
//! them over a stride of float32, and over all of it by the ignored test `every_float`.
//! Results below the smallest normal number may be flushed to zero.

#[cfg(test)]
mod accuracy;
mod activation;
mod exponential;
mod slices;
mod softmax;

pub(crate) use activation::{apply, is_vectorised, slope};
pub(crate) use exponential::{sigmoid, tanh};
pub(crate) use slices::{activation, activation_backward, activation_in_place};
pub(crate) use softmax::{scaled_softmax_rows, softmax_rows, softmax_statistics};
