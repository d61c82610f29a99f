//! Memory that the library beneath takes: it ends the process where there is none, so what a piece of work may take is asked for first.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Code, Error};

/// What a byte of a text takes at most while its tokens are looked for: text of nothing but marks, each a word, takes the most.
const BYTES_A_BYTE: usize = 384;

/// Asking may take as long as work on less memory.
const WORTH_ASKING: usize = 2 << 20;

/// Says whether so many bytes can be had; whoever uses this crate may know more of the process than the allocator does.
#[derive(Clone, Copy, Debug)]
pub struct Room(fn(usize) -> bool);

impl Default for Room {
    fn default() -> Self {
        Self(|bytes| {
            let mut block = Vec::<u8>::new();
            let had = block.try_reserve_exact(bytes).is_ok();
            // Else the compiler may leave the attempt out.
            black_box(&block);
            had
        })
    }
}

impl Room {
    /// Memory of which `room` says whether so many bytes can be had.
    pub fn asked_of(room: fn(usize) -> bool) -> Self {
        Self(room)
    }

    /// Asks for a number of bytes; `what` takes them.
    ///
    /// # Errors
    /// `ERR_MEMORY`.
    pub(crate) fn for_bytes(self, bytes: usize, what: impl FnOnce() -> String) -> Result<(), Error> {
        if (self.0)(bytes) {
            return Ok(());
        }
        Err(Error::new(
            Code::Memory,
            format!("{} may take {bytes} bytes of memory, which cannot be had", what()),
        ))
    }
}

/// What work on pieces of texts holds together, on all threads.
pub(crate) struct Held {
    room: Room,
    bytes: AtomicUsize,
    /// What was taken since the last time that it was asked.
    unasked: AtomicUsize,
}

impl Held {
    pub(crate) fn of(room: Room) -> Self {
        Self { room, bytes: AtomicUsize::new(0), unasked: AtomicUsize::new(0) }
    }

    /// Does work on a piece of a text if there is memory for what it may take besides what is held.
    ///
    /// # Errors
    /// `ERR_MEMORY`, and those of the work.
    pub(crate) fn during<T>(
        &self,
        text: usize,
        piece: &str,
        work: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let bytes = piece.len().saturating_mul(BYTES_A_BYTE);
        let all = self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        let asks = self.unasked.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) >= WORTH_ASKING;
        let room = if asks {
            self.unasked.store(0, Ordering::Relaxed);
            self.room.for_bytes(all, || format!("text {text}: {} bytes of it", piece.len()))
        } else {
            Ok(())
        };
        let done = room.and_then(|()| work());
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        done
    }

    /// Counts what stays when work on a piece has ended.
    pub(crate) fn keep(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}
