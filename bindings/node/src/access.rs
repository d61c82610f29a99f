//! A model that JavaScript shares with the threads that work on it: one lock, and while `fit` waits in an epoch callback the waiting
//! loop itself serves calls. Whose turn it is decides JavaScript (`src/model/turns.ts`), which lets calls wait for each other and says
//! why one is refused; what comes out of turn nevertheless is refused here, so that neither memory nor a thread is ever at stake.

use crate::error::{ErrorCode, Failure, Outcome, caught};
use crate::job;
use crate::thread::{Announcement, Thread};
use napi::Env;
use napi::bindgen_prelude::{Object, ToNapiValue};
use seqloom_graph::discard;
use seqloom_graph::train::Trainer;
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

/// A `fit` under way.
struct Fit {
    cancel: Arc<AtomicBool>,
    /// Set while the loop waits for JavaScript.
    gate: Option<Gate>,
}

/// The way to a loop that waits.
struct Gate {
    sender: Sender<Message>,
    /// Whether the callback has begun, so that only it and what it calls are served.
    open: bool,
}

#[derive(Default)]
struct Control {
    fit: Option<Fit>,
    /// What cancels the asynchronous calls outside of `fit` and those that it serves, until their promises settle: to JavaScript, a call
    /// lasts until then.
    calls: Vec<Arc<AtomicBool>>,
    freed: bool,
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

fn is_set(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Acquire)
}

impl Control {
    /// Cancels the `fit` that runs and what it serves, and wakes it if it waits.
    fn interrupt(&self) {
        let Some(Fit { cancel, gate }) = &self.fit else { return };
        for cancel in self.calls.iter().chain([cancel]) {
            cancel.store(true, Ordering::Release);
        }
        if let Some(Gate { sender, .. }) = gate {
            // A loop that is gone needs no message.
            let _ = sender.send(Message::Resume { stop: true });
        }
    }

    /// The loop to which calls go, if one waits; none if no `fit` is under way.
    fn server(&self) -> Outcome<Option<&Sender<Message>>> {
        match &self.fit {
            None => Ok(None),
            Some(Fit { gate: Some(Gate { sender, open: true }), .. }) => Ok(Some(sender)),
            Some(_) => Err(fitting()),
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
        let memory = Memory::default();
        memory.measure(&trainer);
        Arc::new(Self { trainer: Mutex::new(Some(trainer)), control: Mutex::default(), memory })
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uses the model on the caller's thread. Work that was cancelled is waited for, since that does not take long.
    ///
    /// Fails with `ERR_STATE` if it was freed or works on something else.
    pub(crate) fn now<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Trainer) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let control = self.control();
        if control.freed {
            return Err(freed());
        }
        let ending = control.fit.as_ref().is_some_and(|fit| is_set(&fit.cancel));
        match control.server() {
            Ok(Some(sender)) => {
                let (reply, result) = channel();
                // The caller waits for the reply, so its receiver is there.
                let request: Request = Box::new(move |trainer| drop(reply.send(caught(|| body(trainer)))));
                let sent = sender.send(Message::Serve(request));
                drop(control);
                sent.map_err(|_| fitting())?;
                return result.recv().map_err(|_| fitting())?;
            }
            Err(failure) if !ending => return Err(failure),
            _ if control.calls.iter().any(|cancel| !is_set(cancel)) => return Err(busy()),
            _ => control.interrupt(),
        }
        drop(control);
        self.wait(body)
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

    /// Uses the model, its weights drawn, on another thread; the promise settles with the result. `cancel` is set if the environment
    /// ends first.
    pub(crate) fn later<'env, T: ToNapiValue + Send + 'static>(
        self: &Arc<Self>,
        env: &'env Env,
        cancel: Arc<AtomicBool>,
        body: impl FnOnce(&mut Trainer, &AtomicBool) -> Outcome<T> + Send + 'static,
    ) -> Outcome<Object<'env>> {
        self.later_undrawn(env, cancel, |trainer, cancel| {
            trainer.draw(cancel)?;
            body(trainer, cancel)
        })
    }

