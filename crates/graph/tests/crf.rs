//! Conditional random fields against the enumeration of all paths.

mod common;

use common::{Builder, Feed, Random, bind, parameters};
use seqloom_graph::{Code, Executor, GraphSpec, Parameters, Record, Run};
use seqloom_kernels::pool::set_threads;
use serde_json::{Value, json};

/// What is known of a row by going through all of its paths.
struct Enumerated {
    /// All possible paths with their scores, best first.
    paths: Vec<(Vec<usize>, f64)>,
    total: f64,
}

/// The chain of a random batch: emissions `[rows, time, tags]`, which steps count, and scores.
struct Case {
    tags: usize,
    time: usize,
    emissions: Feed,
    mask: Vec<u8>,
    forbidden: Vec<usize>,
    params: Parameters<f64>,
}

impl Case {
    fn random(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let (rows, time, tags) = (1 + random.below(9), 1 + random.below(5), 1 + random.below(4));
        let scale = [1.0, 1.0, 400.0][random.below(3)];
        let mut emissions = Feed::floats(&mut random, &[rows, time, tags]);
        for value in &mut emissions.floats {
            *value *= scale;
        }
        let mask: Vec<u8> = (0..rows * time).map(|_| u8::from(random.below(3) > 0)).collect();
        let pairs = (tags + 1) * (tags + 1) - 1;
        let forbidden = (0..random.below(pairs.min(5))).map(|_| random.below(pairs)).collect();
        let params = Parameters::zeros(&graph(tags, &json!({}), false, &[0])).unwrap();
        let mut case = Self { tags, time, emissions, mask, forbidden, params };
        let far = [1.0, 1.0, 1.0, 500.0][random.below(4)];
        for weight in 0..3 {
            for value in case.params.get_mut(weight).unwrap() {
                *value = far * random.unit();
            }
        }
        case
    }

    fn feed(&self) -> Feed {
        self.emissions.clone().mask(&self.mask)
    }

    fn steps(&self, row: usize) -> Vec<usize> {
        (0..self.time).filter(|step| self.mask[row * self.time + step] == 1).collect()
    }

    fn rows(&self) -> usize {
        self.emissions.shape[0]
    }

    fn score(&self, row: usize, path: &[usize]) -> f64 {
        let get = |weight: usize, index: usize| self.params.get(weight).unwrap()[index];
        let allowed = |from: usize, to: usize, score: f64| {
            let pair = from * (self.tags + 1) + to;
            if self.forbidden.contains(&pair) { f64::NEG_INFINITY } else { score }
        };
        let mut score = 0.0;
        for (at, (&tag, step)) in path.iter().zip(self.steps(row)).enumerate() {
            score += self.emissions.floats[(row * self.time + step) * self.tags + tag];
            score += match at.checked_sub(1).map(|before| path[before]) {
                None => allowed(self.tags, tag, get(0, tag)),
                Some(before) => allowed(before, tag, get(2, before * self.tags + tag)),
            };
        }
        score + path.last().map_or(0.0, |&tag| allowed(tag, self.tags, get(1, tag)))
    }

    fn enumerate(&self, row: usize) -> Enumerated {
        let steps = self.steps(row).len();
        let mut paths: Vec<(Vec<usize>, f64)> = (0..self.tags.pow(steps as u32))
            .map(|mut code| {
                let path: Vec<usize> = (0..steps)
                    .map(|_| {
                        let tag = code % self.tags;
                        code /= self.tags;
                        tag
                    })
                    .collect();
                let score = self.score(row, &path);
                (path, score)
            })
            .filter(|(_, score)| *score > f64::NEG_INFINITY)
            .collect();
        paths.sort_by(|a, b| b.1.total_cmp(&a.1));
        let largest = paths.first().map_or(0.0, |best| best.1);
        let sum: f64 = paths.iter().map(|(_, score)| (score - largest).exp()).sum();
        Enumerated { total: largest + sum.ln(), paths }
    }
}

fn graph(tags: usize, attributes: &Value, loss: bool, outputs: &[usize]) -> GraphSpec {
    let mut b = Builder::default();
    let x = b.float("x", json!([null, null, tags]));
    let weights = [b.weight(&[tags]), b.weight(&[tags]), b.weight(&[tags, tags])];
    let values = if loss {
        let [t, w] = [b.int("t", json!([null, null])), b.float("w", json!([null]))];
        b.node("crfLoss", &[x, t, w], &weights, 2, attributes.clone())
    } else {
        b.node("crf", &[x], &weights, 5, attributes.clone())
    };
    b.spec(&outputs.iter().map(|&output| values[output]).collect::<Vec<_>>())
}

fn outputs(spec: &GraphSpec, case: &Case, feeds: &[Feed]) -> Vec<Vec<f64>> {
    common::forward::<f64>(spec, &case.params, feeds).unwrap()
}

fn close(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= 1e-9 * (1.0 + a.abs())
}

