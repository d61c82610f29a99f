//! Models to and from the bytes of their files, on other threads.

use crate::array::Bytes;
use crate::error::{ErrorCode, Failure, Outcome, guard};
use crate::model::{CARRIED, NativeModel, STEP, digits, put_state};
use crate::safetensors::{Values, Written, file, floats, opened, read_metadata};
use crate::staged;
use ::safetensors::Dtype;
use napi::bindgen_prelude::{Object, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use seqloom_graph::optim::StateTensor;
use seqloom_graph::train::Trainer;
use std::collections::HashMap;
use std::sync::Arc;

#[napi]
impl NativeModel {
    /// The weights as the bytes of a safetensors file.
    ///
    /// Errors: `ERR_STATE`, `ERR_MEMORY`.
    #[napi(
        catch_unwind,
        ts_args_type = "metadata?: Record<string, string>",
        ts_return_type = "Promise<Uint8Array>"
    )]
    pub fn weights_file<'env>(
        &self,
        env: &'env Env,
        metadata: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let metadata = read_metadata(&metadata)?;
            self.shared.later(env, Arc::default(), move |trainer, _| {
                let parameters = trainer.parameters();
                let written = parameters.slots().iter().enumerate().map(|(index, slot)| Written {
                    name: &slot.name,
                    shape: &slot.shape,
                    values: Values::F32(parameters.get(index).unwrap_or_default()),
                });
                file(written.collect(), metadata)
            })
        })
    }

    /// What `optimizerState` gives, as the bytes of a safetensors file.
    ///
    /// Errors: `ERR_STATE`, also before `compile`; `ERR_MEMORY`.
    #[napi(
        catch_unwind,
        ts_args_type = "metadata?: Record<string, string>",
        ts_return_type = "Promise<Uint8Array>"
    )]
    pub fn state_file<'env>(
        &self,
        env: &'env Env,
        metadata: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let metadata = read_metadata(&metadata)?;
            self.shared.later(env, Arc::default(), move |trainer, _| state_file(trainer, metadata))
        })
    }

    /// Replaces all weights by those of a safetensors file, or none.
    ///
    /// Errors: `ERR_FORMAT` if they are not the model's, `ERR_DATA` for values that are not finite, `ERR_STATE`,
    /// `ERR_MEMORY`.
    #[napi(
        catch_unwind,
        ts_args_type = "bytes: Uint8Array | StagedArray",
        ts_return_type = "Promise<undefined>"
    )]
    pub fn read_weights<'env>(
        &self,
        env: &'env Env,
        bytes: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let bytes = staged::bytes(&bytes, "bytes")?;
            self.shared.later(env, Arc::default(), move |trainer, _| read_weights(trainer, &bytes))
        })
    }

    /// Puts the optimizer's state of a safetensors file back, all of it or none.
    ///
    /// Errors: `ERR_FORMAT` if it is not the state of this optimizer, `ERR_STATE`, also before `compile`; `ERR_MEMORY`.
    #[napi(
        catch_unwind,
        ts_args_type = "bytes: Uint8Array | StagedArray",
        ts_return_type = "Promise<undefined>"
    )]
    pub fn read_state<'env>(&self, env: &'env Env, bytes: Unknown<'env>) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let bytes = staged::bytes(&bytes, "bytes")?;
            self.shared.later(env, Arc::default(), move |trainer, _| put_state(trainer, states_of(&bytes)?))
        })
    }
}

fn state_file(trainer: &mut Trainer, metadata: Option<HashMap<String, String>>) -> Outcome<Bytes> {
    let step = digits(trainer.optimizer()?.step_count());
    let (state, carried) = trainer.state_parts()?;
    let names: Vec<String> = (0..carried.len()).map(|index| format!("{CARRIED}{index}")).collect();
    let mut lists: Vec<(&str, &[f32])> = vec![(STEP, &step)];
    lists.extend(state.iter().map(|&(ref name, data)| (name.as_str(), data)));
    lists.extend(names.iter().zip(carried).map(|(name, data)| (name.as_str(), &data[..])));
    let lengths: Vec<[usize; 1]> = lists.iter().map(|(_, data)| [data.len()]).collect();
    let written = lists.iter().zip(&lengths).map(|(&(name, data), shape)| Written {
        name,
        shape,
        values: Values::F32(data),
    });
    file(written.collect(), metadata)
}

fn read_weights(trainer: &mut Trainer, bytes: &[u8]) -> Outcome<()> {
    let file = opened(bytes)?;
    let slots = trainer.parameters().slots();
    if file.len() != slots.len() {
        let message = format!("it has {} weights, the model has {}", file.len(), slots.len());
        return Err(Failure::new(ErrorCode::FORMAT, message));
    }
    let weights = slots.iter().map(|slot| {
        let found = file.tensor(&slot.name).ok();
        let fitting = found.filter(|view| view.dtype() == Dtype::F32 && view.shape() == &slot.shape[..]);
        let view = fitting.ok_or_else(|| {
            let message = format!("it has no weight '{}' of shape {:?}", slot.name, slot.shape);
            Failure::new(ErrorCode::FORMAT, message)
        })?;
        floats(view.data(), &slot.name)
    });
    let weights: Vec<Vec<f32>> = weights.collect::<Outcome<_>>()?;
    Ok(trainer.set_weights(&weights)?)
}

fn states_of(bytes: &[u8]) -> Outcome<Vec<StateTensor>> {
    let file = opened(bytes)?;
    file.iter()
        .map(|(name, view)| {
            if view.dtype() != Dtype::F32 {
                let message = format!("the state '{name}' has the dtype {}, not F32", view.dtype());
                return Err(Failure::new(ErrorCode::FORMAT, message));
            }
            let data = floats(view.data(), name)?;
            Ok(StateTensor { name: name.to_owned(), shape: vec![data.len()], data })
        })
        .collect()
}
