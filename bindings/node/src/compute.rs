//! What a model computes: predictions, losses, gradients, training.

use crate::array::Elements;
use crate::error::{ErrorCode, Outcome, guard};
use crate::feed::Given;
use crate::generator::NativeGenerator;
use crate::model::{NativeGradients, NativeModel, NativeStateGradient};
use crate::session::NativeSession;
use crate::tensor::{self, NativeTensor};
use crate::{argument, cancel, fit, mpi};
use napi::bindgen_prelude::{ClassInstance, Object, ToNapiValue, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use seqloom_graph::decode::{Blueprint, Generator, SamplingOptions};
use seqloom_graph::train::{FitOptions, GradientReport, Group, OnEvent, Trainer};
use seqloom_graph::{HostTensor, StateGradient, TensorData};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

#[napi]
impl NativeModel {
    /// The outputs for inputs, in batches, on the caller's thread.
    ///
    /// Errors: `ERR_DATA`, `ERR_SHAPE`, `ERR_MEMORY`; `ERR_STATE` if the model is busy.
    #[napi(catch_unwind, ts_args_type = "inputs: NativeTensor[], batchSize: number, steps?: number")]
    pub fn predict_sync(
        &self,
        env: &Env,
        inputs: Unknown<'_>,
        batch_size: Unknown<'_>,
        steps: Unknown<'_>,
    ) -> Result<Vec<NativeTensor>, ErrorCode> {
        guard(|| {
            let batch_size = argument::integer(&batch_size, "batchSize", 1)?;
            let steps = argument::optional_integer(&steps, "steps", 1)?;
            // The call ends with the inputs dropped and released by the model, also if a `fit` that waits serves it.
            let outputs = tensor::lend_list(&inputs, "inputs", |inputs| {
                self.shared.now_drawn(move |trainer| {
                    let never = AtomicBool::new(false);
                    Ok(trainer.predict_some(
                        &inputs,
                        batch_size,
                        &all_outputs(trainer),
                        steps,
                        &never,
                        None,
                        false,
                    )?)
                })
            })?;
            self.shared.report(env);
            Ok(outputs.into_iter().map(NativeTensor::at_once).collect())
        })
    }

    /// The outputs for inputs, in batches, or in the first so many `steps` of these; of all outputs or of those with
    /// the given numbers. `onEvent` is told of every batch, and the loop waits for `resume`, as in `fit`. With
    /// `distributed`, those of the batches that are this rank's, in the order of ranks; none if there are none.
    ///
    /// Errors: `ERR_DATA`, `ERR_SHAPE`, `ERR_MEMORY`; `ERR_STATE` during `fit`; `ABORTED`; what `onEvent` throws.
    #[napi(
        catch_unwind,
        ts_args_type = "inputs: NativeTensor[], batchSize: number, cancel?: CancelFlag, outputs?: number[], steps?: number, onEvent?: (event: { readonly type: string, readonly epoch: number, readonly [value: string]: number | string }) => void, distributed?: boolean",
        ts_return_type = "Promise<NativeTensor[]>"
    )]
    #[allow(clippy::too_many_arguments, reason = "they are JavaScript's")]
    pub fn predict<'env>(
        &self,
        env: &'env Env,
        inputs: Unknown<'env>,
        batch_size: Unknown<'env>,
        cancel: Unknown<'env>,
        outputs: Unknown<'env>,
        steps: Unknown<'env>,
        on_event: Unknown<'env>,
        distributed: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let inputs = tensor::read_list(&inputs, "inputs")?;
            let batch_size = argument::integer(&batch_size, "batchSize", 1)?;
            let distributed = is_distributed(&distributed)?;
            let wanted = if argument::is_missing(&outputs) {
                None
            } else {
                Some(argument::list(&outputs, "outputs", |item, what| argument::integer(&item, what, 0))?)
            };
            let steps = argument::optional_integer(&steps, "steps", 1)?;
            self.told(env, &cancel, &on_event, move |trainer, cancel, on_event| {
                let wanted = wanted.unwrap_or_else(|| all_outputs(trainer));
                trainer.join(group());
                let outputs = trainer.predict_some(
                    &inputs,
                    batch_size,
                    &wanted,
                    steps,
                    cancel,
                    on_event,
                    distributed,
                )?;
                Ok(outputs.into_iter().map(NativeTensor::from).collect::<Vec<_>>())
            })
        })
    }

    /// The total loss, then each metric, averaged over all rows, or over those of the first so many `steps`, which are
    /// batches. Inputs are the model's, then targets, then weights. `onEvent` as in `predict`. With `distributed`, each
    /// rank does some of the batches, or those of its feed, and all get the values of all.
    ///
    /// Errors: as `predict`; `ERR_STATE` before `compile`.
    #[napi(
        catch_unwind,
        ts_args_type = "inputs: NativeTensor[] | NativeFeed, batchSize: number, cancel?: CancelFlag, steps?: number, onEvent?: (event: { readonly type: string, readonly epoch: number, readonly [value: string]: number | string }) => void, distributed?: boolean",
        ts_return_type = "Promise<number[]>"
    )]
    #[allow(clippy::too_many_arguments, reason = "they are JavaScript's")]
    pub fn evaluate<'env>(
        &self,
        env: &'env Env,
        inputs: Unknown<'env>,
        batch_size: Unknown<'env>,
        cancel: Unknown<'env>,
        steps: Unknown<'env>,
        on_event: Unknown<'env>,
        distributed: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let inputs = Given::read(&inputs, "inputs")?;
            let batch_size = argument::integer(&batch_size, "batchSize", 1)?;
            let steps = argument::optional_integer(&steps, "steps", 1)?;
            let distributed = is_distributed(&distributed)?;
            self.told(env, &cancel, &on_event, move |trainer, cancel, on_event| {
                trainer.join(group());
                Ok(trainer.evaluate_some(
                    inputs.source(),
                    batch_size,
                    steps,
                    cancel,
                    on_event,
                    distributed,
                )?)
            })
        })
    }

    /// `evaluate` on the caller's thread, for small work.
    ///
    /// Errors: as `evaluate`; `ERR_STATE` if the model is busy.
    #[napi(catch_unwind, ts_args_type = "inputs: NativeTensor[], batchSize: number, steps?: number")]
    pub fn evaluate_sync(
        &self,
        env: &Env,
        inputs: Unknown<'_>,
        batch_size: Unknown<'_>,
        steps: Unknown<'_>,
    ) -> Result<Vec<f64>, ErrorCode> {
        guard(|| {
            let inputs = tensor::read_list(&inputs, "inputs")?;
            let batch_size = argument::integer(&batch_size, "batchSize", 1)?;
            let steps = argument::optional_integer(&steps, "steps", 1)?;
            let scores = self.shared.now_drawn(move |trainer| {
                Ok(trainer.evaluate_some(&inputs, batch_size, steps, &AtomicBool::new(false), None, false)?)
            })?;
            self.shared.report(env);
            Ok(scores)
        })
    }

    /// One training step; the total loss, then each metric, before it.
    ///
    /// Errors: as `evaluate`; `ERR_NUMERIC` for a loss or gradient that is not finite: the weights stay as they were.
    #[napi(
        catch_unwind,
        ts_args_type = "inputs: NativeTensor[], cancel?: CancelFlag",
        ts_return_type = "Promise<number[]>"
    )]
    pub fn train_on_batch<'env>(
        &self,
        env: &'env Env,
        inputs: Unknown<'env>,
        cancel: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            self.on_batch(env, &inputs, &cancel, |trainer, inputs, cancel| {
                Ok(trainer.train_on_batch(inputs, cancel)?)
            })
        })
    }

    /// The total loss, then each metric, of one batch.
    ///
    /// Errors: as `evaluate`.
    #[napi(
        catch_unwind,
        ts_args_type = "inputs: NativeTensor[], cancel?: CancelFlag",
        ts_return_type = "Promise<number[]>"
    )]
    pub fn test_on_batch<'env>(
        &self,
        env: &'env Env,
        inputs: Unknown<'env>,
        cancel: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            self.on_batch(env, &inputs, &cancel, |trainer, inputs, cancel| {
                Ok(trainer.test_on_batch(inputs, cancel)?)
            })
        })
    }

    /// Gradients of the loss (without cotangents; inputs are then followed by targets), or of the sum of the outputs
    /// times cotangents, one per output, `null` for zero. With `states` also by the states of recurrences after every
    /// step.
    ///
    /// Errors: as `evaluate`.
    #[napi(
        catch_unwind,
        ts_args_type = "inputs: NativeTensor[], cotangents: Array<NativeTensor | null> | undefined, states: boolean, cancel?: CancelFlag",
        ts_return_type = "Promise<NativeGradients>"
    )]
    pub fn gradients<'env>(
        &self,
        env: &'env Env,
        inputs: Unknown<'env>,
        cotangents: Unknown<'env>,
        states: Unknown<'env>,
        cancel: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let inputs = tensor::read_list(&inputs, "inputs")?;
            let cotangents =
                if argument::is_missing(&cotangents) { None } else { Some(read_cotangents(&cotangents)?) };
            let states = argument::boolean(&states, "states")?;
            self.shared.later(env, cancel::read(&cancel, "cancel")?, move |trainer, cancel| {
                let report = match &cotangents {
                    Some(cotangents) => trainer.output_gradients(&inputs, cotangents, states, cancel)?,
                    None => trainer.loss_gradients(&inputs, states, cancel)?,
                };
                Ok(native(report, false))
            })
        })
    }

    /// `gradients` by cotangents on the caller's thread, for small work.
    ///
    /// Errors: as `gradients`; `ERR_STATE` if the model is busy.
    #[napi(catch_unwind, ts_args_type = "inputs: NativeTensor[], cotangents: Array<NativeTensor | null>")]
    pub fn gradients_sync(
        &self,
        env: &Env,
        inputs: Unknown<'_>,
        cotangents: Unknown<'_>,
    ) -> Result<NativeGradients, ErrorCode> {
        guard(|| {
            let inputs = tensor::read_list(&inputs, "inputs")?;
            let cotangents = read_cotangents(&cotangents)?;
            let gradients = self.shared.now_drawn(move |trainer| {
                Ok(trainer.output_gradients(&inputs, &cotangents, false, &AtomicBool::new(false))?)
            })?;
            self.shared.report(env);
            Ok(native(gradients, true))
        })
    }

    /// Trains. `data` is the model's inputs, then targets, then sample weights. At all events but `batchEnd`, the loop
    /// waits for `resume`; batches are reported without waiting, the newest where several are due.
    ///
    /// Errors: as `trainOnBatch`; `ERR_OPTION` for wrong options; what `onEvent` throws.
    #[napi(
        catch_unwind,
        ts_args_type = "data: NativeTensor[] | NativeFeed, validation: NativeTensor[] | NativeFeed | null, optionsJson: string, cancel: CancelFlag | undefined, onEvent: (event: { readonly type: string, readonly epoch: number, readonly [value: string]: number | string }) => void",
        ts_return_type = "Promise<void>"
    )]
    pub fn fit<'env>(
        &self,
        env: &'env Env,
        data: Unknown<'env>,
        validation: Unknown<'env>,
        options_json: Unknown<'env>,
        cancel: Unknown<'env>,
        on_event: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let data = Given::read(&data, "data")?;
            let validation = if argument::is_missing(&validation) {
                None
            } else {
                Some(Given::read(&validation, "validation")?)
            };
            let options = FitOptions::from_json(&argument::string(&options_json, "optionsJson")?)?;
            let cancel = cancel::read(&cancel, "cancel")?;
            let on_event = argument::function(&on_event, "onEvent")?;
            fit::start(env, &self.shared, &cancel, &on_event, move |trainer, cancel, handle| {
                let validation = validation.as_ref().map(Given::source);
                trainer.join(group());
                Ok(trainer.fit(data.source(), validation, &options, cancel, handle)?)
            })
        })
    }

    /// How far the training is that runs or was the last to, as text for the option `start` of `fit`.
    ///
    /// Errors: `ERR_STATE` if the model is busy.
    #[napi(catch_unwind)]
    pub fn training_progress(&self) -> Result<String, ErrorCode> {
        guard(|| self.shared.now(|trainer| Ok(trainer.progress().to_text()?)))
    }

    /// Lets a `fit` that waits in an epoch's event continue, or stop there.
    ///
    /// Errors: `ERR_STATE` if none waits.
    #[napi(catch_unwind, ts_args_type = "stop: boolean")]
    pub fn resume(&self, stop: Unknown<'_>) -> Result<(), ErrorCode> {
        guard(|| self.shared.resume(argument::boolean(&stop, "stop")?))
    }

    /// Runs the model one step at a time, with its present weights, whatever becomes of them: the inputs `steps` come
    /// step by step, their features side by side, `constants` are all others, in order.
    ///
    /// Errors: `ERR_UNSUPPORTED` for models that cannot stream; `ERR_DATA` and `ERR_SHAPE` for unsuitable constants;
    /// `ERR_STATE` if the model is busy.
    #[napi(
        catch_unwind,
        ts_args_type = "batchSize: number, steps?: number[], constants?: NativeTensor[]",
        ts_return_type = "NativeSession"
    )]
    pub fn session<'env>(
        &self,
        env: &'env Env,
        batch_size: Unknown<'env>,
        steps: Unknown<'env>,
        constants: Unknown<'env>,
    ) -> Result<ClassInstance<'env, NativeSession>, ErrorCode> {
        guard(|| {
            let index = |value: Unknown<'env>, what: &str| argument::integer(&value, what, 0);
            let batch_size = argument::integer(&batch_size, "batchSize", 1)?;
            let steps =
                if argument::is_missing(&steps) { vec![0] } else { argument::list(&steps, "steps", index)? };
            let constants = if argument::is_missing(&constants) {
                Vec::new()
            } else {
                tensor::read_list(&constants, "constants")?
            };
            let session = self.shared.now_drawn(move |trainer| {
                let mut blueprint =
                    Blueprint::of_several(trainer.graph(), trainer.shared_parameters(), &steps)?;
                Ok(blueprint.session(batch_size, &constants)?)
            })?;
            NativeSession::made(env, session)
        })
    }
}

