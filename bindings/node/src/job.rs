//! Long work on its own thread, as a promise, and what happens to it when its environment ends.

use crate::error::{Outcome, caught};
use crate::thread::{Announcement, Thread};
use napi::bindgen_prelude::{Object, ToNapiValue};
use napi::{Env, JsDeferred};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// What is shared with a job, also after that has panicked.
pub(crate) fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends a running job early; must not block.
pub(crate) type Stop = Box<dyn Fn() + Send>;

/// The jobs of one Node.js environment (the main thread, or a worker).
#[derive(Default)]
struct Environment {
    jobs: Mutex<Jobs>,
    ended: Condvar,
}

#[derive(Default)]
struct Jobs {
    running: HashMap<u64, Stop>,
    next: u64,
    closed: bool,
}

thread_local! {
    /// By the address of the environment: one thread can hold several, each with its own cleanup.
    static ENVIRONMENTS: RefCell<HashMap<usize, Arc<Environment>>> = RefCell::new(HashMap::new());
}

impl Environment {
    /// The jobs of `env`; when it ends, they are stopped and waited for.
    fn of(env: &Env) -> Outcome<Arc<Self>> {
        let key = env.raw() as usize;
        if let Some(known) = ENVIRONMENTS.with_borrow(|all| all.get(&key).cloned()) {
            return Ok(known);
        }
        let environment = Arc::new(Self::default());
        env.add_env_cleanup_hook(Arc::clone(&environment), move |environment| {
            environment.close();
            let _ = ENVIRONMENTS.try_with(|all| all.borrow_mut().remove(&key));
        })?;
        ENVIRONMENTS.with_borrow_mut(|all| all.insert(key, Arc::clone(&environment)));
        Ok(environment)
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        locked(&self.jobs)
    }

    fn enter(self: Arc<Self>, stop: Stop) -> Ticket {
        let mut jobs = self.lock();
        let number = jobs.next;
        jobs.next += 1;
        if jobs.closed {
            stop();
        }
        jobs.running.insert(number, stop);
        drop(jobs);
        Ticket { environment: self, number }
    }

    fn close(&self) {
        let mut jobs = self.lock();
        jobs.closed = true;
        for stop in jobs.running.values() {
            stop();
        }
        while !jobs.running.is_empty() {
            jobs = self.ended.wait(jobs).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Marks a job as running until it is dropped.
struct Ticket {
    environment: Arc<Environment>,
    number: u64,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.environment.lock().running.remove(&self.number);
        self.environment.ended.notify_all();
    }
}

/// Settles the promise of one job; its environment waits for it.
pub(crate) struct Settler<T: ToNapiValue + 'static> {
    deferred: JsDeferred<T, Resolver<T>>,
    ticket: Ticket,
}

type Resolver<T> = Box<dyn FnOnce(Env) -> napi::Result<T>>;

impl<T: ToNapiValue + 'static> Settler<T> {
    /// What settles the promise. JavaScript sees it some time after it was called; `finish` runs on its thread then,
    /// and says what the promise settles with.
    pub(crate) fn settle(self, finish: impl FnOnce(Env) -> napi::Result<T> + Send + 'static) -> Announcement {
        Box::new(move || {
            self.deferred.resolve(Box::new(finish));
            drop(self.ticket);
        })
    }
}

/// What a promise settles with: the value, or the error made in its environment.
pub(crate) fn verdict<T>(outcome: Outcome<T>, env: Env) -> napi::Result<T> {
    outcome.map_err(|failure| failure.into_rejection(env))
}

/// A promise and what settles it. `stop` is called if the environment ends first, which then waits until the promise
/// has been settled.
pub(crate) fn promise<'env, T>(env: &'env Env, stop: Stop) -> Outcome<(Settler<T>, Object<'env>)>
where
    T: ToNapiValue + Send + 'static,
{
    let environment = Environment::of(env)?;
    let (deferred, promise) = env.create_deferred()?;
    Ok((Settler { deferred, ticket: environment.enter(stop) }, promise))
}

/// Runs `body` on another thread; the promise settles with what it returns.
pub(crate) fn run<'env, T>(
    env: &'env Env,
    body: impl FnOnce() -> Outcome<T> + Send + 'static,
) -> Outcome<Object<'env>>
where
    T: ToNapiValue + Send + 'static,
{
    run_until(env, Arc::default(), move |_| body())
}

/// The same for work that ends early once `cancel` is set, as it is if the environment ends first.
pub(crate) fn run_until<'env, T>(
    env: &'env Env,
    cancel: Arc<AtomicBool>,
    body: impl FnOnce(&AtomicBool) -> Outcome<T> + Send + 'static,
) -> Outcome<Object<'env>>
where
    T: ToNapiValue + Send + 'static,
{
    let thread = Thread::take()?;
    let stop = Arc::clone(&cancel);
    let (settler, promise) = promise(env, Box::new(move || stop.store(true, Ordering::Release)))?;
    thread.run(move || {
        let outcome = caught(|| body(&cancel));
        settler.settle(move |env| verdict(outcome, env))
    });
    Ok(promise)
}
