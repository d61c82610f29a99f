//! Models that run one step at a time, for JavaScript.

use crate::argument;
use crate::array::room_for_results;
use crate::error::{ErrorCode, Failure, Outcome, guard};
use crate::holder::{self, Holder};
use crate::tensor;
use crate::transducer::NativeTransducerSearch;
use napi::bindgen_prelude::{
    ClassInstance, Float32Array, JavaScriptClassExt, ObjectFinalize, TypedArrayType, Unknown,
};
use napi::{Env, JsValue, Result};
use napi_derive::napi;
use seqloom_graph::decode::Session;
use seqloom_graph::{BatchData, TensorData, discard};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The input of a step.
enum Input {
    Floats(Vec<f32>),
    Integers(Vec<i32>),
}

/// A model that runs one step at a time; the states stay inside.
#[napi(custom_finalize)]
pub struct NativeSession {
    content: Rc<Content>,
    /// The input of the last step, whose memory is reused for the next one.
    input: RefCell<Input>,
    /// Whether the memory that the first step allocates has been reported.
    settled: Cell<bool>,
}

/// The session, and its bytes as reported to the garbage collector.
struct Content {
    session: RefCell<Option<Session>>,
    reported: Cell<i64>,
}

impl Holder for Content {
    fn let_go(&self, env: &Env) {
        discard(self.session.take(), Session::memory);
        self.report(env);
    }
}

impl Content {
    fn report(&self, env: &Env) {
        let held = self.session.borrow().as_ref().map_or(0, Session::memory);
        let held = i64::try_from(held).unwrap_or(i64::MAX);
        let change = held - self.reported.replace(held);
        if change != 0 {
            // An environment that is shutting down refuses, and has no use for the number.
            let _ = env.adjust_external_memory(change);
        }
    }
}

impl ObjectFinalize for NativeSession {
    fn finalize(self, env: Env) -> Result<()> {
        self.content.let_go(&env);
        Ok(())
    }
}

