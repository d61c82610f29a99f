//! What a model's files hold, read piece by piece while the model goes on.

use crate::argument;
use crate::error::{ErrorCode, Failure, Outcome, guard};
use crate::job::{self, locked};
use crate::model::NativeModel;
use crate::new_state::{Role, STEP, carried_name, digits};
use crate::safetensors::{Layout, Values, Written, read_metadata};
use crate::whole_file::{hexadecimal, pieces};
use napi::bindgen_prelude::{Object, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use seqloom_graph::optim::{SavedState, StateValues};
use seqloom_graph::train::Trainer;
use seqloom_graph::{Parameters, Slot, discard};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// What the files of a model hold, as it was at a moment: its weights, and the state of its training. These are the
/// model's own, not copies: before it changes them, it makes its own, unless this was freed.
#[napi]
pub struct NativeSnapshot {
    /// Locked by a thread that computes a hash: JavaScript waits for its promise before it does anything else.
    content: Arc<Mutex<Option<Content>>>,
}

struct Content {
    parameters: Arc<Parameters<f32>>,
    weights: Layout<Tensor>,
    state: Option<State>,
    /// What is read, on its way to JavaScript.
    piece: Vec<u8>,
}

/// The state of a training: the optimizer's, and the lists beside it.
struct State {
    optimizer: SavedState,
    own: Vec<Vec<f32>>,
    layout: Layout<Role>,
}

/// A tensor of the weights' file.
#[derive(Clone, Copy)]
enum Tensor {
    Floats(usize),
    /// Those of an int8 weight.
    Integers(usize),
    Scales(usize),
}

/// What the scales of an int8 weight are called.
pub(crate) fn scale_name(slot: &Slot) -> String {
    format!("{}_scale", slot.name)
}

fn weight_values(parameters: &Parameters<f32>, tensor: Tensor) -> Values<'_> {
    match tensor {
        Tensor::Floats(index) => Values::F32(parameters.get(index).unwrap_or_default()),
        Tensor::Integers(index) => Values::I8(parameters.int8(index).unwrap_or_default().0),
        Tensor::Scales(index) => Values::F32(parameters.int8(index).unwrap_or_default().1),
    }
}

fn state_values<'a>(optimizer: &'a SavedState, own: &'a [Vec<f32>], role: Role) -> Values<'a> {
    match role {
        Role::Optimizer(index) => match optimizer.get(index) {
            StateValues::Float32(values) => Values::F32(values),
            StateValues::Bfloat16(bits) => Values::Bf16(bits),
        },
        Role::Own(index) => Values::F32(own.get(index).map_or(&[], |list| list)),
    }
}

fn weights_layout(
    parameters: &Parameters<f32>,
    metadata: Option<HashMap<String, String>>,
) -> Outcome<Layout<Tensor>> {
    let slots = parameters.slots();
    let scales = |slot: &Slot| (scale_name(slot), [slot.int8.as_ref().map_or(0, |scales| scales.len)]);
    let scales: Vec<(String, [usize; 1])> = slots.iter().map(scales).collect();
    let mut written = Vec::new();
    for (index, (slot, (scale_name, scale_shape))) in slots.iter().zip(&scales).enumerate() {
        let mut add = |name, shape, tensor| {
            written.push((Written { name, shape, values: weight_values(parameters, tensor) }, tensor));
        };
        if slot.int8.is_some() {
            add(&slot.name[..], &slot.shape[..], Tensor::Integers(index));
            add(scale_name, scale_shape, Tensor::Scales(index));
        } else {
            add(&slot.name, &slot.shape, Tensor::Floats(index));
        }
    }
    Layout::new(written, metadata)
}

fn state_of(trainer: &mut Trainer, metadata: Option<HashMap<String, String>>) -> Outcome<State> {
    let step = digits(trainer.optimizer()?.step_count());
    let (optimizer, carried) = trainer.saved_state()?;
    let names = [STEP.to_owned()].into_iter().chain((0..carried.len()).map(carried_name));
    let own = [step].into_iter().chain(carried).collect::<Vec<_>>();
    let own_names = names.enumerate().map(|(index, name)| (name, Role::Own(index)));
    let states = optimizer.names().enumerate().map(|(index, name)| (name.to_owned(), Role::Optimizer(index)));
    let arrays: Vec<_> = states
        .chain(own_names)
        .map(|(name, role)| {
            let values = state_values(&optimizer, &own, role);
            (name, [values.len()], values, role)
        })
        .collect();
    let written =
        arrays.iter().map(|(name, shape, values, role)| (Written { name, shape, values: *values }, *role));
    let layout = Layout::new(written.collect(), metadata)?;
    Ok(State { optimizer, own, layout })
}

#[napi]
impl NativeSnapshot {
    /// The bytes of the file of the weights, and of that of the state, if there is one. Both are safetensors files. A
    /// weight that is int8 is two tensors: its integers, I8, and its scales, F32, under its name and `_scale`.
    ///
    /// Errors: `ERR_STATE` after `free`.
    #[napi(catch_unwind)]
    pub fn sizes(&self) -> Result<Vec<f64>, ErrorCode> {
        guard(|| {
            let content = self.content();
            let content = content.as_ref().ok_or_else(gone)?;
            let state = content.state.as_ref().map(|state| state.layout.bytes as f64);
            Ok([content.weights.bytes as f64].into_iter().chain(state).collect())
        })
    }