    /// [`Self::later`] for what does not read the weights.
    pub(crate) fn later_undrawn<'env, T: ToNapiValue + Send + 'static>(
        self: &Arc<Self>,
        env: &'env Env,
        cancel: Arc<AtomicBool>,
        body: impl FnOnce(&mut Trainer, &AtomicBool) -> Outcome<T> + Send + 'static,
    ) -> Outcome<Object<'env>> {
        let mut control = self.control();
        if control.freed {
            return Err(freed());
        }
        let server = control.server()?.cloned();
        let stop = Arc::clone(&cancel);
        let (settler, promise) = job::promise(env, Box::new(move || stop.store(true, Ordering::Release)))?;
        control.calls.push(Arc::clone(&cancel));
        let (shared, call) = (Arc::clone(self), Arc::clone(&cancel));
        let settle = move |outcome| {
            settler.settle(move |env| {
                shared.control().calls.retain(|other| !Arc::ptr_eq(other, &call));
                shared.report(&env);
                job::verdict(outcome, env)
            })
        };
        let body = move |trainer: &mut Trainer| body(trainer, &cancel);
        match server {
            Some(sender) => {
                let request: Request = Box::new(move |trainer| settle(caught(|| body(trainer)))());
                sender.send(Message::Serve(request)).map_err(|_| fitting())?;
            }
            None => {
                drop(control);
                self.run(body, settle);
            }
        }
        Ok(promise)
    }

    /// Uses the model on another thread as soon as it is there; `settle` says how to make the result known.
    pub(crate) fn run<T>(
        self: &Arc<Self>,
        body: impl FnOnce(&mut Trainer) -> Outcome<T> + Send + 'static,
        settle: impl FnOnce(Outcome<T>) -> Announcement + Send + 'static,
    ) {
        match Thread::take() {
            Ok(thread) => {
                let shared = Arc::clone(self);
                thread.run(move || settle(caught(|| shared.wait(body))));
            }
            Err(failure) => settle(Err(failure))(),
        }
    }

    /// Uses the model when it is there.
    fn wait<T>(&self, body: impl FnOnce(&mut Trainer) -> Outcome<T>) -> Outcome<T> {
        let mut trainer = self.trainer.lock().map_err(|_| poisoned())?;
        let outcome = match &mut *trainer {
            Some(trainer) if !self.control().freed => {
                let outcome = body(trainer);
                self.memory.measure(trainer);
                outcome
            }
            _ => Err(freed()),
        };
        drop(trainer);
        self.sweep();
        outcome
    }

    /// Drops the model: at once if it is idle, else as soon as what runs has ended; a `fit` is told to stop.
    pub(crate) fn free(&self) {
        let mut control = self.control();
        control.freed = true;
        control.interrupt();
        drop(control);
        self.sweep();
    }

    /// Drops the model if nothing is going on; for a model that nobody can use any more.
    pub(crate) fn let_go(&self, env: &Env) {
        let mut control = self.control();
        if control.fit.is_some() || !control.calls.is_empty() {
            return;
        }
        control.freed = true;
        drop(control);
        self.sweep();
        self.report(env);
    }

    /// Drops a model that was freed, unless somebody uses it, who does so afterwards.
    fn sweep(&self) {
        if !self.control().freed {
            return;
        }
        let mut trainer = match self.trainer.try_lock() {
            Ok(trainer) => trainer,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        discard(trainer.take(), Trainer::memory);
        self.memory.held.store(0, Ordering::Release);
    }

    /// Bytes that the model holds.
    pub(crate) fn held(&self) -> usize {
        usize::try_from(self.memory.held.load(Ordering::Acquire)).unwrap_or(0)
    }

    /// Marks the model as being trained until the result is dropped.
    pub(crate) fn begin_fit(self: &Arc<Self>, cancel: &Arc<AtomicBool>) -> Outcome<FitGuard> {
        let mut control = self.control();
        if control.freed {
            return Err(freed());
        }
        if control.fit.is_some() {
            return Err(fitting());
        }
        control.fit = Some(Fit { cancel: Arc::clone(cancel), gate: None });
        Ok(FitGuard { shared: Arc::clone(self) })
    }

    /// Begins to serve calls for the loop that waits.
    pub(crate) fn open(&self) {
        if let Some(Fit { gate: Some(gate), .. }) = &mut self.control().fit {
            gate.open = true;
        }
    }

    /// Lets the loop that waits go on, or end.
    pub(crate) fn resume(&self, stop: bool) -> Outcome<()> {
        match self.control().server() {
            Ok(Some(sender)) => {
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

/// A `fit` under way, for its thread.
pub(crate) struct FitGuard {
    shared: Arc<Shared>,
}

impl FitGuard {
    /// Announces that the loop waits; calls on the model reach it once [`Shared::open`] was called. `None` if it was
    /// cancelled: nobody may be left to wake it.
    pub(crate) fn park(&self) -> Option<Parked<'_>> {
        let mut control = self.shared.control();
        let fit = control.fit.as_mut().filter(|fit| !is_set(&fit.cancel))?;
        let (sender, messages) = channel();
        fit.gate = Some(Gate { sender, open: false });
        Some(Parked { shared: &self.shared, messages })
    }
}

impl Drop for FitGuard {
    fn drop(&mut self) {
        self.shared.control().fit = None;
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
        if let Some(fit) = &mut self.shared.control().fit {
            fit.gate = None;
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
