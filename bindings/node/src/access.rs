//! Who may use a model when: asynchronous calls queue up, synchronous ones need it idle, and while `fit` waits in an epoch
//! callback the waiting loop itself serves them all.

use crate::error::{ErrorCode, Failure, Outcome, caught};
use crate::job;
use crate::thread::{Announcement, Thread};
use napi::Env;
use napi::bindgen_prelude::{Object, ToNapiValue};
use seqloom_graph::discard;
use seqloom_graph::train::Trainer;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// A call that a parked `fit` serves.
type Request = Box<dyn FnOnce(&mut Trainer) + Send>;

/// What reaches a parked `fit`.
enum Message {
    Serve(Request),
    Resume { stop: bool },
}

/// Where `fit` is.
enum Fitting {
    No,
    Running,
    /// The loop waits for JavaScript; `open` once the callback has begun, so that only it and what it calls are served.
    Parked {
        sender: Sender<Message>,
        open: bool,
    },
}

/// Part of a queue of calls. It is told why, if no thread can be had for it; then it only says so.
pub(crate) type Work = Box<dyn FnOnce(Outcome<()>) -> Announcement + Send>;

struct Control {
    fitting: Fitting,
    /// Cancels the `fit` that runs.
    cancel: Option<Arc<AtomicBool>>,
    freed: bool,
    waiting: VecDeque<Work>,
    /// Whether a thread is working off what waits.
    active: bool,
    /// Promises of calls outside `fit` that have not settled: to JavaScript, a call lasts until then.
    unsettled: usize,
    /// Whether a call that was cancelled goes on although JavaScript no longer waits for it.
    forsaken: bool,
    /// Cancels the call that a parked `fit` serves last: it ends with the `fit`.
    served: Option<Arc<AtomicBool>>,
}

/// A model shared by JavaScript and the threads that work on it.
pub(crate) struct Shared {
    trainer: Mutex<Option<Trainer>>,
    control: Mutex<Control>,
    memory: Memory,
}

impl Drop for Shared {
    fn drop(&mut self) {
        discard(self.trainer.get_mut().unwrap_or_else(PoisonError::into_inner).take(), Trainer::memory);
    }
}

/// Bytes held by a model, as the garbage collector was told.
#[derive(Default)]
struct Memory {
    held: AtomicI64,
    reported: AtomicI64,
    closed: AtomicBool,
}

impl Control {
    fn interrupt(&self) {
        for cancel in self.cancel.iter().chain(&self.served) {
            cancel.store(true, Ordering::Release);
        }
        if let Fitting::Parked { sender, .. } = &self.fitting {
            // A loop that is gone needs no message.
            let _ = sender.send(Message::Resume { stop: true });
        }
    }
}

fn freed() -> Failure {
    Failure::new(ErrorCode::STATE, "The model was freed; build it again, or free it later")
}

fn fitting() -> Failure {
    Failure::new(
        ErrorCode::STATE,
        "The model is being trained; wait for fit() to end, or call this inside an awaited epoch callback",
    )
}

