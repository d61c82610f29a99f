//! Native memory that belongs to JavaScript objects, freed before their finalizers run.
//!
//! Node.js runs finalizers only between two turns of the event loop. A loop that makes and drops objects would fill the
//! memory with objects that the garbage collector has long found dead. So when much has been added, dead objects are
//! looked for.

use crate::error::Outcome;
use napi::{Env, check_status, sys};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ptr::null_mut;
use std::rc::{Rc, Weak};

/// Something that holds memory for a JavaScript object.
pub(crate) trait Holder {
    /// Frees the memory, and no longer reports it to the garbage collector.
    fn let_go(&self, env: &Env);
}

/// Bytes added after which dead objects are looked for.
const MUCH: usize = 16 << 20;

/// The least number of objects after which they are looked for, too.
const MANY: usize = 64;

/// The holders of one environment.
#[derive(Default)]
struct Holders {
    /// Each with a weak reference to its object, which is empty once the object is dead.
    all: Vec<(sys::napi_ref, Weak<dyn Holder>)>,
    /// Bytes added since dead objects were last looked for.
    added: usize,
    /// How many objects there may be before dead ones are looked for again.
    most: usize,
}

thread_local! {
    /// By the address of the environment.
    static HOLDERS: RefCell<HashMap<usize, Holders>> = RefCell::default();
}

/// Registers `holder`, which holds about `bytes` bytes that are needed as long as `object` lives.
pub(crate) fn register(
    env: &Env,
    object: sys::napi_value,
    holder: &Rc<impl Holder + 'static>,
    bytes: usize,
) -> Outcome<()> {
    let key = env.raw() as usize;
    if !HOLDERS.with_borrow(|all| all.contains_key(&key)) {
        env.add_env_cleanup_hook((), move |()| {
            let _ = HOLDERS.try_with(|all| all.borrow_mut().remove(&key));
        })?;
    }
    let mut reference = null_mut();
    // SAFETY: `object` is a live value of the callback under way; a count of 0 makes the reference weak.
    check_status!(unsafe { sys::napi_create_reference(env.raw(), object, 0, &mut reference) })?;
    let weak: Weak<dyn Holder> = Rc::downgrade(holder) as Weak<dyn Holder>;
    let due = HOLDERS.with_borrow_mut(|all| {
        let holders = all.entry(key).or_default();
        holders.all.push((reference, weak));
        holders.added = holders.added.saturating_add(bytes);
        let due = holders.added >= MUCH || holders.all.len() >= holders.most.max(MANY);
        due.then(|| std::mem::take(&mut holders.all))
    });
    let Some(mut all) = due else { return Ok(()) };
    all.retain(|(reference, holder)| !is_dead(env, *reference, holder));
    HOLDERS.with_borrow_mut(|holders| {
        let most = 2 * all.len();
        holders.insert(key, Holders { all, added: 0, most });
    });
    Ok(())
}

/// Whether the object is gone; if so, frees what it held and deletes the reference.
fn is_dead(env: &Env, reference: sys::napi_ref, holder: &Weak<dyn Holder>) -> bool {
    let mut object = null_mut();
    // SAFETY: the reference is this environment's, and is deleted below only, when it is dropped from the list.
    let status = unsafe { sys::napi_get_reference_value(env.raw(), reference, &mut object) };
    if status == sys::Status::napi_ok && !object.is_null() {
        return false;
    }
    if let Some(holder) = holder.upgrade() {
        holder.let_go(env);
    }
    // SAFETY: as above; nobody uses it afterwards.
    unsafe { sys::napi_delete_reference(env.raw(), reference) };
    true
}
