//! Where the values of a scan, their gradients and the operations' stashes lie.

use super::body::Body;
use crate::error::{Error, Result};
use crate::ir::Phase;
use crate::mask::Packing;
use crate::ops::{Operands, Place, Sizes};
use crate::params::SLOT_ALIGNMENT;
use crate::shape::{Meta, Shape};
use seqloom_kernels::{Motion, Scalar};

/// Which memory a slot lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Region {
    /// What the backward pass reads again; scratch if there is no backward pass.
    Kept,
    /// Scratch of the forward pass.
    Forward,
    /// Scratch of the backward pass.
    Backward,
}

/// How a slot is divided among the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One for all steps.
    Whole,
    /// A row of `width` elements for each sequence; a step has the first ones.
    Sequences { width: usize },
    /// A row of `width` elements for each packed row.
    Rows { width: usize },
    /// The same for the rows of a chunk of time.
    Chunk { width: usize },
}

/// A part of a region.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) region: Region,
    pub(super) offset: usize,
    pub(super) len: usize,
    pub(super) form: Form,
}

/// Where a value or a gradient lies.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Location {
    #[default]
    None,
    Slot(Slot),
    /// In an operand of the scan: a constant without batch.
    Operand(usize),
    /// Where `value` was one step before; before the first step, in the slot.
    PreviousStep {
        value: usize,
        initial: Slot,
    },
}

/// The sizes of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// Sequences.
    pub(super) batch: usize,
    /// Rows of all steps.
    pub(super) rows: usize,
    /// The most rows of a chunk of time.
    pub(super) chunk: usize,
}

/// The slots for one batch size, valid for any mask.
#[derive(Debug, Default)]
pub(super) struct ScanLayout {
    pub(super) values: Vec<Location>,
    pub(super) gradients: Vec<Location>,
    /// By product, for those in chains: the gradients of its kernel, one for each sequence.
    pub(super) kernels: Vec<Option<Slot>>,
    /// By node; `Rows` and `Sequences` widths are elements for each row.
    pub(super) stashes: Vec<Option<Slot>>,
    /// Elements of each region.
    pub(super) kept: usize,
    pub(super) forward: usize,
    pub(super) backward: usize,
    /// Elements at the beginning of the backward region that are summed over all steps.
    pub(super) summed: usize,
    /// The end of the gradients of a single step, which follow the summed ones.
    pub(super) stepwise: usize,
    /// The end of those of a chunk of time, which follow.
    pub(super) chunkwise: usize,
    /// The most rows of a chunk of time.
    pub(super) chunk: usize,
    /// A row of any result, in the backward region.
    pub(super) carried: usize,
    /// A copy of rows of all steps, in the backward region.
    pub(super) rows: usize,
    /// Scratch of single operations, after everything else in its region.
    pub(super) forward_scratch: usize,
    pub(super) backward_scratch: usize,
    inputs: Vec<Meta>,
    outputs: Vec<Meta>,
}

fn too_large() -> Error {
    Error::memory("the steps of this batch are too large to address")
}

impl ScanLayout {
    /// Places everything for a batch, with room for a copy of `copied` elements.
    pub(super) fn plan<T: Scalar>(
        &mut self,
        body: &mut Body<T>,
        copied: Option<usize>,
        extent: Extent,
        recording: bool,
    ) -> Result<()> {
        (self.kept, self.forward, self.backward) = (0, 0, 0);
        self.chunk = extent.chunk;
        self.place_values(body, extent, recording)?;
        self.stashes.clear();
        let (mut forward, mut backward) = (0, 0);
        for index in 0..body.nodes.len() {
            let count = body.phases[index].count(extent);
            let sizes = node_sizes(body, index, count, recording, (&mut self.inputs, &mut self.outputs))?;
            forward = forward.max(sizes.forward);
            backward = backward.max(sizes.backward);
            let batched = self.outputs.iter().any(|meta| meta.batched);
            let width = sizes.stash / count.max(1);
            let (form, len) = match body.phases[index] {
                _ if !batched => (Form::Whole, sizes.stash),
                Phase::Once => (Form::Sequences { width }, sizes.stash),
                Phase::Step => (Form::Rows { width }, width.checked_mul(extent.rows).ok_or_else(too_large)?),
                Phase::Early | Phase::Late => (Form::Rows { width }, sizes.stash),
            };
            let slot = if len > 0 { Some(self.take(Region::Kept, len, form)?) } else { None };
            self.stashes.push(slot);
        }
        let widest = body
            .outputs
            .iter()
            .map(|&value| body.metas[value].shape.inner(1))
            .try_fold(0, |widest, width| width.map(|width| widest.max(width)))?;
        self.carried = self.take(Region::Backward, widest, Form::Whole)?.offset;
        let copied = copied.ok_or_else(too_large)?;
        self.rows = self.take(Region::Backward, copied, Form::Whole)?.offset;
        self.forward_scratch = self.take(Region::Forward, forward, Form::Whole)?.offset;
        self.backward_scratch = self.take(Region::Backward, backward, Form::Whole)?.offset;
        Ok(())
    }

