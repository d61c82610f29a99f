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

impl FitPlan<'_> {
    /// Batches of all rows.
    fn pass(&self) -> usize {
        self.rows.div_ceil(self.options.batch_size)
    }

    /// Batches of an epoch.
    fn batches(&self) -> usize {
        self.options.steps_per_epoch.filter(|_| self.rows > 0).unwrap_or_else(|| self.pass())
    }

    /// The pass over all rows that a batch of an epoch belongs to, and its number there.
    fn place(&self, epoch: usize, batch: usize) -> (usize, usize) {
        let before = epoch.saturating_mul(self.batches()).saturating_add(batch);
        (before / self.pass(), before % self.pass())
    }
}

/// What is told of events; it may use the model.
pub type OnEvent<'a> = dyn FnMut(&mut Trainer, Event) -> Control + 'a;

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
        self.expect_trainable()?;
        options.check_counts()?;
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
            carry.check_rows(rows.len(), options.validation_rows())?;
        }
        let start = options.start.clone().unwrap_or_else(|| Progress::epoch(options.initial_epoch));
        let plan = FitPlan { data: &data, rows, validation, options, cancel };
        start.check(plan.batches(), self.compiled_mut()?.scores.len())?;
        if start.swapped {
            self.swap_average()?;
        }
        self.progress = start;
        self.progress.swapped = false;
        self.epochs(&plan, on_event)?;
        self.finish()
    }

    fn epochs(&mut self, plan: &FitPlan<'_>, on_event: &mut OnEvent<'_>) -> Result<()> {
        let mut order = Order::default();
        let mut saved = Instant::now();
        for epoch in self.progress.epoch..plan.options.epochs {
            let stopped = on_event(self, Event::EpochBegin { epoch }) == Control::Stop;
            check_cancelled(plan.cancel)?;
            if stopped {
                break;
            }
            if self.progress.batch == 0 {
                self.compiled_mut()?.carry.reset();
            }
            let started = Instant::now();
            let (mut logs, stopped) = self.epoch(plan, epoch, &mut order, &mut saved, on_event)?;
            check_cancelled(plan.cancel)?;
            if (epoch + 1).is_multiple_of(plan.options.validation_freq) {
                logs.extend(self.validate(plan, epoch, on_event)?);
            }
            self.progress = Progress::epoch(epoch + 1);
            let end = Event::EpochEnd { epoch, seconds: started.elapsed().as_secs_f64(), logs };
            let ended = self.swapped(plan.options.swap_on_epoch, |trainer| Ok(on_event(trainer, end)))?;
            check_cancelled(plan.cancel)?;
            if ended == Control::Stop || stopped {
                break;
            }
        }
        Ok(())
    }

    /// Runs `body` with the optimizer's mean of the weights in their place, if `swaps`.
    fn swapped<V>(&mut self, swaps: bool, body: impl FnOnce(&mut Self) -> Result<V>) -> Result<V> {
        if !swaps {
            return body(self);
        }
        self.swap_average()?;
        self.progress.swapped = true;
        let result = body(self);
        self.progress.swapped = false;
        self.swap_average()?;
        result
    }

    /// The logs of the validation after an epoch, if there is one.
    fn validate(&mut self, plan: &FitPlan<'_>, epoch: usize, on_event: &mut OnEvent<'_>) -> Result<Logs> {
        let Some((data, rows)) = &plan.validation else { return Ok(Logs::new()) };
        let size = plan.options.validation_rows();
        let most = plan.options.validation_steps.map_or(rows.len(), |steps| steps.saturating_mul(size));
        let rows = rows.start..rows.end.min(rows.start.saturating_add(most));
        let told = plan.options.await_tests.then_some((epoch, on_event));
        self.swapped(plan.options.swap_average, |trainer| {
            let tally = trainer.evaluate_rows(data, rows, size, plan.cancel, told)?;
            Ok(trainer.compiled_mut()?.scores.logs(&tally, "val_"))
        })
        .map_err(|error| locate(error, &format!("In the validation of epoch {}", epoch + 1)))
    }

    /// The batches of an epoch, or the rest of them: its logs, and whether it was stopped before its end.
    fn epoch(
        &mut self,
        plan: &FitPlan<'_>,
        epoch: usize,
        order: &mut Order,
        saved: &mut Instant,
        on_event: &mut OnEvent<'_>,
    ) -> Result<(Logs, bool)> {
        let batches = plan.batches();
        let started = Instant::now();
        let mut tally = self.progress.tally();
        let mut norms = plan.options.gradient_norms.then(LayerNorms::default);
        let mut stopped = false;
        for index in self.progress.batch..batches {
            let rows = order.rows(plan, epoch, index)?;
            let moment = |kind, logs| Event::Moment { kind, epoch, batch: index, size: rows.len(), logs };
            if plan.options.await_batches {
                on_event(self, moment("trainBatchBegin", Logs::new()));
                check_cancelled(plan.cancel)?;
            }
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
            if plan.options.await_batches
                && on_event(self, moment("trainBatchEnd", logs.clone())) == Control::Stop
            {
                stopped = true;
            }
            let event = Event::BatchEnd {
                epoch,
                batch: index,
                batches,
                size: rows.len(),
                logs,
                seconds: started.elapsed().as_secs_f64(),
            };
            stopped |= on_event(self, event) == Control::Stop;
            if stopped {
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

/// The order in which the rows are gone through.
#[derive(Debug, Default)]
struct Order {
    rows: Vec<usize>,
    /// In which pass over them.
    pass: Option<usize>,
}

impl Order {
    /// The rows of a batch.
    fn rows(&mut self, plan: &FitPlan<'_>, epoch: usize, batch: usize) -> Result<&[usize]> {
        let (pass, at) = plan.place(epoch, batch);
        if self.pass != Some(pass) {
            order::fill(&mut self.rows, plan.rows, plan.data, plan.options, pass)?;
            self.pass = Some(pass);
        }
        Ok(self.rows.chunks(plan.options.batch_size).nth(at).unwrap_or_default())
    }
}

/// The loop may have ended because of an abort.
pub(super) fn check_cancelled(cancel: &AtomicBool) -> Result<()> {
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
