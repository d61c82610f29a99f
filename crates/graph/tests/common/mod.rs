//! Builds small graphs and batches, and checks gradients by finite differences.
#![allow(dead_code, reason = "every test binary uses its own part")]

use seqloom_graph::{
    BatchData, BatchInput, Error, Executor, Gradient, GraphSpec, Parameters, Record, Run, Sequence,
};
use seqloom_kernels::Scalar;
use serde_json::{Value, json};

/// Pseudo-random numbers for test data.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as usize % limit
    }

    /// Uniform over [-1, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        self.below(1 << 30) as f64 / f64::from(1 << 29) - 1.0
    }

    pub(crate) fn list(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.unit()).collect()
    }
}

/// Collects a graph in the wire format.
#[derive(Clone, Default)]
pub(crate) struct Builder {
    inputs: Vec<Value>,
    weights: Vec<Value>,
    nodes: Vec<Value>,
    values: usize,
}

impl Builder {
    pub(crate) fn input(&mut self, name: &str, dtype: &str, shape: Value) -> usize {
        self.inputs.push(json!({ "name": name, "dtype": dtype, "shape": shape }));
        self.values += 1;
        self.values - 1
    }

    pub(crate) fn float(&mut self, name: &str, shape: Value) -> usize {
        self.input(name, "float32", shape)
    }

    pub(crate) fn int(&mut self, name: &str, shape: Value) -> usize {
        self.input(name, "int32", shape)
    }

    pub(crate) fn weight(&mut self, shape: &[usize]) -> usize {
        self.frozen(shape, false)
    }

    pub(crate) fn frozen(&mut self, shape: &[usize], frozen: bool) -> usize {
        let name = format!("weight{}", self.weights.len());
        self.weights.push(
            json!({ "name": name, "shape": shape, "trainable": !frozen, "initializer": { "kind": "zeros" } }),
        );
        self.weights.len() - 1
    }

    pub(crate) fn node(
        &mut self,
        op: &str,
        inputs: &[usize],
        weights: &[usize],
        outputs: usize,
        attributes: Value,
    ) -> Vec<usize> {
        let ids: Vec<usize> = (self.values..self.values + outputs).collect();
        self.values += outputs;
        let name = format!("{op}{}", self.nodes.len());
        self.nodes.push(json!({
            "name": name, "op": op, "inputs": inputs, "weights": weights, "outputs": ids, "attributes": attributes
        }));
        ids
    }

    pub(crate) fn one(&mut self, op: &str, inputs: &[usize], weights: &[usize], attributes: Value) -> usize {
        self.node(op, inputs, weights, 1, attributes)[0]
    }

    pub(crate) fn dense(&mut self, input: usize, from: usize, to: usize) -> usize {
        let weights = [self.weight(&[from, to]), self.weight(&[to])];
        self.one("dense", &[input], &weights, json!({}))
    }

    pub(crate) fn loss(&mut self, kind: &str, prediction: usize, target: usize) -> usize {
        self.node("loss", &[prediction, target], &[], 2, json!({ "kind": kind, "fromLogits": false }))[0]
    }

    /// A recurrent node; `options` replace the defaults.
    pub(crate) fn recurrent(
        &mut self,
        op: &str,
        inputs: &[usize],
        from: usize,
        units: usize,
        options: &Value,
    ) -> Vec<usize> {
        let gates = match op {
            "lstm" => 4,
            "gru" => 3,
            _ => 1,
        };
        let mut attributes = json!({
            "units": units, "activation": "tanh", "order": "forward", "outputOrder": "time", "zeroOutputForMask": true
        });
        if op != "simpleRnn" {
            attributes["recurrentActivation"] = json!("sigmoid");
        }
        if op == "gru" {
            attributes["resetAfter"] = json!(true);
        }
        for (key, value) in options.as_object().into_iter().flatten() {
            attributes[key] = value.clone();
        }
        let bias = if attributes["resetAfter"] == json!(true) {
            self.weight(&[2, gates * units])
        } else {
            self.weight(&[gates * units])
        };
        let weights = [self.weight(&[from, gates * units]), self.weight(&[units, gates * units]), bias];
        self.node(op, inputs, &weights, if op == "lstm" { 3 } else { 2 }, attributes)
    }

