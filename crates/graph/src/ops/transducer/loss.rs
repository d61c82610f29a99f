//! `transducerLoss`: −log of the probability of all alignments of a target, averaged over the rows.

use super::super::context::mask_of;
use super::super::unaligned::{check_blank, check_targets, weight_of};
use super::super::{
    Backward, Entry, Forward, Frame, Op, Operands, Operation, Place, Site, Sizes, check_cancelled, made,
};
use super::grid::{Cell, Gradients, Joint, Read, in_slices, places_of_gradients};
use super::plan::{Given, Part, Plan};
use crate::error::{Error, Result};
use crate::mask::SequenceMask;
use crate::memory;
use crate::setting::settings;
use crate::shape::{Meta, Shape, product};
use seqloom_kernels::pool::each_block;
use seqloom_kernels::{Scalar, TransducerRow, transducer};
use std::sync::{Mutex, PoisonError};

/// Places from which on sharing rows costs less than it saves.
const WORTH_SHARING: usize = 1 << 10;

settings! {
    struct Attributes {
        /// What becomes of the sum.
        activation: String;
        /// The symbol that writes nothing.
        blank: usize = 0;
        /// Whether a row counts 0, instead of being refused, if it has symbols to write but no step.
        zero_infinity: bool = false;
    }
}

/// Σ sampleWeight · −log p(target) / rows, and the number of rows. Inputs: the values of encoder `[batch, time, width]`
/// and predictor `[batch, labels + 1, width]`, targets as in [`super::super::unaligned`], sample weights `[batch]`.
///
/// The forward pass leaves the parts of alignments in the stash, two numbers for each place; the backward pass computes
/// the logits again.
#[derive(Debug)]
pub(super) struct TransducerLoss {
    joint: Joint,
    blank: usize,
    zero_infinity: bool,
    plan: Plan,
    cells: Vec<Cell>,
    /// Memory of threads that are through with a row.
    sums: Mutex<Vec<Vec<f64>>>,
}

impl Clone for TransducerLoss {
    fn clone(&self) -> Self {
        let Self { joint, blank, zero_infinity, .. } = *self;
        Self { joint, blank, zero_infinity, plan: Plan::default(), cells: Vec::new(), sums: Mutex::default() }
    }
}

pub(super) const ENTRY: Entry = Entry {
    inputs: 3..=4,
    weights: 1..=2,
    outputs: 2..=2,
    settings: Attributes::SETTINGS,
    in_body: false,
    ..Entry::of("transducerLoss", |site| made(TransducerLoss::new(site)?))
};

impl TransducerLoss {
    fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { activation, blank, zero_infinity } = Attributes::read(site.attributes())?;
        let joint = Joint::new(site, &activation)?;
        check_blank(blank, joint.symbols)?;
        Ok(Self {
            joint,
            blank,
            zero_infinity,
            plan: Plan::default(),
            cells: Vec::new(),
            sums: Mutex::default(),
        })
    }

    /// Reads targets and masks; returns how many places a slice has, for which there is room then.
    fn prepare<T: Scalar>(&mut self, frame: &Frame<'_, T>, masks: &[SequenceMask]) -> Result<usize> {
        let [encoded, predicted, target] = [&frame.inputs[0], &frame.inputs[1], &frame.inputs[2]];
        let symbols = self.joint.symbols;
        self.plan.read(Given {
            dims: [encoded.shape.batch(), encoded.shape.time(), predicted.shape.time()],
            masks: [encoded, predicted].map(|value| mask_of(masks, value)),
            targets: frame.integers(2)?,
            length: target.shape.inner(1)?,
            symbols,
            blank: self.blank,
            zero_infinity: self.zero_infinity,
        })?;
        let size = self.joint.places(self.plan.cells());
        memory::refill(&mut self.cells, size, Cell::default(), "The places of the loss")?;
        Ok(size)
    }
}

/// What the logits of places give: the log-probabilities of the blank and of what comes next.
struct Reading<'a, T> {
    blanks: &'a mut [T],
    labels: &'a mut [T],
}