    fn place_values<T: Scalar>(&mut self, body: &Body<T>, extent: Extent, recording: bool) -> Result<()> {
        let counts = &body.counts;
        self.values.clear();
        self.gradients.clear();
        for (value, known) in body.values.iter().enumerate() {
            let meta = body.metas[value];
            let nowhere = body.slices[value].is_some()
                || body.views[value].is_some()
                || (known.inner && !(recording && known.kept));
            let location = if nowhere {
                Location::None
            } else if let Some(state) = body.state_of(value) {
                let initial = self.value_slot(&meta, Phase::Once, Region::Kept, extent)?;
                Location::PreviousStep { value: body.new_state(state), initial }
            } else if !meta.batched && value < counts.body_inputs() {
                Location::Operand(counts.constant_input(value - counts.sequences - counts.states))
            } else {
                let phase = known.phase;
                let kept = known.tracked || (recording && known.kept);
                Location::Slot(if known.local && !kept {
                    self.chunk_slot(&meta, Region::Forward, extent)?
                } else if phase == Phase::Step && !kept {
                    self.value_slot(&meta, Phase::Once, Region::Forward, extent)?
                } else {
                    self.value_slot(&meta, phase, Region::Kept, extent)?
                })
            };
            self.values.push(location);
        }
        // Sources come first.
        for (value, source) in body.views.iter().enumerate() {
            if let Some(source) = *source {
                self.values[value] = self.values[source];
            }
        }
        self.gradients.resize(body.values.len(), Location::None);
        if !recording {
            return Ok(());
        }
        // First the gradients that are summed over steps, then those of a single step, then those of a chunk of time, so
        // that each are cleared in one piece.
        for kind in 0..3 {
            for (value, known) in body.values.iter().enumerate().filter(|(_, known)| known.wants_gradient) {
                let meta = body.metas[value];
                let elsewhere = body.views[value].is_some() || body.shared[value].is_some();
                if known.inner || body.slices[value].is_some() || elsewhere {
                    continue;
                }
                let tracked = known.tracked || known.gradient_tracked;
                let of_step = known.phase == Phase::Step && body.state_of(value).is_none() && !tracked;
                if kind != (if known.local { 2 } else { usize::from(of_step) }) {
                    continue;
                }
                self.gradients[value] = if let Some(state) = body.state_of(value) {
                    let initial = self.value_slot(&meta, Phase::Once, Region::Backward, extent)?;
                    Location::PreviousStep { value: body.new_state(state), initial }
                } else if known.local {
                    Location::Slot(self.chunk_slot(&meta, Region::Backward, extent)?)
                } else {
                    let phase = if of_step { Phase::Once } else { known.phase };
                    Location::Slot(self.value_slot(&meta, phase, Region::Backward, extent)?)
                };
            }
            if kind == 0 {
                self.kernels.clear();
                for &width in &body.summed {
                    let len = width.checked_mul(extent.batch).ok_or_else(too_large)?;
                    let form = Form::Sequences { width };
                    let slot = if len > 0 { Some(self.take(Region::Backward, len, form)?) } else { None };
                    self.kernels.push(slot);
                }
                self.summed = self.backward;
            }
            if kind == 1 {
                self.stepwise = self.backward;
            }
        }
        for owners in [&body.shared, &body.views] {
            for (value, &owner) in owners.iter().enumerate() {
                if let Some(owner) = owner.filter(|_| !body.values[value].inner) {
                    self.gradients[value] = self.gradients[owner];
                }
            }
        }
        self.chunkwise = self.backward;
        Ok(())
    }

