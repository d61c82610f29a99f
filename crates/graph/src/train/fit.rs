//! The training loop.

use super::dataset::Dataset;
use super::event::{Control, Event, Logs};
use super::feed::{Cursor, Feed};
use super::norms::LayerNorms;
use super::options::FitOptions;
use super::order;
use super::progress::Progress;
use super::ranks::{Moment, Part, Ranks};
use super::tally::Tally;
use super::trainer::Trainer;
use crate::error::{Code, Error, Result};
use crate::memory;
use crate::parallel::unless_cancelled;
use crate::tensor::HostTensor;
use crate::values::InputSpec;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What one call of [`Trainer::fit`] works on.
struct FitPlan<'a> {
    data: Trained<'a>,
    validation: Option<Walk<'a>>,
    inputs: &'a [InputSpec],
    options: &'a FitOptions,
    cancel: &'a AtomicBool,
}

/// What there is to go through.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// Rows in memory: model inputs, then targets, then sample weights if the training graph has them.
    Rows(&'a [HostTensor]),
    /// The same piece by piece.
    Feed(&'a Feed),
}

impl<'a, T: AsRef<[HostTensor]> + ?Sized> From<&'a T> for Source<'a> {
    fn from(tensors: &'a T) -> Self {
        Self::Rows(tensors.as_ref())
    }
}

/// What is trained on.
enum Trained<'a> {
    /// The first so many rows.
    Rows(&'a Dataset<'a>, usize),
    Feed(&'a Feed),
}

/// What an evaluation goes through, in order.
#[derive(Clone)]
pub(super) enum Walk<'a> {
    Rows(&'a Dataset<'a>, Range<usize>),
    /// At most so many batches, which have the sizes that they come in.
    Feed(&'a Feed, Option<usize>),
}

impl FitPlan<'_> {
    /// Batches of an epoch, if that is known before its end.
    fn batches(&self) -> Option<usize> {
        match self.data {
            Trained::Rows(_, rows) => {
                let pass = rows.div_ceil(self.options.batch_size);
                Some(self.options.steps_per_epoch.filter(|_| rows > 0).unwrap_or(pass))
            }
            Trained::Feed(_) => self.options.steps_per_epoch,
        }
    }
}

/// When something was done last that is done again after some seconds.
struct Clocks {
    /// A checkpoint.
    saved: Instant,
    /// A batch's event.
    told: Option<Instant>,
}

/// What is told of events; it may use the model.
pub type OnEvent<'a> = dyn FnMut(&mut Trainer, Event) -> Control + 'a;

