//! File locks: held by one thread of one process at a time, and released when that process ends, however it ends.

use crate::argument;
use crate::error::{ErrorCode, Failure, Outcome, guard};
use napi::Result;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;
use std::cell::RefCell;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// A lock on a file.
#[napi]
pub struct FileLock {
    file: RefCell<Option<File>>,
}

#[napi]
impl FileLock {
    /// Locks a file, which is created if it is missing; `null` while somebody else holds the lock. On a file system
    /// without locks, everybody gets one.
    ///
    /// Errors: `ERR_IO` if the file cannot be opened.
    #[napi(catch_unwind, ts_args_type = "path: string", ts_return_type = "FileLock | null")]
    pub fn attempt(path: Unknown<'_>) -> Result<Option<FileLock>, ErrorCode> {
        guard(|| {
            let path = argument::string(&path, "path")?;
            Ok(attempt(Path::new(&path))?.map(|file| Self { file: RefCell::new(Some(file)) }))
        })
    }

    /// Releases the lock.
    #[napi(catch_unwind)]
    pub fn release(&self) {
        drop(self.file.borrow_mut().take());
    }
}

fn attempt(path: &Path) -> Outcome<Option<File>> {
    let failed = |error: io::Error| Failure::new(ErrorCode::IO, error.to_string());
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(None),
        // The previous holder may have removed the file since it was opened; others then lock a new file.
        _ => Ok(is_at(&file, path).then_some(file)),
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |found: io::Result<std::fs::Metadata>| found.ok().map(|found| (found.dev(), found.ino()));
    let place_of_file = place(file.metadata());
    place_of_file.is_some() && place_of_file == place(path.symlink_metadata())
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}