#[napi]
impl NativeModel {
    /// Goes on a sequence of tokens, with the model's present weights, whatever becomes of them. `optionsJson` says how
    /// tokens are chosen.
    ///
    /// Errors: `ERR_UNSUPPORTED` for models that cannot stream or read no tokens; `ERR_DATA`; `ERR_OPTION`; `ERR_STATE`
    /// if the model is busy.
    #[napi(
        catch_unwind,
        ts_args_type = "prompt: Int32Array, maxTokens: number, optionsJson: string",
        ts_return_type = "NativeGenerator"
    )]
    pub fn generate<'env>(
        &self,
        env: &'env Env,
        prompt: Unknown<'env>,
        max_tokens: Unknown<'env>,
        options_json: Unknown<'env>,
    ) -> Result<ClassInstance<'env, NativeGenerator>, ErrorCode> {
        guard(|| {
            let prompt = argument::elements::<i32>(&prompt, "prompt")?;
            let most = argument::integer(&max_tokens, "maxTokens", 1)?;
            let options = SamplingOptions::from_json(&argument::string(&options_json, "optionsJson")?)?;
            let generator = self.shared.now_drawn(move |trainer| {
                Ok(Generator::new(trainer.graph(), trainer.shared_parameters(), &prompt, most, options)?)
            })?;
            NativeGenerator::made(env, generator)
        })
    }
}

