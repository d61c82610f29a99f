//! `transducerJoint`: the logits of all places.

use super::super::context::mask_of;
use super::super::{
    Backward, Entry, Forward, Frame, Op, Operands, Operation, Site, Sizes, check_cancelled, made,
};
use super::grid::{Cell, Gradients, Joint, Read, in_slices, places_of_gradients};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::mask::SequenceMask;
use crate::memory;
use crate::setting::settings;
use crate::shape::{Meta, product};
use seqloom_kernels::Scalar;

settings! {
    struct Attributes {
        /// What becomes of the sum.
        activation: String;
    }
}

/// `[batch, time, width]` and `[batch, labels, width]` to `[batch, time, labels, symbols]`, zero where a step or a
/// label is not valid.
#[derive(Debug, Clone)]
pub(super) struct TransducerJoint {
    joint: Joint,
    cells: Vec<Cell>,
}

pub(super) const ENTRY: Entry = Entry {
    inputs: 2..=2,
    weights: 1..=2,
    settings: Attributes::SETTINGS,
    in_body: false,
    ..Entry::of("transducerJoint", |site| made(TransducerJoint::new(site)?))
};

/// The places of a batch.
struct Places<'a> {
    dims: [usize; 3],
    masks: [Option<&'a SequenceMask>; 2],
}

impl<'a> Places<'a> {
    fn new<T: Scalar>(frame: &Frame<'_, T>, masks: &'a [SequenceMask]) -> Self {
        let [encoded, predicted] = [&frame.inputs[0], &frame.inputs[1]];
        Self {
            dims: [encoded.shape.batch(), encoded.shape.time(), predicted.shape.time()],
            masks: [encoded, predicted].map(|value| mask_of(masks, value)),
        }
    }

    fn cells(&self) -> impl Iterator<Item = Cell> + use<> {
        let [batch, time, labels] = self.dims;
        (0..batch * time).flat_map(move |step| {
            (0..labels).map(move |label| Cell { step, place: step / time * labels + label })
        })
    }

    fn is_valid(&self, cell: Cell) -> bool {
        let [_, time, labels] = self.dims;
        let of = |mask: Option<&SequenceMask>, at: usize, width: usize| {
            mask.is_none_or(|mask| mask.is_valid(at / width, at % width))
        };
        of(self.masks[0], cell.step, time) && of(self.masks[1], cell.place, labels)
    }

    /// Makes the numbers of places that are not valid zero.
    fn clear<T: Scalar>(&self, cells: &[Cell], values: &mut [T]) {
        if self.masks.iter().all(Option::is_none) {
            return;
        }
        let width = values.len() / cells.len();
        for (values, &cell) in values.chunks_exact_mut(width).zip(cells) {
            if !self.is_valid(cell) {
                values.fill(T::ZERO);
            }
        }
    }
}

impl TransducerJoint {
    fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { activation } = Attributes::read(site.attributes())?;
        Ok(Self { joint: Joint::new(site, &activation)?, cells: Vec::new() })
    }

    /// The places of a slice, for which there is room afterwards.
    fn prepare(&mut self, dims: [usize; 3]) -> Result<usize> {
        let size = self.joint.places(dims.iter().product());
        memory::refill(&mut self.cells, size, Cell::default(), "The places of the joint network")?;
        Ok(size)
    }
}

impl Operation for TransducerJoint {}

impl<T: Scalar> Op<T> for TransducerJoint {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        self.joint.check(&inputs[0], &inputs[1])?;
        let shape = inputs[0].shape.with_last(inputs[1].shape.time());
        outputs[0] = Meta::float(shape.pushed(self.joint.symbols)?);
        Ok(())
    }

    fn sizes(&mut self, operands: Operands<'_>) -> Result<Sizes> {
        let dims = operands.outputs[0].shape;
        dims.elements()?;
        let places = self.joint.places(product(&dims.dims()[..3]).unwrap_or(0));
        let room = |times: usize| self.joint.hidden(places).and_then(|size| size.checked_mul(times));
        let too_large = || Error::memory("the joint network is too large to address");
        let backward = room(4).and_then(|size| size.checked_add(self.joint.logits(places)?));
        Ok(Sizes {
            stash: 0,
            forward: room(1).ok_or_else(too_large)?,
            backward: backward.ok_or_else(too_large)?,
        })
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let places = Places::new(frame, masks);
        let size = self.prepare(places.dims)?;
        let (kernel, bias, run) = (frame.weights.get(0), frame.weights.get(1), frame.run);
        let ([encoded, predicted], [logits, hidden]) = frame.buffers.carve(
            [frame.inputs[0].place, frame.inputs[1].place],
            [frame.outputs[0].place, frame.workspace],
        )?;
        let read = Read { encoded, predicted, kernel, bias };
        let Self { joint, cells } = self;
        in_slices(places.cells(), size, cells, |first, cells| {
            check_cancelled(run)?;
            let logits = &mut logits[first * joint.symbols..][..cells.len() * joint.symbols];
            joint.forward(cells, &read, &mut hidden[..cells.len() * joint.width], logits);
            places.clear(cells, logits);
            Ok(())
        })
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let Backward { frame, masks, gradients } = context;
        let places = Places::new(frame, masks);
        let size = self.prepare(places.dims)?;
        let (kernel, bias, run) = (frame.weights.get(0), frame.weights.get(1), frame.run);
        let [d_kernel, d_bias] = gradients.dense(frame.weights.indices([0, 1]))?;
        let (first, second) = places_of_gradients(frame.inputs);
        let same = frame.inputs[0].gradient == frame.inputs[1].gradient;
        let ([encoded, predicted, dy], [d_encoded, d_predicted, workspace]) = frame.buffers.carve(
            [frame.inputs[0].place, frame.inputs[1].place, frame.outputs[0].gradient],
            [first, second, frame.workspace],
        )?;
        let read = Read { encoded, predicted, kernel, bias };
        let mut gradients = Gradients {
            encoded: d_encoded,
            predicted: (!same).then_some(d_predicted),
            kernel: d_kernel,
            bias: d_bias,
        };
        let Self { joint, cells } = self;
        let (workspace, d_valid) = workspace.split_at_mut(size * 4 * joint.width);
        in_slices(places.cells(), size, cells, |first, cells| {
            check_cancelled(run)?;
            let d_valid = &mut d_valid[..cells.len() * joint.symbols];
            d_valid.copy_from_slice(&dy[first * joint.symbols..][..d_valid.len()]);
            places.clear(cells, d_valid);
            joint.forward_again(cells, &read, workspace, None);
            joint.backward(cells, &read, workspace, d_valid, &mut gradients);
            Ok(())
        })
    }

    fn keeps_input(&self, _index: usize) -> bool {
        true
    }

    fn form(&self, _known: &[Known], _output: usize) -> Form {
        Form::Real
    }
}
