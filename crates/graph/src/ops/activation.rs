//! `activation`: element-wise functions, softmax and log-softmax over the last axis.

use super::{
    ActivationKind, Backward, Entry, Forward, Op, Operation, Role, Site, Streamed, TimeAxes, made, stream,
};
use crate::error::{Error, Result};
use crate::form::{Form, Known};
use crate::parallel::while_wanted;
use crate::setting::settings;
use crate::shape::Meta;
use crate::values::Dtype;
use seqloom_kernels::{Activation, Scalar};

settings! {
    struct Attributes {
        kind: String;
    }
}

/// Applies an activation to every element or row.
#[derive(Debug, Clone)]
pub(crate) struct ActivationOp {
    kind: ActivationKind,
}

/// All activations by name.
pub(crate) const ACTIVATIONS: &[(&str, ActivationKind)] = &[
    ("linear", ActivationKind::Elementwise(Activation::Linear)),
    ("relu", ActivationKind::Elementwise(Activation::Relu)),
    ("sigmoid", ActivationKind::Elementwise(Activation::Sigmoid)),
    ("tanh", ActivationKind::Elementwise(Activation::Tanh)),
    ("hardSigmoid", ActivationKind::Elementwise(Activation::HardSigmoid)),
    ("hardSigmoidKeras2", ActivationKind::Elementwise(Activation::HardSigmoidKeras2)),
    ("softsign", ActivationKind::Elementwise(Activation::Softsign)),
    ("softplus", ActivationKind::Elementwise(Activation::Softplus)),
    ("elu", ActivationKind::Elementwise(Activation::Elu)),
    ("selu", ActivationKind::Elementwise(Activation::Selu)),
    ("gelu", ActivationKind::Elementwise(Activation::Gelu)),
    ("silu", ActivationKind::Elementwise(Activation::Silu)),
    ("swish", ActivationKind::Elementwise(Activation::Silu)),
    ("mish", ActivationKind::Elementwise(Activation::Mish)),
    ("exponential", ActivationKind::Elementwise(Activation::Exponential)),
    ("relu6", ActivationKind::Elementwise(Activation::Relu6)),
    ("leakyRelu", ActivationKind::Elementwise(Activation::LeakyRelu)),
    ("softmax", ActivationKind::Softmax),
    ("logSoftmax", ActivationKind::LogSoftmax),
];

fn activation(name: &str) -> Result<ActivationKind> {
    let found = ACTIVATIONS.iter().find(|(known, _)| *known == name);
    found
        .map(|&(_, kind)| kind)
        .ok_or_else(|| Error::unsupported(format!("there is no activation '{name}' here")))
}

/// The element-wise activation of a name on the wire.
pub(crate) fn elementwise(name: &str) -> Result<Activation> {
    match activation(name)? {
        ActivationKind::Elementwise(kind) => Ok(kind),
        _ => Err(Error::unsupported(format!("there is no activation '{name}' here"))),
    }
}

pub(super) const OPERATIONS: &[Entry] = &[Entry {
    settings: Attributes::SETTINGS,
    ..Entry::of("activation", |site| made(ActivationOp::new(site)?))
}];

impl ActivationOp {
    pub(crate) fn new(site: &Site<'_>) -> Result<Self> {
        Ok(Self { kind: activation(&Attributes::read(site.attributes())?.kind)? })
    }
}

/// Checks that an operand holds floating-point values.
pub(crate) fn expect_float(meta: &Meta) -> Result<()> {
    if meta.dtype == Dtype::Float32 {
        return Ok(());
    }
    Err(Error::data("the input must be float32, but is int32"))
}

impl Operation for ActivationOp {
    fn stream(&self, inputs: &[Streamed]) -> Option<TimeAxes> {
        match self.kind {
            ActivationKind::Elementwise(_) => stream::elements(inputs),
            ActivationKind::Softmax | ActivationKind::LogSoftmax => stream::rows(inputs),
        }
    }

    fn role(&self) -> Role {
        Role::Activation(self.kind)
    }
}

impl<T: Scalar> Op<T> for ActivationOp {
    fn infer(&mut self, inputs: &[Meta], outputs: &mut [Meta]) -> Result<()> {
        expect_float(&inputs[0])?;
        if self.kind != ActivationKind::Elementwise(Activation::Linear) && inputs[0].shape.rank() == 0 {
            return Err(Error::shape("the input must have at least one dimension"));
        }
        outputs[0] = inputs[0];
        Ok(())
    }

    fn forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let columns = frame.inputs[0].shape.last();
        let ([x], [y]) = frame.buffers.carve([frame.inputs[0].place], [frame.outputs[0].place])?;
        match self.kind {
            ActivationKind::Elementwise(kind) => T::activation(kind, x, y),
            ActivationKind::Softmax => T::softmax_rows(x, columns, y),
            ActivationKind::LogSoftmax => {
                for (x, y) in while_wanted(x.chunks_exact(columns).zip(y.chunks_exact_mut(columns))) {
                    let norm = log_sum_exp(x);
                    for (y, &x) in y.iter_mut().zip(x) {
                        *y = x - norm;
                    }
                }
            }
        }
        Ok(())
    }

    fn backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let frame = &mut context.frame;
        let columns = frame.inputs[0].shape.last();
        let ([x, y, dy], [dx]) = frame.buffers.carve(
            [frame.inputs[0].place, frame.outputs[0].place, frame.outputs[0].gradient],
            [frame.inputs[0].gradient],
        )?;
        if let ActivationKind::Elementwise(kind) = self.kind {
            T::activation_backward(kind, x, y, dy, dx);
            return Ok(());
        }
        let rows = dx.chunks_exact_mut(columns).zip(y.chunks_exact(columns)).zip(dy.chunks_exact(columns));
        for ((dx, y), dy) in while_wanted(rows) {
            if self.kind == ActivationKind::Softmax {
                let mut dot = T::default();
                for (&y, &dy) in y.iter().zip(dy) {
                    dot += y * dy;
                }
                for ((dx, &y), &dy) in dx.iter_mut().zip(y).zip(dy) {
                    *dx += y * (dy - dot);
                }
            } else {
                let mut sum = T::default();
                for &dy in dy {
                    sum += dy;
                }
                for ((dx, &y), &dy) in dx.iter_mut().zip(y).zip(dy) {
                    *dx += dy - y.exp() * sum;
                }
            }
        }
        Ok(())
    }

    fn keeps_input(&self, _index: usize) -> bool {
        matches!(self.kind, ActivationKind::Elementwise(_))
    }

    fn keeps_output(&self, _index: usize) -> bool {
        true
    }

    fn form(&self, known: &[Known], _output: usize) -> Form {
        match self.kind {
            ActivationKind::Softmax => Form::Distribution,
            ActivationKind::LogSoftmax => Form::Real,
            ActivationKind::Elementwise(activation) => known[0].form.activated(activation),
        }
    }
}

/// ln Σ exp(x), shifted by the maximum so that it cannot overflow.
fn log_sum_exp<T: Scalar>(x: &[T]) -> T {
    let mut max = x.first().copied().unwrap_or_default();
    for &x in x {
        if x > max {
            max = x;
        }
    }
    let mut sum = T::default();
    for &x in x {
        sum += (x - max).exp();
    }
    max + sum.ln()
}
