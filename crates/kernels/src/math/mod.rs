//! Transcendental functions and activations on vectors, and the slice kernels made of them.
//!
//! Worst errors over all float32 against the correctly rounded value, AVX2 (measured by the ignored test
//! `every_float` in `accuracy.rs`; other levels are held to the same bounds): exp, sigmoid and tanh 4 ulp.
//! Results below the smallest normal number may be flushed to zero.

#[cfg(test)]
mod accuracy;
mod activation;
mod exponential;
mod slices;
mod softmax;

pub(crate) use activation::{apply, slope};
pub(crate) use exponential::{sigmoid, tanh};
pub(crate) use slices::{activation, activation_backward, activation_in_place};
pub(crate) use softmax::softmax_rows;
