//! The functions of a chain's steps.

use crate::Activation;

/// An element-wise function. Comparisons give 1 or 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// a
    Copy,
    /// −a
    Negate,
    /// |a|
    Abs,
    /// √a
    Sqrt,
    /// ln a
    Log,
    /// f(a)
    Activate(Activation),
    /// a + b
    Add,
    /// a − b
    Subtract,
    /// a·b
    Multiply,
    /// a / b
    Divide,
    /// The larger one.
    Maximum,
    /// The smaller one.
    Minimum,
    /// a < b
    Less,
    /// a ≤ b
    LessEqual,
    /// a = b
    Equal,
    /// a ≠ b
    NotEqual,
    /// b where a ≠ 0, else c
    Select,
    /// a·f'(x), where b = f(x); for activations where [`Activation::derives_from_output`] holds.
    Slope(Activation),
    /// a·f'(b), where c = f(b)
    Derivative(Activation),
    /// a with its sign changed where b < 0, 0 where b = 0: the derivative of |b|.
    Signed,
    /// a where b > c, half of it where b = c, else 0: the derivative of the maximum.
    Winner,
}

impl Function {
    /// How many operands it has.
    pub const fn arity(self) -> usize {
        match self {
            Self::Copy | Self::Negate | Self::Abs | Self::Sqrt | Self::Log | Self::Activate(_) => 1,
            Self::Select | Self::Winner | Self::Derivative(_) => 3,
            _ => 2,
        }
    }
}
