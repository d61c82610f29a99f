//! `f32`: the SIMD kernels.

use super::Scalar;
use crate::{
    Activation, CellBackward, CellForward, CellSizes, CellSpec, CellWeights, Chain, ChainOperands,
    Int8CellWeights, Int8Matrix, Matrix, MatrixMut, OutOfMemory, Precision, Sweep, cells, chain, gemm, int8,
    math, simd,
};

impl Scalar for f32 {
    type PackedCell = cells::PackedCell;
    type PackedMatrix = gemm::PackedMatrix;
    type PackedInt8 = int8::Int8Packed;

    fn pack_cell(
        spec: &CellSpec,
        weights: CellWeights<'_, Self>,
        backward: bool,
        precision: Precision,
        into: &mut Option<Self::PackedCell>,
    ) -> Result<(), OutOfMemory> {
        cells::pack_cell(simd::active(), spec, weights, backward, precision, into)
    }

    fn pack_int8_cell(
        spec: &CellSpec,
        weights: Int8CellWeights<'_, Self>,
        into: &mut Option<Self::PackedCell>,
    ) -> Result<(), OutOfMemory> {
        cells::pack_int8_cell(simd::active(), spec, weights, into)
    }

    fn int8_workspace(spec: &CellSpec, rows: usize) -> Option<usize> {
        cells::int8_workspace(spec, rows)
    }

    fn cell_sizes(spec: &CellSpec, rows: usize, batch: usize) -> Option<CellSizes> {
        cells::cell_sizes(simd::active(), spec, rows, batch)
    }

    fn segment_sizes(spec: &CellSpec, sizes: [usize; 3], segment: usize) -> Option<CellSizes> {
        cells::segment_sizes(simd::active(), spec, sizes, segment)
    }

    fn token_workspace(spec: &CellSpec, vocabulary: usize) -> Option<usize> {
        cells::token_workspace(simd::active(), spec, vocabulary)
    }

    fn cell_forward(spec: &CellSpec, packed: &Self::PackedCell, io: CellForward<'_, Self>) {
        cells::cell_forward(spec, packed, io);
    }

    fn cell_backward(spec: &CellSpec, packed: &Self::PackedCell, io: CellBackward<'_, Self>) {
        cells::cell_backward(spec, packed, io);
    }

    fn gemm_in(
        precision: Precision,
        a: Matrix<'_, Self>,
        b: Matrix<'_, Self>,
        c: MatrixMut<'_, Self>,
        accumulate: bool,
    ) {
        gemm::gemm((simd::active(), precision), a, b, c, accumulate);
    }

    fn gemm_bias(
        precision: Precision,
        a: Matrix<'_, Self>,
        b: Matrix<'_, Self>,
        bias: &[Self],
        c: MatrixMut<'_, Self>,
    ) {
        gemm::gemm_bias((simd::active(), precision), a, b, bias, c);
    }

    fn pack_matrix(
        b: Matrix<'_, Self>,
        precision: Precision,
        into: &mut Option<Self::PackedMatrix>,
    ) -> Result<(), OutOfMemory> {
        gemm::pack_matrix(simd::active(), b, precision, into)
    }

    fn gemm_packed(a: Matrix<'_, Self>, b: &Self::PackedMatrix, c: MatrixMut<'_, Self>, accumulate: bool) {
        gemm::gemm_packed(a, b, c, accumulate);
    }

    fn pack_int8(b: Int8Matrix<'_>) -> Result<Self::PackedInt8, OutOfMemory> {
        int8::pack(simd::active(), b)
    }

    fn gemm_int8(a: Matrix<'_, Self>, b: &Self::PackedInt8, c: MatrixMut<'_, Self>, accumulate: bool) {
        int8::gemm(a, b, c, accumulate);
    }

    fn activation(kind: Activation, x: &[Self], y: &mut [Self]) {
        math::activation(simd::active(), kind, x, y);
    }

    fn activation_in_place(kind: Activation, x: &mut [Self]) {
        math::activation_in_place(simd::active(), kind, x);
    }

    fn activation_backward(kind: Activation, x: &[Self], y: &[Self], dy: &[Self], dx: &mut [Self]) {
        math::activation_backward(simd::active(), kind, x, y, dy, dx);
    }

    fn softmax_rows(x: &[Self], columns: usize, y: &mut [Self]) {
        math::softmax_rows(simd::active(), x, columns, y);
    }

    fn softmax_statistics(x: &[Self], columns: usize, statistics: &mut [[Self; 2]]) {
        math::softmax_statistics(simd::active(), x, columns, statistics);
    }

    fn scaled_softmax_rows(
        x: &[Self],
        columns: usize,
        statistics: &[[Self; 2]],
        scales: &[Self],
        accumulate: bool,
        y: &mut [Self],
    ) {
        math::scaled_softmax_rows(simd::active(), x, columns, statistics, scales, accumulate, y);
    }

    fn chain(chain: &Chain, operands: ChainOperands<'_, '_, Self>) {
        chain::run(simd::active(), chain, operands);
    }

    fn sweep(chain: &Chain, operands: ChainOperands<'_, '_, Self>, sweep: &Sweep<'_>) {
        chain::run_sweep(simd::active(), chain, operands, sweep);
    }
}
