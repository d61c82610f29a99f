//! Several processes that train one model, by MPI.

mod library;
mod transfer;
mod world;

use crate::error::{ErrorCode, Failure, Outcome, guard};
use crate::{argument, cancel, job};
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
            facts: gather(&world, facts.into_bytes(), &AtomicBool::new(false))?
                .into_iter()
                .map(|text| String::from_utf8_lossy(&text).into_owned())
                .collect(),
        })
    })
}

/// Gives the bytes of each rank to all; resolves to them, by rank.
///
/// Errors: `ERR_STATE` before `beginMpi`, and if another rank has failed; `ERR_MEMORY`; `ABORTED`.
#[napi(
    catch_unwind,
    ts_args_type = "bytes: Uint8Array, cancel?: CancelFlag",
    ts_return_type = "Promise<Uint8Array[]>"
)]
pub fn gather_bytes<'env>(
    env: &'env Env,
    bytes: Unknown<'env>,
    cancel: Unknown<'env>,
) -> Result<Object<'env>, ErrorCode> {
    guard(|| {
        let own: Vec<u8> = argument::elements(&bytes, "bytes")?;
        let world = begun()?;
        job::run_until(env, cancel::read(&cancel, "cancel")?, move |cancel| {
            let all = gather(&world, own, cancel)?;
            Ok(all.into_iter().map(Uint8Array::new).collect::<Vec<_>>())
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
fn words(bytes: &[u8]) -> Outcome<Vec<f32>> {
    let (whole, rest) = bytes.as_chunks::<4>();
    let mut words = room(whole.len() + 1)?;
    words.extend(whole.iter().map(|word| f32::from_ne_bytes(*word)));
    if !rest.is_empty() {
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        words.push(f32::from_ne_bytes(last));
    }
    Ok(words)
}

fn bytes(words: &[f32], len: usize) -> Outcome<Vec<u8>> {
    let mut bytes = room(words.len() * 4)?;
    bytes.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
    bytes.truncate(len);
    Ok(bytes)
}

fn room<T>(len: usize) -> Outcome<Vec<T>> {
    let mut list = Vec::new();
    list.try_reserve_exact(len)
        .map_err(|_| Failure::memory("What ranks send each other", len * size_of::<T>()))?;
    Ok(list)
}

/// The bytes of every rank, by rank.
fn gather(world: &World, own: Vec<u8>, cancel: &AtomicBool) -> Outcome<Vec<Vec<u8>>> {
    let size = world.size();
    let lens = exchange(world, &(own.len() as u64).to_le_bytes(), &vec![8; size], cancel)?;
    let read = |bytes: &Vec<u8>| {
        let len = <[u8; 8]>::try_from(&bytes[..]).map_or(0, u64::from_le_bytes);
        usize::try_from(len).map_err(|_| Failure::memory("What a rank sends", usize::MAX))
    };
    let mut lens = lens.iter().map(read).collect::<Outcome<Vec<usize>>>()?;
    lens[world.rank()] = own.len();
    let mut all = exchange(world, &own, &lens, cancel)?;
    all[world.rank()] = own;
    Ok(all)
}

/// Sends all ranks the same and receives so many bytes from each; nothing from itself.
fn exchange(world: &World, own: &[u8], lens: &[usize], cancel: &AtomicBool) -> Outcome<Vec<Vec<u8>>> {
    let mut parcels = Parcels::new(world.size());
    parcels.outgoing.fill(Arc::new(words(own)?));
    for (from, (&len, parcel)) in lens.iter().zip(&mut parcels.incoming).enumerate() {
        if from != world.rank() {
            let len = len.div_ceil(4);
            *parcel = room(len)?;
            parcel.resize(len, 0.0);
        }
    }
    let received = world.carry(parcels, cancel)?.incoming;
    received.iter().zip(lens).map(|(words, &len)| bytes(words, len)).collect()
}
