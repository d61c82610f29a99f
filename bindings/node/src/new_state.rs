//! The state of a training that a model will go on from: its optimizer's, the number of batches, and what stateful layers
//! carry. It comes from JavaScript array by array, or from a file piece by piece.

use crate::argument;
use crate::error::{ErrorCode, Failure, Outcome, guard};
use crate::file_reader::{FileReader, Part, PartKind, Place, Target, copy_words};
use crate::job::locked;
use crate::model::NativeModel;
use crate::whole_file::WholeFile;
use ::safetensors::Dtype;
use ::safetensors::tensor::Metadata;
use napi::bindgen_prelude::{ClassInstance, Object, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use seqloom_graph::optim::NewState;
use seqloom_graph::train::Trainer;
use std::sync::{Arc, Mutex, MutexGuard};

/// The name of the number of batches among the optimizer's state; weights' states have a slash in theirs.
pub(crate) const STEP: &str = "step";

/// What the names of carried states begin with; a number follows, as it never does in an optimizer's state.
const CARRIED: &str = "carried/";

/// The name of a carried state.
pub(crate) fn carried_name(index: usize) -> String {
    format!("{CARRIED}{index}")
}

/// A number of batches as four digits of base 65536, the least first.
pub(crate) fn digits(step: u64) -> Vec<f32> {
    (0..4).map(|digit| f32::from((step >> (16 * digit)) as u16)).collect()
}

fn number(digits: &[f32]) -> Option<u64> {
    let digit = |&value: &f32| {
        let whole = value as u16;
        (f32::from(whole) == value).then_some(u64::from(whole))
    };
    if digits.len() != 4 {
        return None;
    }
    digits.iter().rev().try_fold(0, |number, value| Some(number << 16 | digit(value)?))
}

/// What an array is.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    /// The optimizer's state of this number.
    Optimizer(usize),
    /// The other list of this number: the number of batches, or a carried state.
    Own(usize),
}

/// The state, as far as it has come.
pub(crate) struct NewTraining {
    optimizer: NewState,
    /// The others, by their names.
    own: Vec<(String, Vec<f32>)>,
    roles: Vec<Role>,
}

impl NewTraining {
    pub(crate) fn new(trainer: &Trainer) -> Outcome<Self> {
        Ok(Self { optimizer: trainer.optimizer()?.new_state()?, own: Vec::new(), roles: Vec::new() })
    }

    /// Announces an array of so many elements; gives its number.
    pub(crate) fn announce(&mut self, name: &str, len: usize) -> Outcome<usize> {
        let carried = name.strip_prefix(CARRIED).is_some_and(|index| index.parse::<usize>().is_ok());
        self.roles.push(if name == STEP || carried {
            self.own.push((name.to_owned(), Vec::new()));
            Role::Own(self.own.len() - 1)
        } else {
            Role::Optimizer(self.optimizer.announce(name, len)?)
        });
        Ok(self.roles.len() - 1)
    }

    /// Appends elements that `fill` gives to the array of this number.
    pub(crate) fn append(
        &mut self,
        index: usize,
        count: usize,
        fill: impl FnOnce(&mut [f32]),
    ) -> Outcome<()> {
        match self.roles[index] {
            Role::Optimizer(state) => Ok(self.optimizer.append(state, count, fill)?),
            Role::Own(own) => {
                let list = &mut self.own[own].1;
                let before = list.len();
                list.try_reserve(count).map_err(|_| Failure::memory("The carried states", count))?;
                list.resize(before + count, 0.0);
                fill(&mut list[before..]);
                Ok(())
            }
        }
    }

    /// Gives it to the model, which stays as it is if something is wrong.
    pub(crate) fn put(self, trainer: &mut Trainer) -> Outcome<()> {
        let Self { optimizer, mut own, .. } = self;
        let step = own
            .iter()
            .position(|(name, _)| name == STEP)
            .and_then(|at| number(&own.swap_remove(at).1))
            .ok_or_else(|| {
                let message = format!("state: '{STEP}' is missing, or not four digits of base 65536");
                Failure::new(ErrorCode::FORMAT, message)
            })?;
        own.sort_by_key(|(name, _)| name.strip_prefix(CARRIED).and_then(|index| index.parse::<usize>().ok()));
        Ok(trainer.take_state(step, optimizer, own.into_iter().map(|(_, data)| data).collect())?)
    }
}

impl Target for NewTraining {
    fn parts(&mut self, header: &Metadata) -> Outcome<Vec<(Place, Part)>> {
        let mut found = Vec::new();
        for (name, info) in header.tensors() {
            let (kind, size) = match info.dtype {
                Dtype::F32 => (PartKind::Floats, size_of::<f32>()),
                Dtype::BF16 => (PartKind::Bfloat16, size_of::<u16>()),
                other => {
                    let message = format!("the state '{name}' has the dtype {other}, not F32 or BF16");
                    return Err(Failure::new(ErrorCode::FORMAT, message));
                }
            };
            // That shape and place fit each other, the library has checked.
            let (start, end) = info.data_offsets;
            let length = (end - start) / size;
            let index = self.announce(&name, length)?;
            found.push(((start, end), Part { index, kind, length }));
        }
        Ok(found)
    }