/// The numbers of all outputs.
fn all_outputs(trainer: &Trainer) -> Vec<usize> {
    (0..trainer.graph().outputs.len()).collect()
}

fn read_cotangents(value: &Unknown<'_>) -> Outcome<Vec<Option<HostTensor>>> {
    argument::list(value, "cotangents", |item, what| {
        if argument::is_missing(&item) { Ok(None) } else { tensor::read(&item, what).map(Some) }
    })
}

/// Gradients for JavaScript, of a synchronous call or of another.
fn native(report: GradientReport, at_once: bool) -> NativeGradients {
    let elements = |elements: Elements| if at_once { elements.at_once() } else { elements };
    let tensor = |tensor: HostTensor| if at_once { NativeTensor::at_once(tensor) } else { tensor.into() };
    let states = report.states.into_iter().map(|StateGradient { name, values, shape, sequence }| {
        let data = TensorData::F32(values);
        NativeStateGradient { name, gradient: tensor(HostTensor { data, shape, sequence }) }
    });
    NativeGradients {
        loss: report.loss,
        weights: report.weights.into_iter().map(|weight| elements(weight.into())).collect(),
        states: states.collect(),
        inputs: report.inputs.into_iter().map(|input| input.map(tensor)).collect(),
        outputs: report.outputs.into_iter().map(tensor).collect(),
    }
}