#[napi]
impl NativeSession {
    /// The JavaScript object of a session.
    pub(crate) fn made<'env>(env: &'env Env, session: Session) -> Outcome<ClassInstance<'env, Self>> {
        // The first step needs about as much again, for packed weights.
        let bytes = session.memory();
        let content = Rc::new(Content { session: RefCell::new(Some(session)), reported: Cell::new(0) });
        content.report(env);
        let session = Self {
            content: Rc::clone(&content),
            input: RefCell::new(Input::Floats(Vec::new())),
            settled: Cell::new(false),
        };
        let object = session.into_instance(env)?;
        holder::register(env, object.raw(), &content, bytes)?;
        Ok(object)
    }

    fn with<T>(&self, body: impl FnOnce(&mut Session) -> Outcome<T>) -> Outcome<T> {
        match self.content.session.borrow_mut().as_mut() {
            Some(session) => body(session),
            None => Err(Failure::new(ErrorCode::STATE, "The session was freed")),
        }
    }

    /// The shapes of the outputs of a step, batch first and without the time.
    ///
    /// Errors: `ERR_SHAPE` where constants do not fit the model.
    #[napi(catch_unwind)]
    pub fn output_shapes(&self) -> Result<Vec<Vec<f64>>, ErrorCode> {
        guard(|| {
            let shapes = self.with(|session| Ok(session.output_shapes()?))?;
            Ok(shapes.into_iter().map(|shape| shape.into_iter().map(|dim| dim as f64).collect()).collect())
        })
    }

    /// Takes the next step of each sequence, `[batch, features]` values or `[batch]` tokens, and writes the first
    /// output's rows to `output`.
    ///
    /// Errors: `ERR_SHAPE` for a wrong number of elements, `ERR_DATA` for a wrong type or a token outside the
    /// vocabulary.
    #[napi(catch_unwind, ts_args_type = "input: Float32Array | Int32Array, output: Float32Array")]
    pub fn step(&self, env: &Env, input: Unknown<'_>, output: Unknown<'_>) -> Result<(), ErrorCode> {
        guard(|| {
            room_for_results(1, 0)?;
            self.read(&input)?;
            let scratch = self.input.borrow();
            let data = match &*scratch {
                Input::Floats(data) => BatchData::Float(data),
                Input::Integers(data) => BatchData::Int(data),
            };
            self.with(|session| {
                session.step(data)?;
                argument::write(&output, "output", session.output(0)?)
            })?;
            if !self.settled.replace(true) {
                self.content.report(env);
            }
            Ok(())
        })
    }

    /// Writes the rows of another output of the last step to `output`.
    ///
    /// Errors: `ERR_STATE` before the first step or for an output that does not exist, `ERR_SHAPE`.
    #[napi(catch_unwind, ts_args_type = "index: number, output: Float32Array")]
    pub fn read_output(&self, index: Unknown<'_>, output: Unknown<'_>) -> Result<(), ErrorCode> {
        guard(|| {
            let index = argument::integer(&index, "index", 0)?;
            self.with(|session| argument::write(&output, "output", session.output(index)?))
        })
    }

    /// Sets the states back to the beginning of a sequence.
    #[napi(catch_unwind)]
    pub fn reset(&self) -> Result<(), ErrorCode> {
        guard(|| {
            self.with(|session| {
                session.reset();
                Ok(())
            })
        })
    }

    /// Another session that continues from the same states.
    ///
    /// Errors: `ERR_MEMORY`.
    #[napi(catch_unwind, ts_return_type = "NativeSession")]
    pub fn clone<'env>(&self, env: &'env Env) -> Result<ClassInstance<'env, NativeSession>, ErrorCode> {
        guard(|| Self::made(env, self.with(|session| Ok(session.duplicate()?))?))
    }

    /// Row i continues from what was row `indices[i]`.
    ///
    /// Errors: `ERR_SHAPE` for a wrong number of indices, `ERR_DATA` for a row that does not exist.
    #[napi(catch_unwind, ts_args_type = "indices: Uint32Array")]
    pub fn reorder(&self, indices: Unknown<'_>) -> Result<(), ErrorCode> {
        guard(|| {
            let indices = argument::elements::<u32>(&indices, "indices")?;
            self.with(|session| Ok(session.reorder(&indices)?))
        })
    }

    /// Copies of the states, each `[batch, units]`.
    #[napi(catch_unwind)]
    pub fn get_state(&self) -> Result<Vec<Float32Array>, ErrorCode> {
        guard(|| {
            self.with(|session| {
                let states = session.states();
                room_for_results(states.len(), states.iter().map(|state| size_of_val(&state[..])).sum())?;
                Ok(states.iter().map(Float32Array::with_data_copied).collect())
            })
        })
    }

    /// Restores states, all or none.
    ///
    /// Errors: `ERR_SHAPE` if they do not fit.
    #[napi(catch_unwind, ts_args_type = "state: Float32Array[]")]
    pub fn set_state(&self, state: Unknown<'_>) -> Result<(), ErrorCode> {
        guard(|| {
            let state = argument::list(&state, "state", |item, what| argument::elements::<f32>(&item, what))?;
            self.with(|session| Ok(session.set_states(&state)?))
        })
    }

    /// A search for `rows` rows with this session, from its beginning, as the predictor of an RNN transducer; the weights
    /// are those of the joint network.
    ///
    /// Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_MEMORY`.
    #[napi(
        catch_unwind,
        ts_args_type = "kernel: Float32Array, bias: Float32Array, optionsJson: string, rows: number",
        ts_return_type = "NativeTransducerSearch"
    )]
    pub fn transduce(
        &self,
        kernel: Unknown<'_>,
        bias: Unknown<'_>,
        options_json: Unknown<'_>,
        rows: Unknown<'_>,
    ) -> Result<NativeTransducerSearch, ErrorCode> {
        guard(|| {
            let kernel = argument::elements::<f32>(&kernel, "kernel")?;
            let bias = argument::elements::<f32>(&bias, "bias")?;
            let options = argument::string(&options_json, "optionsJson")?;
            let rows = argument::integer(&rows, "rows", 0)?;
            let session = self.with(|session| Ok(session.duplicate()?))?;
            NativeTransducerSearch::made(session, kernel, bias, &options, rows)
        })
    }

    /// Frees the memory at once; every later call is `ERR_STATE`.
    #[napi(catch_unwind)]
    pub fn free(&self, env: &Env) -> Result<(), ErrorCode> {
        guard(|| {
            self.content.let_go(env);
            Ok(())
        })
    }
}

impl NativeSession {
    /// Copies the input of a step over that of the last one.
    fn read(&self, input: &Unknown<'_>) -> Outcome<()> {
        let mut scratch = self.input.borrow_mut();
        let array = argument::typed_array(input)?;
        match (array, &mut *scratch) {
            (Some(array), Input::Floats(data)) if array.typed_array_type == TypedArrayType::Float32 => {
                argument::copy_to(&array, "input", data)
            }
            (Some(array), Input::Integers(data)) if array.typed_array_type == TypedArrayType::Int32 => {
                argument::copy_to(&array, "input", data)
            }
            _ => {
                *scratch = match tensor::elements(input, "input")? {
                    TensorData::F32(data) => Input::Floats(data.to_vec()),
                    TensorData::I32(data) => Input::Integers(data),
                };
                Ok(())
            }
        }
    }
}