    /// A scan over `body`, whose weights become new ones; `attributes` has the counts, the shapes of the states
    /// and, where they differ from the defaults, the orders.
    pub(crate) fn scan(
        &mut self,
        body: &Self,
        results: &[usize],
        inputs: &[usize],
        attributes: Value,
    ) -> Vec<usize> {
        let weights: Vec<usize> = body
            .weights
            .iter()
            .map(|weight| {
                let shape: Vec<usize> = serde_json::from_value(weight["shape"].clone()).unwrap();
                self.frozen(&shape, weight["trainable"] == json!(false))
            })
            .collect();
        let shapes = |list: &[Value], keys: &[&str]| -> Vec<Value> {
            let pick = |value: &Value| keys.iter().map(|&key| (key.to_owned(), value[key].clone())).collect();
            list.iter().map(|value| Value::Object(pick(value))).collect()
        };
        let mut all = json!({
            "body": {
                "inputs": shapes(&body.inputs, &["name", "shape"]), "weights": shapes(&body.weights, &["shape"]),
                "nodes": body.nodes, "outputs": results
            },
            "order": "forward", "outputOrder": "time", "zeroOutputForMask": true
        });
        for (key, value) in attributes.as_object().into_iter().flatten() {
            all[key] = value.clone();
        }
        self.node("scan", inputs, &weights, results.len(), all)
    }

    pub(crate) fn elementwise(&mut self, kind: &str, inputs: &[usize]) -> usize {
        self.one("elementwise", inputs, &[], json!({ "kind": kind }))
    }

    pub(crate) fn parameter(&mut self, shape: &[usize]) -> usize {
        let weight = self.weight(shape);
        self.one("parameter", &[], &[weight], json!({}))
    }

    /// x·W without a bias.
    pub(crate) fn product(&mut self, x: usize, from: usize, to: usize) -> usize {
        let weight = self.weight(&[from, to]);
        self.one("dense", &[x], &[weight], json!({}))
    }

    pub(crate) fn json(&self, outputs: &[usize]) -> String {
        json!({
            "version": 1, "inputs": self.inputs, "weights": self.weights, "nodes": self.nodes, "outputs": outputs
        })
        .to_string()
    }

    pub(crate) fn spec(&self, outputs: &[usize]) -> GraphSpec {
        GraphSpec::from_json(&self.json(outputs)).unwrap()
    }
}

/// One input of a batch.
#[derive(Clone)]
pub(crate) struct Feed {
    pub(crate) floats: Vec<f64>,
    pub(crate) ints: Option<Vec<i32>>,
    pub(crate) shape: Vec<usize>,
    pub(crate) sequence: Sequence,
}

impl Feed {
    pub(crate) fn floats(random: &mut Random, shape: &[usize]) -> Self {
        let floats = random.list(shape.iter().product());
        Self { floats, ints: None, shape: shape.to_vec(), sequence: Sequence::Full }
    }

    pub(crate) fn ints(values: &[i32], shape: &[usize]) -> Self {
        Self {
            floats: Vec::new(),
            ints: Some(values.to_vec()),
            shape: shape.to_vec(),
            sequence: Sequence::Full,
        }
    }

    pub(crate) fn lengths(mut self, lengths: &[u32]) -> Self {
        self.sequence = Sequence::Lengths(lengths.to_vec());
        self
    }

    pub(crate) fn mask(mut self, mask: &[u8]) -> Self {
        self.sequence = Sequence::Mask(mask.to_vec());
        self
    }
}

pub(crate) fn bind<T: Scalar>(executor: &mut Executor<T>, feeds: &[Feed]) -> Result<(), Error> {
    let floats: Vec<Vec<T>> =
        feeds.iter().map(|feed| feed.floats.iter().map(|&value| T::from_f64(value)).collect()).collect();
    let inputs: Vec<BatchInput<'_, T>> = feeds
        .iter()
        .zip(&floats)
        .map(|(feed, floats)| BatchInput {
            data: feed.ints.as_ref().map_or(BatchData::Float(floats), |ints| BatchData::Int(ints)),
            shape: &feed.shape,
            sequence: feed.sequence.as_batch(),
        })
        .collect();
    executor.bind(&inputs)
}

pub(crate) fn parameters<T: Scalar>(spec: &GraphSpec, seed: u64) -> Parameters<T> {
    let mut random = Random::new(seed);
    let mut params = Parameters::zeros(spec).unwrap();
    for index in 0..spec.weights.len() {
        for value in params.get_mut(index).unwrap() {
            *value = T::from_f64(0.7 * random.unit());
        }
    }
    params
}

pub(crate) fn forward<T: Scalar>(
    spec: &GraphSpec,
    params: &Parameters<T>,
    feeds: &[Feed],
) -> Result<Vec<Vec<f64>>, Error> {
    let mut executor = Executor::<T>::new(spec.clone())?;
    bind(&mut executor, feeds)?;
    executor.forward(params, &Run::default())?;
    (0..spec.outputs.len())
        .map(|output| Ok(executor.value(output)?.data.iter().map(|value| value.to_f64()).collect()))
        .collect()
}

/// Outputs, weight gradients and input gradients of one pass with cotangents from `seed`.
pub(crate) struct Pass {
    pub(crate) outputs: Vec<Vec<f64>>,
    pub(crate) weights: Vec<Vec<f64>>,
    pub(crate) inputs: Vec<Option<Vec<f64>>>,
}

