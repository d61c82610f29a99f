//! The distributions of weights and gradients for JavaScript.

use crate::argument;
use crate::error::{ErrorCode, guard};
use crate::model::NativeModel;
use napi::bindgen_prelude::{Object, Unknown};
use napi::{Env, Result};
use napi_derive::napi;
use seqloom_graph::train::Histogram;
use std::sync::Arc;

/// The distribution of the elements of a weight, or of its gradient.
#[napi(object, object_from_js = false)]
pub struct NativeHistogram {
    /// The weight's name.
    pub name: String,
    /// The least finite element.
    pub least: f64,
    /// The largest finite element.
    pub most: f64,
    /// The mean of the finite elements.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// How many elements are in each of some equally wide ranges from the least to the largest; none if none is finite.
    pub counts: Vec<f64>,
    /// How many elements are not finite.
    pub not_finite: f64,
}

impl From<(String, Histogram)> for NativeHistogram {
    fn from((name, found): (String, Histogram)) -> Self {
        Self {
            name,
            least: found.least.into(),
            most: found.most.into(),
            mean: found.mean,
            deviation: found.deviation,
            counts: found.counts.into_iter().map(|count| count as f64).collect(),
            not_finite: found.not_finite as f64,
        }
    }
}

#[napi]
impl NativeModel {
    /// The distributions of the first `most` weights, or of the gradients of the last step of training, computed on
    /// another thread. Of gradients there are none before the first step.
    ///
    /// Errors: `ERR_MEMORY`.
    #[napi(
        catch_unwind,
        ts_args_type = "ofGradients: boolean, most: number",
        ts_return_type = "Promise<NativeHistogram[]>"
    )]
    pub fn histograms<'env>(
        &self,
        env: &'env Env,
        of_gradients: Unknown<'env>,
        most: Unknown<'env>,
    ) -> Result<Object<'env>, ErrorCode> {
        guard(|| {
            let of_gradients = argument::boolean(&of_gradients, "ofGradients")?;
            let most = argument::integer(&most, "most", 0)?;
            self.shared.later(env, Arc::default(), move |trainer, cancel| {
                let found = if of_gradients {
                    trainer.gradient_histograms(most, cancel)?
                } else {
                    trainer.weight_histograms(most, cancel)?
                };
                Ok(found.into_iter().map(NativeHistogram::from).collect::<Vec<_>>())
            })
        })
    }
}
