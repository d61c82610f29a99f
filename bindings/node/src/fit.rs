//! Training, and what else goes batch by batch: the loop on its own thread, its events on the JavaScript thread.

use crate::access::{FitGuard, Shared};
use crate::error::Outcome;
use crate::job::{self, locked};
use napi::bindgen_prelude::{Function, JsObjectValue, Object, ToNapiValue, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status, sys};
use seqloom_graph::train::{Control, Event, Trainer};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// More than can ever wait, which is one batch event and one epoch event.
const QUEUE: usize = 8;

type Callback = ThreadsafeFunction<Slot, Unknown<'static>, JsEvent, Status, false, true, QUEUE>;

/// Holds an event until JavaScript takes it. While JavaScript is busy, batch events overwrite each other; epoch events
/// never do, since the loop waits for their answer.
type Slot = Arc<Mutex<Option<Event>>>;

/// An event on its way to JavaScript; none if a later one has overtaken it.
struct JsEvent {
    event: Option<Event>,
    trouble: Trouble,
}

impl ToNapiValue for JsEvent {
    unsafe fn to_napi_value(env: sys::napi_env, event: Self) -> napi::Result<sys::napi_value> {
        let Self { event, trouble } = event;
        let env = Env::from_raw(env);
        // An error here would reach the process as an uncaught exception, and the loop would wait forever.
        let object = object_of(&env, event).or_else(|error| {
            trouble.report(error);
            object_of(&env, None)
        });
        // SAFETY: `env` is the environment that the object was made in.
        object.and_then(|object| unsafe { Object::to_napi_value(env.raw(), object) }).or_else(|error| {
            trouble.report(error);
            // SAFETY: as above.
            unsafe { <()>::to_napi_value(env.raw(), ()) }
        })
    }
}

/// An event as a JavaScript object: `type`, its position in the training, and every loss and metric by name.
fn object_of(env: &Env, event: Option<Event>) -> napi::Result<Object<'_>> {
    let mut object = Object::new(env)?;
    // Names are anything that a string can be; property names of Node-API end at a zero.
    let mut set_all = |kind: &str, places: &[(&str, f64)], logs: &[(String, f64)]| {
        for (name, value) in logs {
            object.set_property(env.create_string(name)?, env.create_double(*value)?)?;
        }
        for (name, value) in places {
            object.set_named_property(name, *value)?;
        }
        object.set_named_property("type", kind)
    };
    match event {
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
        Some(Event::Moment { kind, epoch, batch, size, logs }) => {
            set_all(kind, &[("epoch", epoch as f64), ("batch", batch as f64), ("size", size as f64)], &logs)?;
        }
        Some(Event::Checkpoint { epoch }) => set_all("checkpoint", &[("epoch", epoch as f64)], &[])?,
        Some(Event::EpochEnd { epoch, seconds, logs }) => {
            set_all("epochEnd", &[("epoch", epoch as f64), ("seconds", seconds)], &logs)?;
        }
    }
    Ok(object)
}

/// What went wrong on the JavaScript side of a loop, which ends it.
#[derive(Clone)]
struct Trouble {
    thrown: Arc<Mutex<Option<napi::Error>>>,
    shared: Arc<Shared>,
}

impl Trouble {
    /// Ends the loop; the promise rejects with the first error.
    fn report(&self, error: napi::Error) {
        locked(&self.thrown).get_or_insert(error);
        self.shared.interrupt();
    }
}

/// The channel from the loop to JavaScript.
struct Events {
    callback: Callback,
    latest_batch: Slot,
    trouble: Trouble,
}

impl Events {
    fn new(
        function: &Function<'_, Unknown<'static>, Unknown<'static>>,
        shared: &Arc<Shared>,
    ) -> Outcome<Self> {
        let trouble = Trouble { thrown: Arc::default(), shared: Arc::clone(shared) };
        let callback = function
            .build_threadsafe_function::<Slot>()
            .callee_handled::<false>()
            .weak::<true>()
            .max_queue_size::<QUEUE>()
            .build_callback({
                let trouble = trouble.clone();
                move |context| {
                    let event = locked(&context.value).take();
                    if !matches!(event, Some(Event::BatchEnd { .. })) {
                        trouble.shared.open();
                    }
                    Ok(JsEvent { event, trouble: trouble.clone() })
                }
            })?;
        Ok(Self { callback, latest_batch: Slot::default(), trouble })
    }

    /// Passes an event on. For all events but those of batches, waits for `resume` and serves calls meanwhile.
    fn handle(&self, fit: &FitGuard, trainer: &mut Trainer, event: Event) -> Control {
        if matches!(event, Event::BatchEnd { .. }) {
            let waiting = locked(&self.latest_batch).replace(event).is_some();
            // An event that still waits will carry these numbers.
            if !waiting && !self.call(Arc::clone(&self.latest_batch)) {
                locked(&self.latest_batch).take();
            }
            return Control::Continue;
        }
        // The next step finds that it was cancelled.
        let Some(parked) = fit.park() else { return Control::Continue };
        let stop = if self.call(Arc::new(Mutex::new(Some(event)))) {
            parked.serve(trainer)
        } else {
            // The environment is shutting down: nobody is left to answer.
            parked.leave(trainer);
            self.trouble.shared.interrupt();
            true
        };
        if stop { Control::Stop } else { Control::Continue }
    }

    fn call(&self, slot: Slot) -> bool {
        let trouble = self.trouble.clone();
        let status = self.callback.call_with_return_value(
            slot,
            ThreadsafeFunctionCallMode::NonBlocking,
            move |returned, _| {
                if let Err(error) = returned {
                    trouble.report(error);
                }
                Ok(())
            },
        );
        status == Status::Ok
    }
}

/// Runs `body`, which is the loop, on another thread. `body` passes every event to the function that it gets; in
/// JavaScript, `on_event` receives them. If `on_event` throws, the promise rejects with that.
pub(crate) fn start<'env, T: ToNapiValue + Send + 'static>(
    env: &'env Env,
    shared: &Arc<Shared>,
    cancel: &Arc<AtomicBool>,
    on_event: &Function<'_, Unknown<'static>, Unknown<'static>>,
    body: impl FnOnce(&mut Trainer, &AtomicBool, &mut dyn FnMut(&mut Trainer, Event) -> Control) -> Outcome<T>
    + Send
    + 'static,
) -> Outcome<Object<'env>> {
    let fit = shared.begin_fit(cancel)?;
    let events = Events::new(on_event, shared)?;
    let interrupted = Arc::clone(shared);
    let (settler, promise) = job::promise(env, Box::new(move || interrupted.interrupt()))?;
    let (cancel, thrown) = (Arc::clone(cancel), Arc::clone(&events.trouble.thrown));
    let run = move |trainer: &mut Trainer| {
        trainer.draw(&cancel)?;
        body(trainer, &cancel, &mut |trainer, event| events.handle(&fit, trainer, event))
    };
    let owner = Arc::clone(shared);
    shared.run(run, move |outcome| {
        settler.settle(move |env| {
            owner.report(&env);
            match locked(&thrown).take() {
                Some(error) => Err(error),
                None => job::verdict(outcome, env),
            }
        })
    });
    Ok(promise)
}
