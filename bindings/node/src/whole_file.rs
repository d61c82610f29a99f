//! Safetensors files that are read to their end on one thread, and hashed on another.

use crate::argument::{self, is_missing};
use crate::descriptor::Opened;
use crate::error::{ErrorCode, Failure, Outcome};
use crate::file_reader::{FileReader, Target};
use crate::job::{self, locked};
use napi::Env;
use napi::bindgen_prelude::{Object, Unknown};
use seqloom_graph::{Error, bytes_for};
use seqloom_kernels::AlignedVec;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::{Builder, scope};

/// Bytes that are read at once: few enough for both threads to find them in a cache.
pub(crate) const PIECE: usize = 1 << 20;

/// Pieces in memory: what is read, and what waits to be hashed.
const PIECES: usize = 4;

/// A SHA-256 in hexadecimal digits.
pub(crate) fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Where pieces begin and how long they are; it ends early once the work is cancelled.
pub(crate) fn pieces(size: usize, cancel: &AtomicBool) -> impl Iterator<Item = Outcome<(usize, usize)>> {
    (0..size).step_by(PIECE).map(move |from| {
        let go_on = !cancel.load(Ordering::Relaxed);
        go_on.then_some((from, PIECE.min(size - from))).ok_or_else(|| Error::aborted().into())
    })
}

/// A file that JavaScript has opened, of this size.
pub(crate) struct WholeFile {
    file: Opened,
    size: usize,
    sha256: Option<String>,
}

impl WholeFile {
    /// One that shall have a SHA-256, if that is given.
    pub(crate) fn of(descriptor: &Unknown<'_>, size: &Unknown<'_>, sha256: &Unknown<'_>) -> Outcome<Self> {
        let sha256 = if is_missing(sha256) { None } else { Some(argument::string(sha256, "sha256")?) };
        let size = argument::integer(size, "size", 0)?;
        Ok(Self { file: Opened::of(argument::integer(descriptor, "descriptor", 0)?)?, size, sha256 })
    }

    /// Reads it on other threads, into what `target` finds in a content that JavaScript uses again only after that; see
    /// [`Self::read`].
    pub(crate) fn read_into<'env, C: Send + 'static>(
        self,
        env: &'env Env,
        content: &Arc<Mutex<C>>,
        target: fn(&mut C) -> Outcome<&mut dyn Target>,
    ) -> Outcome<Object<'env>> {
        let content = Arc::clone(content);
        job::run_until(env, Arc::default(), move |cancel| self.read(cancel, target(&mut locked(&content))?))
    }

    /// Hands the file to what takes its tensors. Gives whether it has the SHA-256 that it shall have: what else is wrong with
    /// a file that has not is not told.
    fn read(&self, cancel: &AtomicBool, into: &mut dyn Target) -> Outcome<bool> {
        let Self { file, size, sha256 } = self;
        let size = *size;
        let mut reader = FileReader::default();
        let room = || bytes_for(PIECE.min(size), "A piece of the file");
        let mut wrong = reader.take_next(&[], size, into);
        let Some(sha256) = sha256 else {
            let mut room = room()?;
            for piece in pieces(size, cancel) {
                let (from, length) = piece?;
                wrong?;
                file.read(from, &mut room[..length])?;
                wrong = reader.take_next(&room[..length], size, into);
            }
            return wrong.map(|()| true);
        };
        scope(|scope| {
            let (hashed, read) = channel::<(Arc<AlignedVec<u8>>, usize)>();
            let (freed, free) = channel();
            for _ in 0..PIECES {
                let _ = freed.send(Arc::new(room()?));
            }
            let hashing = Builder::new().name("seqloom-hash".to_owned()).spawn_scoped(scope, move || {
                let mut hash = Sha256::new();
                for (piece, length) in read {
                    hash.update(&piece[..length]);
                    // Nobody waits for the last ones.
                    let _ = freed.send(piece);
                }
                hexadecimal(hash)
            });
            let hashing =
                hashing.map_err(|error| Failure::new(ErrorCode::NATIVE, format!("No thread: {error}")))?;
            for piece in pieces(size, cancel) {
                let (from, length) = piece?;
                let mut room = free.recv().map_err(|_| ended())?;
                let bytes =
                    Arc::get_mut(&mut room).and_then(|room| room.get_mut(..length)).ok_or_else(ended)?;
                file.read(from, bytes)?;
                hashed.send((Arc::clone(&room), length)).map_err(|_| ended())?;
                if wrong.is_ok() {
                    wrong = reader.take_next(&room[..length], size, into);
                }
            }
            drop(hashed);
            if hashing.join().map_err(|_| ended())? != *sha256 {
                return Ok(false);
            }
            wrong.map(|()| true)
        })
    }
}

fn ended() -> Failure {
    Failure::new(ErrorCode::NATIVE, "The thread that hashes a file has ended")
}
