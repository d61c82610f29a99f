//! Weights in panels.

use super::int8::Int8Cell;
use super::layout::PanelLayout;
use crate::gemm::pair_rows;
use crate::simd::{Detected, Pairs};
use crate::{AlignedVec, CellKind, CellSpec, CellWeights, OutOfMemory, Precision, pool};
use std::sync::atomic::AtomicUsize;

/// A cell's weights in the panels that the kernels of one instruction set read.
#[derive(Debug)]
pub struct PackedCell {
    pub(super) spec: CellSpec,
    pub(super) level: Detected,
    /// Whether the panels are pairs of bfloat16; they lie where those of float32 would.
    pub(super) pairs: Option<Pairs>,
    /// For each block and each input slot a panel [input, width].
    pub(super) input: AlignedVec<f32>,
    /// For each block and each recurrent slot a panel [hidden, width].
    pub(super) recurrent: AlignedVec<f32>,
    /// Reset-before GRU: for each block the candidate's panel [hidden, width].
    pub(super) candidate: AlignedVec<f32>,
    /// For each slot (the GRU's slot 3: the candidate's recurrent bias) and block the bias.
    pub(super) bias: AlignedVec<f32>,
    /// Transposed, for the backward pass; empty without it.
    pub(super) backward: Option<Transposed>,
    /// The matrices instead, if they are int8.
    pub(super) int8: Option<Int8Cell>,
    /// Steps so far, over all calls: every other one sweeps over the weights in the other direction.
    pub(super) steps: AtomicUsize,
}

impl PackedCell {
    pub(super) fn empty(spec: &CellSpec, level: Detected) -> Self {
        Self {
            spec: *spec,
            level,
            pairs: None,
            input: AlignedVec::new(),
            recurrent: AlignedVec::new(),
            candidate: AlignedVec::new(),
            bias: AlignedVec::new(),
            backward: None,
            int8: None,
            steps: AtomicUsize::new(0),
        }
    }
}

/// Panels of the transposed weights; their rows are the planes' columns, in the planes' order.
#[derive(Debug, Default)]
pub(super) struct Transposed {
    /// Panels of inputs [input slots · blocks · width, width].
    pub(super) input: AlignedVec<f32>,
    /// Panels of units [recurrent slots · blocks · width, width].
    pub(super) recurrent: AlignedVec<f32>,
    /// Reset-before GRU: panels of units [blocks · width, width].
    pub(super) candidate: AlignedVec<f32>,
}

/// A buffer that the members of a team fill in disjoint chunks.
struct Chunks(*mut f32);
// SAFETY: see `fill_panels`.
unsafe impl Sync for Chunks {}

/// Calls `fill(i, panel)` for every panel of `size` elements, on the whole team.
fn fill_panels(
    buffer: &mut AlignedVec<f32>,
    panels: usize,
    size: usize,
    fill: impl Fn(usize, &mut [f32]) + Sync,
) {
    assert!(buffer.len() >= panels * size);
    let chunks = Chunks(buffer.as_mut_ptr());
    pool::in_parts(panels * size >= 1 << 15, |part| {
        let chunks = &chunks;
        for i in part.split(panels, 1) {
            // SAFETY: panel i is inside the buffer, which is borrowed exclusively, and belongs to one part.
            fill(i, unsafe { std::slice::from_raw_parts_mut(chunks.0.add(i * size), size) });
        }
    });
}

/// Packs a cell's weights, reusing the buffers of an earlier pack of the same size. They stay float32 where there are
/// no products of bfloat16.
pub(crate) fn pack_cell(
    level: Detected,
    spec: &CellSpec,
    weights: CellWeights<'_, f32>,
    backward: bool,
    precision: Precision,
    into: &mut Option<PackedCell>,
) -> Result<(), OutOfMemory> {
    weights.check(spec);
    let mut packed =
        into.take().filter(|p| p.level == level).unwrap_or_else(|| PackedCell::empty(spec, level));
    (packed.spec, packed.int8) = (*spec, None);
    packed.pairs = Pairs::new(level).filter(|_| precision == Precision::Bfloat16);
    let is_paired = packed.pairs.is_some();
    let layout = PanelLayout::new(spec, level);
    pack_forward(&layout, &weights, &mut packed)?;
    if backward {
        let transposed = packed.backward.get_or_insert_default();
        pack_backward(&layout, &weights, is_paired, transposed)?;
    } else {
        packed.backward = None;
    }
    *into = Some(packed);
    Ok(())
}

fn pack_forward(
    layout: &PanelLayout,
    weights: &CellWeights<'_, f32>,
    packed: &mut PackedCell,
) -> Result<(), OutOfMemory> {
    pack_input(layout, weights.kernel, packed)?;
    pack_recurrent(layout, weights.recurrent, packed)?;
    pack_bias(layout, weights.bias, &mut packed.bias)
}

