//! `ctc`: the loss of labelling without alignment.

use super::context::mask_of;
use super::unaligned::{check_blank, check_targets, target_of, weight_of};
use super::{Backward, Entry, Forward, Op, Operands, Operation, Place, Site, Sizes, expect_float, made};
use crate::error::{Error, Result};
use crate::setting::settings;
use crate::shape::{Meta, Shape};
use seqloom_kernels::pool::each_block;
use seqloom_kernels::{CtcRow, CtcScratch, Scalar, ctc, ctc_steps};
use std::sync::{Mutex, PoisonError};

/// Elements of logits from which on sharing rows costs less than it saves.
const WORTH_SHARING: usize = 1 << 12;

settings! {
    struct Attributes {
        /// The symbol that writes nothing.
        blank: usize = 0;
        /// Whether a row counts 0, instead of being refused, if it has too few steps for its target.
        zero_infinity: bool = false;
    }
}

/// Σ sampleWeight · −log p(target) / rows, and the number of rows. Inputs: logits `[batch, time, symbols]`; targets
/// `[batch, length]`, of which each ends before its first negative number or is followed by blanks alone; sample
/// weights `[batch]`.
#[derive(Debug)]
pub(crate) struct Ctc {
    blank: usize,
    zero_infinity: bool,
    /// Memory of threads that are through with a row.
    scratch: Mutex<Vec<Scratch>>,
}

#[derive(Debug, Default)]
struct Scratch {
    steps: Vec<usize>,
    sums: CtcScratch,
}

impl Clone for Ctc {
    fn clone(&self) -> Self {
        Self { blank: self.blank, zero_infinity: self.zero_infinity, scratch: Mutex::default() }
    }
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    inputs: 2..=3,
    outputs: 2..=2,
    settings: Attributes::SETTINGS,
    in_body: false,
    ..Entry::of("ctc", |site| made(Ctc::new(site)?))
}];

/// A row of the batch while its loss is computed.
struct Row<'a, T> {
    logits: &'a [T],
    gradient: &'a mut [T],
    target: &'a [i32],
    loss: Result<f64>,
}

impl Ctc {
    fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { blank, zero_infinity } = Attributes::read(site.attributes())?;
        Ok(Self { blank, zero_infinity, scratch: Mutex::default() })
    }

    /// The loss of a row; its gradient takes the place of the softmax.
    fn run<T: Scalar>(
        &self,
        index: usize,
        row: &mut Row<'_, T>,
        symbols: usize,
        is_valid: impl Fn(usize) -> bool,
    ) -> Result<f64> {
        let kept =
            |scratch: &Mutex<Vec<Scratch>>| scratch.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut scratch = kept(&self.scratch).unwrap_or_default();
        let time = row.logits.len() / symbols;
        scratch.steps.clear();
        scratch.steps.extend((0..time).filter(|&step| is_valid(step)));
        let (steps, needed) = (scratch.steps.len(), ctc_steps(row.target));
        let loss = if needed <= steps {
            let (target, blank) = (row.target, self.blank);
            let (logits, gradient) = (row.logits, &mut *row.gradient);
            let given = CtcRow { logits, gradient, symbols, steps: &scratch.steps, target, blank };
            ctc(given, &mut scratch.sums)
                .map_err(|error| Error::memory(format!("The loss of row {index}: {error}")))
        } else if self.zero_infinity {
            row.gradient.fill(T::ZERO);
            Ok(0.0)
        } else {
            let (length, least) =
                (row.target.len(), if needed > row.target.len() { " with its repetitions" } else { "" });
            Err(Error::data(format!(
                "the target of row {index} has {length} symbols and needs {needed} steps{least}, but the prediction has {steps}: \
                 its loss is infinite; leave the row out, or take zeroInfinity: true"
            ))
            .at_row(index))
        };
        for step in (0..time).filter(|&step| !is_valid(step)) {
            row.gradient[step * symbols..(step + 1) * symbols].fill(T::ZERO);
        }
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
        loss
    }
}

