//! Input by tokens: the projection of the embedding table, and its gradient.

use std::ops::Range;

use super::gradients::Gradients;
use super::layout::PanelLayout;
use super::pack::PackedCell;
use crate::gemm::{Block, Left, Out, Right, multiply};
use crate::pool::{self, Part};
use crate::simd::{Detected, Kernel, Simd, dispatch};
use crate::{CellInput, CellSpec};

/// Elements that both passes need besides [`super::cell_sizes`] for a table of `vocabulary` rows; `None` on overflow.
pub(crate) fn token_workspace(level: Detected, spec: &CellSpec, vocabulary: usize) -> Option<usize> {
    if vocabulary == 0 {
        return Some(0);
    }
    let layout = PanelLayout::new(spec, level);
    vocabulary.checked_add(1)?.checked_mul(spec.gates() * layout.blocks * layout.width * size_of::<f32>())?;
    Some(spec.gates() * layout.blocks * layout.plane(vocabulary))
}

/// The projected table, in planes like those of the gates, and the rows to copy from it.
#[derive(Clone, Copy)]
pub(super) struct Tokens<'a> {
    ids: &'a [u32],
    planes: &'a [f32],
    plane: usize,
}

impl<'a> Tokens<'a> {
    /// Projects the table of an input by tokens into `planes`.
    pub(super) fn new(
        layout: &PanelLayout,
        packed: &PackedCell,
        input: CellInput<'a, f32>,
        planes: &'a mut [f32],
    ) -> Option<Self> {
        let CellInput::Tokens { table, ids } = input else { return None };
        let vocabulary = table.len() / layout.spec.input();
        let plane = layout.plane(vocabulary);
        assert!(planes.len() >= layout.spec.gates() * layout.blocks * plane);
        let projection = Projection { layout, packed, table, planes: planes.as_mut_ptr(), plane };
        pool::in_parts(vocabulary * layout.spec.kernel_len() >= 1 << 17, |part| {
            dispatch(packed.level, ProjectionShare { projection: &projection, part });
        });
        Some(Self { ids, planes, plane })
    }

    /// Copies the projections of packed rows `rows` for the gates of one block. The first gate goes to `into`, each
    /// further gate `gate` elements after the one before.
    ///
    /// # Safety
    /// All gates are writable over the rows, and nobody else uses them.
    #[inline(always)]
    pub(super) unsafe fn copy<S: Simd>(
        &self,
        s: S,
        layout: &PanelLayout,
        block: usize,
        rows: Range<usize>,
        into: *mut f32,
        gate: usize,
    ) {
        let PanelLayout { spec, width, blocks } = *layout;
        for slot in 0..spec.gates() {
            let plane = &self.planes[(slot * blocks + block) * self.plane..][..self.plane];
            for (row, &id) in self.ids[rows.clone()].iter().enumerate() {
                let from = &plane[id as usize * width..][..2 * S::LANES];
                // SAFETY: by the caller's promise; a row of a plane is two vectors.
                unsafe {
                    let into = into.add(slot * gate + row * width);
                    s.store(into, s.load(from.as_ptr()));
                    s.store(into.add(S::LANES), s.load(from.as_ptr().add(S::LANES)));
                }
            }
        }
    }
}

/// Shares of a table's rows are multiples of this many: fewer would make tiles too short.
const ROW_GRANULE: usize = 4;

struct Projection<'a> {
    layout: &'a PanelLayout,
    packed: &'a PackedCell,
    table: &'a [f32],
    planes: *mut f32,
    plane: usize,
}

// SAFETY: the parts are disjoint rows and blocks of the planes, which are borrowed exclusively.
unsafe impl Sync for Projection<'_> {}

struct ProjectionShare<'a> {
    projection: &'a Projection<'a>,
    part: Part,
}

impl Kernel for ProjectionShare<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Projection { layout, packed, table, planes, plane } = *self.projection;
        let PanelLayout { spec, width, blocks } = *layout;
        let rows = self.part.split(table.len() / spec.input(), ROW_GRANULE);
        if rows.is_empty() {
            return;
        }
        let panel = spec.input() * width;
        for block in 0..blocks {
            // SAFETY: the rows are inside the table and the planes, and belong to this share; the panels are the
            // block's.
            unsafe {
                multiply(
                    s,
                    packed.pairs,
                    Block {
                        left: Left::plain(table.as_ptr(), spec.input(), 1),
                        right: Right {
                            pointer: packed.input.as_ptr().add(block * spec.gates() * panel),
                            panel,
                            row: width,
                        },
                        out: Out {
                            pointer: planes.add(block * plane),
                            panel: blocks * plane,
                            row: width,
                            columns: usize::MAX,
                        },
                        rows: rows.clone(),
                        panels: 0..spec.gates(),
                        depth: spec.input(),
                        accumulate: false,
                    },
                );
            }
        }
    }
}

/// Adds the planes of gate gradients of packed rows to those of their tokens, the last rows first; with `fresh` there is
/// nothing yet.
pub(super) fn sum_by_token(
    gradients: &Gradients<'_>,
    ids: &[u32],
    vocabulary: usize,
    fresh: bool,
    sums: &mut [f32],
) {
    let layout = &gradients.layout;
    let (from, to) = (gradients.plane, layout.plane(vocabulary));
    let planes = layout.spec.gates() * layout.blocks;
    assert!(gradients.planes.len() >= planes * from);
    let parallel = ids.len() * planes * layout.width >= 1 << 15;
    pool::each_block([&mut sums[..planes * to]], to, parallel, |start, [sums]| {
        let rows = &gradients.planes[start / to * from..][..ids.len() * layout.width];
        if fresh {
            sums.fill(0.0);
        }
        dispatch(gradients.level, Sum { ids, rows, sums });
    });
}

/// Adds rows of two vectors to the rows of their tokens.
struct Sum<'a> {
    ids: &'a [u32],
    rows: &'a [f32],
    sums: &'a mut [f32],
}

impl Kernel for Sum<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let width = 2 * S::LANES;
        for (row, &id) in self.rows.chunks_exact(width).zip(self.ids).rev() {
            let sum = &mut self.sums[id as usize * width..][..width];
            for lane in [0, S::LANES] {
                // SAFETY: both rows have two vectors.
                unsafe {
                    let into = sum.as_mut_ptr().add(lane);
                    s.store(into, s.add(s.load(into), s.load(row.as_ptr().add(lane))));
                }
            }
        }
    }
}
