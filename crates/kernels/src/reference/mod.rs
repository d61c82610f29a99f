//! The kernels as plain sequential code: the truth that every SIMD kernel is tested against.
//!
//! Functions of single numbers, and what is made of them alone, also run where there are no vectors for them. Whatever
//! works on matrices is written as the papers have it, over `ndarray`, and is what `f64` runs on; it needs the feature
//! `double`.

mod activation;
mod bfloat16;
mod chain;
mod int8;

#[cfg(feature = "double")]
mod cell;
#[cfg(feature = "double")]
mod gemm;
#[cfg(all(test, feature = "double"))]
mod gradient_check;
#[cfg(feature = "double")]
mod gru;
#[cfg(feature = "double")]
mod lstm;
#[cfg(feature = "double")]
mod rnn;
#[cfg(feature = "double")]
mod sequence;
#[cfg(feature = "double")]
mod softmax;

pub use activation::{
    activate, activation, activation_backward, activation_in_place, derivative, derivative_from_output,
};
pub use bfloat16::rounded;
#[cfg(feature = "double")]
pub use cell::{PackedCell, pack_cell};
pub use chain::{function, run_chain, run_sweep};
#[cfg(feature = "double")]
pub use gemm::{PackedMatrix, gemm, gemm_packed, pack_matrix};
pub use int8::{dequantized, gemm_int8};
#[cfg(feature = "double")]
pub use sequence::{cell_backward, cell_forward, cell_sizes};
#[cfg(feature = "double")]
pub use softmax::{scaled_softmax_rows, softmax_rows, softmax_statistics};