impl Operation for Ctc {}

impl<T: Scalar> Op<T> for Ctc {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        let [prediction, target] = [&inputs[0], &inputs[1]];
        expect_float(prediction)?;
        let shape = prediction.shape;
        if shape.rank() != 3 {
            return Err(Error::shape(format!(
                "the prediction must have shape [batch, time, symbols]; got {shape}"
            )));
        }
        check_blank(self.blank, shape.last())?;
        check_targets(&shape, target, inputs.get(2))?;
        outputs.fill(Meta::float(Shape::SCALAR));
        Ok(())
    }

    fn sizes(&mut self, operands: Operands<'_>) -> Result<Sizes> {
        let size = operands.inputs[0].shape.elements()?;
        Ok(if operands.recording {
            Sizes { stash: size, ..Sizes::default() }
        } else {
            Sizes { forward: size, ..Sizes::default() }
        })
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let (prediction, target) = (frame.inputs[0], frame.inputs[1]);
        let weights = frame.inputs.get(2).map_or(Place::None, |weights| weights.place);
        let targets = frame.integers(1)?;
        let mask = mask_of(masks, &prediction);
        let gradients = if frame.stash == Place::None { frame.workspace } else { frame.stash };
        let ([x, weights], [mean, count, gradients]) = frame.buffers.carve(
            [prediction.place, weights],
            [frame.outputs[0].place, frame.outputs[1].place, gradients],
        )?;
        let (rows, symbols) = (prediction.shape.batch(), prediction.shape.last());
        let (size, length) = (prediction.shape.inner(1)?, target.shape.inner(1)?);
        T::softmax_rows(x, symbols, gradients);
        let parts =
            x.chunks_exact(size).zip(gradients.chunks_exact_mut(size)).zip(targets.chunks_exact(length));
        let each = parts.enumerate().map(|(row, ((logits, gradient), given))| {
            let target = target_of(row, given, symbols, self.blank)?;
            Ok(Row { logits, gradient, target, loss: Ok(0.0) })
        });
        let mut each = each.collect::<Result<Vec<_>>>()?;
        each_block([&mut each], 1, x.len() >= WORTH_SHARING, |index, [row]| {
            for row in row {
                let is_valid = |step| mask.is_none_or(|mask| mask.is_valid(index, step));
                row.loss = self.run(index, row, symbols, is_valid);
            }
        });
        let mut sum = 0.0;
        for (index, row) in each.into_iter().enumerate() {
            sum += row.loss? * weight_of(weights, index);
        }
        if let Some(mean) = mean.first_mut() {
            *mean = T::from_f64(sum / rows as f64);
        }
        if let Some(count) = count.first_mut() {
            *count = T::from_usize(rows);
        }
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let Backward { frame, .. } = context;
        let prediction = frame.inputs[0];
        let weights = frame.inputs.get(2).map_or(Place::None, |weights| weights.place);
        let ([weights, gradients, d_mean], [dx]) =
            frame.buffers.carve([weights, frame.stash, frame.outputs[0].gradient], [prediction.gradient])?;
        let share =
            d_mean.first().map_or(0.0, |gradient| gradient.to_f64()) / prediction.shape.batch() as f64;
        let size = prediction.shape.inner(1)?;
        each_block([dx], size, gradients.len() >= WORTH_SHARING, |start, [dx]| {
            let scale = T::from_f64(share * weight_of(weights, start / size));
            for (dx, &gradient) in dx.iter_mut().zip(&gradients[start..]) {
                *dx = if prediction.fresh { scale * gradient } else { *dx + scale * gradient };
            }
        });
        Ok(())
    }

    fn writes_gradient(&self, index: usize) -> bool {
        index == 0
    }

    fn keeps_input(&self, index: usize) -> bool {
        index == 2
    }

    fn differentiable(&self, input: usize, output: usize) -> bool {
        input == 0 && output == 0
    }
}
