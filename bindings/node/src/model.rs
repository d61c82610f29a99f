//! Models for JavaScript.

use crate::access::Shared;
use crate::argument;
use crate::array::Elements;
use crate::error::{ErrorCode, Failure, Outcome, guard};
use crate::holder::{self, Holder};
use crate::new_state::{NewTraining, STEP, carried_name, digits};
use crate::tensor::{self, NativeTensor};
use napi::bindgen_prelude::{ClassInstance, Float32Array, Object, ObjectFinalize, This, Unknown};
use napi::{Env, JsValue, Result};
use napi_derive::napi;
use seqloom_graph::TensorData;
use seqloom_graph::train::Trainer;
use std::rc::Rc;
use std::sync::Arc;

/// What back-propagation gives.
#[napi(object, object_from_js = false)]
pub struct NativeGradients {
    /// The loss of the batch; absent if cotangents were given.
    pub loss: Option<f64>,
    /// One array per weight, in the order of the graph's weights.
    #[napi(ts_type = "Array<Float32Array>")]
    pub weights: Vec<Elements>,
    /// One tensor per input; `null` for token ids.
    pub inputs: Vec<Option<NativeTensor>>,
    /// The model's outputs.
    pub outputs: Vec<NativeTensor>,
    /// The gradients by the states of recurrences, if they were asked for.
    pub states: Vec<NativeStateGradient>,
}

/// The gradient by a state after every step.
#[napi(object, object_from_js = false)]
pub struct NativeStateGradient {
    /// The path of the recurrence and the state's name: `lstm/h`.
    pub name: String,
    /// `[batch, time, …]`.
    pub gradient: NativeTensor,
}

/// One array of an optimizer's state.
#[napi(object, object_from_js = false)]
pub struct NamedState {
    /// Its name, such as `lstm/kernel/momentum`.
    pub name: String,
    /// Its elements.
    pub data: Float32Array,
}

/// Bytes that a step takes.
#[napi(object, object_from_js = false)]
pub struct NativeBytes {
    /// Of the weights.
    pub weights: f64,
    /// Of their gradients.
    pub gradients: f64,
    /// Of the optimizer's states.
    pub optimizer: f64,
    /// Of all that is computed, and of the memory to compute it in.
    pub values: f64,
    /// Of the rows of a batch.
    pub inputs: f64,
}

/// A model: a graph of operations with its weights, and after `compile` its training.
///
/// Asynchronous calls run one at a time on threads of their own; until they have settled or were cancelled, synchronous
/// ones fail with `ERR_STATE`. While `fit` runs, every call does, except between the call of an epoch's callback and
/// `resume`.
#[napi(custom_finalize)]
pub struct NativeModel {
    pub(crate) shared: Arc<Shared>,
    /// Kept for the list of holders.
    _holder: Rc<Held>,
}

/// The model, for when its object is dead.
struct Held(Arc<Shared>);

impl Holder for Held {
    fn let_go(&self, env: &Env) {
        self.0.let_go(env);
    }
}

impl ObjectFinalize for NativeModel {
    fn finalize(self, env: Env) -> Result<()> {
        self.shared.close_report(&env);
        Ok(())
    }
}

#[napi]
impl NativeModel {
    /// Builds a model from the JSON of its graph; `seed` keys its weights and everything random. Weights get their
    /// first values when they are first needed, on the thread that needs them.
    ///
    /// Errors: `ERR_FORMAT`, `ERR_SHAPE`, `ERR_OPTION` for a wrong graph, `ERR_MEMORY`.
    #[napi(constructor, catch_unwind, ts_args_type = "specJson: string, seed: number")]
    pub fn new(
        env: &Env,
        this: This<'_>,
        spec_json: Unknown<'_>,
        seed: Unknown<'_>,
    ) -> Result<Self, ErrorCode> {
        guard(|| {
            let spec = argument::string(&spec_json, "specJson")?;
            let seed = argument::integer(&seed, "seed", 0)? as u64;
            let shared = Shared::new(Trainer::undrawn(seqloom_graph::GraphSpec::from_json(&spec)?, seed)?);
            shared.report(env);
            let held = Rc::new(Held(Arc::clone(&shared)));
            holder::register(env, this.raw(), &held, shared.held())?;
            Ok(Self { shared, _holder: held })
        })
    }

