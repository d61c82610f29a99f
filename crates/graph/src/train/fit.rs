//! The training loop.

use super::dataset::Dataset;
use super::event::{Control, Event, Logs};
use super::norms::LayerNorms;
use super::options::FitOptions;
use super::order;
use super::progress::Progress;
use super::trainer::Trainer;
use crate::error::{Code, Error, Result};
use crate::parallel::unless_cancelled;
use crate::tensor::HostTensor;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What one call of [`Trainer::fit`] works on.
struct FitPlan<'a> {
    data: &'a Dataset<'a>,
    /// Rows to train on.
    rows: usize,
    /// Rows to validate on, and of which data.
    validation: Option<(&'a Dataset<'a>, Range<usize>)>,
    options: &'a FitOptions,
    cancel: &'a AtomicBool,
}

type OnEvent<'a> = dyn FnMut(&mut Trainer, Event) -> Control + 'a;

impl Trainer {
    /// Trains for epochs `initial_epoch..epochs`, or from `start` of the options on. `tensors` and `validation` are
    /// model inputs, then targets, then sample weights if the training graph has them; `validation` takes precedence
    /// over the split of the options.
    ///
    /// `on_event` is called at the beginning and the end of epochs, after every batch and at checkpoints, and may use
    /// the model.
    ///
    /// Continuing from the progress, weights and optimizer of an interrupted training gives the same bits as the
    /// training would have given.
    ///
    /// # Errors
    /// `ERR_STATE` before compiling; `ERR_DATA`, `ERR_SHAPE` and `ERR_OPTION` for unsuitable data and options;
    /// `ERR_NUMERIC` for a loss or gradient that is not finite, naming epoch, batch and step; `ERR_MEMORY`; `ABORTED`
    /// once `cancel` is set. The unfinished step is discarded: weights and optimizer are those of the previous step.
    pub fn fit(
        &mut self,
        tensors: &[HostTensor],
        validation: Option<&[HostTensor]>,
        options: &FitOptions,
        cancel: &AtomicBool,
        on_event: &mut OnEvent<'_>,
    ) -> Result<()> {
        if options.batch_size == 0 || options.validation_batch_size == Some(0) {
            return Err(Error::option("fit: batches must have at least one row"));
        }
        let inputs = self.compiled_mut()?.inputs().to_vec();
        let data = Dataset::new(tensors, &inputs)?;
        let separate = validation.map(|tensors| Dataset::new(tensors, &inputs)).transpose()?;
        let (rows, validation) = match &separate {
            Some(separate) => (data.rows(), Some((separate, 0..separate.rows()))),
            None if options.validation_split == 0.0 => (data.rows(), None),
            None => {
                let rows = split(data.rows(), options.validation_split)?;
                (rows, Some((&data, rows..data.rows())))
            }
        };
        let carry = &self.compiled_mut()?.carry;
        carry.check_rows(rows, options.batch_size)?;
        if let Some((_, rows)) = &validation {
            carry.check_rows(rows.len(), options.validation_batch_size.unwrap_or(options.batch_size))?;
        }
        let start = options.start.clone().unwrap_or_else(|| Progress::epoch(options.initial_epoch));
        start.check(rows.div_ceil(options.batch_size), self.compiled_mut()?.scores.len())?;
        self.progress = start;
        let plan = FitPlan { data: &data, rows, validation, options, cancel };
        self.epochs(&plan, on_event)
    }

