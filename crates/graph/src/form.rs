//! What is known of a value's elements before any number is: whether they can be probabilities, or logits.

use crate::shape::Meta;
use seqloom_kernels::Activation;

/// What the elements of a value are, whatever the weights and the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// At least 0, and along the last axis their sum is 1.
    Distribution,
    /// From 0 to 1.
    UnitInterval,
    /// At least 0.
    NonNegative,
    /// Of either sign, as a linear map gives them.
    Real,
    /// Nothing is known.
    Unknown,
}

impl Form {
    /// Its name in JavaScript.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Distribution => "distribution",
            Self::UnitInterval => "unitInterval",
            Self::NonNegative => "nonNegative",
            Self::Real => "real",
            Self::Unknown => "unknown",
        }
    }

    /// The form of parts of rows, or of rows that are mixed with zeros: a distribution is no longer one.
    pub(crate) fn in_parts(self) -> Self {
        self.max(Self::UnitInterval)
    }

    /// Whether no element is below 0.
    pub(crate) fn is_non_negative(self) -> bool {
        self <= Self::NonNegative
    }

    /// The form of elements that have one or another of some forms.
    pub(crate) fn join(forms: impl IntoIterator<Item = Self>) -> Self {
        forms.into_iter().max().unwrap_or(Self::Unknown)
    }

    /// The form of an activation's results for values of this form.
    pub(crate) fn activated(self, activation: Activation) -> Self {
        match activation {
            Activation::Linear => self,
            Activation::Relu | Activation::Relu6 | Activation::Softplus | Activation::Exponential => {
                Self::NonNegative
            }
            Activation::Sigmoid | Activation::HardSigmoid | Activation::HardSigmoidKeras2 => {
                Self::UnitInterval
            }
            // Of what is not negative they are not negative either; no model ends so on purpose.
            _ if self.is_non_negative() => Self::Unknown,
            _ => Self::Real,
        }
    }

    /// The sum of values: one of either sign decides, whatever is added to it.
    pub(crate) fn sum(forms: &[Self]) -> Self {
        if forms.contains(&Self::Real) {
            Self::Real
        } else {
            Self::join(forms.iter().copied()).max(Self::NonNegative)
        }
    }

    /// The difference of two values.
    pub(crate) fn difference([a, b]: [Self; 2]) -> Self {
        if a == Self::Real || b == Self::Real { Self::Real } else { Self::Unknown }
    }

    /// The product of values.
    pub(crate) fn product(forms: &[Self]) -> Self {
        Self::join(forms.iter().copied()).in_parts()
    }

    /// The larger of values, element by element.
    pub(crate) fn larger(forms: &[Self]) -> Self {
        let all = Self::join(forms.iter().copied()).in_parts();
        match all {
            Self::Real | Self::Unknown if forms.iter().any(|form| form.is_non_negative()) => {
                Self::NonNegative
            }
            Self::Real => Self::Unknown,
            known => known,
        }
    }

    /// The smaller of values, element by element.
    pub(crate) fn smaller(forms: &[Self]) -> Self {
        match Self::join(forms.iter().copied()).in_parts() {
            Self::Real => Self::Unknown,
            known => known,
        }
    }
}

/// A value that an operation reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    /// Which one it is.
    pub(crate) value: usize,
    pub(crate) meta: Meta,
    pub(crate) form: Form,
}
