//! `f64`: the reference code.

use super::Scalar;
use crate::{
    Activation, CellBackward, CellForward, CellMatrix, CellSizes, CellSpec, CellWeights, Chain,
    ChainOperands, Int8CellWeights, Int8Matrix, Matrix, MatrixMut, OutOfMemory, Precision, Sweep, reference,
};

impl Scalar for f64 {
    type PackedCell = reference::PackedCell;
    type PackedMatrix = reference::PackedMatrix;
    type PackedInt8 = reference::PackedMatrix;

    fn pack_cell(
        spec: &CellSpec,
        weights: CellWeights<'_, Self>,
        _backward: bool,
        precision: Precision,
        into: &mut Option<Self::PackedCell>,
    ) -> Result<(), OutOfMemory> {
        *into = Some(reference::pack_cell(spec, weights, precision));
        Ok(())
    }

    fn pack_int8_cell(
        spec: &CellSpec,
        weights: Int8CellWeights<'_, Self>,
        into: &mut Option<Self::PackedCell>,
    ) -> Result<(), OutOfMemory> {
        weights.check(spec);
        let [kernel, recurrent] = [weights.kernel, weights.recurrent].map(|matrix| match matrix {
            CellMatrix::Float(values) => values.to_vec(),
            CellMatrix::Int8(matrix) => reference::dequantized(matrix),
        });
        let weights = CellWeights { kernel: &kernel, recurrent: &recurrent, bias: weights.bias };
        *into = Some(reference::pack_cell(spec, weights, Precision::Float32));
        Ok(())
    }

    fn int8_workspace(_spec: &CellSpec, _rows: usize) -> Option<usize> {
        Some(0)
    }

    fn cell_sizes(spec: &CellSpec, rows: usize, batch: usize) -> Option<CellSizes> {
        reference::cell_sizes(spec, rows, batch)
    }

    /// The reference keeps everything.
    fn segment_sizes(spec: &CellSpec, [rows, batch, _]: [usize; 3], _segment: usize) -> Option<CellSizes> {
        reference::cell_sizes(spec, rows, batch)
    }

    fn token_workspace(_spec: &CellSpec, _vocabulary: usize) -> Option<usize> {
        Some(0)
    }

    fn cell_forward(spec: &CellSpec, packed: &Self::PackedCell, io: CellForward<'_, Self>) {
        reference::cell_forward(spec, packed, io);
    }

    fn cell_backward(spec: &CellSpec, packed: &Self::PackedCell, io: CellBackward<'_, Self>) {
        reference::cell_backward(spec, packed, io);
    }

    fn gemm_in(
        precision: Precision,
        a: Matrix<'_, Self>,
        b: Matrix<'_, Self>,
        c: MatrixMut<'_, Self>,
        accumulate: bool,
    ) {
        match precision {
            Precision::Float32 => reference::gemm(a, b, c, accumulate),
            Precision::Bfloat16 => {
                reference::gemm_packed(a, &reference::pack_matrix(b, precision), c, accumulate);
            }
        }
    }

    fn gemm_bias(
        precision: Precision,
        a: Matrix<'_, Self>,
        b: Matrix<'_, Self>,
        bias: &[Self],
        mut c: MatrixMut<'_, Self>,
    ) {
        assert_eq!(bias.len(), c.columns, "length of the bias");
        c.rows_mut().for_each(|row| row.copy_from_slice(bias));
        Self::gemm_in(precision, a, b, c, true);
    }

    fn pack_matrix(
        b: Matrix<'_, Self>,
        precision: Precision,
        into: &mut Option<Self::PackedMatrix>,
    ) -> Result<(), OutOfMemory> {
        *into = Some(reference::pack_matrix(b, precision));
        Ok(())
    }

    fn gemm_packed(a: Matrix<'_, Self>, b: &Self::PackedMatrix, c: MatrixMut<'_, Self>, accumulate: bool) {
        reference::gemm_packed(a, b, c, accumulate);
    }

    fn pack_int8(b: Int8Matrix<'_>) -> Result<Self::PackedInt8, OutOfMemory> {
        let matrix = reference::dequantized(b);
        Ok(reference::pack_matrix(Matrix::new(&matrix, b.rows, b.columns), Precision::Float32))
    }

    fn gemm_int8(a: Matrix<'_, Self>, b: &Self::PackedInt8, c: MatrixMut<'_, Self>, accumulate: bool) {
        reference::gemm_packed(a, b, c, accumulate);
    }

    fn activation(kind: Activation, x: &[Self], y: &mut [Self]) {
        reference::activation(kind, x, y);
    }

    fn activation_in_place(kind: Activation, x: &mut [Self]) {
        reference::activation_in_place(kind, x);
    }

    fn activation_backward(kind: Activation, x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]) {
        reference::activation_backward(kind, x, y, dy, dx);
    }

    fn softmax_rows(x: &[Self], columns: usize, y: &mut [Self]) {
        reference::softmax_rows(x, columns, y);
    }

    fn softmax_statistics(x: &[Self], columns: usize, statistics: &mut [[Self; 2]]) {
        reference::softmax_statistics(x, columns, statistics);
    }

    fn scaled_softmax_rows(
        x: &[Self],
        columns: usize,
        statistics: &[[Self; 2]],
        scales: &[Self],
        accumulate: bool,
        y: &mut [Self],
    ) {
        reference::scaled_softmax_rows(x, columns, statistics, scales, accumulate, y);
    }

    fn chain(chain: &Chain, operands: ChainOperands<'_, '_, Self>) {
        reference::run_chain(chain, operands);
    }

    fn sweep(chain: &Chain, operands: ChainOperands<'_, '_, Self>, sweep: &Sweep<'_>) {
        reference::run_sweep(chain, operands, sweep);
    }
}