    /// Says how to train: the JSON of the graph with losses and metrics, and of the optimizer.
    ///
    /// Errors: `ERR_FORMAT`, `ERR_SHAPE`, `ERR_OPTION`; `ERR_STATE` if the model is busy.
    #[napi(catch_unwind, ts_args_type = "trainSpecJson: string, optimizerJson: string")]
    pub fn compile(
        &self,
        env: &Env,
        train_spec_json: Unknown<'_>,
        optimizer_json: Unknown<'_>,
    ) -> Result<(), ErrorCode> {
        guard(|| {
            let spec = argument::string(&train_spec_json, "trainSpecJson")?;
            let optimizer = argument::string(&optimizer_json, "optimizerJson")?;
            self.shared.now(move |trainer| Ok(trainer.compile(&spec, &optimizer)?))?;
            self.shared.report(env);
            Ok(())
        })
    }

    /// What is known of the values of each output: `distribution` (at least 0, their sum over the last axis is 1),
    /// `unitInterval`, `nonNegative`, `real` (of either sign) or `unknown`.
    ///
    /// Errors: `ERR_STATE` if the model is busy.
    #[napi(catch_unwind)]
    pub fn output_forms(&self) -> Result<Vec<String>, ErrorCode> {
        guard(|| {
            self.shared.now(|trainer| {
                Ok(trainer.output_forms().into_iter().map(|form| form.as_str().to_owned()).collect())
            })
        })
    }

    /// A copy of weight `index`; of one that is int8, the numbers that its integers stand for.
    ///
    /// Errors: `ERR_OPTION` if there is no such weight.
    #[napi(catch_unwind, ts_args_type = "index: number", ts_return_type = "Float32Array")]
    pub fn get_weight(&self, index: Unknown<'_>) -> Result<Elements, ErrorCode> {
        guard(|| {
            let index = argument::integer(&index, "index", 0)?;
            self.shared.now_drawn(move |trainer| {
                let values = trainer.parameters().values(index)?.ok_or_else(|| {
                    Failure::new(ErrorCode::OPTION, format!("index: there is no weight {index}"))
                })?;
                Elements::copied(&values, "The weight")
            })
        })
    }

    /// Whether each weight is stored as int8.
    ///
    /// Errors: `ERR_STATE` if the model is busy.
    #[napi(catch_unwind)]
    pub fn int8_weights(&self) -> Result<Vec<bool>, ErrorCode> {
        guard(|| {
            self.shared.now(|trainer| {
                Ok(trainer.parameters().slots().iter().map(|slot| slot.int8.is_some()).collect())
            })
        })
    }

    /// Replaces all weights, or none if one does not fit.
    ///
    /// Errors: `ERR_SHAPE` for a wrong number of arrays or elements, `ERR_DATA` for values that are not finite.
    #[napi(catch_unwind, ts_args_type = "weights: Float32Array[]")]
    pub fn set_weights(&self, weights: Unknown<'_>) -> Result<(), ErrorCode> {
        guard(|| {
            let weights =
                argument::list(&weights, "weights", |item, what| argument::elements::<f32>(&item, what))?;
            self.shared.now(move |trainer| Ok(trainer.set_weights(&weights)?))
        })
    }