    /// A slot for the rows of a chunk of time.
    fn chunk_slot(&mut self, meta: &Meta, region: Region, extent: Extent) -> Result<Slot> {
        if !meta.batched {
            return self.value_slot(meta, Phase::Early, region, extent);
        }
        let width = meta.shape.inner(1)?;
        let len = width.checked_mul(extent.chunk).ok_or_else(too_large)?;
        self.take(region, len, Form::Chunk { width })
    }

    fn value_slot(&mut self, meta: &Meta, phase: Phase, region: Region, extent: Extent) -> Result<Slot> {
        if !meta.batched {
            return self.take(region, meta.shape.elements()?, Form::Whole);
        }
        let width = meta.shape.inner(1)?;
        let len = width.checked_mul(phase.total(extent)).ok_or_else(too_large)?;
        let form = if phase == Phase::Once { Form::Sequences { width } } else { Form::Rows { width } };
        self.take(region, len, form)
    }

    fn take(&mut self, region: Region, len: usize, form: Form) -> Result<Slot> {
        let end = match region {
            Region::Kept => &mut self.kept,
            Region::Forward => &mut self.forward,
            Region::Backward => &mut self.backward,
        };
        let offset = *end;
        *end = len
            .checked_next_multiple_of(SLOT_ALIGNMENT)
            .and_then(|len| offset.checked_add(len))
            .ok_or_else(too_large)?;
        Ok(Slot { region, offset, len, form })
    }
}

impl Phase {
    /// The most rows that an operation of the phase runs over at once.
    fn count(self, extent: Extent) -> usize {
        match self {
            Self::Once | Self::Step => extent.batch,
            Self::Early | Self::Late => extent.rows,
        }
    }

    /// Rows of a value of the phase that is kept for all steps.
    fn total(self, extent: Extent) -> usize {
        match self {
            Self::Once => extent.batch,
            _ => extent.rows,
        }
    }
}

/// A shape with another number of rows.
pub(super) fn with_rows(meta: &Meta, rows: usize) -> Shape {
    let mut shape = meta.shape;
    if meta.batched
        && let Some(batch) = shape.dims_mut().first_mut()
    {
        *batch = rows;
    }
    shape
}

/// The memory that a node needs for a number of rows; afterwards, the lists hold its operands' types and shapes.
pub(super) fn node_sizes<T: Scalar>(
    body: &mut Body<T>,
    index: usize,
    rows: usize,
    recording: bool,
    (inputs, outputs): (&mut Vec<Meta>, &mut Vec<Meta>),
) -> Result<Sizes> {
    let node = &mut body.nodes[index];
    let metas = &body.metas;
    let meta = |&value: &usize| Meta { shape: with_rows(&metas[value], rows), ..metas[value] };
    inputs.clear();
    inputs.extend(node.inputs.iter().map(meta));
    outputs.clear();
    outputs.extend(node.outputs.iter().map(meta));
    let recording = recording && body.visited[index];
    node.op.sizes(Operands { inputs, outputs, recording }).map_err(|error| node.explain(error))
}

/// The rows that a node runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// One for each sequence.
    Sequences,
    /// Those of all steps.
    Rows,
    /// Those of some steps, from the first to before the last: a chunk of time.
    Steps(usize, usize),
    /// Those of one step.
    Step(usize),
}

/// Resolves slots to places, for one mask.
#[derive(Clone, Copy)]
pub(super) struct Locator<'a> {
    pub(super) packing: &'a Packing,
    pub(super) kept: Place,
    pub(super) forward: Place,
    pub(super) backward: Place,
}

