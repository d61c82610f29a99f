//! The scalar types, and every kernel as a function of them.

#[cfg(feature = "double")]
mod double;
mod real;
mod single;

use crate::{
    Activation, CellBackward, CellForward, CellSizes, CellSpec, CellWeights, Chain, ChainOperands,
    Int8CellWeights, Int8Matrix, Matrix, MatrixMut, OutOfMemory, Precision, Sweep,
};
pub use real::Real;

/// A number type with all kernels: `f32` on SIMD, `f64` on the plain code of [`mod@crate::reference`], with the feature
/// `double`.
///
/// Slices whose lengths contradict each other are the caller's mistake: every function checks them and panics.
pub trait Scalar: Real {
    /// A cell's weights in the layout that its kernels read.
    type PackedCell: Send + Sync;
    /// A right matrix in the layout that [`Scalar::gemm_packed`] reads.
    type PackedMatrix: Send + Sync;
    /// An int8 right matrix in the layout that [`Scalar::gemm_int8`] reads.
    type PackedInt8: Send + Sync;

    /// Packs a cell's weights, for the forward pass alone or for both, reusing the buffers of an earlier pack. The
    /// precision is that of the factors of all products, where [`crate::simd::bfloat16`] allows it; sums, states and
    /// gates are of the type itself.
    ///
    /// # Errors
    /// [`OutOfMemory`] if a buffer cannot be allocated; `into` may then be empty.
    fn pack_cell(
        spec: &CellSpec,
        weights: CellWeights<'_, Self>,
        backward: bool,
        precision: Precision,
        into: &mut Option<Self::PackedCell>,
    ) -> Result<(), OutOfMemory>;

    /// Packs a cell's int8 weights, for the forward pass alone. A cell whose weights are those quantizes its input and,
    /// at every step, its state; gates and states stay as they are.
    ///
    /// # Errors
    /// As [`Scalar::pack_cell`].
    fn pack_int8_cell(
        spec: &CellSpec,
        weights: Int8CellWeights<'_, Self>,
        into: &mut Option<Self::PackedCell>,
    ) -> Result<(), OutOfMemory>;

    /// Elements of scratch that the forward pass over `rows` packed rows needs besides [`Scalar::cell_sizes`] if its
    /// weights are int8; `None` if the size overflows.
    fn int8_workspace(spec: &CellSpec, rows: usize) -> Option<usize>;

    /// The buffers that calls over `rows` packed rows of `batch` sequences need; `None` if a size overflows.
    fn cell_sizes(spec: &CellSpec, rows: usize, batch: usize) -> Option<CellSizes>;

    /// The same if only the states before segments of `segment` steps are kept; `sizes` are the packed rows, the
    /// sequences and the steps.
    fn segment_sizes(spec: &CellSpec, sizes: [usize; 3], segment: usize) -> Option<CellSizes>;

    /// Elements of scratch that each pass needs besides [`Scalar::cell_sizes`] if its input is tokens of a table with
    /// `vocabulary` rows; `None` if the size overflows.
    fn token_workspace(spec: &CellSpec, vocabulary: usize) -> Option<usize>;

    /// Runs a whole sequence. Without rows it does nothing.
    fn cell_forward(spec: &CellSpec, packed: &Self::PackedCell, io: CellForward<'_, Self>);

    /// Back-propagates through a whole sequence that [`Scalar::cell_forward`] ran with a stash.
    ///
    /// # Panics
    /// Also if the weights were packed without `backward`.
    fn cell_backward(spec: &CellSpec, packed: &Self::PackedCell, io: CellBackward<'_, Self>);

    /// c = a·b, or c += a·b if `accumulate`. `a` and `b` may have any strides.
    fn gemm(a: Matrix<'_, Self>, b: Matrix<'_, Self>, c: MatrixMut<'_, Self>, accumulate: bool) {
        Self::gemm_in(Precision::Float32, a, b, c, accumulate);
    }

    /// The same with the factors in a precision, where [`crate::simd::bfloat16`] allows it.
    fn gemm_in(
        precision: Precision,
        a: Matrix<'_, Self>,
        b: Matrix<'_, Self>,
        c: MatrixMut<'_, Self>,
        accumulate: bool,
    );

    /// c = a·b + bias, the bias being added to every row; the factors as in [`Scalar::gemm_in`].
    fn gemm_bias(
        precision: Precision,
        a: Matrix<'_, Self>,
        b: Matrix<'_, Self>,
        bias: &[Self],
        c: MatrixMut<'_, Self>,
    );

    /// Packs a right matrix, reusing the buffer of an earlier pack. The precision is that of its products, where
    /// [`crate::simd::bfloat16`] allows it.
    ///
    /// # Errors
    /// [`OutOfMemory`] if the buffer cannot be allocated; `into` may then be empty.
    fn pack_matrix(
        b: Matrix<'_, Self>,
        precision: Precision,
        into: &mut Option<Self::PackedMatrix>,
    ) -> Result<(), OutOfMemory>;

    /// Like [`Scalar::gemm`], bit for bit in float32, with a packed right matrix and a row-major left one.
    fn gemm_packed(a: Matrix<'_, Self>, b: &Self::PackedMatrix, c: MatrixMut<'_, Self>, accumulate: bool);

    /// Packs an int8 right matrix.
    ///
    /// # Errors
    /// [`OutOfMemory`] if the buffer cannot be allocated.
    fn pack_int8(b: Int8Matrix<'_>) -> Result<Self::PackedInt8, OutOfMemory>;

    /// c = a·b, or c += a·b if `accumulate`, with the rows of `a`, which is row-major, quantized to int8.
    fn gemm_int8(a: Matrix<'_, Self>, b: &Self::PackedInt8, c: MatrixMut<'_, Self>, accumulate: bool);

    /// y = f(x), element by element.
    fn activation(kind: Activation, x: &[Self], y: &mut [Self]);

    /// x = f(x), element by element.
    fn activation_in_place(kind: Activation, x: &mut [Self]);

    /// dx += dy·f'(x), where y = f(x).
    fn activation_backward(kind: Activation, x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]);

    /// Each row of `columns` elements: y = exp(x − max x) / Σ exp(x − max x).
    fn softmax_rows(x: &[Self], columns: usize, y: &mut [Self]);

    /// For each row of `columns` elements max x and Σ exp(x − max x): all that a cross-entropy needs of its softmax.
    fn softmax_statistics(x: &[Self], columns: usize, statistics: &mut [[Self; 2]]);

    /// The softmax of each row with its statistics, times the row's scale: y = that, or y += that if `accumulate`.
    fn scaled_softmax_rows(
        x: &[Self],
        columns: usize,
        statistics: &[[Self; 2]],
        scales: &[Self],
        accumulate: bool,
        y: &mut [Self],
    );

    /// Runs a chain of element-wise operations.
    fn chain(chain: &Chain, operands: ChainOperands<'_, '_, Self>);

    /// Runs it at every step of a sweep; the dimensions are those of the first step.
    fn sweep(chain: &Chain, operands: ChainOperands<'_, '_, Self>, sweep: &Sweep<'_>);
}
