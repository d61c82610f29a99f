//! Sending and receiving, always ready to hear that another rank has failed.

use super::library::Library;
use crate::error::{ErrorCode, Failure, Outcome};
use seqloom_graph::train::Parcels;
use std::ffi::{c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Tags of messages: numbers, and notices that a rank has ended.
const NUMBERS: c_int = 1;
const NOTICE: c_int = 2;

/// Bytes of a notice: its kind, the rank, the length of the text, the text.
const NOTICE_BYTES: usize = 1024;
const NOTICE_HEAD: usize = 8;

/// The most numbers in a message, which MPI counts in an `int` of bytes.
const MOST: usize = 1 << 28;

/// How long a rank only yields while it waits, before it begins to sleep between two looks.
const EAGER: Duration = Duration::from_millis(2);
const NAP: Duration = Duration::from_micros(100);

/// How long what another rank sent may still be under way when its notice has come.
const LATE: Duration = Duration::from_millis(500);

/// How a rank has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Finished = 0,
    Failed = 1,
}

/// The connection with all other ranks.
pub(super) struct Transfer {
    library: &'static Library,
    rank: usize,
    size: usize,
    timeout: Duration,
    /// Set when the process ends.
    leaving: Arc<AtomicBool>,
    /// Why nothing can be exchanged any more.
    broken: Option<String>,
    /// Whether the others know.
    told: bool,
    /// What the first of the other ranks has told of its end.
    heard: Option<(Instant, String)>,
    /// How many of them have ended.
    ended: usize,
}

impl Transfer {
    pub(super) fn new(
        library: Library,
        rank: usize,
        size: usize,
        timeout: Duration,
        leaving: Arc<AtomicBool>,
    ) -> Self {
        let library = Box::leak(Box::new(library));
        Self { library, rank, size, timeout, leaving, broken: None, told: false, heard: None, ended: 0 }
    }

    fn others(&self) -> impl Iterator<Item = usize> + use<> {
        let own = self.rank;
        (0..self.size).filter(move |&rank| rank != own)
    }

    /// Sends and receives. On failure what is under way keeps its memory for good, and nothing can be exchanged any
    /// more.
    pub(super) fn exchange(&mut self, mut parcels: Parcels, abandoned: &AtomicBool) -> Outcome<Parcels> {
        if let Some(why) = &self.broken {
            return Err(Failure::new(
                ErrorCode::STATE,
                format!("The ranks of this job can no longer train together: {why}"),
            ));
        }
        let outcome = self.run(&mut parcels, abandoned);
        match outcome {
            Ok(()) => Ok(parcels),
            Err(failure) => {
                std::mem::forget(parcels);
                self.broken = Some(failure.message.clone());
                Err(failure)
            }
        }
    }

    fn run(&mut self, parcels: &mut Parcels, abandoned: &AtomicBool) -> Outcome<()> {
        if parcels.incoming.len() != self.size || parcels.outgoing.len() != self.size {
            return Err(Failure::new(ErrorCode::NATIVE, "The parcels are those of another group"));
        }
        let mut requests = Requests::new(self.library, self.size);
        for rank in self.others() {
            for piece in parcels.incoming[rank].chunks_mut(MOST) {
                requests.add(|request| {
                    let bytes = size_of_val(piece) as c_int;
                    // SAFETY: the memory is kept until the request is done, or for good.
                    unsafe {
                        (self.library.irecv)(
                            piece.as_mut_ptr().cast(),
                            bytes,
                            self.library.byte,
                            rank as c_int,
                            NUMBERS,
                            self.library.world,
                            request,
                        )
                    }
                })?;
            }
        }
        for rank in self.others() {
            for piece in parcels.outgoing[rank].chunks(MOST) {
                let bytes = size_of_val(piece);
                // SAFETY: the memory is kept until the request is done, or for good.
                unsafe { requests.send(piece.as_ptr().cast(), bytes, rank, NUMBERS) }?;
            }
        }
        let begun = Instant::now();
        loop {
            if requests.are_done()? {
                return Ok(());
            }
            let waited = begun.elapsed();
            if waited < EAGER && !parcels.patient {
                std::thread::yield_now();
                continue;
            }
            std::thread::sleep(NAP);
            if abandoned.load(Ordering::Acquire) {
                return Err(Failure::new(ErrorCode("ABORTED"), "The operation was aborted"));
            }
            if self.leaving.load(Ordering::Acquire) {
                return Err(Failure::new(ErrorCode::STATE, "This process is ending"));
            }
            self.listen()?;
            if let Some((since, why)) = &self.heard
                && since.elapsed() > LATE
            {
                return Err(Failure::new(ErrorCode::STATE, why.clone()));
            }
            if waited > self.timeout {
                return Err(Failure::new(
                    ErrorCode::STATE,
                    format!(
                        "Rank {} has waited {} seconds for other ranks, more than SEQLOOM_DISTRIBUTED_TIMEOUT allows: one of them hangs, or does not train",
                        self.rank,
                        waited.as_secs()
                    ),
                ));
            }
        }
    }