    /// Copies of all weights, made on another thread.
    ///
    /// Errors: `ERR_MEMORY`.
    #[napi(catch_unwind, ts_return_type = "Promise<Float32Array[]>")]
    pub fn copy_weights<'env>(&self, env: &'env Env) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            self.shared.later(env, Arc::default(), |trainer, _| {
                let parameters = trainer.parameters();
                let copies = (0..parameters.slots().len()).map(|index| {
                    Elements::copied(&parameters.values(index)?.unwrap_or_default(), "The weights")
                });
                copies.collect::<Outcome<Vec<_>>>()
            })
        })
    }

    /// Replaces all weights, or none if one does not fit, on another thread.
    ///
    /// Errors: as `setWeights`.
    #[napi(
        catch_unwind,
        ts_args_type = "weights: Array<Float32Array | StagedArray>",
        ts_return_type = "Promise<void>"
    )]
    pub fn put_weights<'env>(
        &self,
        env: &'env Env,
        weights: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let weights =
                argument::list(&weights, "weights", |item, what| match tensor::elements(&item, what)? {
                    TensorData::F32(values) => Ok(values),
                    TensorData::I32(_) => {
                        Err(Failure::new(ErrorCode::DATA, format!("{what}: expected a Float32Array")))
                    }
                })?;
            self.shared.later(env, Arc::default(), move |trainer, _| Ok(trainer.set_weights(&weights)?))
        })
    }

    /// Takes over the weights of a model of the same layers and, where both are compiled, the optimizer's state,
    /// without copying any. Weights that are int8 here and not there are quantized.
    ///
    /// Errors: `ERR_SHAPE` and `ERR_FORMAT` if they do not fit; `ERR_STATE` if one of the models is busy.
    #[napi(catch_unwind, ts_args_type = "source: NativeModel")]
    pub fn take_over(&self, source: Unknown<'_>) -> Result<(), ErrorCode> {
        guard(|| {
            // SAFETY: the conversion checks the class and its type tag.
            let source = unsafe { source.cast::<ClassInstance<'_, Self>>() }
                .map_err(|_| Failure::new(ErrorCode::DATA, "source: expected a model"))?;
            let snapshot = source.shared.now_drawn(|trainer| Ok(trainer.snapshot()))?;
            self.shared.now(move |trainer| Ok(trainer.take_over(snapshot)?))
        })
    }

    /// Copies of the optimizer's state, for saving: one array per weight and state, and `step`, the steps done so far
    /// as four digits of base 65536, the least first; then the states that stateful layers carry, `carried/0` and so
    /// on.
    ///
    /// Errors: `ERR_STATE` before `compile`, `ERR_MEMORY`.
    #[napi(catch_unwind)]
    pub fn optimizer_state(&self) -> Result<Vec<NamedState>, ErrorCode> {
        guard(|| {
            let (step, state, carried) = self.shared.now(|trainer| {
                let optimizer = trainer.optimizer()?;
                Ok((optimizer.step_count(), optimizer.state()?, trainer.carried_states()?.to_vec()))
            })?;
            let step = NamedState { name: STEP.to_owned(), data: Float32Array::new(digits(step)) };
            let state = state
                .into_iter()
                .map(|tensor| NamedState { name: tensor.name, data: Float32Array::new(tensor.data) });
            let carried = carried
                .into_iter()
                .enumerate()
                .map(|(index, data)| NamedState { name: carried_name(index), data: Float32Array::new(data) });
            Ok(state.chain([step]).chain(carried).collect())
        })
    }

    /// Puts saved state of the optimizer back, all of it or none.
    ///
    /// Errors: `ERR_STATE` before `compile`, `ERR_FORMAT` if it is not the state of this optimizer.
    #[napi(catch_unwind, ts_args_type = "state: NamedState[]")]
    pub fn set_optimizer_state(&self, state: Unknown<'_>) -> Result<(), ErrorCode> {
        guard(|| {
            let state = argument::list(&state, "state", read_state)?;
            self.shared.now(move |trainer| {
                let mut new = NewTraining::new(trainer)?;
                for (name, data) in state {
                    let index = new.announce(&name, data.len())?;
                    new.append(index, data.len(), |into| into.copy_from_slice(&data))?;
                }
                new.put(trainer)
            })
        })
    }

    /// Lets the next batch of training begin with states of zero.
    ///
    /// Errors: `ERR_STATE` before `compile`.
    #[napi(catch_unwind)]
    pub fn reset_states(&self) -> Result<(), ErrorCode> {
        guard(|| self.shared.now(|trainer| Ok(trainer.set_carried_states(Vec::new())?)))
    }

    /// Changes the optimizer's step size.
    ///
    /// Errors: `ERR_STATE` before `compile`, `ERR_OPTION` for a value that is negative or not finite.
    #[napi(catch_unwind, ts_args_type = "value: number")]
    pub fn set_learning_rate(&self, value: Unknown<'_>) -> Result<(), ErrorCode> {
        guard(|| {
            let value = argument::number(&value, "learningRate")?;
            self.shared.now(move |trainer| Ok(trainer.optimizer_mut()?.set_learning_rate(value)?))
        })
    }

    /// Lets the learning rate be what a JSON value says, a number or a schedule.
    ///
    /// Errors: `ERR_STATE` before `compile`, `ERR_OPTION`.
    #[napi(catch_unwind, ts_args_type = "json: string")]
    pub fn set_schedule(&self, json: Unknown<'_>) -> Result<(), ErrorCode> {
        guard(|| {
            let json = argument::string(&json, "json")?;
            self.shared.now(move |trainer| Ok(trainer.optimizer_mut()?.set_schedule(&json)?))
        })
    }

    /// Gives the learning rates of the next steps, where it is a function.
    ///
    /// Errors: `ERR_STATE` before `compile` and where it is something else.
    #[napi(catch_unwind, ts_args_type = "rates: number[]")]
    pub fn set_rates(&self, rates: Unknown<'_>) -> Result<(), ErrorCode> {
        guard(|| {
            let rates = argument::list(&rates, "rates", |rate, what| argument::number(&rate, what))?;
            self.shared.now(move |trainer| Ok(trainer.optimizer_mut()?.set_rates(rates)?))
        })
    }

    /// How many batches the optimizer has been given; `gradientAccumulationSteps` of them make up a step.
    ///
    /// Errors: `ERR_STATE` before `compile`.
    #[napi(catch_unwind)]
    pub fn optimizer_batches(&self) -> Result<f64, ErrorCode> {
        guard(|| self.shared.now(|trainer| Ok(trainer.optimizer()?.step_count() as f64)))
    }

    /// Tells different weights apart, drawing them if nothing has: 64 bits in hexadecimal digits.
    ///
    /// Errors: `ERR_STATE` if the model is busy.
    #[napi(catch_unwind)]
    pub fn fingerprint(&self) -> Result<String, ErrorCode> {
        guard(|| self.shared.now_drawn(|trainer| Ok(format!("{:016x}", trainer.parameters().fingerprint()))))
    }

    /// Bytes that a step of training takes, or a prediction before `compile`; `time` where the model leaves the number
    /// of steps open.
    ///
    /// Errors: `ERR_OPTION` if the number of steps is needed; `ERR_MEMORY`, `ERR_SHAPE`; `ERR_STATE` if the model is
    /// busy.
    #[napi(catch_unwind, ts_args_type = "batchSize: number, time?: number")]
    pub fn bytes_for(&self, batch_size: Unknown<'_>, time: Unknown<'_>) -> Result<NativeBytes, ErrorCode> {
        guard(|| {
            let rows = argument::integer(&batch_size, "batchSize", 1)?;
            let time = argument::optional_integer(&time, "time", 1)?;
            let ([weights, gradients, optimizer], run) =
                self.shared.now(move |trainer| Ok(trainer.bytes_for(rows, time)?))?;
            let [weights, gradients, optimizer, values, inputs] =
                [weights, gradients, optimizer, run.values, run.inputs].map(|bytes| bytes as f64);
            Ok(NativeBytes { weights, gradients, optimizer, values, inputs })
        })
    }

    /// Exchanges the weights and the optimizer's mean of them.
    ///
    /// Errors: `ERR_STATE` before `compile` and where it keeps none; `ERR_MEMORY`.
    #[napi(catch_unwind)]
    pub fn swap_average(&self) -> Result<(), ErrorCode> {
        guard(|| self.shared.now(|trainer| Ok(trainer.swap_average()?)))
    }

    /// The optimizer's step size.
    ///
    /// Errors: `ERR_STATE` before `compile`.
    #[napi(catch_unwind)]
    pub fn learning_rate(&self) -> Result<f64, ErrorCode> {
        guard(|| self.shared.now(|trainer| Ok(trainer.optimizer()?.learning_rate())))
    }

    /// Ends a `fit` that runs, also while it waits for `resume`: it rejects with `ABORTED`.
    #[napi(catch_unwind)]
    pub fn interrupt(&self) -> Result<(), ErrorCode> {
        guard(|| {
            self.shared.interrupt();
            Ok(())
        })
    }

    /// Frees the memory: at once, or as soon as what runs has ended; a `fit` is stopped. Every later call is
    /// `ERR_STATE`.
    #[napi(catch_unwind)]
    pub fn free(&self, env: &Env) -> Result<(), ErrorCode> {
        guard(|| {
            self.shared.free();
            self.shared.report(env);
            Ok(())
        })
    }
}

fn read_state(value: Unknown<'_>, what: &str) -> Outcome<(String, Vec<f32>)> {
    let object = argument::object(&value, what)?;
    let name = argument::string(&argument::field(&object, "name")?, &format!("{what}.name"))?;
    let data = argument::elements::<f32>(&argument::field(&object, "data")?, &format!("{what}.data"))?;
    Ok((name, data))
}