impl Locator<'_> {
    /// Number of rows of a scope.
    pub(super) fn rows(&self, scope: Scope) -> usize {
        let steps = self.packing.steps();
        match scope {
            Scope::Sequences => self.packing.order().len(),
            Scope::Rows => steps.last().copied().unwrap_or(0),
            Scope::Steps(first, end) => steps[end] - steps[first],
            Scope::Step(step) => steps[step + 1] - steps[step],
        }
    }

    /// A part of a region.
    pub(super) fn part(&self, region: Region, offset: usize, len: usize) -> Result<Place> {
        let whole = match region {
            Region::Kept => self.kept,
            Region::Forward => self.forward,
            Region::Backward => self.backward,
        };
        if len == 0 { Ok(Place::None) } else { whole.part(offset, len) }
    }

    /// All that a pass over time sees of a location in a chunk of time, how it moves there, and for a state what it was
    /// before the first step.
    pub(super) fn moving(
        &self,
        locations: &[Location],
        value: usize,
        steps: (usize, usize),
    ) -> Result<(Place, Motion, Place)> {
        let mut initial = Place::None;
        let slot = match locations[value] {
            Location::Slot(slot) => slot,
            Location::PreviousStep { value, initial: before } => {
                initial = self.slot(&before, Scope::Sequences)?;
                let Location::Slot(slot @ Slot { form: Form::Rows { .. }, .. }) = locations[value] else {
                    return Err(Error::native("A state is not kept for all steps"));
                };
                slot
            }
            Location::None | Location::Operand(_) => {
                return Err(Error::native("A pass over time works on something that is not there"));
            }
        };
        let (scope, width, first) = match slot.form {
            Form::Whole | Form::Sequences { .. } => (Scope::Sequences, 0, 0),
            Form::Rows { width } => (Scope::Rows, width, 0),
            Form::Chunk { width } => (Scope::Steps(steps.0, steps.1), width, self.packing.steps()[steps.0]),
        };
        Ok((self.slot(&slot, scope)?, Motion { width, first, initial: None }, initial))
    }

    /// The rows of a slot that a scope sees.
    pub(super) fn slot(&self, slot: &Slot, scope: Scope) -> Result<Place> {
        let (offset, len) = match (slot.form, scope) {
            (Form::Whole, _) => (0, slot.len),
            (Form::Sequences { width }, scope) => (0, self.rows(scope) * width),
            (Form::Rows { width }, Scope::Rows) => (0, self.rows(scope) * width),
            (Form::Rows { width }, Scope::Step(first) | Scope::Steps(first, _)) => {
                (self.packing.steps()[first] * width, self.rows(scope) * width)
            }
            (Form::Chunk { width }, Scope::Steps(..)) => (0, self.rows(scope) * width),
            (Form::Rows { .. }, Scope::Sequences) => {
                return Err(Error::native("A value of steps was used before there were any"));
            }
            (Form::Chunk { .. }, _) => {
                return Err(Error::native("A value of a chunk of time was used outside of it"));
            }
        };
        if offset + len > slot.len {
            return Err(Error::native("A value of a scan lies outside of its slot"));
        }
        self.part(slot.region, slot.offset + offset, len)
    }

    /// The chunks of time, each as its first step and the step after its last one.
    pub(super) fn chunks(&self, most: usize) -> impl DoubleEndedIterator<Item = (usize, usize)> + use<> {
        let steps = self.packing.steps();
        let (count, rows) = (steps.len() - 1, steps.get(1).copied().unwrap_or(1));
        let length = (most / rows.max(1)).max(1);
        (0..count).step_by(length).map(move |first| (first, count.min(first + length)))
    }

    /// The same for any location; values of operands are the caller's to find.
    pub(super) fn place(&self, locations: &[Location], value: usize, scope: Scope) -> Result<Place> {
        match locations[value] {
            Location::None | Location::Operand(_) => Ok(Place::None),
            Location::Slot(slot) => self.slot(&slot, scope),
            Location::PreviousStep { value, initial } => {
                let Scope::Step(step) = scope else {
                    return Err(Error::native("A state was used outside of the loop"));
                };
                let (Some(before), Location::Slot(slot)) = (step.checked_sub(1), locations[value]) else {
                    return self.slot(&initial, scope);
                };
                let Form::Rows { width } = slot.form else {
                    return Err(Error::native("A state is not kept for all steps"));
                };
                let first = self.packing.steps()[before];
                self.part(slot.region, slot.offset + first * width, self.rows(scope) * width)
            }
        }
    }
}