impl Shared {
    pub(crate) fn new(trainer: Trainer) -> Arc<Self> {
        let shared = Self {
            trainer: Mutex::new(None),
            control: Mutex::new(Control {
                fitting: Fitting::No,
                cancel: None,
                freed: false,
                waiting: VecDeque::new(),
                active: false,
                unsettled: 0,
                forsaken: false,
                served: None,
            }),
            memory: Memory::default(),
        };
        shared.memory.measure(&trainer);
        *shared.trainer.lock().unwrap_or_else(PoisonError::into_inner) = Some(trainer);
        Arc::new(shared)
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uses the model on the caller's thread.
    ///
    /// Fails with `ERR_STATE` if it was freed or works on something else.
    pub(crate) fn now<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Trainer) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let mut control = self.control();
        while control.forsaken && (control.active || !matches!(control.fitting, Fitting::No)) {
            drop(control);
            // It was cancelled, so this does not take long.
            drop(self.trainer.lock());
            std::thread::yield_now();
            control = self.control();
        }
        match &control.fitting {
            _ if control.freed => Err(freed()),
            Fitting::Running | Fitting::Parked { open: false, .. } => Err(fitting()),
            Fitting::Parked { sender, open: true } => {
                let (reply, result) = channel();
                // The caller waits for the reply, so its receiver is there.
                let request: Request = Box::new(move |trainer| drop(reply.send(caught(|| body(trainer)))));
                let sent = sender.send(Message::Serve(request));
                drop(control);
                sent.map_err(|_| fitting())?;
                result.recv().map_err(|_| fitting())?
            }
            // What waits goes first, whether or not its thread has begun.
            Fitting::No if control.active || (control.unsettled > 0 && !control.forsaken) => Err(busy()),
            Fitting::No => {
                drop(control);
                match self.trainer.try_lock() {
                    Ok(mut trainer) => self.with(&mut trainer, body),
                    Err(TryLockError::Poisoned(_)) => Err(poisoned()),
                    Err(TryLockError::WouldBlock) => Err(busy()),
                }
            }
        }
    }

    /// [`Self::now`] for what reads the weights, which are drawn first if nothing has needed them before.
    pub(crate) fn now_drawn<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Trainer) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        self.now(|trainer| {
            trainer.draw(&AtomicBool::new(false))?;
            body(trainer)
        })
    }

    fn with<T>(
        &self,
        trainer: &mut Option<Trainer>,
        body: impl FnOnce(&mut Trainer) -> Outcome<T>,
    ) -> Outcome<T> {
        match trainer {
            Some(trainer) if !self.control().freed => {
                let outcome = body(trainer);
                self.memory.measure(trainer);
                outcome
            }
            _ => Err(freed()),
        }
    }

    /// Uses the model, its weights drawn, on another thread, after the calls before; the promise settles with the result. `cancel`
    /// is set if the environment ends first.
    pub(crate) fn later<'env, T: ToNapiValue + Send + 'static>(
        self: &Arc<Self>,
        env: &'env Env,
        cancel: Arc<AtomicBool>,
        body: impl FnOnce(&mut Trainer, &AtomicBool) -> Outcome<T> + Send + 'static,
    ) -> Outcome<Object<'env>> {
        let body = |trainer: &mut Trainer, cancel: &AtomicBool| {
            trainer.draw(cancel)?;
            body(trainer, cancel)
        };
        let mut control = self.control();
        if control.freed {
            return Err(freed());
        }
        if matches!(control.fitting, Fitting::Running | Fitting::Parked { open: false, .. }) {
            return Err(fitting());
        }
        let stop = Arc::clone(&cancel);
        let (settler, promise) = job::promise(env, Box::new(move || stop.store(true, Ordering::Release)))?;
        let parked = matches!(control.fitting, Fitting::Parked { .. });
        let reporter = Arc::clone(self);
        let settle = move |outcome| {
            settler.settle(move |env| {
                if !parked {
                    let mut control = reporter.control();
                    control.unsettled -= 1;
                    control.forsaken &= control.unsettled > 0;
                }
                reporter.report(&env);
                job::verdict(outcome, env)
            })
        };
        if parked {
            control.served = Some(Arc::clone(&cancel));
        }
        if let Fitting::Parked { sender, .. } = &control.fitting {
            let request: Request = Box::new(move |trainer| settle(caught(|| body(trainer, &cancel)))());
            sender.send(Message::Serve(request)).map_err(|_| fitting())?;
            return Ok(promise);
        }
        control.unsettled += 1;
        let shared = Arc::clone(self);
        let work = move |granted: Outcome<()>| {
            settle(granted.and_then(|()| caught(|| shared.wait(|trainer| body(trainer, &cancel)))))
        };
        self.enqueue(control, Box::new(work));
        Ok(promise)
    }

    /// Runs `work` on another thread, after what was asked for before.
    pub(crate) fn enqueue_last(self: &Arc<Self>, work: Work) {
        self.enqueue(self.control(), work);
    }

    /// Uses the model when it is there; only for threads of the engine.
    pub(crate) fn wait<T>(&self, body: impl FnOnce(&mut Trainer) -> Outcome<T>) -> Outcome<T> {
        let mut trainer = self.trainer.lock().map_err(|_| poisoned())?;
        self.with(&mut trainer, body)
    }

    fn enqueue(self: &Arc<Self>, mut control: MutexGuard<'_, Control>, work: Work) {
        if control.active {
            control.waiting.push_back(work);
            return;
        }
        let thread = Thread::take();
        control.active = thread.is_ok();
        // What the work holds may need `control` when it is dropped.
        drop(control);
        match thread {
            Ok(thread) => {
                let shared = Arc::clone(self);
                thread.run(move || shared.work_off(work));
            }
            Err(failure) => work(Err(failure))(),
        }
    }

    fn work_off(&self, first: Work) -> Announcement {
        let mut announce = first(Ok(()));
        loop {
            let next = {
                let mut control = self.control();
                control.active = !control.waiting.is_empty();
                control.waiting.pop_front()
            };
            match next {
                Some(work) => {
                    announce();
                    announce = work(Ok(()));
                }
                None => return announce,
            }
        }
    }

    /// Drops the model: at once if it is idle, else as soon as what runs has ended; a `fit` is told to stop.
    pub(crate) fn free(self: &Arc<Self>) {
        let mut control = self.control();
        control.freed = true;
        control.interrupt();
        match self.trainer.try_lock() {
            Ok(mut trainer) => self.discard(&mut trainer),
            Err(_) => {
                let shared = Arc::clone(self);
                let work = move |granted: Outcome<()>| {
                    // Without a thread the memory is released with the JavaScript object.
                    if granted.is_ok() {
                        shared.discard(&mut shared.trainer.lock().unwrap_or_else(PoisonError::into_inner));
                    }
                    Box::new(|| {}) as Announcement
                };
                self.enqueue(control, Box::new(work));
            }
        }
    }

    /// Drops the model if nothing is going on; for a model that nobody can use any more.
    pub(crate) fn let_go(&self, env: &Env) {
        let mut control = self.control();
        if !matches!(control.fitting, Fitting::No) || control.active || control.unsettled > 0 {
            return;
        }
        if let Ok(mut trainer) = self.trainer.try_lock() {
            control.freed = true;
            self.discard(&mut trainer);
        }
        drop(control);
        self.report(env);
    }

    /// Bytes that the model holds.
    pub(crate) fn held(&self) -> usize {
        usize::try_from(self.memory.held.load(Ordering::Acquire)).unwrap_or(0)
    }

    fn discard(&self, trainer: &mut Option<Trainer>) {
        discard(trainer.take(), Trainer::memory);
        self.memory.held.store(0, Ordering::Release);
    }

    /// Marks the model as being trained until the result is dropped.
    pub(crate) fn begin_fit(self: &Arc<Self>, cancel: &Arc<AtomicBool>) -> Outcome<FitGuard> {
        let mut control = self.control();
        if control.freed {
            return Err(freed());
        }
        if !matches!(control.fitting, Fitting::No) {
            return Err(fitting());
        }
        control.fitting = Fitting::Running;
        control.cancel = Some(Arc::clone(cancel));
        drop(control);
        Ok(FitGuard { shared: Arc::clone(self) })
    }

    /// Begins to serve calls for the loop that waits.
    pub(crate) fn open(&self) {
        if let Fitting::Parked { open, .. } = &mut self.control().fitting {
            *open = true;
        }
    }

    /// Lets the loop that waits go on, or end.
    pub(crate) fn resume(&self, stop: bool) -> Outcome<()> {
        match &self.control().fitting {
            Fitting::Parked { sender, open: true } => {
                // A loop that is gone needs no message.
                let _ = sender.send(Message::Resume { stop });
                Ok(())
            }
            _ => Err(Failure::new(ErrorCode::STATE, "No fit() is waiting to be resumed")),
        }
    }

    /// Cancels the `fit` that runs, if any does, and wakes it if it waits.
    pub(crate) fn interrupt(&self) {
        self.control().interrupt();
    }

    /// Lets synchronous calls wait for the call that was cancelled instead of refusing them.
    pub(crate) fn forsake(&self) {
        self.control().forsaken = true;
    }

    /// Tells the garbage collector how much memory the model holds now.
    pub(crate) fn report(&self, env: &Env) {
        self.memory.report(env);
    }

    /// Takes back what the garbage collector was told; nothing is reported from then on.
    pub(crate) fn close_report(&self, env: &Env) {
        self.memory.held.store(0, Ordering::Release);
        self.memory.report(env);
        self.memory.closed.store(true, Ordering::Release);
    }
}

