//! Numbers in slices: the SIMD kernels of Seqloom, and the thread pool they run on.
//!
//! Everything works on plain slices and strides. [`Scalar`] is the entry point: `f32` runs on the SIMD kernels chosen
//! once at start-up (see [`simd`]), `f64` on the plain code of [`mod@reference`], which every kernel is tested against.
//!
//! Results are bit-identical for any number of threads, and a row's result depends neither on its position in the batch
//! nor on the other rows: every output element is summed over K in one fixed order.

mod activation;
mod aligned;
mod bfloat16;
mod cell;
mod cells;
mod chain;
mod ctc;
mod gemm;
mod input;
mod int8;
mod math;
mod matrix;
mod pages;
pub mod pool;
mod recycle;
pub mod reference;
mod row_order;
mod scalar;
mod scatter;
pub mod simd;
mod stored;
mod transducer;
mod turn;

pub use activation::Activation;
pub use aligned::{AlignedVec, OutOfMemory, Zeroable};
pub use bfloat16::{Precision, round_to_bits};
pub use cell::{
    CellBackward, CellForward, CellKind, CellMatrix, CellSizes, CellSpec, CellWeights, Int8CellWeights,
    SpecError,
};
pub use cells::PackedCell;
pub use chain::{Chain, ChainOperands, Function, MAX_DIMS, Motion, Output, Source, Step, Sweep, View};
pub use ctc::{CtcRow, CtcScratch, ctc, ctc_steps, log_add};
pub use gemm::PackedMatrix;
pub use input::CellInput;
pub use int8::{
    Int8Matrix, Int8Packed, MAX_DEPTH as INT8_MAX_DEPTH, instructions as int8_instructions, quantize,
};
pub use matrix::{Matrix, MatrixMut};
pub use row_order::RowOrder;
pub use scalar::{Real, Scalar};
pub use scatter::{Placement, first_not_finite, scatter};
pub use stored::{Half, bytes_of_mut};
pub use transducer::{TransducerRow, transducer};
pub use turn::turn;

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, MutexGuard, Once, PoisonError};

    use crate::simd::{Detected, Level};

    /// The levels that this machine can run; the others are named once on stderr.
    pub(crate) fn levels() -> Vec<Detected> {
        static NAMED: Once = Once::new();
        NAMED.call_once(|| {
            use std::io::Write;
            for level in Level::ALL.into_iter().filter(|level| Detected::new(*level).is_none()) {
                let _ = writeln!(std::io::stderr(), "skipped: this machine lacks {level}");
            }
        });
        Level::ALL.into_iter().filter_map(Detected::new).collect()
    }

    /// Reproducible numbers in −1..1.
    pub(crate) fn noise(seed: u64, length: usize) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        (0..length).map(|_| next()).collect()
    }

    /// Held by tests that set the number of threads or need the pool for themselves.
    pub(crate) fn serial() -> MutexGuard<'static, ()> {
        static SERIAL: Mutex<()> = Mutex::new(());
        SERIAL.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
