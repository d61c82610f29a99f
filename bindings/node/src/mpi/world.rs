//! The ranks of this job, and the one thread of this process that speaks with MPI.

use super::library::{self, Library};
use super::transfer::{Ended, Transfer};
use crate::error::{ErrorCode, Failure, Outcome};
use seqloom_graph::train::{Group, Parcels};
use seqloom_graph::{Code, Error};
use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// `MPI_THREAD_FUNNELED`: one thread calls, the one that has begun.
const FUNNELED: c_int = 1;

/// How long the thread yields its core to others before it sleeps: exchanges of one step follow each other within this
/// time.
const ATTENTIVE: Duration = Duration::from_micros(300);

/// How long ranks have to end by themselves once one of them has failed.
const GRACE: Duration = Duration::from_millis(1500);

/// Seconds for which a rank waits for another one.
const TIMEOUT: &str = "SEQLOOM_DISTRIBUTED_TIMEOUT";
const DEFAULT_TIMEOUT: u64 = 1800;

/// What the thread does.
enum Job {
    Exchange { parcels: Parcels, abandoned: Arc<AtomicBool>, reply: Sender<Outcome<Parcels>> },
    Fail(String),
    End { code: c_int, reply: Sender<()> },
}

/// All ranks.
#[derive(Debug)]
pub(crate) struct World {
    rank: usize,
    size: usize,
    pub(super) version: String,
    jobs: Mutex<Sender<Job>>,
    leaving: Arc<AtomicBool>,
}

/// The exit code of a process that ends with a failure.
static EXIT_CODE: AtomicI32 = AtomicI32::new(0);

unsafe extern "C" {
    /// The C library's.
    fn atexit(function: extern "C" fn()) -> c_int;
}

extern "C" fn at_exit() {
    if let Some(world) = world() {
        world.end(EXIT_CODE.load(Ordering::Acquire));
    }
}

static WORLD: OnceLock<Arc<World>> = OnceLock::new();

/// The ranks of this job, if it has begun.
pub(crate) fn world() -> Option<Arc<World>> {
    WORLD.get().map(Arc::clone)
}

/// Begins, once per process: waits for all ranks.
pub(super) fn begin() -> Outcome<Arc<World>> {
    static BEGINNING: Mutex<()> = Mutex::new(());
    let _one = BEGINNING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(world) = world() {
        return Ok(world);
    }
    let timeout = timeout()?;
    let (jobs, received) = channel();
    let (told, begun) = channel();
    let leaving = Arc::new(AtomicBool::new(false));
    let left = Arc::clone(&leaving);
    let body = move || match start() {
        Ok((library, rank, size)) => {
            let _ = told.send(Ok((rank, size, library.version())));
            serve(&received, Transfer::new(library, rank, size, timeout, left));
        }
        Err(failure) => {
            let _ = told.send(Err(failure));
        }
    };
    let refused =
        |error| Failure::new(ErrorCode::NATIVE, format!("The operating system refused a thread: {error}"));
    std::thread::Builder::new().name("seqloom-mpi".to_owned()).spawn(body).map_err(refused)?;
    let lost = |_| Failure::new(ErrorCode::NATIVE, "The thread for MPI has ended");
    let (rank, size, version) = begun.recv().map_err(lost)??;
    let world = Arc::new(World { rank, size, version, jobs: Mutex::new(jobs), leaving });
    Ok(Arc::clone(WORLD.get_or_init(|| world)))
}

fn timeout() -> Outcome<Duration> {
    let Ok(text) = std::env::var(TIMEOUT) else { return Ok(Duration::from_secs(DEFAULT_TIMEOUT)) };
    match text.trim().parse::<u64>() {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Err(Failure::new(
            ErrorCode::OPTION,
            format!("{TIMEOUT} is \"{text}\"; it must be a whole number of seconds, at least 1"),
        )),
    }
}