fn busy() -> Failure {
    let message = "The model is busy with an asynchronous call; await it first, or use the asynchronous form";
    Failure::new(ErrorCode::STATE, message)
}

fn poisoned() -> Failure {
    Failure::new(
        ErrorCode::STATE,
        "An earlier call on this model failed inside the engine; build the model again",
    )
}

/// A `fit` under way.
pub(crate) struct FitGuard {
    shared: Arc<Shared>,
}

impl FitGuard {
    /// Announces that the loop waits; calls on the model reach it once [`Shared::open`] was called. `None` if it was
    /// cancelled: nobody may be left to wake it.
    pub(crate) fn park(&self) -> Option<Parked<'_>> {
        let mut control = self.shared.control();
        if control.cancel.as_ref().is_some_and(|cancel| cancel.load(Ordering::Acquire)) {
            return None;
        }
        let (sender, messages) = channel();
        control.fitting = Fitting::Parked { sender, open: false };
        Some(Parked { shared: &self.shared, messages })
    }
}

impl Drop for FitGuard {
    fn drop(&mut self) {
        let mut control = self.shared.control();
        control.fitting = Fitting::No;
        control.cancel = None;
        control.served = None;
        control.forsaken &= control.unsettled > 0;
    }
}

/// A `fit` that waits to be resumed.
pub(crate) struct Parked<'a> {
    shared: &'a Shared,
    messages: Receiver<Message>,
}

