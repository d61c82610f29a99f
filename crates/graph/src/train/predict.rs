//! Prediction over whole data sets.

use super::batch::Batch;
use super::dataset::Dataset;
use super::event::{Control, Event, Logs};
use super::fit::{OnEvent, check_cancelled};
use super::trainer::Trainer;
use crate::buffer::copy;
use crate::error::{Error, Result};
use crate::memory;
use crate::mode::Run;
use crate::parallel::unless_cancelled;
use crate::run::Executor;
use crate::tensor::{HostTensor, Sequence, TensorData};
use seqloom_kernels::AlignedVec;
use std::sync::atomic::AtomicBool;

/// One output, assembled batch by batch.
#[derive(Debug)]
struct Assembly {
    data: AlignedVec<f32>,
    /// Without the rows.
    shape: Vec<usize>,
    /// Which steps are valid, `[rows, time]`; empty while all are and nobody asks.
    mask: Vec<u8>,
    rows: usize,
    /// How many rows there will be, unless the prediction is ended.
    most: usize,
}

impl Trainer {
    /// The model's outputs for all rows, computed `batch_size` rows at a time. Sequences have the padded time of the
    /// input. Invalid steps are zeros or, if the model's recurrences repeat it, the last valid step, whatever layers
    /// are in between: they do not depend on the other rows.
    ///
    /// # Errors
    /// `ERR_DATA` and `ERR_SHAPE` for unsuitable data, `ERR_OPTION` for batches of no rows, `ERR_MEMORY`, `ABORTED`.
    pub fn predict(
        &mut self,
        tensors: &[HostTensor],
        batch_size: usize,
        cancel: &AtomicBool,
    ) -> Result<Vec<HostTensor>> {
        let all: Vec<usize> = (0..self.predictor.graph().outputs.len()).collect();
        self.predict_some(tensors, batch_size, &all, None, cancel, None, false)
    }

    /// The same for some of the outputs, by their indices; what only the others need is not computed. And for the rows of at most so many `steps`, which
    /// are batches; `on_event` is told of the beginning and the end of all and of each batch, and ends the prediction after a batch.
    /// Where it is `distributed`, those of the batches that are this rank's of the group that the model has [joined](Self::join):
    /// consecutive ones, in the order of ranks. No outputs are given where there are none.
    ///
    /// # Errors
    /// As [`Self::predict`]; `ERR_STATE` for an output that does not exist.
    #[allow(clippy::too_many_arguments, reason = "each is a choice of its own")]
    pub fn predict_some(
        &mut self,
        tensors: &[HostTensor],
        batch_size: usize,
        wanted: &[usize],
        steps: Option<usize>,
        cancel: &AtomicBool,
        mut on_event: Option<&mut OnEvent<'_>>,
        distributed: bool,
    ) -> Result<Vec<HostTensor>> {
        if batch_size == 0 {
            return Err(Error::option("The batch size must be at least 1"));
        }
        let data = Dataset::new(tensors, &self.predictor.graph().inputs)?;
        let rows = data.first_rows(batch_size, steps);
        if let Some((_, carry)) = &mut self.stateful {
            carry.check_rows(rows, batch_size)?;
            carry.reset();
        }
        let own = self
            .others(distributed)
            .map_or(0..rows, |group| Dataset::rows_of_rank(rows, batch_size, (group.rank(), group.size())));
        if own.is_empty() && rows > 0 {
            return Ok(Vec::new());
        }
        let mut tell = |trainer: &mut Self, kind, batch, size| {
            let Some(on_event) = &mut on_event else { return Ok(Control::Continue) };
            // It may predict by itself.
            let carried = trainer.stateful.as_mut().map(|(_, carry)| carry.take());
            let logs = Logs::new();
            let answer = on_event(trainer, Event::Moment { kind, epoch: 0, batch, size, logs });
            if let (Some((_, carry)), Some(carried)) = (&mut trainer.stateful, carried) {
                carry.put(carried)?;
            }
            check_cancelled(cancel)?;
            Ok(answer)
        };
        let mut outputs: Vec<Assembly> = wanted.iter().map(|_| Assembly::new(own.len())).collect();
        tell(self, "predictBegin", 0, 0)?;
        for (index, start) in own.clone().step_by(batch_size).enumerate() {
            let some = start..own.end.min(start.saturating_add(batch_size));
            tell(self, "predictBatchBegin", index, some.len())?;
            self.with_batch(|trainer, batch| {
                unless_cancelled(cancel, || {
                    data.gather(some.clone(), batch)?;
                    let inputs = batch.inputs(&data);
                    let run = Run { cancel: Some(cancel), outputs: Some(wanted), ..Run::default() };
                    let executor = match &mut trainer.stateful {
                        Some((executor, carry)) => {
                            carry.bind(executor, &inputs, None)?;
                            // The carried states are outputs too.
                            executor.forward(&trainer.parameters, &Run { outputs: None, ..run })?;
                            carry.note(executor)?;
                            carry.advance();
                            executor
                        }
                        None => {
                            trainer.predictor.bind(&inputs)?;
                            trainer.predictor.forward(&trainer.parameters, &run)?;
                            &mut trainer.predictor
                        }
                    };
                    for (&index, output) in wanted.iter().zip(&mut outputs) {
                        output.append(executor, index, &data, batch)?;
                    }
                    Ok(())
                })
            })?;
            if tell(self, "predictBatchEnd", index, some.len())? == Control::Stop {
                break;
            }
        }
        tell(self, "predictEnd", 0, 0)?;
        outputs.into_iter().map(|output| output.finish(data.has_sequences())).collect()
    }
}