    /// Reads notices of other ranks.
    fn listen(&mut self) -> Outcome<()> {
        let Library { iprobe, recv, world, byte, any_source, no_status, .. } = *self.library;
        loop {
            let mut there = 0;
            // SAFETY: nobody reads the status.
            self.library.check(unsafe { iprobe(any_source, NOTICE, world, &mut there, no_status) })?;
            if there == 0 {
                return Ok(());
            }
            let mut bytes = [0_u8; NOTICE_BYTES];
            let count = NOTICE_BYTES as c_int;
            // SAFETY: the buffer has as many bytes as notices have; one is there, so the call does not wait.
            self.library.check(unsafe {
                recv(bytes.as_mut_ptr().cast(), count, byte, any_source, NOTICE, world, no_status)
            })?;
            let number = |at: usize| usize::from(bytes[at]) | usize::from(bytes[at + 1]) << 8;
            let text =
                String::from_utf8_lossy(&bytes[NOTICE_HEAD..][..number(4).min(NOTICE_BYTES - NOTICE_HEAD)]);
            let rank = number(2);
            self.ended += 1;
            let why = if number(0) == Ended::Failed as usize {
                let why = format!("Rank {rank} has failed: {text}");
                self.broken.get_or_insert_with(|| why.clone());
                why
            } else {
                format!("Rank {rank} has ended while rank {} waits for it", self.rank)
            };
            if self.heard.is_none() {
                self.heard = Some((Instant::now(), why));
            }
        }
    }

    /// Tells all other ranks, once, that this one has ended.
    pub(super) fn tell(&mut self, ended: Ended, why: &str) {
        if ended == Ended::Failed {
            self.broken.get_or_insert_with(|| why.to_owned());
        }
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let mut end = why.len().min(NOTICE_BYTES - NOTICE_HEAD);
        while !why.is_char_boundary(end) {
            end -= 1;
        }
        let mut bytes = vec![0_u8; NOTICE_BYTES];
        bytes[0] = ended as u8;
        bytes[2..4].copy_from_slice(&(self.rank as u16).to_le_bytes());
        bytes[4..6].copy_from_slice(&(end as u16).to_le_bytes());
        bytes[NOTICE_HEAD..][..end].copy_from_slice(&why.as_bytes()[..end]);
        // Nobody may read it before this process ends, so its memory is never given back.
        let bytes: &'static [u8] = bytes.leak();
        let mut requests = Requests::new(self.library, self.size);
        for rank in self.others() {
            // SAFETY: the memory is kept for good.
            let sent = unsafe { requests.send(bytes.as_ptr(), NOTICE_BYTES, rank, NOTICE) };
            if sent.is_err() {
                return;
            }
        }
        let begun = Instant::now();
        while begun.elapsed() < LATE && matches!(requests.are_done(), Ok(false)) {
            std::thread::sleep(NAP);
        }
    }

    /// Ends MPI: in order if all went well, else for all ranks of the job, after a while in which they may end by
    /// themselves.
    pub(super) fn end(&mut self, code: c_int, grace: Duration) {
        if code == 0 && self.broken.is_none() {
            self.tell(Ended::Finished, "");
            // MPI waits for the others, too, but some libraries complain about messages that nobody has read.
            while self.broken.is_none() && self.ended + 1 < self.size && self.listen().is_ok() {
                std::thread::sleep(NAP);
            }
        }
        if code == 0 && self.broken.is_none() {
            // SAFETY: the thread that has begun MPI; nothing is under way.
            unsafe { (self.library.finalize)() };
            return;
        }
        self.tell(Ended::Failed, &format!("its process has ended with exit code {code}"));
        let begun = Instant::now();
        while begun.elapsed() < grace {
            // Messages go on while MPI is called.
            let _ = self.listen();
            std::thread::sleep(Duration::from_millis(5));
        }
        // SAFETY: ends this process, too.
        unsafe { (self.library.abort)(self.library.world, code.max(1)) };
    }
}

/// Requests side by side, as MPI wants them, whatever their size is.
struct Requests {
    library: &'static Library,
    words: Vec<u64>,
    count: usize,
}

impl Requests {
    fn new(library: &'static Library, size: usize) -> Self {
        Self { library, words: Vec::with_capacity(2 * size), count: 0 }
    }

    fn add(&mut self, start: impl FnOnce(*mut c_void) -> c_int) -> Outcome<()> {
        let end = (self.count + 1) * self.library.request;
        self.words.resize(end.div_ceil(size_of::<u64>()), 0);
        // SAFETY: the list has room for one more request of that size.
        let place = unsafe { self.words.as_mut_ptr().byte_add(self.count * self.library.request) };
        self.library.check(start(place.cast()))?;
        self.count += 1;
        Ok(())
    }

    /// Begins to send bytes to a rank.
    ///
    /// # Safety
    /// So many bytes must be there until the request is done.
    unsafe fn send(&mut self, bytes: *const u8, len: usize, rank: usize, tag: c_int) -> Outcome<()> {
        let Library { isend, byte, world, .. } = *self.library;
        self.add(|request| {
            // SAFETY: the caller's promise.
            unsafe { isend(bytes.cast(), len as c_int, byte, rank as c_int, tag, world, request) }
        })
    }

    fn are_done(&mut self) -> Outcome<bool> {
        let mut done = 0;
        // SAFETY: the list holds so many requests; nobody reads statuses.
        let code = unsafe {
            (self.library.testall)(
                self.count as c_int,
                self.words.as_mut_ptr().cast(),
                &mut done,
                self.library.no_status,
            )
        };
        self.library.check(code)?;
        Ok(done != 0)
    }
}
