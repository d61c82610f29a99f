//! `embedding`: rows of a table, chosen by token ids.

use super::context::mask_of;
use super::{
    Absorbed, Backward, Entry, Forward, MaskRule, Op, Operation, Role, Site, Streamed, TimeAxes, made, stream,
};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::mask::SequenceMask;
use crate::parallel::while_wanted;
use crate::params::dequantized;
use crate::setting::settings;
use crate::shape::Meta;
use crate::values::{Channels, Dtype};
use seqloom_kernels::Scalar;

settings! {
    struct Attributes {
        mask_zero: bool;
    }
}

/// Looks up rows of the weight `table` [vocabulary, width]; with `mask_zero` steps with token 0 become invalid.
#[derive(Debug, Clone)]
pub(crate) struct Embedding {
    vocabulary: usize,
    width: usize,
    mask_zero: bool,
    /// Whether the readers look rows up themselves.
    only_checks: bool,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    weights: 1..=1,
    settings: Attributes::SETTINGS,
    in_body: false,
    ..Entry::of("embedding", |site| made(Embedding::new(site)?))
}];

/// With less, the scales would take as much as the integers save.
const LEAST_WIDTH: usize = 8;

impl Embedding {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        let [vocabulary, width] = site.matrix(0, "table")?;
        Ok(Self {
            vocabulary,
            width,
            mask_zero: Attributes::read(site.attributes())?.mask_zero,
            only_checks: false,
        })
    }

    /// Tokens per (row, step): more than one where the input has further dimensions.
    fn per_step(meta: &super::ValueRef) -> Result<usize> {
        Ok(meta.shape.inner(2)?.max(1))
    }
}

impl Operation for Embedding {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        stream::elements(inputs)
    }

    fn int8(&self) -> Vec<(usize, Option<Channels>)> {
        if self.width < LEAST_WIDTH { Vec::new() } else { vec![(0, Some(Channels::Rows))] }
    }

    fn role(&self) -> Role {
        Role::Lookup
    }
}

impl<T: Scalar> Op<T> for Embedding {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        if inputs[0].dtype != Dtype::Int32 {
            return Err(Error::data("the input must be int32 token ids, but is float32"));
        }
        if self.mask_zero && inputs[0].shape.rank() != 2 {
            return Err(Error::shape(format!(
                "maskZero needs tokens of shape [batch, time]; got shape {}",
                inputs[0].shape
            )));
        }
        outputs[0] = Meta::float(inputs[0].shape.pushed(self.width)?);
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let Forward { frame, masks } = context;
        let tokens = frame.integers(0)?;
        let (table, int8) = (frame.weights.get(0), frame.weights.int8(0));
        let (input, output) = (frame.inputs[0], frame.outputs[0]);
        let per_step = Self::per_step(&input)?;
        let (time, rank) = (input.shape.time(), input.shape.rank());
        let padding = mask_of(masks, &input);
        let ([], [y]) = frame.buffers.carve([], [output.place])?;
        let mut rows = y.chunks_exact_mut(self.width);
        for (position, &token) in while_wanted(tokens.iter().enumerate()) {
            let y = rows.next().unwrap_or_default();
            let step = position / per_step;
            // Padding may hold anything, and nothing of it may reach a result.
            if padding.is_some_and(|mask| !mask.is_valid(step / time, step % time)) {
                y.fill(T::ZERO);
                continue;
            }
            let row = usize::try_from(token).ok().filter(|&row| row < self.vocabulary).ok_or_else(|| {
                let (row, place) = if rank < 2 {
                    (step, format!("row {step}"))
                } else {
                    (step / time, format!("row {}, step {}", step / time, step % time))
                };
                Error::data(format!(
                    "token {token} at {place} is outside the vocabulary; ids must be 0 to {}",
                    self.vocabulary - 1
                ))
                .at_row(row)
            })?;
            if !self.only_checks {
                let here = row * self.width..(row + 1) * self.width;
                match &int8 {
                    None => y.copy_from_slice(&table[here]),
                    Some(table) => {
                        for (y, &integer) in y.iter_mut().zip(&table.values[here]) {
                            *y = dequantized(integer, table.scales[row]);
                        }
                    }
                }
            }
        }
        if self.mask_zero
            && let Some(index) = output.mask
        {
            let batch = input.shape.batch();
            let mut mask = std::mem::take(&mut masks[index]);
            let source: Option<&SequenceMask> = mask_of(masks, &input);
            let result = mask.set(batch, time, |row, step| {
                tokens[row * time + step] != 0 && source.is_none_or(|source| source.is_valid(row, step))
            });
            masks[index] = mask;
            result?;
        }
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        if self.only_checks {
            return Ok(());
        }
        let Backward { frame, masks, gradients } = context;
        let tokens = frame.integers(0)?;
        let input = frame.inputs[0];
        let per_step = Self::per_step(&input)?;
        let time = input.shape.time();
        let padding = mask_of(masks, &input);
        let row = |position: usize| {
            let step = position / per_step;
            let padded = padding.is_some_and(|mask| !mask.is_valid(step / time, step % time));
            if padded { None } else { tokens.get(position).and_then(|&token| usize::try_from(token).ok()) }
        };
        let ([dy], []) = frame.buffers.carve([frame.outputs[0].gradient], [])?;
        let Some(weight) = frame.weights.index(0) else { return Ok(()) };
        gradients.add_rows(weight, tokens.len(), row, dy)
    }

    fn mask_rule(&self) -> MaskRule {
        if self.mask_zero { MaskRule::Own } else { MaskRule::First }
    }

    fn differentiable(&self, _input: usize, _output: usize) -> bool {
        false
    }

    fn absorb(&mut self, source: Absorbed) -> bool {
        self.only_checks |= matches!(source, Absorbed::LeftToReaders);
        self.only_checks
    }

    fn form(&self, _known: &[Known], _output: usize) -> Form {
        Form::Real
    }
}
