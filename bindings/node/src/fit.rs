//! Training: the loop on its own thread, its events on the JavaScript thread.

use crate::access::{FitGuard, Shared};
use crate::error::{Outcome, caught};
use crate::job;
use napi::bindgen_prelude::{Function, JsObjectValue, Object, ToNapiValue, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status, sys};
use seqloom_graph::train::{Control, Event, Trainer};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// More than can ever wait: one event of a batch, and one of an epoch.
const QUEUE: usize = 8;

type Callback = ThreadsafeFunction<Slot, Unknown<'static>, JsEvent, Status, false, true, QUEUE>;

/// Where an event waits for JavaScript. Batches write over each other while it is busy; epochs never do, since the loop
/// waits for their answer.
type Slot = Arc<Mutex<Option<Event>>>;

fn lock<T>(slot: &Mutex<T>) -> MutexGuard<'_, T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An event as a JavaScript object: `type`, the numbers of its place, and every loss and metric by name. `null` stands
/// for one that a later one has overtaken.
struct JsEvent(Option<Event>);

impl ToNapiValue for JsEvent {
    unsafe fn to_napi_value(env: sys::napi_env, event: Self) -> napi::Result<sys::napi_value> {
        let env = Env::from_raw(env);
        let mut object = Object::new(&env)?;
        let mut set_all = |kind: &str, places: &[(&str, f64)], logs: &[(String, f64)]| {
            for (name, value) in logs {
                object.set_named_property(name, *value)?;
            }
            for (name, value) in places {
                object.set_named_property(name, *value)?;
            }
            object.set_named_property("type", kind)
        };
        match event.0 {
            None => set_all("overtaken", &[], &[])?,
            Some(Event::EpochBegin { epoch }) => set_all("epochBegin", &[("epoch", epoch as f64)], &[])?,
            Some(Event::BatchEnd { epoch, batch, batches, size, logs, seconds }) => set_all(
                "batchEnd",
                &[
                    ("epoch", epoch as f64),
                    ("batch", batch as f64),
                    ("batches", batches as f64),
                    ("size", size as f64),
                    ("seconds", seconds),
                ],
                &logs,
            )?,
            Some(Event::Checkpoint { epoch }) => set_all("checkpoint", &[("epoch", epoch as f64)], &[])?,
            Some(Event::EpochEnd { epoch, seconds, logs }) => {
                set_all("epochEnd", &[("epoch", epoch as f64), ("seconds", seconds)], &logs)?;
            }
        }
        // SAFETY: `env` is the environment that the object was made in.
        unsafe { Object::to_napi_value(env.raw(), object) }
    }
}

/// The way from the loop to JavaScript.
struct Events {
    callback: Callback,
    shared: Arc<Shared>,
    latest_batch: Slot,
    thrown: Arc<Mutex<Option<napi::Error>>>,
}

impl Events {
    fn new(
        function: &Function<'_, Unknown<'static>, Unknown<'static>>,
        shared: &Arc<Shared>,
    ) -> Outcome<Self> {
        let callback = function
            .build_threadsafe_function::<Slot>()
            .callee_handled::<false>()
            .weak::<true>()
            .max_queue_size::<QUEUE>()
            .build_callback({
                let shared = Arc::clone(shared);
                move |context| {
                    let event = lock(&context.value).take();
                    if !matches!(event, Some(Event::BatchEnd { .. })) {
                        shared.open();
                    }
                    Ok(JsEvent(event))
                }
            })?;
        Ok(Self {
            callback,
            shared: Arc::clone(shared),
            latest_batch: Slot::default(),
            thrown: Arc::default(),
        })
    }

    /// Passes an event on; at all but a batch's, waits for `resume` and serves calls meanwhile.
    fn handle(&self, fit: &FitGuard, trainer: &mut Trainer, event: Event) -> Control {
        if matches!(event, Event::BatchEnd { .. }) {
            let waiting = lock(&self.latest_batch).replace(event).is_some();
            // One that still waits will carry this one's numbers.
            if !waiting && !self.call(Arc::clone(&self.latest_batch)) {
                lock(&self.latest_batch).take();
            }
            return Control::Continue;
        }
        // The next step finds that it was cancelled.
        let Some(parked) = fit.park() else { return Control::Continue };
        let stop = if self.call(Arc::new(Mutex::new(Some(event)))) {
            parked.serve(trainer)
        } else {
            // The environment is going away: nobody is left to answer.
            parked.leave(trainer);
            self.shared.interrupt();
            true
        };
        if stop { Control::Stop } else { Control::Continue }
    }

    fn call(&self, slot: Slot) -> bool {
        let thrown = Arc::clone(&self.thrown);
        let shared = Arc::clone(&self.shared);
        let status = self.callback.call_with_return_value(
            slot,
            ThreadsafeFunctionCallMode::NonBlocking,
            move |returned, _| {
                if let Err(error) = returned {
                    *lock(&thrown) = Some(error);
                    shared.interrupt();
                }
                Ok(())
            },
        );
        status == Status::Ok
    }
}

/// Runs `body`, which is the loop, on another thread. It hands every event to the function it gets; `on_event` gets them
/// in JavaScript. The promise rejects with what `on_event` threw, if it did.
pub(crate) fn start<'env>(
    env: &'env Env,
    shared: &Arc<Shared>,
    cancel: &Arc<AtomicBool>,
    on_event: &Function<'_, Unknown<'static>, Unknown<'static>>,
    body: impl FnOnce(&mut Trainer, &AtomicBool, &mut dyn FnMut(&mut Trainer, Event) -> Control) -> Outcome<()>
    + Send
    + 'static,
) -> Outcome<Object<'env>> {
    let fit = shared.begin_fit(cancel)?;
    let events = Events::new(on_event, shared)?;
    let interrupted = Arc::clone(shared);
    let (settler, promise) = job::promise(env, Box::new(move || interrupted.interrupt()))?;
    let (owner, cancel, thrown) = (Arc::clone(shared), Arc::clone(cancel), Arc::clone(&events.thrown));
    shared.enqueue_last(Box::new(move || {
        let outcome = caught(|| {
            owner.wait(|trainer| {
                body(trainer, &cancel, &mut |trainer, event| events.handle(&fit, trainer, event))
            })
        });
        drop((fit, events));
        settler.settle(move |env| {
            owner.report(&env);
            match lock(&thrown).take() {
                Some(error) => Err(error),
                None => job::verdict(outcome, env),
            }
        })
    }))?;
    Ok(promise)
}
