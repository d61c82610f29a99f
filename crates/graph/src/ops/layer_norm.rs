//! `layerNorm`: zero mean and unit variance over the last axis (Ba et al. 2016).

use super::activation::expect_float;
use super::moments::moments;
use super::{
    Backward, Entry, Forward, Op, Operands, Operation, Place, Site, Sizes, Streamed, TimeAxes, made, stream,
};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::parallel::while_wanted;
use crate::setting::settings;
use crate::shape::{Meta, fits};
use seqloom_kernels::Scalar;

settings! {
    struct Attributes {
        epsilon: f64 [NON_NEGATIVE];
        center: bool;
        scale: bool;
    }
}

/// y = (x − mean) / √(variance + epsilon) · gamma + beta, with the weights gamma (if `scale`) and beta (if
/// `center`) `[features]`.
#[derive(Debug, Clone)]
pub(crate) struct LayerNorm {
    epsilon: f64,
    gamma: Option<usize>,
    beta: Option<usize>,
    features: Option<usize>,
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    weights: 0..=2,
    settings: Attributes::SETTINGS,
    ..Entry::of("layerNorm", |site| made(LayerNorm::new(site)?))
}];

impl LayerNorm {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        let Attributes { epsilon, center, scale } = Attributes::read(site.attributes())?;
        let count = usize::from(scale) + usize::from(center);
        site.expect_weights(count)?;
        let gamma = scale.then_some(0);
        let beta = center.then_some(usize::from(scale));
        let mut features = None;
        for (role, index) in [("gamma", gamma), ("beta", beta)] {
            let Some(index) = index else { continue };
            let shape = site.weight_shape(index);
            match *shape {
                [size] if size > 0 && features.is_none_or(|features| features == size) => {
                    features = Some(size)
                }
                _ => {
                    return Err(Error::shape(format!(
                        "the {role} must have shape [features]; got {shape:?}"
                    )));
                }
            }
        }
        Ok(Self { epsilon, gamma, beta, features })
    }
}

impl Operation for LayerNorm {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        stream::rows(inputs)
    }
}

impl<T: Scalar> Op<T> for LayerNorm {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        expect_float(&inputs[0])?;
        let shape = inputs[0].shape;
        if shape.rank() < 2 || self.features.is_some_and(|features| !fits(shape.last(), features)) {
            let expected = self.features.map_or("[batch, …]".into(), |features| format!("[…, {features}]"));
            return Err(Error::shape(format!("the input must have shape {expected}; got {shape}")));
        }
        outputs[0] = inputs[0];
        Ok(())
    }

    fn sizes(&mut self, operands: Operands<'_>) -> Result<Sizes> {
        let shape = operands.inputs[0].shape;
        let rows = shape.elements()? / shape.last();
        let both =
            rows.checked_mul(2).ok_or_else(|| Error::memory("the statistics are too large to address"))?;
        Ok(Sizes { stash: if operands.recording { both } else { 0 }, forward: 0, backward: shape.last() })
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let columns = frame.inputs[0].shape.last();
        let gamma = self.gamma.map(|index| frame.weights.get(index));
        let beta = self.beta.map(|index| frame.weights.get(index));
        let ([x], [y, statistics]) =
            frame.buffers.carve([frame.inputs[0].place], [frame.outputs[0].place, frame.stash])?;
        let mut kept = statistics.chunks_exact_mut(2);
        for (x, y) in while_wanted(x.chunks_exact(columns).zip(y.chunks_exact_mut(columns))) {
            let (mean, inverse) = moments(x.iter().copied(), columns, self.epsilon);
            for (index, (y, &x)) in y.iter_mut().zip(x).enumerate() {
                let scaled = (x - mean) * inverse * gamma.map_or(T::ONE, |gamma| gamma[index]);
                *y = scaled + beta.map_or(T::ZERO, |beta| beta[index]);
            }
            if let Some([kept_mean, kept_inverse]) = kept.next() {
                (*kept_mean, *kept_inverse) = (mean, inverse);
            }
        }
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let Backward { frame, gradients, .. } = context;
        let columns = frame.inputs[0].shape.last();
        let gamma = self.gamma.map(|index| frame.weights.get(index));
        let weight = |index: Option<usize>| index.and_then(|index| frame.weights.index(index));
        let [d_gamma, d_beta] = gradients.dense([weight(self.gamma), weight(self.beta)])?;
        let ([x, statistics, dy], [normalised_gradient, dx]) = frame.buffers.carve(
            [frame.inputs[0].place, frame.stash, frame.outputs[0].gradient],
            [frame.workspace, frame.inputs[0].gradient],
        )?;
        let count = T::from_usize(columns);
        let wants_input = frame.inputs[0].gradient != Place::None;
        let rows = x.chunks_exact(columns).zip(dy.chunks_exact(columns)).zip(statistics.chunks_exact(2));
        for (row, ((x, dy), statistics)) in while_wanted(rows).enumerate() {
            let (mean, inverse) = (statistics[0], statistics[1]);
            let (mut sum, mut dot) = (T::ZERO, T::ZERO);
            for (index, (&x, &dy)) in x.iter().zip(dy).enumerate() {
                let normalised = (x - mean) * inverse;
                if let Some(d_gamma) = d_gamma.get_mut(index) {
                    *d_gamma += dy * normalised;
                }
                if let Some(d_beta) = d_beta.get_mut(index) {
                    *d_beta += dy;
                }
                let gradient = dy * gamma.map_or(T::ONE, |gamma| gamma[index]);
                normalised_gradient[index] = gradient;
                sum += gradient;
                dot += gradient * normalised;
            }
            if wants_input {
                let dx = &mut dx[row * columns..(row + 1) * columns];
                for (index, (dx, &x)) in dx.iter_mut().zip(x).enumerate() {
                    let normalised = (x - mean) * inverse;
                    *dx += inverse * (normalised_gradient[index] - (sum + normalised * dot) / count);
                }
            }
        }
        Ok(())
    }

    fn keeps_input(&self, _index: usize) -> bool {
        true
    }

    fn form(&self, _known: &[Known], _output: usize) -> Form {
        Form::Real
    }
}
