//! The backward pass as a whole: segment by segment of time the steps in reverse, then the products over their rows.

use std::ops::Range;
use std::sync::atomic::Ordering;

use super::backward::Backward;
use super::forward::Again;
use super::gradients::{Gradients, WeightSums};
use super::layout::{PanelLayout, cell_sizes, segment_sizes};
use super::pack::PackedCell;
use super::pass::{self, Stop};
use super::row_groups::RowGroups;
use super::tokens::{sum_by_token, token_workspace};
use super::weight_gradients::LeftRows;
use crate::cell::check_steps;
use crate::{CellBackward, CellInput, CellKind, CellSpec};

/// Back-propagates through a whole sequence, at once or by segments of time from the last one to the first. The bits are
/// the same: the gates that the step before a segment needs stay, and gradients of weights are summed over the same
/// blocks of rows in the same order.
pub(crate) fn cell_backward(spec: &CellSpec, packed: &PackedCell, io: CellBackward<'_, f32>) {
    assert_eq!(*spec, packed.spec, "the cell that the weights were packed for");
    let layout = PanelLayout::new(spec, packed.level);
    let vocabulary = io.x.vocabulary(spec.input());
    let tokens =
        token_workspace(packed.level, spec, vocabulary).expect("the size of a projected table overflows");
    let time = io.steps.len() - 1;
    io.check(spec, tokens, |rows, batch| match io.segment {
        Some(segment) => segment_sizes(packed.level, spec, [rows, batch, time], segment),
        None => cell_sizes(packed.level, spec, rows, batch),
    });
    let Some(transposed) = &packed.backward else {
        panic!("the weights were packed without the backward pass");
    };
    let (rows, batch) = check_steps(io.steps);
    let CellBackward { steps, x, y, stash, mut dx, .. } = io;
    if rows == 0 {
        // Even without packed rows, a table has rows.
        dx.into_iter().for_each(|dx| dx.fill(0.0));
        return;
    }
    // Steps without rows do nothing.
    let time = steps.partition_point(|&first| first < rows);
    let h0 = io.h0;
    let [dh0, dc0] = [io.dh0, io.dc0].map(|gradient| gradient.map(<[f32]>::as_mut_ptr));
    let c0 = io.c0.filter(|_| spec.kind() == CellKind::Lstm);
    let (sums, workspace) = io.workspace.split_at_mut(tokens);
    let (carry, workspace) = workspace.split_at_mut(layout.blocks * batch * layout.width);
    let (products, workspace) = workspace.split_at_mut(WeightSums::len(&layout));
    let (mut recomputed, planes, plane, segment) = match io.segment {
        None => (None, stash, layout.plane(rows), time),
        Some(segment) => {
            let capacity = layout.segment_rows(rows, batch, segment);
            let plane = layout.plane(capacity);
            let (planes, workspace) = workspace.split_at_mut(layout.slots() * layout.blocks * plane);
            let (running, workspace) = workspace.split_at_mut(layout.running(batch));
            let (outputs, input) = workspace.split_at_mut(capacity * spec.hidden());
            let input = Input(input);
            (Some(Recomputed { checkpoints: stash, running, outputs, input }), planes, plane, segment)
        }
    };
    let mut weights = WeightSums::new(&layout, rows, io.d_bias.is_some(), products);
    for start in (0..time).step_by(segment).rev() {
        let range = start..time.min(start.saturating_add(segment));
        let (first, end) = (steps[range.start], steps[range.end]);
        let mut c_before = c0;
        if let Some(recomputed) = &mut recomputed {
            // What is still needed of the later segment, whose first row was the first one of the planes.
            let next = steps.get(range.end + 1).map_or(end, |&next| next);
            let needed = weights.end().max(next) - end;
            for plane in planes.chunks_exact_mut(plane) {
                plane.copy_within(..needed * layout.width, (end - first) * layout.width);
            }
            let mut h_before = h0;
            if let Some(before) = start.checked_sub(1) {
                h_before = Some(&y[steps[before] * spec.hidden()..]);
                let state = batch * spec.hidden();
                let checkpoint = recomputed.checkpoints.get((start / segment - 1) * state..);
                c_before = checkpoint.filter(|c| !c.is_empty());
            }
            Again {
                packed,
                steps,
                range: range.clone(),
                x: recomputed.input.rows(x, spec.input(), first..end),
                h0: h_before,
                c0: c_before,
                y: recomputed.outputs,
                running: recomputed.running,
                planes: &mut *planes,
                plane,
                cancel: io.cancel,
            }
            .run();
        }
        let backward = Backward {
            groups: RowGroups::new(&layout, batch, range.len(), end - first, true),
            layout,
            transposed,
            pairs: packed.pairs,
            steps,
            range: range.clone(),
            last: range.end == time,
            batch,
            h0,
            c0: c_before,
            y,
            dy: io.dy,
            dc_last: io.dc_last,
            dh0,
            dc0,
            carry: carry.as_mut_ptr(),
            planes: planes.as_mut_ptr(),
            plane,
            stop: Stop::new(io.cancel),
        };
        pass::run(&backward, spec, packed.level);
        if backward.stop.is_set() {
            return;
        }
        let gradients = Gradients {
            layout,
            level: packed.level,
            first,
            planes,
            plane,
            pairs: packed.pairs,
            cancel: io.cancel,
        };
        let source = match x {
            CellInput::Rows(x) => {
                if let Some(dx) = &mut dx {
                    gradients.input(&transposed.input, &mut dx[first * spec.input()..end * spec.input()]);
                }
                Some(x)
            }
            CellInput::Tokens { ids, .. } => {
                sum_by_token(&gradients, &ids[first..end], vocabulary, end == rows, sums);
                None
            }
        };
        weights.add(&gradients, source, LeftRows::Before { steps, h0, y, columns: spec.hidden() });
    }
    if let CellInput::Tokens { table, .. } = x {
        let by_token = Gradients {
            layout,
            level: packed.level,
            first: 0,
            planes: sums,
            plane: layout.plane(vocabulary),
            pairs: packed.pairs,
            cancel: io.cancel,
        };
        if let Some(dx) = dx {
            by_token.input(&transposed.input, dx);
        }
        weights.add_tokens(&by_token, table);
    }
    if !io.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
        weights.finish(io.d_kernel, io.d_recurrent, io.d_bias);
    }
}

/// What the gates of a segment are computed again from, and where.
struct Recomputed<'a> {
    /// The cell states [batch, hidden] before all segments but the first.
    checkpoints: &'a [f32],
    running: &'a mut [f32],
    outputs: &'a mut [f32],
    input: Input<'a>,
}

/// Room for the rows of tokens.
struct Input<'a>(&'a mut [f32]);

impl Input<'_> {
    /// Some rows of the input.
    fn rows<'b>(&'b mut self, x: CellInput<'b, f32>, width: usize, rows: Range<usize>) -> &'b [f32] {
        match x {
            CellInput::Rows(x) => &x[rows.start * width..rows.end * width],
            CellInput::Tokens { table, ids } => {
                for (into, &id) in self.0.chunks_exact_mut(width).zip(&ids[rows]) {
                    into.copy_from_slice(&table[id as usize * width..][..width]);
                }
                self.0
            }
        }
    }
}