impl NativeModel {
    /// Runs `body` on another thread; where there is an `on_event`, that is told of what happens, and the loop waits
    /// for it.
    fn told<'env, T: ToNapiValue + Send + 'static>(
        &self,
        env: &'env Env,
        cancel: &Unknown<'env>,
        on_event: &Unknown<'env>,
        body: impl FnOnce(&mut Trainer, &AtomicBool, Option<&mut OnEvent<'_>>) -> Outcome<T> + Send + 'static,
    ) -> Outcome<Object<'env>> {
        let cancel = cancel::read(cancel, "cancel")?;
        if argument::is_missing(on_event) {
            return self.shared.later(env, cancel, move |trainer, cancel| body(trainer, cancel, None));
        }
        let on_event = argument::function(on_event, "onEvent")?;
        fit::start(env, &self.shared, &cancel, &on_event, move |trainer, cancel, handle| {
            body(trainer, cancel, Some(handle))
        })
    }

    fn on_batch<'env>(
        &self,
        env: &'env Env,
        inputs: &Unknown<'env>,
        cancel: &Unknown<'env>,
        step: impl FnOnce(&mut Trainer, &[HostTensor], &AtomicBool) -> Outcome<Vec<f64>> + Send + 'static,
    ) -> Outcome<Object<'env>> {
        let inputs = tensor::read_list(inputs, "inputs")?;
        self.shared.later(env, cancel::read(cancel, "cancel")?, move |trainer, cancel| {
            step(trainer, &inputs, cancel)
        })
    }
}

/// The ranks of this job, if it has begun.
fn group() -> Option<Arc<dyn Group>> {
    mpi::world().map(|world| world as Arc<dyn Group>)
}

/// Whether the ranks share the work; by default they do not.
fn is_distributed(value: &Unknown<'_>) -> Outcome<bool> {
    if argument::is_missing(value) { Ok(false) } else { argument::boolean(value, "distributed") }
}
