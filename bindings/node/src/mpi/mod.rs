//! Several processes that train one model, by MPI.

mod library;
mod transfer;
mod world;

use crate::error::{ErrorCode, Failure, Outcome, guard};
use crate::{argument, job};
use napi::bindgen_prelude::{Object, Uint8Array, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use seqloom_graph::train::{Group, Parcels};
use std::ffi::c_int;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use world::World;
pub(crate) use world::world;

/// The ranks of a job.
#[napi(object, object_from_js = false)]
pub struct NativeRanks {
    /// The number of this one, from 0.
    pub rank: u32,
    /// How many there are.
    pub size: u32,
    /// The library's name and version.
    pub library: String,
    /// What each rank has told of itself.
    pub facts: Vec<String>,
}

/// Whether there is an MPI library.
///
/// Errors: `ERR_UNSUPPORTED` that says what to install.
#[napi(catch_unwind)]
pub fn find_mpi() -> Result<(), ErrorCode> {
    guard(|| library::open().map(|_| ()))
}

/// Begins MPI, waits for all ranks and exchanges what each tells of itself.
///
/// Errors: `ERR_UNSUPPORTED` without a library, `ERR_OPTION` for a timeout that is none, `ERR_STATE`, `ERR_NATIVE`.
#[napi(catch_unwind, ts_args_type = "facts: string")]
pub fn begin_mpi(facts: Unknown<'_>) -> Result<NativeRanks, ErrorCode> {
    guard(|| {
        let facts = argument::string(&facts, "facts")?;
        let world = world::begin()?;
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(NativeRanks {
            rank: number(world.rank()),
            size: number(world.size()),
            library: world.version.clone(),
            facts: gather(&world, facts)?,
        })
    })
}

/// Sends bytes from rank 0 to all others, who give none; resolves to them.
///
/// Errors: `ERR_STATE` before `beginMpi`, and if another rank has failed; `ERR_MEMORY`.
#[napi(catch_unwind, ts_args_type = "bytes?: Uint8Array", ts_return_type = "Promise<Uint8Array>")]
pub fn share_bytes<'env>(env: &'env Env, bytes: Unknown<'env>) -> Result<Object<'env>, ErrorCode> {
    guard(|| {
        let own =
            if argument::is_missing(&bytes) { Vec::new() } else { argument::elements(&bytes, "bytes")? };
        let world = begun()?;
        let cancel = Arc::new(AtomicBool::new(false));
        job::run_until(env, cancel, move |cancel| {
            let len = first_of(&world, &(own.len() as u64).to_le_bytes(), 8, cancel)?;
            let len = <[u8; 8]>::try_from(&len[..]).map_or(0, u64::from_le_bytes);
            let len = usize::try_from(len).map_err(|_| Failure::memory("What rank 0 sends", usize::MAX))?;
            first_of(&world, &own, len, cancel).map(Uint8Array::new)
        })
    })
}

/// Tells the other ranks that this one cannot go on.
///
/// Errors: `ERR_STATE` before `beginMpi`.
#[napi(catch_unwind, ts_args_type = "why: string")]
pub fn fail_mpi(why: Unknown<'_>) -> Result<(), ErrorCode> {
    guard(|| {
        begun()?.fail(argument::string(&why, "why")?);
        Ok(())
    })
}

/// Says that the process ends with this exit code: MPI ends, and if it is another one than 0, or after a failure, the
/// whole job does.
///
/// Errors: `ERR_STATE` before `beginMpi`.
#[napi(catch_unwind, ts_args_type = "code: number")]
pub fn end_mpi(code: Unknown<'_>) -> Result<(), ErrorCode> {
    guard(|| {
        begun()?.leave(argument::number(&code, "code")? as c_int);
        Ok(())
    })
}

fn begun() -> Outcome<Arc<World>> {
    world().ok_or_else(|| Failure::new(ErrorCode::STATE, "MPI has not begun"))
}

/// Bytes as the numbers that ranks exchange; they are moved, never computed with.
fn words(bytes: &[u8], len: usize) -> Vec<f32> {
    let mut padded = bytes.to_vec();
    padded.resize(len.div_ceil(4) * 4, 0);
    padded.as_chunks::<4>().0.iter().map(|word| f32::from_ne_bytes(*word)).collect()
}

fn bytes(words: &[f32], len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    bytes.truncate(len);
    bytes
}

/// A text of every rank, of at most so many bytes.
fn gather(world: &World, own: String) -> Outcome<Vec<String>> {
    const MOST: usize = 1024;
    let mut parcels = Parcels::new(world.size());
    let sent = Arc::new(words(own.as_bytes(), MOST));
    parcels.outgoing.fill(Arc::clone(&sent));
    parcels.incoming.fill(vec![0.0; sent.len()]);
    let mut received = world.carry(parcels, &AtomicBool::new(false))?.incoming;
    received[world.rank()] = sent.to_vec();
    let text =
        |words: &Vec<f32>| String::from_utf8_lossy(&bytes(words, MOST)).trim_end_matches('\0').to_owned();
    Ok(received.iter().map(text).collect())
}

/// Bytes of rank 0, of which all ranks know how many there are.
fn first_of(world: &World, own: &[u8], len: usize, cancel: &AtomicBool) -> Outcome<Vec<u8>> {
    let mut parcels = Parcels::new(world.size());
    if world.rank() > 0 {
        parcels.incoming[0] = vec![0.0; len.div_ceil(4)];
        return Ok(bytes(&world.carry(parcels, cancel)?.incoming[0], len));
    }
    parcels.outgoing.fill(Arc::new(words(own, len)));
    world.carry(parcels, cancel)?;
    Ok(own[..len].to_vec())
}
