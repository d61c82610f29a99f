//! Weights as integers: their panels, and the input quantized.

use super::layout::PanelLayout;
use super::pack::{PackedCell, pack_bias, pack_input, pack_recurrent};
use crate::int8::{Panels, QuantizeRows, Quantized, Unit, best, dispatch, quantized_words};
use crate::simd::Detected;
use crate::{CellMatrix, CellSpec, Int8CellWeights, OutOfMemory, RowOrder, pool};

/// The int8 panels of a cell, in the order of those of floats; none for matrices that are floats.
#[derive(Debug)]
pub(super) struct Int8Cell {
    pub(super) unit: Unit,
    pub(super) input: Option<Panels>,
    pub(super) recurrent: Option<Panels>,
    /// Reset-before GRU.
    pub(super) candidate: Option<Panels>,
}

/// Packs a cell's int8 weights.
pub(crate) fn pack_int8_cell(
    level: Detected,
    spec: &CellSpec,
    weights: Int8CellWeights<'_, f32>,
    into: &mut Option<PackedCell>,
) -> Result<(), OutOfMemory> {
    pack_for(best(level), level, spec, weights, into)
}

pub(super) fn pack_for(
    unit: Unit,
    level: Detected,
    spec: &CellSpec,
    weights: Int8CellWeights<'_, f32>,
    into: &mut Option<PackedCell>,
) -> Result<(), OutOfMemory> {
    weights.check(spec);
    *into = None;
    let layout = PanelLayout::new(spec, level);
    let PanelLayout { width, blocks, .. } = layout;
    // For each block a panel of each slot: the units of the block in one gate.
    let pack = |matrix, first: usize, slots: usize| {
        Panels::pack(unit, matrix, width, blocks * slots, |panel| {
            let (block, slot) = (panel / slots, first + panel % slots);
            let start = layout.gate(slot) * spec.hidden() + block * width;
            start..start + layout.units(block)
        })
    };
    let mut packed = PackedCell::empty(spec, level);
    let mut int8 = Int8Cell { unit, input: None, recurrent: None, candidate: None };
    match weights.kernel {
        CellMatrix::Float(kernel) => pack_input(&layout, kernel, &mut packed)?,
        CellMatrix::Int8(kernel) => int8.input = Some(pack(kernel, 0, spec.gates())?),
    }
    match weights.recurrent {
        CellMatrix::Float(recurrent) => pack_recurrent(&layout, recurrent, &mut packed)?,
        CellMatrix::Int8(recurrent) => {
            let (first, slots) = layout.recurrent_slots();
            int8.recurrent = Some(pack(recurrent, first, slots)?);
            if layout.resets_before() {
                int8.candidate = Some(pack(recurrent, 0, 1)?);
            }
        }
    }
    pack_bias(&layout, weights.bias, &mut packed.bias)?;
    packed.int8 = Some(int8);
    *into = Some(packed);
    Ok(())
}

/// Elements of scratch for the quantized input of `rows` packed rows; `None` on overflow.
pub(crate) fn int8_workspace(spec: &CellSpec, rows: usize) -> Option<usize> {
    // Whole cache lines, so that what follows stays aligned.
    quantized_words(rows, spec.input())?.checked_next_multiple_of(16)
}

/// Memory that the members of a team write in disjoint parts.
struct Target(Quantized);
// SAFETY: see `quantize_input`.
unsafe impl Sync for Target {}

/// Quantizes the rows of an input, in packed order, into a buffer of [`int8_workspace`].
pub(super) fn quantize_input(
    unit: Unit,
    spec: &CellSpec,
    (x, order): (&[f32], RowOrder),
    steps: &[usize],
    buffer: &mut [f32],
) -> Quantized {
    let depth = spec.input();
    let rows = x.len() / depth;
    order.check(steps);
    assert!(quantized_words(rows, depth).is_some_and(|words| words <= buffer.len()));
    let target = Target(Quantized::within(buffer.as_mut_ptr(), rows, depth));
    pool::in_parts(x.len() >= 1 << 16, |part| {
        let target = &target;
        // What lies side by side: all packed rows, or the rows of each step.
        let (runs, length) = match order {
            RowOrder::Packed => (1, rows),
            RowOrder::Sequences { .. } => (steps.len() - 1, rows / (steps.len() - 1).max(1)),
        };
        let own = part.split(rows, 1);
        for run in 0..runs {
            let packed = own.start.max(run * length)..own.end.min((run + 1) * length);
            if packed.is_empty() {
                continue;
            }
            let (first, apart) = order.step(steps, run);
            let from = first + (packed.start - run * length) * apart;
            let into = target.0.from(packed.start);
            let from = x[from * depth..].as_ptr();
            let quantize = QuantizeRows { from, row: apart * depth, rows: packed.len(), depth, into };
            // SAFETY: the rows are inside the input, whose order was checked, and inside the buffer, and belong to this
            // part.
            unsafe { dispatch(unit, quantize) };
        }
    });
    target.0
}