/// Opens the library and begins MPI on this thread.
fn start() -> Outcome<(Library, usize, usize)> {
    let library = library::open()?;
    let (mut provided, mut rank, mut size) = (0, 0, 0);
    // SAFETY: the functions are the library's, called in the order that MPI asks for; null stands for arguments of the
    // program.
    unsafe {
        library.check((library.init_thread)(
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            FUNNELED,
            &mut provided,
        ))?;
        library.check((library.set_errhandler)(library.world, library.returns_errors))?;
        library.check((library.comm_rank)(library.world, &mut rank))?;
        library.check((library.comm_size)(library.world, &mut size))?;
    }
    if provided < FUNNELED {
        return Err(Failure::new(
            ErrorCode::UNSUPPORTED,
            format!("{} was built without threads", library.version()),
        ));
    }
    Ok((library, usize::try_from(rank).unwrap_or(0), usize::try_from(size).unwrap_or(1)))
}

/// Works until the process ends.
fn serve(jobs: &Receiver<Job>, mut transfer: Transfer) {
    while let Some(job) = next(jobs) {
        match job {
            Job::Exchange { parcels, abandoned, reply } => {
                let _ = reply.send(transfer.exchange(parcels, &abandoned));
            }
            Job::Fail(why) => transfer.tell(Ended::Failed, &why),
            Job::End { code, reply } => {
                transfer.end(code, GRACE);
                let _ = reply.send(());
                return;
            }
        }
    }
}

fn next(jobs: &Receiver<Job>) -> Option<Job> {
    let start = Instant::now();
    while start.elapsed() < ATTENTIVE {
        match jobs.try_recv() {
            Ok(job) => return Some(job),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => std::thread::yield_now(),
        }
    }
    jobs.recv().ok()
}

impl World {
    fn give(&self, job: Job) -> bool {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).send(job).is_ok()
    }

    /// Tells the other ranks that this one cannot go on.
    pub(super) fn fail(&self, why: String) {
        self.give(Job::Fail(why));
    }

    /// Tells the other ranks that this process ends, and why, and lets `at_exit` run once it has said so itself:
    /// Node.js prints what ended the process only after all of JavaScript has run.
    pub(super) fn leave(&self, code: c_int) {
        self.leaving.store(true, Ordering::Release);
        if code == 0 {
            self.end(code);
            return;
        }
        EXIT_CODE.store(code, Ordering::Release);
        self.fail(format!("its process has ended with exit code {code}"));
        // SAFETY: the function is one of this library, which stays open, and may be called when the process ends.
        unsafe { atexit(at_exit) };
    }

    /// Ends MPI, for the whole job unless `code` is 0 and nothing has failed. Does not return then.
    fn end(&self, code: c_int) {
        let (reply, ended) = channel();
        if self.give(Job::End { code, reply }) {
            let _ = ended.recv();
        }
    }

    pub(super) fn carry(&self, parcels: Parcels, cancel: &AtomicBool) -> Outcome<Parcels> {
        let abandoned = Arc::new(AtomicBool::new(false));
        let (reply, answer) = channel();
        let ended = || Failure::new(ErrorCode::STATE, "This process is ending");
        if !self.give(Job::Exchange { parcels, abandoned: Arc::clone(&abandoned), reply }) {
            return Err(ended());
        }
        loop {
            match answer.recv_timeout(Duration::from_millis(20)) {
                Ok(outcome) => return outcome,
                Err(RecvTimeoutError::Disconnected) => return Err(ended()),
                Err(RecvTimeoutError::Timeout) => {
                    if cancel.load(Ordering::Acquire) {
                        abandoned.store(true, Ordering::Release);
                    }
                }
            }
        }
    }
}

impl Group for World {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn exchange(&self, parcels: Parcels, cancel: &AtomicBool) -> seqloom_graph::Result<Parcels> {
        self.carry(parcels, cancel).map_err(|failure| {
            let code = [Code::Aborted, Code::State, Code::Memory]
                .into_iter()
                .find(|code| code.as_str() == failure.code.0);
            match code {
                Some(Code::Aborted) => Error::aborted(),
                Some(Code::State) => Error::state(failure.message),
                Some(_) => Error::memory(failure.message),
                None => Error::native(failure.message),
            }
        })
    }
}
