//! The kernels as plain sequential code, generic over the scalar: the truth that every SIMD kernel is tested
//! against, and what `f64` runs on.

mod activation;
mod backward;
mod cell;
mod chain;
mod forward;
mod gates;
mod gemm;
#[cfg(test)]
mod gradient_check;
mod softmax;

pub use activation::{
    activate, activation, activation_backward, activation_in_place, derivative, derivative_from_output,
};
pub use backward::cell_backward;
pub use cell::{PackedCell, cell_sizes, pack_cell};
pub use chain::{function, run_chain};
pub use forward::cell_forward;
pub(crate) use gemm::check_shapes;
pub use gemm::{PackedMatrix, gemm, gemm_bias, pack_matrix};
pub use softmax::{scaled_softmax_rows, softmax_rows, softmax_statistics};
