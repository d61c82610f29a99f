//! Files that JavaScript has opened, read at any place by several threads.

use crate::error::{ErrorCode, Failure, Outcome};
use seqloom_graph::{Code, Error};

/// A file of its own for a descriptor of Node.js: whoever reads it does not care when JavaScript closes that one.
#[cfg(unix)]
pub(crate) struct Opened(std::fs::File);

#[cfg(unix)]
impl Opened {
    /// Fails with `ERR_IO` for a number that is no descriptor.
    pub(crate) fn of(descriptor: usize) -> Outcome<Self> {
        use std::os::fd::BorrowedFd;
        let refused = |why: String| Failure::new(ErrorCode::IO, why);
        let number = i32::try_from(descriptor).map_err(|error| refused(error.to_string()))?;
        // SAFETY: the number is at least 0, and is used in this line only: the system refuses to duplicate what is no descriptor.
        let owned = unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned();
        Ok(Self(owned.map_err(|error| refused(error.to_string()))?.into()))
    }

    /// Fills memory with the bytes from a place on.
    ///
    /// Fails with `ERR_IO`, and with `ERR_FORMAT` where the file ends before.
    pub(crate) fn read(&self, offset: usize, into: &mut [u8]) -> seqloom_graph::Result<()> {
        use std::io::ErrorKind;
        use std::os::unix::fs::FileExt;
        self.0.read_exact_at(into, offset as u64).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => Error::new(Code::Format, "it ends too early"),
            _ => Error::new(Code::Io, error.to_string()),
        })
    }
}

/// Nothing: a descriptor of Node.js means something to its own C library only.
#[cfg(not(unix))]
pub(crate) struct Opened;

#[cfg(not(unix))]
impl Opened {
    pub(crate) fn of(_descriptor: usize) -> Outcome<Self> {
        Err(Failure::new(ErrorCode::UNSUPPORTED, "Descriptors of files cannot be passed on here"))
    }

    pub(crate) fn read(&self, _offset: usize, _into: &mut [u8]) -> seqloom_graph::Result<()> {
        Err(Error::new(Code::Unsupported, "Descriptors of files cannot be passed on here"))
    }
}