pub(crate) fn differentiate<T: Scalar>(
    spec: &GraphSpec,
    params: &Parameters<T>,
    feeds: &[Feed],
    cotangents: &[Vec<f64>],
    training: bool,
) -> Result<Pass, Error> {
    let mut executor = Executor::<T>::new(spec.clone())?;
    bind(&mut executor, feeds)?;
    let run = Run { training, record: Record::WeightsAndInputs, seed: 3, step: 5, ..Run::default() };
    executor.forward(params, &run)?;
    let list = |values: &[T]| values.iter().map(|value| value.to_f64()).collect::<Vec<f64>>();
    let outputs = (0..spec.outputs.len())
        .map(|output| executor.value(output).map(|view| list(view.data)))
        .collect::<Result<_, _>>()?;
    let mut gradients = executor.gradients()?;
    let cotangents: Vec<Vec<T>> =
        cotangents.iter().map(|list| list.iter().map(|&value| T::from_f64(value)).collect()).collect();
    let named: Vec<(usize, &[T])> = cotangents.iter().map(Vec::as_slice).enumerate().collect();
    executor.backward(params, &mut gradients, &named, None)?;
    let weights = (0..spec.weights.len())
        .map(|index| match gradients.get(index) {
            None => Vec::new(),
            Some(Gradient::Dense(values)) => list(values),
            Some(Gradient::Rows(rows)) => {
                let mut dense = vec![0.0; params.get(index).unwrap().len()];
                for (&row, values) in rows.rows.iter().zip(rows.values.chunks(rows.width)) {
                    dense[row * rows.width..(row + 1) * rows.width].copy_from_slice(&list(values));
                }
                dense
            }
        })
        .collect();
    let inputs = (0..spec.inputs.len()).map(|input| executor.input_gradient(input).map(list)).collect();
    Ok(Pass { outputs, weights, inputs })
}

/// Compares the gradients of Σ cotangent · output with central differences, for every weight and float input.
pub(crate) fn check(builder: &Builder, outputs: &[usize], feeds: &[Feed]) {
    check_run(builder, outputs, feeds, false);
}

pub(crate) fn check_run(builder: &Builder, outputs: &[usize], feeds: &[Feed], training: bool) {
    let spec = builder.spec(outputs);
    let mut params = parameters::<f64>(&spec, 11);
    let mut random = Random::new(23);
    let cotangents: Vec<Vec<f64>> = {
        let mut executor = Executor::<f64>::new(spec.clone()).unwrap();
        bind(&mut executor, feeds).unwrap();
        executor.forward(&params, &Run { training, ..Run::default() }).unwrap();
        (0..outputs.len()).map(|output| random.list(executor.value(output).unwrap().data.len())).collect()
    };
    let pass = differentiate(&spec, &params, feeds, &cotangents, training).unwrap();
    let objective = |params: &Parameters<f64>, feeds: &[Feed]| -> f64 {
        let mut executor = Executor::<f64>::new(spec.clone()).unwrap();
        bind(&mut executor, feeds).unwrap();
        executor.forward(params, &Run { training, seed: 3, step: 5, ..Run::default() }).unwrap();
        let dot = |output: usize| -> f64 {
            let view = executor.value(output).unwrap();
            view.data.iter().zip(&cotangents[output]).map(|(value, cotangent)| value * cotangent).sum()
        };
        (0..outputs.len()).map(dot).sum()
    };
    // Small, so that it seldom crosses the bend of an activation such as relu.
    const STEP: f64 = 1e-6;
    let compare = |what: &str, index: usize, numeric: f64, analytic: f64| {
        let bound = 1e-7 + 1e-6 * numeric.abs();
        assert!(
            (numeric - analytic).abs() < bound,
            "{what}[{index}]: numeric {numeric}, analytic {analytic}"
        );
    };
    for weight in 0..spec.weights.len() {
        if !spec.weights[weight].trainable {
            assert!(pass.weights[weight].is_empty());
            continue;
        }
        for index in 0..params.get(weight).unwrap().len() {
            let original = params.get(weight).unwrap()[index];
            let mut at = |value: f64| {
                params.get_mut(weight).unwrap()[index] = value;
                objective(&params, feeds)
            };
            let numeric = (at(original + STEP) - at(original - STEP)) / (2.0 * STEP);
            at(original);
            compare(&spec.weights[weight].name, index, numeric, pass.weights[weight][index]);
        }
    }
    for (input, feed) in feeds.iter().enumerate() {
        for index in 0..feed.floats.len() {
            let at = |value: f64| {
                let mut feeds = feeds.to_vec();
                feeds[input].floats[index] = value;
                objective(&params, &feeds)
            };
            let numeric = (at(feed.floats[index] + STEP) - at(feed.floats[index] - STEP)) / (2.0 * STEP);
            let analytic = pass.inputs[input].as_ref().map_or(0.0, |gradient| gradient[index]);
            compare(&spec.inputs[input].name, index, numeric, analytic);
        }
    }
}
