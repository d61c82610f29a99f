//! The element-wise functions: names on the wire, values and derivatives as steps of a chain.

use crate::form::Form;
use crate::setting::names;
use seqloom_kernels::{Activation, Function, Output, Source, Step};

names! {
    /// A function of one, two or three values.
    pub(crate) enum ElementwiseKind {
        Identity,
        Neg,
        Abs,
        Square,
        Sqrt,
        Exp,
        Log,
        Sigmoid,
        Tanh,
        Relu,
        Softplus,
        Softsign,
        HardSigmoid,
        HardSigmoidKeras2,
        Relu6,
        LeakyRelu,
        Elu,
        Selu,
        Gelu,
        Silu,
        Mish,
        Add,
        Subtract,
        Multiply,
        Divide,
        Maximum,
        Minimum,
        Less,
        LessEqual,
        Greater,
        GreaterEqual,
        Equal,
        NotEqual,
        /// b where a ≠ 0, else c.
        Where,
    }
}

/// What the derivatives of a function read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Needs {
    pub(crate) inputs: [bool; 3],
    pub(crate) output: bool,
}

/// Collects the steps of a chain.
#[derive(Debug, Default)]
pub(crate) struct Emitter {
    pub(crate) steps: Vec<Step>,
}

impl Emitter {
    /// Adds a step without an output of its own.
    pub(crate) fn push<const N: usize>(&mut self, function: Function, sources: [Source; N]) -> Source {
        let mut all = [Source::Constant(0.0); 3];
        all[..N].copy_from_slice(&sources);
        self.steps.push(Step { function, sources: all, output: Output::Nothing });
        Source::Step(self.steps.len() - 1)
    }

    /// Sends a value to a view.
    pub(crate) fn output(&mut self, value: Source, output: Output) {
        if let Source::Step(step) = value
            && let Some(step) = self.steps.get_mut(step)
            && step.output == Output::Nothing
        {
            step.output = output;
            return;
        }
        self.push(Function::Copy, [value]);
        if let Some(step) = self.steps.last_mut() {
            step.output = output;
        }
    }
}

impl ElementwiseKind {
    /// How many values it takes.
    pub(crate) fn arity(self) -> usize {
        use ElementwiseKind::*;
        match self {
            Add | Subtract | Multiply | Divide | Maximum | Minimum | Less | LessEqual | Greater
            | GreaterEqual | Equal | NotEqual => 2,
            Where => 3,
            _ => 1,
        }
    }

    /// Whether input `index` has a gradient.
    pub(crate) fn differentiable(self, index: usize) -> bool {
        use ElementwiseKind::*;
        match self {
            Less | LessEqual | Greater | GreaterEqual | Equal | NotEqual => false,
            Where => index > 0,
            _ => true,
        }
    }

    /// What [`Self::derivative`] reads.
    pub(crate) fn needs(self) -> Needs {
        use ElementwiseKind::*;
        let (inputs, output) = match self {
            Abs | Square | Log | Softplus | Where => ([true, false, false], false),
            Sqrt | Exp | Sigmoid | Tanh | Relu | Softsign | HardSigmoid | HardSigmoidKeras2 | Relu6
            | LeakyRelu | Elu | Selu => ([false; 3], true),
            Gelu | Silu | Mish => ([true, false, false], true),
            Multiply | Maximum | Minimum => ([true, true, false], false),
            Divide => ([false, true, false], true),
            _ => ([false; 3], false),
        };
        Needs { inputs, output }
    }

    /// Whether computing it takes no longer than reading it from memory.
    pub(crate) fn is_swift(self) -> bool {
        !matches!(self, Self::Log | Self::Softplus | Self::Gelu | Self::Mish)
    }

    /// The form of its value; `itself` where it takes the same value twice.
    pub(crate) fn form(self, forms: &[Form], itself: bool) -> Form {
        use ElementwiseKind::*;
        match self {
            Identity => forms[0],
            Neg if forms[0] == Form::Real => Form::Real,
            Neg => Form::Unknown,
            Abs | Square | Sqrt => Form::NonNegative,
            Log => Form::Real,
            Exp | Sigmoid | Tanh | Relu | Softplus | Softsign | HardSigmoid | HardSigmoidKeras2 | Relu6
            | LeakyRelu | Elu | Selu | Gelu | Silu | Mish => {
                self.activation().map_or(Form::Unknown, |activation| forms[0].activated(activation))
            }
            Multiply if itself => Form::NonNegative,
            Add => Form::sum(forms),
            Subtract => Form::difference([forms[0], forms[1]]),
            Multiply => Form::product(forms),
            Divide => match (forms[0], forms[1]) {
                (Form::Real, divisor) if divisor.is_non_negative() => Form::Real,
                (value, divisor) if value.is_non_negative() && divisor.is_non_negative() => Form::NonNegative,
                _ => Form::Unknown,
            },
            Maximum => Form::larger(forms),
            Minimum => Form::smaller(forms),
            Less | LessEqual | Greater | GreaterEqual | Equal | NotEqual => Form::UnitInterval,
            // Logits with others in place of some are logits.
            Where if forms[1..].contains(&Form::Real) => Form::Real,
            Where => Form::join(forms[1..].iter().copied()).in_parts(),
        }
    }

