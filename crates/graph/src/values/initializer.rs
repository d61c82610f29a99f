//! How a weight gets its first values, as the wire format names it.

use serde::{Deserialize, Serialize};

/// What the scale of a [`InitializerKind::VarianceScaling`] is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FanMode {
    /// The number of input units.
    FanIn,
    /// The number of output units.
    FanOut,
    /// The mean of both.
    FanAvg,
}

/// The distribution that a [`InitializerKind::VarianceScaling`] draws from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Distribution {
    /// Normal, values beyond two standard deviations drawn again.
    TruncatedNormal,
    /// Normal.
    UntruncatedNormal,
    /// Uniform with the same variance.
    Uniform,
}

/// An initializer and the seed of its own, if it has one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Initializer {
    /// Which rule draws the values.
    pub kind: InitializerKind,
    /// A seed that replaces the model's for this weight.
    pub seed: Option<u64>,
}

/// The rules of Keras 3's initializers, with the names and meanings it gives their parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
pub enum InitializerKind {
    /// All zeros.
    Zeros {},
    /// All ones.
    Ones {},
    /// All the same value.
    Constant {
        /// The value.
        value: f64,
    },
    /// Uniform over `[minval, maxval)`.
    RandomUniform {
        /// Lower bound, included.
        minval: f64,
        /// Upper bound, excluded.
        maxval: f64,
    },
    /// Normal.
    RandomNormal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        stddev: f64,
    },
    /// Normal, values beyond two standard deviations drawn again.
    TruncatedNormal {
        /// Mean.
        mean: f64,
        /// Standard deviation before truncation.
        stddev: f64,
    },
    /// Uniform over ±√(6 / (fanIn + fanOut)).
    GlorotUniform {},
    /// Truncated normal of variance 2 / (fanIn + fanOut).
    GlorotNormal {},
    /// Uniform over ±√(6 / fanIn).
    HeUniform {},
    /// Truncated normal of variance 2 / fanIn.
    HeNormal {},
    /// Uniform over ±√(3 / fanIn).
    LecunUniform {},
    /// Truncated normal of variance 1 / fanIn.
    LecunNormal {},
    /// The rule behind the Glorot, He and LeCun initializers.
    VarianceScaling {
        /// Numerator of the variance.
        scale: f64,
        /// What divides it.
        mode: FanMode,
        /// What is drawn from.
        distribution: Distribution,
    },
    /// The sign-fixed Q of the QR decomposition of a normal matrix.
    Orthogonal {
        /// Factor applied to Q.
        gain: f64,
    },
    /// The identity matrix.
    Identity {
        /// Factor applied to it.
        gain: f64,
    },
    /// An LSTM bias: the forget gate's block one, the other blocks from `base` (zeros when absent).
    LstmBias {
        /// The initializer of the other blocks.
        #[serde(default)]
        base: Option<Box<Initializer>>,
    },
}

impl<'de> Deserialize<'de> for Initializer {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        // An internally tagged enum with unknown fields denied cannot be flattened next to `seed`.
        let mut fields = serde_json::Map::deserialize(deserializer)?;
        let seed = match fields.remove("seed") {
            None | Some(serde_json::Value::Null) => None,
            Some(value) => Some(
                value
                    .as_u64()
                    .ok_or_else(|| D::Error::custom("seed must be a whole number of at least 0"))?,
            ),
        };
        let kind = serde_json::from_value(serde_json::Value::Object(fields)).map_err(D::Error::custom)?;
        Ok(Self { kind, seed })
    }
}
