//! Where the pieces of a recurrent operation's stash and workspaces lie.

use crate::error::{Error, Result};
use crate::ops::Place;
use crate::params::SLOT_ALIGNMENT;
use seqloom_kernels::{CellKind, CellSizes, CellSpec};

/// A piece: offset and length in elements.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Piece {
    offset: usize,
    len: usize,
}

impl Piece {
    /// The place of the piece in the buffer that the layout divides.
    pub(super) fn of(self, buffer: Place) -> Result<Place> {
        if self.len == 0 { Ok(Place::None) } else { buffer.part(self.offset, self.len) }
    }

    /// The same when `wanted`, else nothing.
    pub(super) fn when(self, wanted: bool) -> Self {
        if wanted { self } else { Self::default() }
    }
}

/// Hands out aligned pieces one after another.
#[derive(Default)]
struct Cursor {
    end: usize,
}

impl Cursor {
    fn take(&mut self, count: usize, width: usize) -> Option<Piece> {
        let len = count.checked_mul(width)?;
        let offset = self.end;
        self.end = offset.checked_add(len)?.checked_next_multiple_of(SLOT_ALIGNMENT)?;
        Some(Piece { offset, len })
    }
}

/// How the input reaches the kernel.
#[derive(Debug, Clone, Copy)]
pub(super) struct InputPlan {
    /// Rows of the table, where the kernel is given tokens.
    pub(super) vocabulary: Option<usize>,
    /// What the kernel needs for tokens besides its other scratch.
    pub(super) workspace: usize,
}

impl InputPlan {
    /// Rows of input that are gathered.
    fn gathered(&self, rows: usize) -> usize {
        if self.vocabulary.is_some() { 0 } else { rows }
    }
}

/// The forward pass: what the backward pass needs again, and scratch. Without a backward pass both lie in the
/// workspace, the kept pieces first.
pub(super) struct ForwardLayout {
    pub(super) x: Piece,
    pub(super) y: Piece,
    pub(super) h0: Piece,
    pub(super) c0: Piece,
    pub(super) stash: Piece,
    pub(super) kept_total: usize,
    pub(super) c_last: Piece,
    pub(super) workspace: Piece,
    pub(super) scratch_total: usize,
}

impl ForwardLayout {
    /// The layout for `rows` packed rows of `batch` sequences with `states` initial states;
    /// the kernel's own stash only when `recording`. `None` when a size overflows.
    pub(super) fn new(
        cell: &CellSpec,
        rows: usize,
        batch: usize,
        states: usize,
        recording: bool,
        input: InputPlan,
        sizes: &CellSizes,
    ) -> Option<Self> {
        let lstm = cell.kind() == CellKind::Lstm;
        let mut kept = Cursor::default();
        let x = kept.take(input.gathered(rows), cell.input())?;
        let y = kept.take(rows, cell.hidden())?;
        let h0 = kept.take(batch, if states > 0 { cell.hidden() } else { 0 })?;
        let c0 = kept.take(batch, if states > 1 { cell.hidden() } else { 0 })?;
        let stash = kept.take(1, if recording { sizes.stash } else { 0 })?;
        let mut scratch = Cursor::default();
        let c_last = scratch.take(batch, if lstm { cell.hidden() } else { 0 })?;
        let workspace = scratch.take(1, sizes.forward_workspace.checked_add(input.workspace)?)?;
        Some(Self {
            x,
            y,
            h0,
            c0,
            stash,
            kept_total: kept.end,
            c_last,
            workspace,
            scratch_total: scratch.end,
        })
    }
}

/// The scratch of the backward pass.
pub(super) struct BackwardLayout {
    pub(super) dy: Piece,
    pub(super) dx: Piece,
    pub(super) dh0: Piece,
    pub(super) dc0: Piece,
    pub(super) dc_last: Piece,
    /// Gradients of steps that repeat an earlier output.
    pub(super) carried: Piece,
    /// Gradients of frozen weights, which the kernel computes all the same.
    pub(super) frozen: Piece,
    pub(super) workspace: Piece,
    pub(super) total: usize,
}

impl BackwardLayout {
    /// The layout for `rows` packed rows of `batch` sequences; `None` when a size overflows.
    pub(super) fn new(
        cell: &CellSpec,
        rows: usize,
        batch: usize,
        input: InputPlan,
        sizes: &CellSizes,
    ) -> Option<Self> {
        let cell_state = if cell.kind() == CellKind::Lstm { cell.hidden() } else { 0 };
        let mut cursor = Cursor::default();
        let dy = cursor.take(rows, cell.hidden())?;
        let dx = cursor.take(input.vocabulary.unwrap_or(rows), cell.input())?;
        let dh0 = cursor.take(batch, cell.hidden())?;
        let dc0 = cursor.take(batch, cell_state)?;
        let dc_last = cursor.take(batch, cell_state)?;
        let carried = cursor.take(1, cell.hidden())?;
        let frozen = cursor
            .take(1, cell.kernel_len().checked_add(cell.recurrent_len())?.checked_add(cell.bias_len())?)?;
        let workspace = cursor.take(1, sizes.backward_workspace.checked_add(input.workspace)?)?;
        Some(Self { dy, dx, dh0, dc0, dc_last, carried, frozen, workspace, total: cursor.end })
    }
}

/// The error of sizes that planning has already checked.
pub(super) fn fault() -> Error {
    Error::native("The sizes of a recurrent operation changed after planning")
}