    fn epochs(&mut self, plan: &FitPlan<'_>, on_event: &mut OnEvent<'_>) -> Result<()> {
        let mut order = Vec::new();
        let mut saved = Instant::now();
        for epoch in self.progress.epoch..plan.options.epochs {
            let stopped = on_event(self, Event::EpochBegin { epoch }) == Control::Stop;
            check_cancelled(plan.cancel)?;
            if stopped {
                break;
            }
            order::fill(&mut order, plan.rows, plan.data, plan.options, epoch)?;
            if self.progress.batch == 0 {
                self.compiled_mut()?.carry.reset();
            }
            let started = Instant::now();
            let (mut logs, stopped) = self.epoch(plan, epoch, &order, &mut saved, on_event)?;
            check_cancelled(plan.cancel)?;
            if let Some((data, rows)) = &plan.validation {
                let batch_size = plan.options.validation_batch_size.unwrap_or(plan.options.batch_size);
                let tally = self
                    .evaluate_rows(data, rows.clone(), batch_size, plan.cancel)
                    .map_err(|error| locate(error, &format!("In the validation of epoch {}", epoch + 1)))?;
                logs.extend(self.compiled_mut()?.scores.logs(&tally, "val_"));
            }
            self.progress = Progress::epoch(epoch + 1);
            let end = Event::EpochEnd { epoch, seconds: started.elapsed().as_secs_f64(), logs };
            let ended = on_event(self, end) == Control::Stop;
            check_cancelled(plan.cancel)?;
            if ended || stopped {
                break;
            }
        }
        Ok(())
    }

    /// One pass over the training rows, or the rest of one: its logs, and whether it was stopped before its end.
    fn epoch(
        &mut self,
        plan: &FitPlan<'_>,
        epoch: usize,
        order: &[usize],
        saved: &mut Instant,
        on_event: &mut OnEvent<'_>,
    ) -> Result<(Logs, bool)> {
        let batch_size = plan.options.batch_size;
        let batches = order.len().div_ceil(batch_size);
        let started = Instant::now();
        let mut tally = self.progress.tally();
        let mut norms = plan.options.gradient_norms.then(LayerNorms::default);
        let mut stopped = false;
        for (index, rows) in order.chunks(batch_size).enumerate().skip(self.progress.batch) {
            self.with_batch(|trainer, batch| {
                unless_cancelled(plan.cancel, || plan.data.gather(rows.iter().copied(), batch))?;
                trainer.train_step(&batch.inputs(plan.data), plan.cancel, &mut tally)
            })
            .map_err(|error| {
                locate(error, &format!("In epoch {}, batch {} of {batches}", epoch + 1, index + 1))
            })?;
            self.progress.advance(&tally);
            let compiled = self.compiled_mut()?;
            let mut logs = compiled.scores.logs(&tally, "");
            logs.extend(norms.iter_mut().flat_map(|norms| norms.add(&compiled.optimizer)));
            let event = Event::BatchEnd {
                epoch,
                batch: index,
                batches,
                size: rows.len(),
                logs,
                seconds: started.elapsed().as_secs_f64(),
            };
            if on_event(self, event) == Control::Stop {
                stopped = true;
                break;
            }
            let step = self.optimizer()?.step_count();
            if plan.options.checkpoint_steps.is_some_and(|steps| step.is_multiple_of(steps))
                || plan
                    .options
                    .checkpoint_seconds
                    .is_some_and(|seconds| saved.elapsed().as_secs_f64() >= seconds)
            {
                stopped = on_event(self, Event::Checkpoint { epoch }) == Control::Stop;
                *saved = Instant::now();
                if stopped {
                    break;
                }
            }
        }
        let mut logs = self.compiled_mut()?.scores.logs(&tally, "");
        logs.extend(norms.iter().flat_map(LayerNorms::means));
        Ok((logs, stopped))
    }
}

/// The loop may have ended because of an abort.
fn check_cancelled(cancel: &AtomicBool) -> Result<()> {
    if cancel.load(Ordering::Acquire) { Err(Error::aborted()) } else { Ok(()) }
}

/// The number of training rows: Keras's `floor(rows * (1 - fraction))`; the rows after them are for validation.
fn split(rows: usize, fraction: f64) -> Result<usize> {
    let training = (rows as f64 * (1.0 - fraction)).floor() as usize;
    if training == 0 || training >= rows {
        return Err(Error::option(format!(
            "fit: a validationSplit of {fraction} leaves {training} of {rows} rows to train; both parts need at least one"
        )));
    }
    Ok(training)
}

/// Says where in the training something was wrong with data or numbers.
fn locate(error: Error, place: &str) -> Error {
    match error.code {
        Code::Numeric | Code::Data | Code::Shape => error.within(place),
        _ => error,
    }
}