impl Assembly {
    fn new(most: usize) -> Self {
        Self { data: AlignedVec::new(), shape: Vec::new(), mask: Vec::new(), rows: 0, most }
    }

    fn append(
        &mut self,
        executor: &Executor<f32>,
        output: usize,
        data: &Dataset<'_>,
        batch: &Batch,
    ) -> Result<()> {
        let view = executor.value(output)?;
        let mask = executor.output_mask(output).filter(|mask| !mask.is_full());
        let free = matches!(executor.output_shape(output).as_deref(), Some([_, None, ..]));
        // Also a fixed number of steps may have padding.
        let timed = free || mask.is_some() || !self.mask.is_empty();
        let (rows, rest) = view.shape.split_first().map_or((1, view.shape), |(&rows, rest)| (rows, rest));
        let time = if timed { rest.first().copied().unwrap_or(1) } else { 1 };
        let padded = if free { data.padded_time(batch, time) } else { time };
        if self.rows == 0 {
            self.shape = rest.to_vec();
            if timed {
                self.shape[0] = padded;
            }
            let size = self.shape.iter().try_fold(self.most, |size, &dim| size.checked_mul(dim));
            let size = size.ok_or_else(|| Error::memory("The outputs are too large to address"))?;
            self.data = memory::any(size, "The outputs")?;
        }
        let width: usize = rest.iter().skip(usize::from(timed)).product();
        let same = self.shape.iter().skip(usize::from(timed)).eq(rest.iter().skip(usize::from(timed)))
            && (!timed || self.shape.first() == Some(&padded));
        if !same {
            return Err(Error::shape("The shape of an output differs from batch to batch"));
        }
        let target = &mut self.data[self.rows * padded * width..(self.rows + rows) * padded * width];
        if time == padded {
            copy(view.data, target);
        } else {
            let sources = view.data.chunks_exact((time * width).max(1));
            for (target, source) in target.chunks_exact_mut((padded * width).max(1)).zip(sources) {
                target[..source.len()].copy_from_slice(source);
            }
        }
        if timed {
            if mask.is_some() || time < padded {
                let valid = |row, step| step < time && mask.is_none_or(|mask| mask.is_valid(row, step));
                let repeat = executor.output_repeats(output);
                for (row, values) in target.chunks_exact_mut((padded * width).max(1)).enumerate() {
                    fill_masked(values, width, repeat, |step| valid(row, step));
                }
            }
            let plain = mask.is_none() && time == padded && !data.has_sequences();
            self.note(rows, padded, plain, |row, step| {
                step < time && mask.is_none_or(|mask| mask.is_valid(row, step))
            })?;
        }
        self.rows += rows;
        Ok(())
    }

    /// Records which of `time` steps of the next rows are valid. While all are (`plain`), nothing is stored.
    fn note(
        &mut self,
        rows: usize,
        time: usize,
        plain: bool,
        valid: impl Fn(usize, usize) -> bool,
    ) -> Result<()> {
        if plain && self.mask.is_empty() {
            return Ok(());
        }
        let no_memory = || Error::memory("No memory for the masks of the outputs");
        let total = (self.rows + rows).checked_mul(time).ok_or_else(no_memory)?;
        self.mask.try_reserve(total - self.mask.len()).map_err(|_| no_memory())?;
        // The earlier rows, if they were plain.
        self.mask.resize(self.rows * time, 1);
        for row in 0..rows {
            self.mask.extend((0..time).map(|step| u8::from(valid(row, step))));
        }
        Ok(())
    }

    /// The tensor, with lengths, or with a mask if there are holes.
    fn finish(mut self, sequences: bool) -> Result<HostTensor> {
        if self.rows < self.most {
            let size = self.rows * self.shape.iter().product::<usize>();
            let mut some = memory::any(size, "The outputs")?;
            copy(&self.data[..size], &mut some);
            self.data = some;
        }
        let mut shape = vec![self.rows];
        shape.extend_from_slice(&self.shape);
        let time = self.shape.first().copied().unwrap_or(0);
        let full = self.mask.iter().all(|&valid| valid == 1);
        let sequence = if self.mask.is_empty() || time == 0 || (full && !sequences) {
            Sequence::Full
        } else {
            match lengths(&self.mask, time) {
                Some(lengths) => Sequence::Lengths(lengths),
                None => Sequence::Mask(self.mask),
            }
        };
        Ok(HostTensor { data: TensorData::F32(self.data.into()), shape, sequence })
    }
}

/// Sets the invalid steps of a row to zeros, or to the last valid step before them.
pub(super) fn fill_masked(values: &mut [f32], width: usize, repeat: bool, valid: impl Fn(usize) -> bool) {
    let mut last = None;
    for step in 0..values.len() / width.max(1) {
        let here = step * width..(step + 1) * width;
        match last {
            _ if valid(step) => last = repeat.then_some(step * width),
            Some(start) => values.copy_within(start..start + width, here.start),
            None => values[here].fill(0.0),
        }
    }
}

/// The lengths of rows whose valid steps are the first ones.
fn lengths(mask: &[u8], time: usize) -> Option<Vec<u32>> {
    mask.chunks_exact(time)
        .map(|row| {
            let length = row.iter().take_while(|&&valid| valid == 1).count();
            row[length..].iter().all(|&valid| valid == 0).then_some(length as u32)
        })
        .collect()
}