    fn activation(self) -> Option<Activation> {
        Some(match self {
            Self::Exp => Activation::Exponential,
            Self::Sigmoid => Activation::Sigmoid,
            Self::Tanh => Activation::Tanh,
            Self::Relu => Activation::Relu,
            Self::Softplus => Activation::Softplus,
            Self::Softsign => Activation::Softsign,
            Self::HardSigmoid => Activation::HardSigmoid,
            Self::HardSigmoidKeras2 => Activation::HardSigmoidKeras2,
            Self::Relu6 => Activation::Relu6,
            Self::LeakyRelu => Activation::LeakyRelu,
            Self::Elu => Activation::Elu,
            Self::Selu => Activation::Selu,
            Self::Gelu => Activation::Gelu,
            Self::Silu => Activation::Silu,
            Self::Mish => Activation::Mish,
            _ => return None,
        })
    }

    /// Its value.
    pub(crate) fn value(self, [a, b, c]: [Source; 3], steps: &mut Emitter) -> Source {
        use ElementwiseKind::*;
        if let Some(activation) = self.activation() {
            return steps.push(Function::Activate(activation), [a]);
        }
        match self {
            Neg => steps.push(Function::Negate, [a]),
            Abs => steps.push(Function::Abs, [a]),
            Square => steps.push(Function::Multiply, [a, a]),
            Sqrt => steps.push(Function::Sqrt, [a]),
            Log => steps.push(Function::Log, [a]),
            Add => steps.push(Function::Add, [a, b]),
            Subtract => steps.push(Function::Subtract, [a, b]),
            Multiply => steps.push(Function::Multiply, [a, b]),
            Divide => steps.push(Function::Divide, [a, b]),
            Maximum => steps.push(Function::Maximum, [a, b]),
            Minimum => steps.push(Function::Minimum, [a, b]),
            Less => steps.push(Function::Less, [a, b]),
            LessEqual => steps.push(Function::LessEqual, [a, b]),
            Greater => steps.push(Function::Less, [b, a]),
            GreaterEqual => steps.push(Function::LessEqual, [b, a]),
            Equal => steps.push(Function::Equal, [a, b]),
            NotEqual => steps.push(Function::NotEqual, [a, b]),
            Where => steps.push(Function::Select, [a, b, c]),
            _ => steps.push(Function::Copy, [a]),
        }
    }

    /// The gradient of differentiable input `index`, given the value `y` and its gradient `dy`.
    pub(crate) fn derivative(
        self,
        index: usize,
        [a, b, _]: [Source; 3],
        y: Source,
        dy: Source,
        steps: &mut Emitter,
    ) -> Source {
        use ElementwiseKind::*;
        let zero = Source::Constant(0.0);
        match (self, index) {
            (Neg, _) | (Subtract, 1) => steps.push(Function::Negate, [dy]),
            (Abs, _) => steps.push(Function::Signed, [dy, a]),
            (Square, _) => {
                let twice = steps.push(Function::Add, [a, a]);
                steps.push(Function::Multiply, [dy, twice])
            }
            (Sqrt, _) => {
                let twice = steps.push(Function::Add, [y, y]);
                steps.push(Function::Divide, [dy, twice])
            }
            (Exp, _) => steps.push(Function::Multiply, [dy, y]),
            (Log, _) => steps.push(Function::Divide, [dy, a]),
            (Softplus, _) => {
                let slope = steps.push(Function::Activate(Activation::Sigmoid), [a]);
                steps.push(Function::Multiply, [dy, slope])
            }
            (Gelu | Silu | Mish, _) => {
                let activation = self.activation().unwrap_or(Activation::Linear);
                steps.push(Function::Derivative(activation), [dy, a, y])
            }
            (
                Sigmoid | Tanh | Relu | Softsign | HardSigmoid | HardSigmoidKeras2 | Relu6 | LeakyRelu | Elu
                | Selu,
                _,
            ) => {
                let activation = self.activation().unwrap_or(Activation::Linear);
                steps.push(Function::Slope(activation), [dy, y])
            }
            (Multiply, 0) => steps.push(Function::Multiply, [dy, b]),
            (Multiply, _) => steps.push(Function::Multiply, [dy, a]),
            (Divide, 0) => steps.push(Function::Divide, [dy, b]),
            (Divide, _) => {
                let share = steps.push(Function::Divide, [dy, b]);
                let product = steps.push(Function::Multiply, [share, y]);
                steps.push(Function::Negate, [product])
            }
            (Maximum, 0) | (Minimum, 1) => steps.push(Function::Winner, [dy, a, b]),
            (Maximum, _) | (Minimum, _) => steps.push(Function::Winner, [dy, b, a]),
            (Where, 1) => steps.push(Function::Select, [a, dy, zero]),
            (Where, _) => steps.push(Function::Select, [a, zero, dy]),
            _ => dy,
        }
    }
}
