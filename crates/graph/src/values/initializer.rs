//! How a weight gets its first values, as the wire format names it.

use crate::error::{Error, Result};
use crate::setting::{Reader, Setting, Settings, Type, names, settings};
use serde::{Deserialize, Serialize};
use serde_json::Value;

names! {
    /// What the scale of a [`InitializerKind::VarianceScaling`] is divided by.
    #[derive(Serialize)]
    pub enum FanMode {
        /// The number of input units.
        FanIn,
        /// The number of output units.
        FanOut,
        /// The mean of both.
        FanAvg,
    }
}

names! {
    /// The distribution that a [`InitializerKind::VarianceScaling`] draws from.
    #[derive(Serialize)]
    pub enum Distribution {
        /// Normal, values beyond two standard deviations drawn again.
        TruncatedNormal,
        /// Normal.
        UntruncatedNormal,
        /// Uniform with the same variance.
        Uniform,
        /// What Keras called the truncated one before.
        Normal,
    }
}

/// An initializer and the seed of its own, if it has one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Initializer {
    /// Which rule draws the values.
    pub kind: InitializerKind,
    /// A seed that replaces the model's for this weight.
    pub seed: Option<u64>,
}

/// An initializer that there is: its variant, its settings, and whether it draws numbers.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) variant: &'static str,
    pub(crate) settings: &'static [Setting],
    #[cfg(test)]
    pub(crate) draws: bool,
}

/// Makes the enumeration of initializers, how they are read, and their descriptions; `seeded` are those that draw
/// numbers.
macro_rules! initializers {
    ($(
        $(#[doc = $about:literal])*
        $kind:ident $([$seeded:ident])?
        { $($(#[doc = $doc:literal])* $field:ident: $type:ty $([$range:ident])? $(= $default:expr)?;)* }
    )*) => {
        /// The rules of Keras 3's initializers, with the names and meanings it gives their parameters.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(tag = "kind", rename_all = "camelCase")]
        pub enum InitializerKind {
            $($(#[doc = $about])* $kind { $($(#[doc = $doc])* $field: $type,)* },)*
        }

        impl InitializerKind {
            /// All of them, in order.
            pub(crate) const ENTRIES: &'static [Entry] = &[$(Entry {
                variant: stringify!($kind),
                settings: settings!(
                    @list $($(#[doc = $doc])* $field: $type $([$range])? $(= $default)?;)*
                ),
                #[cfg(test)]
                draws: !stringify!($($seeded)?).is_empty(),
            }),*];

            /// Weights check the values when they are filled, whoever has made the initializer.
            fn read(kind: &Value, given: &Settings) -> Result<Self> {
                let mut entries = Self::ENTRIES.iter().filter(|entry| kind.as_str().is_some_and(|kind| entry.is(kind)));
                let Some(entry) = entries.next() else {
                    return Err(Error::option(format!("there is no initializer {kind}")));
                };
                #[allow(unused_mut, reason = "Some have no settings")]
                let mut reader = Reader::new(entry.settings, given)?.unchecked();
                Ok(match entry.variant {
                    $(stringify!($kind) => Self::$kind { $($field: reader.next()?,)* },)*
                    _ => return Err(Error::native("An initializer is described, but not made")),
                })
            }
        }
    };
}

impl Entry {
    /// Whether this is its name on the wire.
    fn is(&self, name: &str) -> bool {
        let decapitalised = |name: &str| {
            name.char_indices()
                .map(|(at, c)| if at == 0 { c.to_ascii_lowercase() } else { c })
                .collect::<String>()
        };
        decapitalised(self.variant) == name
    }
}

initializers! {
    /// All zeros.
    Zeros {}
    /// All ones.
    Ones {}
    /// All the same value.
    Constant {
        /// The value.
        value: f64 = 0.0;
    }
    /// Uniform over `[minval, maxval)`.
    RandomUniform [seeded] {
        /// Lower bound, included.
        minval: f64 = -0.05;
        /// Upper bound, excluded.
        maxval: f64 = 0.05;
    }
    /// Normal.
    RandomNormal [seeded] {
        /// Mean.
        mean: f64 = 0.0;
        /// Standard deviation.
        stddev: f64 [NON_NEGATIVE] = 0.05;
    }
    /// Normal, values beyond two standard deviations drawn again.
    TruncatedNormal [seeded] {
        /// Mean.
        mean: f64 = 0.0;
        /// Standard deviation before truncation.
        stddev: f64 [NON_NEGATIVE] = 0.05;
    }
    /// Uniform over ±√(6 / (fanIn + fanOut)).
    GlorotUniform [seeded] {}
    /// Truncated normal of variance 2 / (fanIn + fanOut).
    GlorotNormal [seeded] {}
    /// Uniform over ±√(6 / fanIn).
    HeUniform [seeded] {}
    /// Truncated normal of variance 2 / fanIn.
    HeNormal [seeded] {}
    /// Uniform over ±√(3 / fanIn).
    LecunUniform [seeded] {}
    /// Truncated normal of variance 1 / fanIn.
    LecunNormal [seeded] {}
    /// The rule behind the Glorot, He and LeCun initializers.
    VarianceScaling [seeded] {
        /// Numerator of the variance.
        scale: f64 [POSITIVE] = 1.0;
        /// What divides it.
        mode: FanMode = "fanIn";
        /// What is drawn from.
        distribution: Distribution = "truncatedNormal";
    }
    /// The sign-fixed Q of the QR decomposition of a normal matrix.
    Orthogonal [seeded] {
        /// Factor applied to Q.
        gain: f64 = 1.0;
    }
    /// The identity matrix.
    Identity {
        /// Factor applied to it.
        gain: f64 = 1.0;
    }
    /// An LSTM bias: the forget gate's block one, the other blocks from `base` (zeros when absent).
    LstmBias {
        /// The initializer of the other blocks.
        base: Option<Box<Initializer>> = null;
    }
}

impl Type for Box<Initializer> {
    #[cfg(test)]
    const KIND: crate::setting::SettingKind = crate::setting::SettingKind::Other;
}

impl<'de> Deserialize<'de> for Initializer {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let mut fields = Settings::deserialize(deserializer)?;
        let seed = match fields.remove("seed") {
            None | Some(Value::Null) => None,
            Some(value) => Some(
                value
                    .as_u64()
                    .ok_or_else(|| D::Error::custom("seed must be a whole number of at least 0"))?,
            ),
        };
        let kind = fields.remove("kind").unwrap_or_default();
        Ok(Self { kind: InitializerKind::read(&kind, &fields).map_err(D::Error::custom)?, seed })
    }
}
