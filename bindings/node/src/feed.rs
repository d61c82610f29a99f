//! Rows that JavaScript reads while a loop works on earlier ones.

use crate::error::{ErrorCode, Failure, Outcome, guard};
use crate::{argument, job, tensor};
use napi::bindgen_prelude::{ClassInstance, Object, Unknown};
use napi::{Env, Result, ValueType};
use napi_derive::napi;
use seqloom_graph::HostTensor;
use seqloom_graph::train::{Feed, Own, Portion, Source};
use std::sync::Arc;

/// A queue of rows on their way to `fit` or `evaluate`.
#[napi]
pub struct NativeFeed {
    feed: Arc<Feed>,
}

#[napi]
impl NativeFeed {
    /// A queue in which at most so many portions wait.
    ///
    /// Errors: `ERR_OPTION`.
    #[napi(constructor, catch_unwind, ts_args_type = "most: number")]
    pub fn new(most: Unknown<'_>) -> Result<Self, ErrorCode> {
        guard(|| Ok(Self { feed: Arc::new(Feed::new(argument::integer(&most, "most", 1)?)) }))
    }

    /// Adds rows, `batchSize` of them a batch; `place` is the pass over their source, and how many batches and rows of
    /// it came before; `skip` batches are left out. With `own`, the rows are those that a rank works on, of so many rows on
    /// all ranks together. Resolves once there is room for more.
    ///
    /// Errors: `ERR_DATA`, `ERR_SHAPE`, `ERR_OPTION`, `ERR_MEMORY`.
    #[napi(
        catch_unwind,
        ts_args_type = "tensors: NativeTensor[], batchSize: number, place: readonly [pass: number, batches: number, rows: number], skip: number, own?: readonly [of: number, rank: number, ranks: number]",
        ts_return_type = "Promise<void>"
    )]
    pub fn push<'env>(
        &self,
        env: &'env Env,
        tensors: Unknown<'env>,
        batch_size: Unknown<'env>,
        place: Unknown<'env>,
        skip: Unknown<'env>,
        own: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let tensors = tensor::read_list(&tensors, "tensors")?;
            let batch_size = argument::integer(&batch_size, "batchSize", 1)?;
            let place = argument::list(&place, "place", |item, what| argument::integer(&item, what, 0))?;
            let number = |index: usize| place.get(index).copied().unwrap_or(0) as u64;
            let skip = argument::integer(&skip, "skip", 0)?;
            let (pass, batches, rows) = (number(0), number(1), number(2));
            let own = match own.get_type()? {
                ValueType::Undefined => None,
                _ => Some(argument::list(&own, "own", |item, what| argument::integer(&item, what, 0))?),
            };
            let own = own.map(|own| match own[..] {
                [of, rank, ranks] if rank < ranks => Ok(Own { of, rank, ranks }),
                _ => Err(Failure::new(
                    ErrorCode::OPTION,
                    "own must be a number of rows, a rank and their number",
                )),
            });
            let own = own.transpose()?;
            self.add(env, Some(Portion { tensors, batch_size, pass, batches, rows, skip, own }))
        })
    }

    /// Says that the pass is over. Resolves once there is room for more.
    ///
    /// Errors: `ERR_MEMORY`.
    #[napi(catch_unwind, ts_return_type = "Promise<void>")]
    pub fn end<'env>(&self, env: &'env Env) -> Result<Object<'env>, ErrorCode> {
        guard(|| self.add(env, None))
    }

    /// Drops what waits; a `closed` feed takes nothing any more, and the loop that reads it is aborted.
    #[napi(catch_unwind, ts_args_type = "closed: boolean")]
    pub fn clear(&self, closed: Unknown<'_>) -> Result<(), ErrorCode> {
        guard(|| {
            self.feed.clear(argument::boolean(&closed, "closed")?);
            Ok(())
        })
    }

    fn add<'env>(&self, env: &'env Env, portion: Option<Portion>) -> Outcome<Object<'env>> {
        let feed = Arc::clone(&self.feed);
        let (settler, promise) = job::promise::<()>(env, Box::new(move || feed.clear(true)))?;
        self.feed.push(portion, Box::new(move || settler.settle(|_| Ok(()))()));
        Ok(promise)
    }
}

/// Where rows come from: tensors, or a feed.
pub(crate) enum Given {
    Rows(Vec<HostTensor>),
    Feed(Arc<Feed>),
}

impl Given {
    /// Reads what JavaScript gave.
    pub(crate) fn read(value: &Unknown<'_>, what: &str) -> Outcome<Self> {
        if value.get_type()? == ValueType::Object {
            // SAFETY: the conversion checks the class and its type tag.
            if let Ok(feed) = unsafe { value.cast::<ClassInstance<'_, NativeFeed>>() } {
                return Ok(Self::Feed(Arc::clone(&feed.feed)));
            }
        }
        Ok(Self::Rows(tensor::read_list(value, what)?))
    }

    pub(crate) fn source(&self) -> Source<'_> {
        match self {
            Self::Rows(tensors) => tensors.into(),
            Self::Feed(feed) => Source::Feed(feed),
        }
    }
}
