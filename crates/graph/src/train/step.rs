//! One batch: a step of training, or its scores.

use super::batch::Batch as Gathered;
use super::dataset::Dataset;
use super::event::{Control, Event};
use super::feed::{Batch, Cursor};
use super::fit::{OnEvent, Source, Walk, check_cancelled};
use super::ranks::{Moment, Part, Ranks};
use super::tally::Tally;
use super::trainer::Trainer;
use crate::error::{Code, Error, Result};
use crate::gradients::Gradients;
use crate::mode::{Record, Run};
use crate::parallel::unless_cancelled;
use crate::params::Parameters;
use crate::run::OnCompleted;
use crate::tensor::{BatchInput, HostTensor};
use std::ops::Range;
use std::sync::atomic::AtomicBool;

impl Trainer {
    /// One step over these rows (model inputs, then targets, then sample weights if the training graph has them): the
    /// loss, then each metric, before the step.
    ///
    /// # Errors
    /// `ERR_STATE` before compiling, `ERR_DATA` and `ERR_SHAPE` for unsuitable data, `ERR_NUMERIC` for a loss or
    /// gradient that is not finite, `ERR_MEMORY`, `ABORTED`. The weights and the optimizer then stay as they were.
    pub fn train_on_batch(&mut self, tensors: &[HostTensor], cancel: &AtomicBool) -> Result<Vec<f64>> {
        self.expect_trainable()?;
        self.whole_batch(tensors, cancel, |trainer, inputs, tally| {
            trainer.train_step(inputs, cancel, tally, None).map(|_| ())
        })
    }

    /// The loss, then each metric, over these rows, without training.
    ///
    /// # Errors
    /// As [`Self::train_on_batch`].
    pub fn test_on_batch(&mut self, tensors: &[HostTensor], cancel: &AtomicBool) -> Result<Vec<f64>> {
        self.with_zero_states(|trainer| {
            trainer.whole_batch(tensors, cancel, |trainer, inputs, tally| {
                trainer.score(inputs, cancel, tally, None)
            })
        })
    }

    /// Runs `body` with zero states; the states that training carries are restored afterwards.
    pub(super) fn with_zero_states<V>(&mut self, body: impl FnOnce(&mut Self) -> Result<V>) -> Result<V> {
        let carried = self.compiled_mut()?.carry.take();
        let result = body(self);
        self.compiled_mut()?.carry.put(carried)?;
        result
    }