/// A panel: all rows of the matrix by the units of one block in one gate.
fn fill_panel(
    layout: &PanelLayout,
    matrix: &[f32],
    (block, slot): (usize, usize),
    is_paired: bool,
    into: &mut [f32],
) {
    let PanelLayout { spec, width, .. } = *layout;
    let (first, units) = (layout.gate(slot) * spec.hidden() + block * width, layout.units(block));
    let columns = spec.gates() * spec.hidden();
    for (row, into) in matrix.chunks_exact(columns).zip(into.chunks_exact_mut(width)) {
        into[..units].copy_from_slice(&row[first..first + units]);
        into[units..].fill(0.0);
    }
    if is_paired {
        pair_rows(into, width);
    }
}

pub(super) fn pack_input(
    layout: &PanelLayout,
    kernel: &[f32],
    packed: &mut PackedCell,
) -> Result<(), OutOfMemory> {
    let PanelLayout { spec, width, blocks } = *layout;
    let is_paired = packed.pairs.is_some();
    let slots = spec.gates();
    packed.input.try_grow(blocks * slots * spec.input() * width)?;
    fill_panels(&mut packed.input, blocks * slots, spec.input() * width, |i, into| {
        fill_panel(layout, kernel, (i / slots, i % slots), is_paired, into);
    });
    Ok(())
}

pub(super) fn pack_recurrent(
    layout: &PanelLayout,
    recurrent: &[f32],
    packed: &mut PackedCell,
) -> Result<(), OutOfMemory> {
    let PanelLayout { spec, width, blocks } = *layout;
    let is_paired = packed.pairs.is_some();
    let (first, slots) = layout.recurrent_slots();
    packed.recurrent.try_grow(blocks * slots * spec.hidden() * width)?;
    fill_panels(&mut packed.recurrent, blocks * slots, spec.hidden() * width, |i, into| {
        fill_panel(layout, recurrent, (i / slots, first + i % slots), is_paired, into);
    });
    if layout.resets_before() {
        packed.candidate.try_grow(blocks * spec.hidden() * width)?;
        fill_panels(&mut packed.candidate, blocks, spec.hidden() * width, |block, into| {
            fill_panel(layout, recurrent, (block, 0), is_paired, into);
        });
    }
    Ok(())
}

pub(super) fn pack_bias(
    layout: &PanelLayout,
    bias: Option<&[f32]>,
    into: &mut AlignedVec<f32>,
) -> Result<(), OutOfMemory> {
    let PanelLayout { spec, width, blocks } = *layout;
    let columns = spec.gates() * spec.hidden();
    into.try_grow(layout.slots() * blocks * width)?;
    into.fill(0.0);
    let Some(bias) = bias else { return Ok(()) };
    let reset_after = spec.kind() == (CellKind::Gru { reset_after: true });
    let slots = if reset_after { 4 } else { spec.gates() };
    for (slot, into) in into.chunks_exact_mut(blocks * width).take(slots).enumerate() {
        let gate = layout.gate(slot) * spec.hidden();
        for (unit, into) in into[..spec.hidden()].iter_mut().enumerate() {
            *into = match (reset_after, slot) {
                (true, 1 | 2) => bias[gate + unit] + bias[columns + gate + unit],
                (true, 3) => bias[columns + gate + unit],
                _ => bias[gate + unit],
            };
        }
    }
    Ok(())
}

fn pack_backward(
    layout: &PanelLayout,
    weights: &CellWeights<'_, f32>,
    is_paired: bool,
    transposed: &mut Transposed,
) -> Result<(), OutOfMemory> {
    let PanelLayout { spec, width, blocks } = *layout;
    let columns = spec.gates() * spec.hidden();
    // A panel: the columns of the matrix, slot by slot in padded blocks, by `width` of its `rows`.
    let pack = |matrix: &[f32], rows: usize, (first, slots): (usize, usize), buffer: &mut AlignedVec<f32>| {
        let depth = slots * blocks * width;
        let panels = rows.div_ceil(width);
        buffer.try_grow(panels * depth * width)?;
        fill_panels(buffer, panels, depth * width, |panel, into| {
            into.fill(0.0);
            for (lane, row) in matrix.chunks_exact(columns).skip(panel * width).take(width).enumerate() {
                for slot in 0..slots {
                    let gate = &row[layout.gate(first + slot) * spec.hidden()..][..spec.hidden()];
                    let into = into[slot * blocks * width * width + lane..].iter_mut().step_by(width);
                    for (into, &value) in into.zip(gate) {
                        *into = value;
                    }
                }
            }
            if is_paired {
                pair_rows(into, width);
            }
        });
        Ok(())
    };
    pack(weights.kernel, spec.input(), (0, spec.gates()), &mut transposed.input)?;
    pack(weights.recurrent, spec.hidden(), layout.recurrent_slots(), &mut transposed.recurrent)?;
    if layout.resets_before() {
        pack(weights.recurrent, spec.hidden(), (0, 1), &mut transposed.candidate)?;
    }
    Ok(())
}
