//! The activation functions by name.

/// An element-wise activation function, with the meaning it has in Keras 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activation {
    /// x
    Linear,
    /// max(x, 0)
    Relu,
    /// 1 / (1 + exp(−x))
    Sigmoid,
    /// tanh(x)
    Tanh,
    /// min(max(x + 3, 0), 6) / 6
    HardSigmoid,
    /// min(max(0.2·x + 0.5, 0), 1), the hard sigmoid of Keras 2 and TensorFlow.js
    HardSigmoidKeras2,
    /// x / (1 + |x|)
    Softsign,
    /// ln(1 + exp(x))
    Softplus,
    /// x for x > 0, exp(x) − 1 below
    Elu,
    /// λ·x for x > 0, λ·α·(exp(x) − 1) below (Klambauer et al. 2017)
    Selu,
    /// x·Φ(x) with the exact normal distribution function (Hendrycks and Gimpel 2016), not its tanh approximation
    Gelu,
    /// x·sigmoid(x)
    Silu,
    /// exp(x)
    Exponential,
    /// min(max(x, 0), 6)
    Relu6,
    /// x for x > 0, 0.2·x below
    LeakyRelu,
    /// x·tanh(ln(1 + exp(x))) (Misra 2019)
    Mish,
}

impl Activation {
    /// Every activation, for tables and tests.
    pub const ALL: [Self; 16] = [
        Self::Linear,
        Self::Relu,
        Self::Sigmoid,
        Self::Tanh,
        Self::HardSigmoid,
        Self::HardSigmoidKeras2,
        Self::Softsign,
        Self::Softplus,
        Self::Elu,
        Self::Selu,
        Self::Gelu,
        Self::Silu,
        Self::Exponential,
        Self::Relu6,
        Self::LeakyRelu,
        Self::Mish,
    ];

    /// Whether the derivative is a function of the output alone, which the fused cells need.
    pub const fn derives_from_output(self) -> bool {
        matches!(
            self,
            Self::Linear
                | Self::Relu
                | Self::Sigmoid
                | Self::Tanh
                | Self::HardSigmoid
                | Self::HardSigmoidKeras2
                | Self::Softsign
                | Self::Elu
                | Self::Selu
                | Self::Exponential
                | Self::Relu6
                | Self::LeakyRelu
        )
    }
}