    /// Fills an array with bytes of the file of the weights, or with `ofState` of that of the state, those from `from`
    /// on.
    ///
    /// Errors: `ERR_OPTION` where the file has not so many; `ERR_STATE` after `free`.
    #[napi(catch_unwind, ts_args_type = "ofState: boolean, from: number, into: Uint8Array")]
    pub fn read(&self, of_state: Unknown<'_>, from: Unknown<'_>, into: Unknown<'_>) -> Result<(), ErrorCode> {
        guard(|| {
            let of_state = argument::boolean(&of_state, "ofState")?;
            let from = argument::integer(&from, "from", 0)?;
            let array = argument::typed_array(&into)?;
            let count = array.map_or(0, |array| array.arraybuffer.len());
            let mut content = self.content();
            argument::write(&into, "into", content.as_mut().ok_or_else(gone)?.read(of_state, from, count)?)
        })
    }

    /// The SHA-256 of the file of the weights, or with `ofState` of that of the state, in hexadecimal digits; computed on
    /// another thread.
    ///
    /// Errors: `ERR_OPTION` where there is no such file; `ERR_STATE` after `free`.
    #[napi(catch_unwind, ts_args_type = "ofState: boolean", ts_return_type = "Promise<string>")]
    pub fn hash<'env>(&self, env: &'env Env, of_state: Unknown<'env>) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let of_state = argument::boolean(&of_state, "ofState")?;
            let content = Arc::clone(&self.content);
            job::run_until(env, Arc::default(), move |cancel| {
                let mut content = locked(&content);
                let content = content.as_mut().ok_or_else(gone)?;
                let mut hash = Sha256::new();
                for piece in pieces(content.size(of_state)?, cancel) {
                    let (from, length) = piece?;
                    hash.update(content.read(of_state, from, length)?);
                }
                Ok(hexadecimal(hash))
            })
        })
    }

    /// Lets go of weights and state.
    #[napi(catch_unwind)]
    pub fn free(&self) -> Result<(), ErrorCode> {
        guard(|| {
            let Some(Content { parameters, weights, state, .. }) = self.content().take() else {
                return Ok(());
            };
            // What the model has, too, is let go at once: else it would be copied by a training that goes on.
            let only = Arc::strong_count(&parameters) == 1;
            discard(Some(parameters), |_| if only { weights.bytes } else { 0 });
            discard(state.map(|state| state.optimizer), SavedState::own_bytes);
            Ok(())
        })
    }
}

impl NativeSnapshot {
    fn content(&self) -> MutexGuard<'_, Option<Content>> {
        locked(&self.content)
    }
}

impl Content {
    /// The bytes of a file. Fails with `ERR_OPTION` where there is no state.
    fn size(&self, of_state: bool) -> Outcome<usize> {
        let state = || self.state.as_ref().map(|state| state.layout.bytes);
        let size = if of_state { state() } else { Some(self.weights.bytes) };
        size.ok_or_else(|| Failure::new(ErrorCode::OPTION, "ofState: there is no state"))
    }

    /// Bytes of a file, those from `from` on. Fails with `ERR_OPTION` where it has not so many.
    fn read(&mut self, of_state: bool, from: usize, count: usize) -> Outcome<&[u8]> {
        let size = self.size(of_state)?;
        let Self { parameters, weights, state, piece } = self;
        if from.checked_add(count).is_none_or(|end| end > size) {
            let message = format!("from: the file has not {count} bytes from {from} on");
            return Err(Failure::new(ErrorCode::OPTION, message));
        }
        piece
            .try_reserve(count.saturating_sub(piece.len()))
            .map_err(|_| Failure::memory("A piece", count))?;
        piece.resize(count, 0);
        match state.as_ref().filter(|_| of_state) {
            None => weights.read(from, piece, |&tensor| weight_values(parameters, tensor)),
            Some(State { optimizer, own, layout }) => {
                layout.read(from, piece, |&role| state_values(optimizer, own, role));
            }
        }
        Ok(piece)
    }
}

#[napi]
impl NativeModel {
    /// The weights as they are and, `withState`, the state of the training, to be read as files.
    ///
    /// Errors: `ERR_STATE`, also before `compile` if the state is asked for; `ERR_MEMORY`.
    #[napi(
        catch_unwind,
        ts_args_type = "withState: boolean, metadata?: Record<string, string>",
        ts_return_type = "Promise<NativeSnapshot>"
    )]
    pub fn snapshot<'env>(
        &self,
        env: &'env Env,
        with_state: Unknown<'env>,
        metadata: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let with_state = argument::boolean(&with_state, "withState")?;
            let metadata = read_metadata(&metadata)?;
            self.shared.later(env, Arc::default(), move |trainer, _| {
                let parameters = trainer.shared_parameters();
                let weights = weights_layout(&parameters, metadata.clone())?;
                let state = with_state.then(|| state_of(trainer, metadata)).transpose()?;
                let content = Content { parameters, weights, state, piece: Vec::new() };
                Ok(NativeSnapshot { content: Arc::new(Mutex::new(Some(content))) })
            })
        })
    }
}

fn gone() -> Failure {
    Failure::new(ErrorCode::STATE, "The snapshot was freed before")
}