impl Trainer {
    /// Trains for epochs `initial_epoch..epochs`, or from `start` of the options on. `validation` takes precedence over
    /// the split of the options. Where rows come from a feed, so do their order and the sizes of batches; whoever fills
    /// it begins where the training does. An epoch then ends with a pass of the feed, or after `steps_per_epoch`.
    ///
    /// `on_event` is called at the beginning and the end of epochs, after every batch and at checkpoints, and may use
    /// the model.
    ///
    /// Continuing from the progress, weights and optimizer of an interrupted training gives the same bits as the
    /// training would have given. If the options say `distributed`, all ranks of the group that the model has
    /// [joined](Self::join) train together: batches, scores and decisions are those of all of them.
    ///
    /// # Errors
    /// `ERR_STATE` before compiling, and if another rank fails; `ERR_DATA`, `ERR_SHAPE` and `ERR_OPTION` for unsuitable data and options;
    /// `ERR_NUMERIC` for a loss or gradient that is not finite, naming epoch, batch and step; `ERR_MEMORY`; `ABORTED`
    /// once `cancel` is set. The unfinished step is discarded: weights and optimizer are those of the previous step.
    pub fn fit<'a>(
        &mut self,
        data: impl Into<Source<'a>>,
        validation: Option<Source<'a>>,
        options: &FitOptions,
        cancel: &AtomicBool,
        on_event: &mut OnEvent<'_>,
    ) -> Result<()> {
        self.expect_trainable()?;
        options.check_counts()?;
        let inputs = self.compiled_mut()?.inputs().to_vec();
        let whole = |source| match source {
            Source::Rows(tensors) => Dataset::new(tensors, &inputs).map(Some),
            Source::Feed(_) => Ok(None),
        };
        let data = data.into();
        let all = whole(data)?;
        let separate = validation.map(whole).transpose()?.flatten();
        let mut trained = match (data, &all) {
            (Source::Feed(feed), _) => Trained::Feed(feed),
            (Source::Rows(_), Some(all)) => Trained::Rows(all, all.rows()),
            (Source::Rows(_), None) => return Err(Error::native("The rows were not read")),
        };
        let validation = match (validation, &separate, &all) {
            (Some(Source::Feed(feed)), ..) => Some(Walk::Feed(feed, options.validation_steps)),
            (_, Some(separate), _) => Some(Walk::Rows(separate, 0..separate.rows())),
            (None, _, Some(all)) if options.validation_split != 0.0 => {
                let rows = split(all.rows(), options.validation_split)?;
                trained = Trained::Rows(all, rows);
                Some(Walk::Rows(all, rows..all.rows()))
            }
            _ => None,
        };
        let carry = &self.compiled_mut()?.carry;
        if let Trained::Rows(_, rows) = trained {
            carry.check_rows(rows, options.batch_size)?;
        }
        if let Some(Walk::Rows(_, rows)) = &validation {
            carry.check_rows(rows.len(), options.validation_rows())?;
        }
        let start = options.start.clone().unwrap_or_else(|| Progress::epoch(options.initial_epoch));
        let plan = FitPlan { data: trained, validation, inputs: &inputs, options, cancel };
        start.check(plan.batches(), self.compiled_mut()?.scores.len())?;
        if start.swapped {
            self.swap_average()?;
        }
        self.progress = start;
        self.progress.swapped = false;
        let group = self.others(options.distributed);
        if group.is_some() && options.average_every > 1 && !self.compiled_mut()?.carry.is_empty() {
            return Err(Error::unsupported(
                "With averageEvery, ranks do not exchange anything between two means, but stateful layers need the states of all rows after every batch; leave averageEvery out",
            ));
        }
        let mut ranks = group.map(|group| Ranks::new(group, options.average_every));
        self.epochs(&plan, ranks.as_mut(), on_event)?;
        self.finish()
    }

    fn epochs(
        &mut self,
        plan: &FitPlan<'_>,
        mut ranks: Option<&mut Ranks>,
        on_event: &mut OnEvent<'_>,
    ) -> Result<()> {
        let mut order = Order::of(plan);
        let mut clocks = Clocks { saved: Instant::now(), told: None };
        for epoch in self.progress.epoch..plan.options.epochs {
            let mut stopped = on_event(self, Event::EpochBegin { epoch }) == Control::Stop;
            check_cancelled(plan.cancel)?;
            if let Some(ranks) = ranks.as_deref_mut() {
                let compiled =
                    self.compiled.as_mut().ok_or_else(|| Error::state("The model is not compiled"))?;
                let optimizer = &mut compiled.optimizer;
                let (weights, seed) = (&mut self.parameters, &mut self.seed);
                stopped = ranks.follow_first(epoch, stopped, weights, optimizer, seed, plan.cancel)?;
            }
            if stopped {
                break;
            }
            if self.progress.batch == 0 {
                self.compiled_mut()?.carry.reset();
            }
            let started = Instant::now();
            let (mut logs, mut stopped) =
                self.epoch(plan, epoch, &mut order, &mut clocks, ranks.as_deref_mut(), on_event)?;
            let place = self.progress.place;
            check_cancelled(plan.cancel)?;
            if (epoch + 1).is_multiple_of(plan.options.validation_freq) {
                logs.extend(self.validate(plan, epoch, ranks.as_deref_mut(), on_event)?);
            }
            self.progress = Progress::epoch(epoch + 1);
            self.progress.place = place;
            let end = Event::EpochEnd { epoch, seconds: started.elapsed().as_secs_f64(), logs };
            let ended = self.swapped(plan.options.swap_on_epoch, |trainer| Ok(on_event(trainer, end)))?;
            check_cancelled(plan.cancel)?;
            stopped |= ended == Control::Stop;
            if let Some(ranks) = ranks.as_deref_mut() {
                stopped = ranks.agree(Moment::EpochEnd, epoch, stopped, plan.cancel)?;
            }
            if stopped {
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
    fn validate(
        &mut self,
        plan: &FitPlan<'_>,
        epoch: usize,
        ranks: Option<&mut Ranks>,
        on_event: &mut OnEvent<'_>,
    ) -> Result<Logs> {
        let size = plan.options.validation_rows();
        let walk = match plan.validation.clone() {
            None => return Ok(Logs::new()),
            Some(Walk::Rows(data, rows)) => {
                let most =
                    plan.options.validation_steps.map_or(rows.len(), |steps| steps.saturating_mul(size));
                Walk::Rows(data, rows.start..rows.end.min(rows.start.saturating_add(most)))
            }
            Some(feed) => feed,
        };
        let told = plan.options.await_tests.then_some((epoch, on_event));
        self.swapped(plan.options.swap_average, |trainer| {
            let tally =
                trainer.evaluate_over(walk, size, plan.cancel, told, ranks.map(|ranks| (epoch, ranks)))?;
            Ok(trainer.compiled_mut()?.scores.logs(&tally, "val_"))
        })
        .map_err(|error| locate(error, &format!("In the validation of epoch {}", epoch + 1)))
    }

    /// The batches of an epoch, or the rest of them: its logs, and whether it was stopped before its end.
    fn epoch(
        &mut self,
        plan: &FitPlan<'_>,
        epoch: usize,
        order: &mut Order<'_>,
        clocks: &mut Clocks,
        mut ranks: Option<&mut Ranks>,
        on_event: &mut OnEvent<'_>,
    ) -> Result<(Logs, bool)> {
        let batches = plan.batches();
        let started = Instant::now();
        let mut tally = self.progress.tally();
        let mut norms = plan.options.gradient_norms.then(LayerNorms::default);
        // What this rank asks for, and what all do.
        let (mut asked, mut stopped) = (false, false);
        let mut pending = Tally::default();
        let mut index = self.progress.batch;
        // The number and the size of a batch that nobody has been told of.
        let mut untold = None;
        let batch_end = |(batch, size), logs| Event::BatchEnd {
            epoch,
            batch,
            batches: batches.unwrap_or(0),
            size,
            logs,
            seconds: started.elapsed().as_secs_f64(),
        };
        while batches.is_none_or(|batches| index < batches) {
            let Some(Next { data, rows, of, place }) = order.next(plan, epoch, index)? else { break };
            let size = of.unwrap_or(rows.len());
            let moment = |kind, logs| Event::Moment { kind, epoch, batch: index, size, logs };
            if plan.options.await_batches {
                on_event(self, moment("trainBatchBegin", Logs::new()));
                check_cancelled(plan.cancel)?;
            }
            let part = ranks.as_deref_mut().map(|ranks| {
                let share = ranks.share(size);
                Part { share, ranks, epoch, batch: index, stop: asked, cancel: plan.cancel }
            });
            let alone = part.as_ref().is_some_and(|part| part.ranks.step_alone());
            let scores = if alone { &mut pending } else { &mut tally };
            let own = match &part {
                Some(part) if of.is_none() => &rows[part.share.rows.clone()],
                _ => rows,
            };
            let done = self
                .with_batch(|trainer, batch| {
                    unless_cancelled(plan.cancel, || data.gather(own.iter().copied(), batch))?;
                    trainer.train_step(&batch.inputs(data), plan.cancel, scores, part)
                })
                .map_err(|error| {
                    let of = batches.map_or_else(String::new, |batches| format!(" of {batches}"));
                    locate(error, &format!("In epoch {}, batch {}{of}", epoch + 1, index + 1))
                })?;
            if !done {
                stopped = true;
                break;
            }
            if let Some(ranks) = ranks.as_deref_mut().filter(|ranks| ranks.step_alone())
                && ranks.count_step()
            {
                let part = ranks.whole(epoch, index, asked, plan.cancel);
                stopped = self.average(part, &mut pending, &mut tally)?;
            }
            self.progress.advance(&tally);
            self.progress.place = place;
            let compiled = self.compiled_mut()?;
            if let Some(norms) = &mut norms {
                norms.add(&compiled.optimizer);
            }
            if plan.options.await_batches {
                let logs = self.batch_logs(&tally, norms.as_ref())?;
                asked |= on_event(self, moment("trainBatchEnd", logs)) == Control::Stop;
            }
            untold = Some((index, size));
            let pause = plan.options.batch_event_seconds;
            if clocks.told.is_none_or(|told| told.elapsed().as_secs_f64() >= pause) {
                clocks.told = Some(Instant::now());
                untold = None;
                let logs = self.batch_logs(&tally, norms.as_ref())?;
                asked |= on_event(self, batch_end((index, size), logs)) == Control::Stop;
            }
            index += 1;
            // Other ranks work on the next batch already: they are told in its course.
            stopped |= asked && ranks.is_none();
            if stopped {
                break;
            }
            let step = self.optimizer()?.step_count();
            let due = |steps: u64| step.is_multiple_of(steps);
            let late = |seconds| clocks.saved.elapsed().as_secs_f64() >= seconds;
            if ranks.as_deref().is_none_or(Ranks::are_together)
                && (plan.options.checkpoint_steps.is_some_and(due)
                    || plan.options.checkpoint_seconds.is_some_and(late))
            {
                asked |= on_event(self, Event::Checkpoint { epoch }) == Control::Stop;
                clocks.saved = Instant::now();
                stopped |= asked && ranks.is_none();
                if stopped {
                    break;
                }
            }
        }
        if let Some(ranks) = ranks.filter(|ranks| !ranks.are_together()) {
            let part = ranks.whole(epoch, index, asked, plan.cancel);
            stopped |= self.average(part, &mut pending, &mut tally)?;
        }
        if let Some(batch) = untold {
            let logs = self.batch_logs(&tally, norms.as_ref())?;
            asked |= on_event(self, batch_end(batch, logs)) == Control::Stop;
        }
        let mut logs = self.compiled_mut()?.scores.logs(&tally, "");
        logs.extend(norms.iter().flat_map(LayerNorms::means));
        Ok((logs, stopped || asked))
    }

    /// The logs of a batch: the means so far in the epoch, and the norms of its step.
    fn batch_logs(&mut self, tally: &Tally, norms: Option<&LayerNorms>) -> Result<Logs> {
        let mut logs = self.compiled_mut()?.scores.logs(tally, "");
        logs.extend(norms.into_iter().flat_map(LayerNorms::last));
        Ok(logs)
    }
}

/// The next batch.
struct Next<'a> {
    data: &'a Dataset<'a>,
    rows: &'a [usize],
    /// How many rows the batch has, if those are only this rank's.
    of: Option<usize>,
    /// Of a feed, the pass over its source and how many batches of it are done after this one.
    place: Option<(u64, u64)>,
}

/// The order in which the rows are gone through.
enum Order<'a> {
    /// That of rows in memory.
    Rows {
        data: &'a Dataset<'a>,
        order: Vec<usize>,
        /// In which pass over them.
        pass: Option<usize>,
    },
    /// That in which they come, and the rows of the batch.
    Feed(Cursor<'a>, Vec<usize>),
}

impl<'a> Order<'a> {
    fn of(plan: &FitPlan<'a>) -> Self {
        match plan.data {
            Trained::Rows(data, _) => Self::Rows { data, order: Vec::new(), pass: None },
            Trained::Feed(feed) => Self::Feed(Cursor::new(feed, plan.inputs), Vec::new()),
        }
    }

    /// A batch; none if the epoch ended before it.
    fn next(&mut self, plan: &FitPlan<'_>, epoch: usize, batch: usize) -> Result<Option<Next<'_>>> {
        match self {
            Self::Feed(cursor, rows) => {
                let Some(batch) = cursor.next(plan.cancel)? else { return Ok(None) };
                memory::refill(rows, batch.rows.len(), 0, "The rows of a batch")?;
                rows.iter_mut().zip(batch.rows).for_each(|(row, number)| *row = number);
                Ok(Some(Next { data: batch.data, rows, of: batch.of, place: Some(batch.place) }))
            }
            Self::Rows { data, order, pass } => {
                let rows = match plan.data {
                    Trained::Rows(_, rows) => rows,
                    Trained::Feed(_) => 0,
                };
                let batches = rows.div_ceil(plan.options.batch_size).max(1);
                let before = epoch.saturating_mul(plan.batches().unwrap_or(batches)).saturating_add(batch);
                if *pass != Some(before / batches) {
                    order::fill(order, rows, data, plan.options, before / batches)?;
                    *pass = Some(before / batches);
                }
                let batch = order.chunks(plan.options.batch_size).nth(before % batches);
                Ok(batch.map(|rows| Next { data, rows, of: None, place: None }))
            }
        }
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