impl<T: Scalar> Reading<'_, T> {
    fn read(
        &mut self,
        first: usize,
        logits: &[T],
        statistics: &[[T; 2]],
        next: impl Iterator<Item = usize>,
        blank: usize,
    ) {
        let columns = logits.len() / statistics.len();
        let into = self.blanks[first..].iter_mut().zip(&mut self.labels[first..]);
        let rows = logits.chunks_exact(columns).zip(statistics);
        for ((logits, [max, sum]), ((to_blank, to_label), next)) in rows.zip(into.zip(next)) {
            let norm = max.to_f64() + sum.to_f64().ln();
            *to_blank = T::from_f64(logits[blank].to_f64() - norm);
            *to_label = T::from_f64(logits[next].to_f64() - norm);
        }
    }
}

impl Operation for TransducerLoss {}

impl<T: Scalar> Op<T> for TransducerLoss {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        self.joint.check(&inputs[0], &inputs[1])?;
        check_targets(&inputs[0].shape, &inputs[2], inputs.get(3))?;
        outputs.fill(Meta::float(Shape::SCALAR));
        Ok(())
    }

    fn sizes(&mut self, operands: Operands<'_>) -> Result<Sizes> {
        let [encoded, predicted] = [0, 1].map(|index| operands.inputs[index].shape);
        let joint = &self.joint;
        let sizes = || {
            let all = product(&[encoded.batch(), encoded.time(), predicted.time()])?;
            let (places, parts) = (joint.places(all), all.checked_mul(2)?);
            let (hidden, logits) = (joint.hidden(places)?, joint.logits(places)?);
            let forward = hidden.checked_add(logits)?.checked_add(places.checked_mul(2)?)?;
            let again = hidden.checked_mul(4)?.checked_add(logits.checked_mul(2)?)?;
            let backward = again.checked_add(places.checked_mul(3)?)?;
            Some(if operands.recording {
                Sizes { stash: parts, forward, backward }
            } else {
                Sizes { stash: 0, forward: forward.checked_add(parts)?, backward: 0 }
            })
        };
        sizes().ok_or_else(|| Error::memory("the places of the loss are too many to address"))
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let size = self.prepare(frame, masks)?;
        let weights = frame.inputs.get(3).map_or(Place::None, |weights| weights.place);
        let (kernel, bias, run) = (frame.weights.get(0), frame.weights.get(1), frame.run);
        let all = frame.inputs[1].shape.time() * frame.inputs[0].shape.batch() * frame.inputs[0].shape.time();
        let ([encoded, predicted, weights], [mean, count, stash, workspace]) = frame.buffers.carve(
            [frame.inputs[0].place, frame.inputs[1].place, weights],
            [frame.outputs[0].place, frame.outputs[1].place, frame.stash, frame.workspace],
        )?;
        let Self { joint, plan, cells, sums, blank, .. } = self;
        let (plan, sums) = (&*plan, &*sums);
        let (hidden, rest) = workspace.split_at_mut(size * joint.width);
        let (logits, rest) = rest.split_at_mut(size * joint.symbols);
        let (statistics, rest) = rest.split_at_mut(size * 2);
        let parts = if stash.is_empty() { rest } else { stash };
        let (blanks, labels) = parts.split_at_mut(all);
        let read = Read { encoded, predicted, kernel, bias };
        let mut reading = Reading { blanks: &mut *blanks, labels: &mut *labels };
        let mut next = plan.each().map(|(_, at, _)| plan.next[at] as usize);
        in_slices(plan.each().map(|(_, _, cell)| cell), size, cells, |first, cells| {
            check_cancelled(run)?;
            let logits = &mut logits[..cells.len() * joint.symbols];
            joint.forward(cells, &read, &mut hidden[..cells.len() * joint.width], logits);
            let (statistics, _) = statistics[..cells.len() * 2].as_chunks_mut();
            T::softmax_statistics(logits, joint.symbols, statistics);
            reading.read(first, logits, statistics, next.by_ref().take(cells.len()), *blank);
            Ok(())
        })?;

        let mut parts = plan.parts(blanks, labels)?;
        each_block([&mut parts], 1, all >= WORTH_SHARING, |_, [parts]| {
            for Part { blanks, labels, steps, loss } in parts {
                if *steps == 0 {
                    continue;
                }
                let kept = || sums.lock().unwrap_or_else(PoisonError::into_inner);
                let mut own = kept().pop().unwrap_or_default();
                let row = TransducerRow { blanks, labels, steps: *steps };
                *loss = transducer(row, &mut own);
                kept().push(own);
            }
        });
        let mut sum = 0.0;
        for (index, part) in parts.into_iter().enumerate() {
            let loss =
                part.loss.map_err(|error| Error::memory(format!("The loss of row {index}: {error}")))?;
            sum += loss * weight_of(weights, index);
        }
        if let Some(mean) = mean.first_mut() {
            *mean = T::from_f64(sum / plan.rows.len() as f64);
        }
        if let Some(count) = count.first_mut() {
            *count = T::from_usize(plan.rows.len());
        }
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let Backward { frame, masks, gradients } = context;
        let size = self.prepare(frame, masks)?;
        let weights = frame.inputs.get(3).map_or(Place::None, |weights| weights.place);
        let (kernel, bias, run) = (frame.weights.get(0), frame.weights.get(1), frame.run);
        let [d_kernel, d_bias] = gradients.dense(frame.weights.indices([0, 1]))?;
        let (first, second) = places_of_gradients(frame.inputs);
        let same = frame.inputs[0].gradient == frame.inputs[1].gradient;
        let [encoded, predicted] = [&frame.inputs[0], &frame.inputs[1]];
        let ([encoded, predicted, weights, parts, d_mean], [d_encoded, d_predicted, workspace]) =
            frame.buffers.carve(
                [encoded.place, predicted.place, weights, frame.stash, frame.outputs[0].gradient],
                [first, second, frame.workspace],
            )?;
        let Self { joint, plan, cells, blank, .. } = self;
        let (plan, symbols, blank) = (&*plan, joint.symbols, *blank);
        let share = d_mean.first().map_or(0.0, |gradient| gradient.to_f64()) / plan.rows.len() as f64;
        let (blanks, labels) = parts.split_at(parts.len() / 2);
        let (hidden, rest) = workspace.split_at_mut(size * 4 * joint.width);
        let (logits, rest) = rest.split_at_mut(size * symbols);
        let (d_logits, rest) = rest.split_at_mut(size * symbols);
        let (statistics, scales) = rest.split_at_mut(size * 2);
        let read = Read { encoded, predicted, kernel, bias };
        let mut gradients = Gradients {
            encoded: d_encoded,
            predicted: (!same).then_some(d_predicted),
            kernel: d_kernel,
            bias: d_bias,
        };
        let mut places = plan.each();
        in_slices(plan.each().map(|(_, _, cell)| cell), size, cells, |first, cells| {
            check_cancelled(run)?;
            let count = cells.len();
            let (logits, d_logits) = (&mut logits[..count * symbols], &mut d_logits[..count * symbols]);
            joint.forward_again(cells, &read, hidden, Some(logits));
            let (statistics, _) = statistics[..count * 2].as_chunks_mut();
            T::softmax_statistics(logits, symbols, statistics);
            // Of the logits of a place: its part times their softmax, less the part of what is written.
            let (blanks, labels, scales) = (&blanks[first..], &labels[first..], &mut scales[..count]);
            let factor = |row: usize| T::from_f64(share * weight_of(weights, row));
            let parts = blanks.iter().zip(labels).zip(places.clone());
            for (scale, ((&to_blank, &to_label), (row, ..))) in scales.iter_mut().zip(parts) {
                *scale = factor(row) * (to_blank + to_label);
            }
            T::scaled_softmax_rows(logits, symbols, statistics, scales, false, d_logits);
            let parts = blanks.iter().zip(labels).zip(places.by_ref().take(count));
            for (d_logits, ((&to_blank, &to_label), (row, at, _))) in
                d_logits.chunks_exact_mut(symbols).zip(parts)
            {
                d_logits[blank] -= factor(row) * to_blank;
                d_logits[plan.next[at] as usize] -= factor(row) * to_label;
            }
            joint.backward(cells, &read, hidden, d_logits, &mut gradients);
            Ok(())
        })
    }

    fn keeps_input(&self, index: usize) -> bool {
        index != 2
    }

    fn differentiable(&self, input: usize, output: usize) -> bool {
        input < 2 && output == 0
    }
}