#[test]
fn paths_and_probabilities_of_all_rows() {
    for seed in 0..400 {
        let case = Case::random(seed);
        let (tags, time, count) = (case.tags, case.time, 3);
        let spec =
            graph(tags, &json!({ "nBest": count, "forbidden": case.forbidden }), false, &[0, 1, 2, 3, 4]);
        let all = outputs(&spec, &case, &[case.feed()]);
        let [path, ones, marginals, paths, scores] = &all[..] else { panic!() };
        for row in 0..case.rows() {
            let steps = case.steps(row);
            let truth = case.enumerate(row);
            let tag_of = |values: &[f64], width: usize, rank: usize, step: usize| {
                values[(row * time + step) * width + rank] as usize
            };
            let list = |rank: usize| -> Vec<usize> {
                steps.iter().map(|&step| tag_of(paths, count, rank, step)).collect()
            };
            for rank in 0..count {
                let score = scores[row * count + rank];
                let Some((_, expected)) = truth.paths.get(rank) else {
                    assert!(score == f64::NEG_INFINITY, "{seed}: {rank} {score}");
                    continue;
                };
                assert!(close(score, expected - truth.total), "{seed}: {score} {expected} {}", truth.total);
                // Of paths of one score any may come first.
                assert!(close(case.score(row, &list(rank)), *expected), "{seed}");
                assert!((0..rank).all(|other| steps.is_empty() || list(other) != list(rank)), "{seed}");
            }
            if truth.paths.is_empty() {
                continue;
            }
            for &step in &steps {
                assert_eq!(tag_of(path, 1, 0, step), tag_of(paths, count, 0, step));
            }
            for (at, &step) in steps.iter().enumerate() {
                for tag in 0..tags {
                    let share: f64 = truth
                        .paths
                        .iter()
                        .filter(|(path, _)| path[at] == tag)
                        .map(|(_, score)| (score - truth.total).exp())
                        .sum();
                    let found = marginals[(row * time + step) * tags + tag];
                    assert!((share - found).abs() < 1e-9, "{seed}: {share} {found}");
                    let one = ones[(row * time + step) * tags + tag];
                    assert!(one == f64::from(u8::from(tag_of(path, 1, 0, step) == tag)));
                }
            }
        }
        for (at, _) in case.mask.iter().enumerate().filter(|(_, valid)| **valid == 0) {
            assert!(
                path[at] == 0.0 && marginals[at * tags..(at + 1) * tags].iter().all(|&share| share == 0.0)
            );
        }
    }
}

/// The loss and its gradients, by all paths: probable transitions less those of the true path.
#[test]
fn loss_and_gradients() {
    for seed in 0..400 {
        let case = Case::random(seed);
        let (tags, time, rows) = (case.tags, case.time, case.rows());
        let mut random = Random::new(seed + 1);
        // True paths among the possible ones, as far as there are such.
        let truths: Vec<Enumerated> = (0..rows).map(|row| case.enumerate(row)).collect();
        let mut labels = vec![0; rows * time];
        for (row, truth) in truths.iter().enumerate() {
            if truth.paths.is_empty() {
                continue;
            }
            let (path, _) = &truth.paths[random.below(truth.paths.len())];
            for (tag, step) in path.iter().zip(case.steps(row)) {
                labels[row * time + step] = *tag as i32;
            }
        }
        let path = |row: usize| -> Vec<usize> {
            case.steps(row).iter().map(|step| labels[row * time + step] as usize).collect()
        };
        let weights: Vec<f64> = (0..rows).map(|row| 0.5 + row as f64).collect();
        let valid = (0..rows).filter(|&row| !case.steps(row).is_empty()).count();
        let mut mean = 0.0;
        let mut expected = [vec![0.0; tags], vec![0.0; tags], vec![0.0; tags * tags]];
        let mut dx = vec![0.0; rows * time * tags];
        for (row, truth) in truths.iter().enumerate() {
            let steps = case.steps(row);
            if truth.paths.is_empty() || steps.is_empty() {
                continue;
            }
            let share = weights[row] / valid as f64;
            mean += share * (truth.total - case.score(row, &path(row)));
            let mut add = |path: &[usize], weight: f64| {
                for (at, (&tag, &step)) in path.iter().zip(&steps).enumerate() {
                    dx[(row * time + step) * tags + tag] += weight;
                    match at.checked_sub(1) {
                        None => expected[0][tag] += weight,
                        Some(before) => expected[2][path[before] * tags + tag] += weight,
                    }
                }
                expected[1][path[path.len() - 1]] += weight;
            };
            for (path, score) in &truth.paths {
                add(path, share * (score - truth.total).exp());
            }
            add(&path(row), -share);
        }
        let attributes = json!({ "forbidden": case.forbidden, "zeroInfinity": true });
        let spec = graph(tags, &attributes, true, &[0, 1]);
        let feeds = [
            case.feed(),
            Feed::ints(&labels, &[rows, time]),
            Feed { floats: weights, ints: None, shape: vec![rows], sequence: seqloom_graph::Sequence::Full },
        ];
        let pass = common::differentiate(&spec, &case.params, &feeds, &[vec![1.0], vec![0.0]], true).unwrap();
        assert!(close(mean, pass.outputs[0][0]), "{seed}: {mean} {}", pass.outputs[0][0]);
        assert_eq!(pass.outputs[1][0] as usize, valid);
        let found = [&pass.weights[0], &pass.weights[1], &pass.weights[2], pass.inputs[0].as_ref().unwrap()];
        for (found, expected) in found.iter().zip(expected.iter().chain([&dx])) {
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-9, "{seed}: {found} {expected}");
            }
        }
    }
}