    fn write(&mut self, part: Part, _: usize, bytes: &[u8]) -> Outcome<()> {
        if matches!(part.kind, PartKind::Bfloat16) {
            let halves = bytes.as_chunks::<2>().0;
            return self.append(part.index, halves.len(), |target| {
                for (value, &half) in target.iter_mut().zip(halves) {
                    *value = f32::from_bits(u32::from(u16::from_le_bytes(half)) << 16);
                }
            });
        }
        let words = bytes.as_chunks::<4>().0;
        self.append(part.index, words.len(), |target| copy_words(words, target))
    }
}

/// Memory for the state of a training, which a model has after `takeState`.
#[napi]
pub struct NativeNewState {
    /// Locked by a thread that reads a file: JavaScript waits for its promise before it does anything else.
    content: Arc<Mutex<Content>>,
}

type Content = (Option<NewTraining>, FileReader);

impl NativeNewState {
    fn content(&self) -> MutexGuard<'_, Content> {
        locked(&self.content)
    }
}

#[napi]
impl NativeNewState {
    /// Takes the next bytes of a safetensors file of `size` bytes, the state as `NativeSnapshot` gives it.
    ///
    /// Errors: `ERR_FORMAT` if it is not such a file, or not the state of this optimizer; `ERR_STATE`, `ERR_MEMORY`.
    #[napi(catch_unwind, ts_args_type = "bytes: Uint8Array, size: number")]
    pub fn append_file(&self, bytes: Unknown<'_>, size: Unknown<'_>) -> Result<(), ErrorCode> {
        guard(|| {
            let size = argument::integer(&size, "size", 0)?;
            let (state, file) = &mut *self.content();
            file.append(&bytes, size, state.as_mut().ok_or_else(gone)?)
        })
    }

    /// Reads a safetensors file of `size` bytes, as `appendFile` takes it, on other threads. Gives whether it has the SHA-256
    /// `sha256`, if that is given; what else is wrong with a file that has not is not told.
    ///
    /// Errors: those of `appendFile`; `ERR_FORMAT` if the file ends too early, `ERR_IO`. Not available on Windows.
    #[napi(
        catch_unwind,
        ts_args_type = "descriptor: number, size: number, sha256?: string",
        ts_return_type = "Promise<boolean>"
    )]
    pub fn read_file<'env>(
        &self,
        env: &'env Env,
        descriptor: Unknown<'env>,
        size: Unknown<'env>,
        sha256: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let whole = WholeFile::of(&descriptor, &size, &sha256)?;
            whole.read_into(env, &self.content, |content| Ok(content.0.as_mut().ok_or_else(gone)?))
        })
    }

    /// Frees the memory.
    #[napi(catch_unwind)]
    pub fn free(&self) -> Result<(), ErrorCode> {
        guard(|| {
            self.content().0 = None;
            Ok(())
        })
    }
}

#[napi]
impl NativeModel {
    /// Memory for the state of a training of this model.
    ///
    /// Errors: `ERR_STATE`, also before `compile`; `ERR_MEMORY`.
    #[napi(catch_unwind, ts_return_type = "Promise<NativeNewState>")]
    pub fn new_state<'env>(&self, env: &'env Env) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            self.shared.later_undrawn(env, Arc::default(), |trainer, _| {
                let content = (Some(NewTraining::new(trainer)?), FileReader::default());
                Ok(NativeNewState { content: Arc::new(Mutex::new(content)) })
            })
        })
    }

    /// Goes on from what was written, all of it or none, on another thread.
    ///
    /// Errors: `ERR_FORMAT` if it is not all there, or not the state of this optimizer; `ERR_STATE`, also before
    /// `compile`.
    #[napi(catch_unwind, ts_args_type = "state: NativeNewState", ts_return_type = "Promise<undefined>")]
    pub fn take_state<'env>(&self, env: &'env Env, state: Unknown<'env>) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            // SAFETY: the conversion checks the class and its type tag.
            let given = unsafe { state.cast::<ClassInstance<'_, NativeNewState>>() }
                .map_err(|_| Failure::new(ErrorCode::DATA, "state: expected new state"))?;
            let new = given.content().0.take().ok_or_else(gone)?;
            self.shared.later_undrawn(env, Arc::default(), move |trainer, _| new.put(trainer))
        })
    }
}

fn gone() -> Failure {
    Failure::new(ErrorCode::STATE, "The new state was taken or freed before")
}