    fn whole_batch(
        &mut self,
        tensors: &[HostTensor],
        cancel: &AtomicBool,
        run: impl FnOnce(&mut Self, &[BatchInput<'_, f32>], &mut Tally) -> Result<()>,
    ) -> Result<Vec<f64>> {
        let data = Dataset::new(tensors, self.compiled_mut()?.inputs())?;
        let mut tally = Tally::default();
        self.with_batch(|trainer, batch| {
            unless_cancelled(cancel, || data.gather(0..data.rows(), batch))?;
            run(trainer, &batch.inputs(&data), &mut tally)
        })?;
        Ok(self.compiled_mut()?.scores.values(&tally))
    }

    /// The loss, then each metric, over all rows: means weighted by the counts of the batches.
    ///
    /// # Errors
    /// As [`Self::train_on_batch`]; `ERR_OPTION` for batches of no rows.
    pub fn evaluate(
        &mut self,
        tensors: &[HostTensor],
        batch_size: usize,
        cancel: &AtomicBool,
    ) -> Result<Vec<f64>> {
        self.evaluate_some(tensors, batch_size, None, cancel, None, false)
    }

    /// The same over at most so many `steps`, which are batches; those of a feed have the sizes that they come in.
    /// `on_event` is told of the beginning and the end of all and of each batch, and ends the evaluation after a batch.
    /// Where it is `distributed`, each rank of the group that the model has [joined](Self::join) scores some of the
    /// batches, or of a feed what its own gives, and all get the values of all.
    ///
    /// # Errors
    /// As [`Self::evaluate`]; `ERR_STATE` if another rank fails.
    pub fn evaluate_some<'a>(
        &mut self,
        data: impl Into<Source<'a>>,
        batch_size: usize,
        steps: Option<usize>,
        cancel: &AtomicBool,
        on_event: Option<&mut OnEvent<'_>>,
        distributed: bool,
    ) -> Result<Vec<f64>> {
        let told = on_event.map(|told| (0, told));
        let group = self.others(distributed);
        let mut tally = match data.into() {
            Source::Rows(tensors) => {
                let data = Dataset::new(tensors, self.compiled_mut()?.inputs())?;
                let rows = data.first_rows(batch_size, steps);
                let rows = group.as_ref().map_or(0..rows, |group| {
                    Dataset::rows_of_rank(rows, batch_size, (group.rank(), group.size()))
                });
                self.evaluate_over(Walk::Rows(&data, rows), batch_size, cancel, told, None)?
            }
            Source::Feed(feed) => {
                self.evaluate_over(Walk::Feed(feed, steps), batch_size, cancel, told, None)?
            }
        };
        if let Some(group) = group {
            Ranks::new(group, 1).total(&mut tally, self.compiled_mut()?.scores.len(), cancel)?;
        }
        Ok(self.compiled_mut()?.scores.values(&tally))
    }

    /// Tells of what happens in an epoch: of the beginning, of every batch with its rows and the scores so far, of the
    /// end. With `ranks`, each of them does its share of every batch of that epoch.
    pub(super) fn evaluate_over(
        &mut self,
        mut walk: Walk<'_>,
        batch_size: usize,
        cancel: &AtomicBool,
        mut told: Option<(usize, &mut OnEvent<'_>)>,
        mut ranks: Option<(usize, &mut Ranks)>,
    ) -> Result<Tally> {
        if batch_size == 0 {
            return Err(Error::option("The batch size must be at least 1"));
        }
        if let Walk::Rows(_, rows) = &walk {
            self.compiled_mut()?.carry.check_rows(rows.len(), batch_size)?;
        }
        let inputs = self.compiled_mut()?.inputs().to_vec();
        let mut tell = |trainer: &mut Self, kind, batch, size, tally: Option<&Tally>| {
            let Some((epoch, on_event)) = &mut told else { return Ok(Control::Continue) };
            let scores = trainer.compiled.as_ref().zip(tally);
            let logs = scores.map(|(compiled, tally)| compiled.scores.logs(tally, "")).unwrap_or_default();
            let answer = on_event(trainer, Event::Moment { kind, epoch: *epoch, batch, size, logs });
            check_cancelled(cancel)?;
            Ok(answer)
        };
        let mut tally = Tally::default();
        tell(self, "testBegin", 0, 0, None)?;
        self.with_zero_states(|trainer| {
            let mut one =
                |trainer: &mut Self, data: &Dataset<'_>, rows: Range<usize>, of: Option<usize>, index| {
                    let size = of.unwrap_or(rows.len());
                    tell(trainer, "testBatchBegin", index, size, None)?;
                    let part = ranks.as_mut().map(|(epoch, ranks)| {
                        let share = ranks.share(size);
                        Part { share, ranks, epoch: *epoch, batch: index, stop: false, cancel }
                    });
                    let own = match &part {
                        Some(part) if of.is_none() => part.share.within(&rows),
                        _ => rows,
                    };
                    trainer.with_batch(|trainer, batch| {
                        unless_cancelled(cancel, || data.gather(own, batch))?;
                        trainer.score(&batch.inputs(data), cancel, &mut tally, part)
                    })?;
                    tell(trainer, "testBatchEnd", index, size, Some(&tally))
                };
            match &mut walk {
                Walk::Rows(data, rows) => {
                    for (index, start) in rows.clone().step_by(batch_size).enumerate() {
                        let some = start..rows.end.min(start.saturating_add(batch_size));
                        if one(trainer, data, some, None, index)? == Control::Stop {
                            break;
                        }
                    }
                }
                Walk::Feed(feed, steps) => {
                    let mut cursor = Cursor::new(feed, &inputs);
                    let mut index = 0;
                    while steps.is_none_or(|steps| index < steps) {
                        let Some(Batch { data, rows, of, .. }) = cursor.next(cancel)? else { break };
                        if one(trainer, data, rows, of, index)? == Control::Stop {
                            break;
                        }
                        index += 1;
                    }
                }
            }
            Ok(())
        })?;
        tell(self, "testEnd", 0, 0, Some(&tally))?;
        Ok(tally)
    }

    /// Lends the model's batch buffers, which keep their memory from call to call; shared data is released afterwards.
    pub(super) fn with_batch<V>(
        &mut self,
        body: impl FnOnce(&mut Self, &mut Gathered) -> Result<V>,
    ) -> Result<V> {
        let mut batch = std::mem::take(&mut self.batch);
        let result = body(self, &mut batch).map_err(|error| error.with_rows(|row| batch.number(row)));
        batch.release();
        self.batch = batch;
        self.predictor.release();
        if let Some((executor, _)) = &mut self.stateful {
            executor.release();
        }
        if let Some(compiled) = &mut self.compiled {
            compiled.executor.release();
        }
        result
    }

    /// Forward, losses, backward, clipping, update. Nothing has changed when it fails, or gives false because one of
    /// the ranks asks for the end.
    pub(super) fn train_step(
        &mut self,
        inputs: &[BatchInput<'_, f32>],
        cancel: &AtomicBool,
        tally: &mut Tally,
        mut part: Option<Part<'_>>,
    ) -> Result<bool> {
        let seed = self.seed;
        let compiled = self.compiled.as_mut().ok_or_else(|| Error::state("The model is not compiled"))?;
        let step = compiled.optimizer.step_count();
        let executor = &mut compiled.executor;
        let run = Run {
            training: true,
            record: Record::Weights,
            seed,
            step,
            first_row: part.as_ref().map_or(0, |part| part.share.rows.start),
            outputs: Some(&compiled.scores.outputs),
            cancel: Some(cancel),
        };
        let at_step = |error: Error| match error.code {
            Code::Numeric => Error::numeric(format!("At step {} {}", step.saturating_add(1), error.message)),
            _ => error,
        };
        let mut with_this = tally.clone();
        let goes_on = unless_cancelled(cancel, || {
            compiled.carry.bind(executor, inputs, part.as_ref().map(|part| &part.share))?;
            executor.forward(&self.parameters, &run)?;
            compiled.carry.note(executor)?;
            let mut own = Tally::default();
            let mut finite = compiled.scores.add(executor, &mut own)?;
            let mut cotangents = None;
            let mut counts = true;
            if let Some(part) = part.as_mut().filter(|part| part.ranks.step_alone()) {
                counts = part.share.part > 0.0;
                cotangents = (!counts).then(|| vec![0.0; compiled.scores.losses.len()]);
            } else if let Some(part) = &mut part {
                let known = part.scores(Moment::Train, &compiled.scores, &mut own, finite)?;
                if known.stop {
                    return Ok(false);
                }
                (finite, cotangents) = (known.finite, Some(known.cotangents));
            }
            if counts {
                with_this.add(&own);
            }
            if !finite {
                let message = format!("The loss is not finite at step {}", step.saturating_add(1));
                return Err(Error::numeric(message));
            }
            compiled.updates.note(executor, &self.parameters)?;
            compiled.gradients.clear();
            let cotangents = compiled.scores.cotangents(cotangents.as_deref());
            let mut backward = |gradients: &mut Gradients<f32>, completed: &mut OnCompleted<'_, f32>| {
                executor.backward_told(&self.parameters, gradients, &cotangents, Some(cancel), completed)
            };
            match part.as_mut().filter(|part| !part.ranks.step_alone()) {
                Some(part) => {
                    part.sum(&mut compiled.gradients, &mut compiled.updates, backward)?;
                    compiled.carry.join(part)?;
                }
                None => backward(&mut compiled.gradients, &mut |_, _| Ok(()))?,
            }
            compiled.updates.check(&self.parameters).map_err(at_step)?;
            Ok(true)
        })?;
        if !goes_on {
            return Ok(false);
        }
        // Once begun, the update runs to its end.
        let parameters = Parameters::exclusive(&mut self.parameters)?;
        compiled.optimizer.apply(parameters, &mut compiled.gradients).map_err(at_step)?;
        compiled.updates.apply(parameters);
        compiled.constraints.apply(&mut compiled.executor, &mut self.parameters, &compiled.optimizer)?;
        compiled.carry.advance();
        *tally = with_this;
        Ok(true)
    }

    /// Makes the weights and states of ranks that make steps of their own the means of all: `tally` gets the scores
    /// that each has `pending`. Whether one of the ranks asks for the end.
    pub(super) fn average(
        &mut self,
        mut part: Part<'_>,
        pending: &mut Tally,
        tally: &mut Tally,
    ) -> Result<bool> {
        let compiled = self.compiled.as_mut().ok_or_else(|| Error::state("The model is not compiled"))?;
        let mut all = std::mem::take(pending);
        let known = part.scores(Moment::Train, &compiled.scores, &mut all, true)?;
        tally.add(&all);
        part.ranks.average(&mut self.parameters, &mut compiled.optimizer, part.cancel)?;
        Ok(known.stop)
    }

    /// Forward and losses.
    fn score(
        &mut self,
        inputs: &[BatchInput<'_, f32>],
        cancel: &AtomicBool,
        tally: &mut Tally,
        mut part: Option<Part<'_>>,
    ) -> Result<()> {
        let seed = self.seed;
        let compiled = self.compiled.as_mut().ok_or_else(|| Error::state("The model is not compiled"))?;
        let run =
            Run { seed, outputs: Some(&compiled.scores.outputs), cancel: Some(cancel), ..Run::default() };
        unless_cancelled(cancel, || {
            compiled.carry.bind(&mut compiled.executor, inputs, part.as_ref().map(|part| &part.share))?;
            compiled.executor.forward(&self.parameters, &run)?;
            compiled.carry.note(&compiled.executor)
        })?;
        let mut own = Tally::default();
        let mut finite = compiled.scores.add(&compiled.executor, &mut own)?;
        if let Some(part) = &mut part {
            finite = part.scores(Moment::Test, &compiled.scores, &mut own, finite)?.finite;
            compiled.carry.join(part)?;
        }
        compiled.carry.advance();
        tally.add(&own);
        if finite {
            return Ok(());
        }
        Err(Error::numeric("The loss is not finite in evaluation"))
    }
}
