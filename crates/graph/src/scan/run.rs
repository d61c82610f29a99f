//! What both passes of a scan share: finding the mask, and running one operation.

use super::body::Body;
use super::layout::{Location, Locator, Region, ScanLayout, Scope, node_sizes, with_rows};
use crate::error::Result;
use crate::ops::{Buffers, Frame, Moment, Place, ValueRef, Weights};
use crate::params::Parameters;
use crate::shape::Meta;
use crate::values::Dtype;
use seqloom_kernels::{Motion, Scalar};

/// What does not change while a pass runs.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a, T: Scalar> {
    pub(super) locator: Locator<'a>,
    pub(super) layout: &'a ScanLayout,
    /// The operands of the scan.
    pub(super) inputs: &'a [ValueRef],
    pub(super) params: &'a Parameters<T>,
    pub(super) integers: &'a [Vec<i32>],
    pub(super) run: &'a crate::mode::Run<'a>,
    /// The index of the scan in its graph.
    pub(super) node: usize,
    pub(super) recording: bool,
}

/// Lists that are refilled for every node.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) inputs: Vec<ValueRef>,
    pub(super) outputs: Vec<ValueRef>,
    pub(super) input_metas: Vec<Meta>,
    pub(super) output_metas: Vec<Meta>,
    /// Which values' gradients are needed outside the scan or by a weight.
    pub(super) live: Vec<bool>,
}

/// The key of the random numbers of a body's node, which differs from that of any node of a graph.
fn key(scan: usize, node: usize) -> usize {
    ((scan + 1) << 24) | node
}

impl<T: Scalar> Pass<'_, T> {
    /// Where a value of the body lies.
    pub(super) fn value(&self, value: usize, scope: Scope) -> Result<Place> {
        match self.layout.values[value] {
            Location::Operand(operand) => Ok(self.inputs[operand].place),
            _ => self.locator.place(&self.layout.values, value, scope),
        }
    }

    /// All that a pass over time sees of a value.
    pub(super) fn moving(&self, value: usize, steps: (usize, usize)) -> Result<(Place, Motion, Place)> {
        match self.layout.values[value] {
            Location::Operand(operand) => Ok((self.inputs[operand].place, Motion::default(), Place::None)),
            _ => self.locator.moving(&self.layout.values, value, steps),
        }
    }

    /// Where its gradient lies.
    pub(super) fn gradient(&self, value: usize, scope: Scope) -> Result<Place> {
        self.locator.place(&self.layout.gradients, value, scope)
    }
}

/// Fills the lists of a node's operands and calls `body` with what it runs in.
pub(super) fn with_frame<T: Scalar, R>(
    body: &mut Body<T>,
    scratch: &mut Scratch,
    pass: &Pass<'_, T>,
    buffers: Buffers<'_, T>,
    (index, scope, backward): (usize, Scope, bool),
    run: impl FnOnce(&mut crate::ir::Call<T>, Frame<'_, T>) -> Result<R>,
) -> Result<R> {
    let rows = pass.locator.rows(scope);
    let Scratch { inputs, outputs, input_metas, output_metas, live } = scratch;
    let sizes = node_sizes(body, index, rows, pass.recording, (input_metas, output_metas))?;
    let Body { nodes, metas, shared, deferred, .. } = body;
    let node = &mut nodes[index];
    let operand = |value: usize, kept: bool, live: bool| -> Result<ValueRef> {
        Ok(ValueRef {
            shape: with_rows(&metas[value], rows),
            dtype: Dtype::Float32,
            place: if kept { pass.value(value, scope)? } else { Place::None },
            gradient: if backward && live { pass.gradient(value, scope)? } else { Place::None },
            fresh: false,
            mask: None,
            input: None,
        })
    };
    inputs.clear();
    for (position, &value) in node.inputs.iter().enumerate() {
        // A shared gradient already exists, and some are computed after the loop.
        let deferred = position == 1 && deferred[index];
        let wanted = live.get(value).copied().unwrap_or(false) && shared[value].is_none() && !deferred;
        inputs.push(operand(value, !backward || node.op.keeps_input(position), wanted)?);
    }
    outputs.clear();
    for (position, &value) in node.outputs.iter().enumerate() {
        outputs.push(operand(value, !backward || node.op.keeps_output(position), true)?);
    }
    let stash = match &pass.layout.stashes[index] {
        Some(slot) if pass.recording => {
            let place = pass.locator.slot(slot, scope)?;
            if sizes.stash == 0 { Place::None } else { place.part(0, sizes.stash)? }
        }
        _ => Place::None,
    };
    let workspace = if backward {
        pass.locator.part(Region::Backward, pass.layout.backward_scratch, sizes.backward)?
    } else {
        pass.locator.part(Region::Forward, pass.layout.forward_scratch, sizes.forward)?
    };
    let step = if let Scope::Step(step) = scope { Some(step) } else { None };
    let by_steps = matches!(scope, Scope::Rows | Scope::Steps(..));
    let rows = (!by_steps).then(|| pass.locator.packing.order());
    // Lent to the frame, so that the node can be borrowed.
    let weights = std::mem::take(&mut node.weights);
    let frame = Frame {
        inputs,
        outputs,
        buffers,
        weights: Weights { params: pass.params, indices: &weights },
        integers: pass.integers,
        stash,
        workspace,
        run: pass.run,
        node: key(pass.node, index),
        moment: Moment { step, rows },
    };
    let result = run(node, frame);
    node.weights = weights;
    result
}