#[test]
fn forbidden_targets_are_named() {
    let attributes = |zero: bool| json!({ "forbidden": [1], "names": ["O", "I"], "zeroInfinity": zero });
    let params = Parameters::<f64>::zeros(&graph(2, &attributes(false), true, &[0])).unwrap();
    let feeds = |labels: [i32; 6]| {
        let mut random = Random::new(3);
        let ones = Feed { floats: vec![1.0; 2], ..Feed::floats(&mut random, &[2]) };
        [Feed::floats(&mut random, &[2, 3, 2]), Feed::ints(&labels, &[2, 3]), ones]
    };
    let run = |labels, zero| {
        common::forward::<f64>(&graph(2, &attributes(zero), true, &[0, 1]), &params, &feeds(labels))
    };
    let error = run([1, 1, 0, 0, 0, 1], false).unwrap_err();
    assert_eq!(error.code, Code::Data);
    assert!(error.message.contains("'I' after 'O' at row 1, step 2"), "{error}");
    let error = run([1, 1, 0, 0, 2, 0], false).unwrap_err();
    assert!(error.message.contains("row 1, step 1 is 2"), "{error}");
    let whole = run([1, 1, 0, 1, 0, 0], false).unwrap();
    let zeroed = run([1, 1, 0, 0, 0, 1], true).unwrap();
    // The second row counts, with a loss of zero.
    assert!(zeroed[0][0] > 0.0 && zeroed[0][0] < whole[0][0] && zeroed[1] == [2.0]);
}

#[test]
fn bits_do_not_depend_on_threads() {
    let (rows, time, tags) = (37, 40, 9);
    let mut random = Random::new(1);
    let labels: Vec<i32> = (0..rows * time).map(|_| random.below(tags) as i32).collect();
    let lengths: Vec<u32> = (0..rows).map(|_| 1 + random.below(time) as u32).collect();
    let feeds = [
        Feed::floats(&mut random, &[rows, time, tags]).lengths(&lengths),
        Feed::ints(&labels, &[rows, time]),
        Feed::floats(&mut random, &[rows]),
    ];
    let spec = graph(tags, &json!({}), true, &[0, 1]);
    let decoder = graph(tags, &json!({ "nBest": 3 }), false, &[0, 2, 3, 4]);
    let params = parameters::<f32>(&spec, 4);
    let mut first = None;
    for threads in [1, 2, 4] {
        set_threads(threads).unwrap();
        let cotangents = [vec![1.0], vec![0.0]];
        let pass = common::differentiate(&spec, &params, &feeds, &cotangents, true).unwrap();
        let mut all = common::forward::<f32>(&decoder, &params, &feeds[..1]).unwrap();
        all.extend(pass.outputs);
        all.extend(pass.weights);
        all.extend(pass.inputs.into_iter().flatten());
        let bits: Vec<u64> = all.iter().flatten().map(|value| value.to_bits()).collect();
        assert!(*first.get_or_insert(bits.clone()) == bits, "{threads} threads");
    }
    set_threads(1).unwrap();
}

/// A row's results are the same beside other rows.
#[test]
fn rows_do_not_depend_on_each_other() {
    let mut random = Random::new(9);
    let x = Feed::floats(&mut random, &[7, 6, 5]);
    let spec = graph(5, &json!({ "nBest": 2 }), false, &[0, 2, 4]);
    let params = parameters::<f32>(&spec, 2);
    let mut executor = Executor::<f32>::new(spec).unwrap();
    let mut run = |feed: &Feed| -> Vec<Vec<f32>> {
        bind(&mut executor, std::slice::from_ref(feed)).unwrap();
        executor.forward(&params, &Run { record: Record::Nothing, ..Run::default() }).unwrap();
        (0..3).map(|output| executor.value(output).unwrap().data.to_vec()).collect()
    };
    let all = run(&x);
    for row in 0..7 {
        let own =
            Feed { floats: x.floats[row * 30..(row + 1) * 30].to_vec(), shape: vec![1, 6, 5], ..x.clone() };
        for (all, own) in all.iter().zip(run(&own)) {
            assert_eq!(all[row * own.len()..(row + 1) * own.len()], own[..]);
        }
    }
}
