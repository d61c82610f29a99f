//! What a model is trained towards, and how.

use serde_json::{Map, Value as Json, json};

/// The loss of one output, and what is reported besides it.
#[derive(Debug, Clone)]
pub struct Objective {
    pub(crate) loss: String,
    pub(crate) attributes: Map<String, Json>,
    pub(crate) weight: f64,
    pub(crate) metrics: Vec<String>,
}

impl Objective {
    /// Any loss of the engine by its name, such as `meanAbsoluteError` or `binaryCrossentropy`.
    pub fn new(loss: &str) -> Self {
        Self { loss: loss.into(), attributes: Map::new(), weight: 1.0, metrics: Vec::new() }
    }

    /// The mean squared error.
    pub fn mean_squared_error() -> Self {
        Self::new("meanSquaredError")
    }

    /// The cross-entropy of probabilities, as softmax gives them, with `i32` labels; reports the accuracy, too.
    pub fn classification() -> Self {
        Self::new("sparseCategoricalCrossentropy").metric("sparseCategoricalAccuracy")
    }

    /// An option of the loss, such as `labelSmoothing`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// Its factor in the sum of all losses; 1 unless it is set.
    #[must_use]
    pub fn weight(self, weight: f64) -> Self {
        Self { weight, ..self }
    }

    /// Also reports a metric of the engine, by its name.
    #[must_use]
    pub fn metric(mut self, kind: &str) -> Self {
        self.metrics.push(kind.into());
        self
    }

    /// The attributes of its loss.
    pub(crate) fn loss_attributes(&self) -> Json {
        let mut attributes = self.attributes.clone();
        attributes.insert("kind".into(), json!(self.loss));
        Json::Object(attributes)
    }

    /// Whether targets are labels rather than values.
    pub(crate) fn takes_labels(&self) -> bool {
        self.loss.starts_with("sparse")
    }
}

/// An optimizer with its options.
#[derive(Debug, Clone)]
pub struct Optimizer(pub(crate) Map<String, Json>);

impl Optimizer {
    /// Any optimizer of the engine by its name, such as `rmsprop`, with Keras's defaults.
    pub fn new(kind: &str) -> Self {
        Self(Map::new()).with("kind", kind)
    }

    /// Adam (Kingma and Ba 2015).
    pub fn adam(learning_rate: f64) -> Self {
        Self::new("adam").with("learningRate", learning_rate)
    }

    /// Stochastic gradient descent.
    pub fn sgd(learning_rate: f64) -> Self {
        Self::new("sgd").with("learningRate", learning_rate)
    }

    /// An option, such as `globalClipNorm`, `weightDecay` or `beta1`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }
}