impl Parked<'_> {
    /// Serves calls until one resumes the loop; whether it shall stop.
    pub(crate) fn serve(self, trainer: &mut Trainer) -> bool {
        let stop = loop {
            match self.messages.recv() {
                Ok(Message::Serve(request)) => self.answer(trainer, request),
                Ok(Message::Resume { stop }) => break stop,
                // The sender sits in `control` until this loop takes it out.
                Err(_) => break true,
            }
        };
        self.leave(trainer);
        stop
    }

    /// Ends the waiting; what was asked before is answered.
    pub(crate) fn leave(self, trainer: &mut Trainer) {
        // Messages are sent with `control` locked: after this none can come.
        {
            let mut control = self.shared.control();
            control.fitting = Fitting::Running;
            control.served = None;
        }
        for message in self.messages.try_iter() {
            if let Message::Serve(request) = message {
                self.answer(trainer, request);
            }
        }
    }

    fn answer(&self, trainer: &mut Trainer, request: Request) {
        request(trainer);
        self.shared.memory.measure(trainer);
    }
}

impl Memory {
    fn measure(&self, trainer: &Trainer) {
        self.held.store(i64::try_from(trainer.memory()).unwrap_or(i64::MAX), Ordering::Release);
    }

    fn report(&self, env: &Env) {
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        let held = self.held.load(Ordering::Acquire);
        let change = held - self.reported.swap(held, Ordering::AcqRel);
        if change != 0 {
            // An environment on its way out refuses, and has no use for the number.
            let _ = env.adjust_external_memory(change);
        }
    }
}
