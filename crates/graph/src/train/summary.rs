//! What a metric reports from the sums over all batches.

use serde::Deserialize;

/// How sums become a value.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", deny_unknown_fields)]
pub enum Summary {
    /// The mean.
    #[default]
    Mean,
    /// A formula of several means, or of the elements of a vector of counts.
    Formula {
        /// How many means; 0 for one vector.
        means: usize,
        /// Numbers, `m0`, `m1` … for means, `e0`, `e1` … for elements, and functions of what stands before them:
        /// `m1 m0 sub sqrt`.
        steps: String,
    },
    /// A measure of decisions, from how many were right, made and expected for each class.
    Decisions {
        /// Of each class.
        measure: Measure,
        /// Over the classes.
        average: Average,
        /// How much more recall counts than precision in F.
        #[serde(default = "one")]
        beta: f64,
        /// The one class that counts; all where there is none.
        #[serde(default)]
        class: Option<usize>,
    },
    /// The area under the ROC curve, from how many positives and negatives have a score in each of many bins; the mean
    /// over classes.
    Area {
        /// How many classes are ranked.
        classes: usize,
    },
    /// What is read off the curve of decisions by ever higher thresholds, from how many positives and negatives have a
    /// score between each two; the mean over classes.
    Curve {
        /// How many classes have scores.
        classes: usize,
        /// Along the curve.
        x: Share,
        /// What is reported.
        y: Share,
        /// The largest y where x is at least this; without it, the area.
        #[serde(default)]
        at: Option<f64>,
        /// Whether areas lie below the lower (-1) or the higher (1) of two thresholds, or between both (0).
        #[serde(default)]
        rule: i8,
    },
    /// BLEU (Papineni et al. 2002), from 0 to 100, from how many n-grams are found, expected and both, of each order; an order without a match counts
    /// as 1/2, 1/4, … of one, as sacreBLEU has it.
    Bleu,
    /// F of the means of precision and recall over the orders of n-grams that occur (chrF, Popović 2015), from 0 to 100.
    NgramF {
        /// How much more recall counts than precision.
        beta: f64,
    },
}

/// A share of decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Share {
    /// Of the positives: those found.
    Recall,
    /// Of the decisions: the right ones.
    Precision,
    /// Of the negatives: those left out.
    Specificity,
    /// Of the negatives: those found.
    Fallout,
}

fn one() -> f64 {
    1.0
}

/// A measure of decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Measure {
    /// The share of the decisions for a class that are right.
    Precision,
    /// The share of a class's positions that are found.
    Recall,
    /// The harmonic mean of both, weighted.
    F,
}

/// How classes are averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Average {
    /// Each class counts the same; those that are neither expected nor predicted are left out.
    Macro,
    /// Each position counts the same: the measure of the sums.
    Micro,
    /// Each class counts as often as it is expected.
    Weighted,
}

/// Decisions for a class: the right ones, all, and how many were expected.
type Counts = [f64; 3];

impl Summary {
    /// How many outputs of the training graph it reads: a mean and its count, or one vector.
    pub(super) fn outputs(&self) -> usize {
        match self {
            Self::Mean => 2,
            Self::Formula { means, .. } => means.saturating_mul(2).max(1),
            Self::Decisions { .. }
            | Self::Area { .. }
            | Self::Curve { .. }
            | Self::Bleu
            | Self::NgramF { .. } => 1,
        }
    }

    /// The value: of a sum and a count, or of counts.
    pub(super) fn value(&self, sums: &[f64]) -> f64 {
        match *self {
            Self::Mean => mean(sums),
            Self::Formula { ref steps, .. } => evaluate(steps, sums),
            Self::Decisions { measure, average, beta, class } => {
                let classes = sums.len() / 3;
                let of = |class: usize| [sums[class], sums[classes + class], sums[2 * classes + class]];
                match class {
                    Some(class) if class < classes => measure.of(of(class), beta),
                    _ => measure.averaged(average, beta, (0..classes).map(of)),
                }
            }
            Self::Area { classes } => averaged(sums, classes, area),
            Self::Bleu => bleu(orders(sums)),
            Self::NgramF { beta } => ngram_f(orders(sums), beta),
            Self::Curve { classes, x, y, at, rule } => averaged(sums, classes, |positives, negatives| {
                read_off(positives, negatives, [x, y], at, rule)
            }),
        }
    }
}

/// Of each order of n-grams, how many are found, expected, and both.
fn orders(sums: &[f64]) -> &[[f64; 3]] {
    sums.as_chunks().0
}

fn bleu(orders: &[[f64; 3]]) -> f64 {
    let [length, expected, _] = orders.first().copied().unwrap_or_default();
    if orders.iter().all(|&[.., both]| both <= 0.0) {
        return 0.0;
    }
    let brevity = if length >= expected { 1.0 } else { (1.0 - expected / length).exp() };
    let mut smoothing = 1.0;
    let precisions = orders.iter().map(|&[found, _, both]| {
        if found > 0.0 && both <= 0.0 {
            smoothing *= 2.0;
            return 1.0 / (smoothing * found);
        }
        share(both, found)
    });
    100.0 * brevity * precisions.product::<f64>().powf(1.0 / orders.len() as f64)
}

fn ngram_f(orders: &[[f64; 3]], beta: f64) -> f64 {
    let known = orders.iter().filter(|&&[found, expected, _]| found > 0.0 && expected > 0.0);
    let sums = known.fold([0.0; 3], |[precision, recall, count], &[found, expected, both]| {
        [precision + both / found, recall + both / expected, count + 1.0]
    });
    let [precision, recall] = [sums[0], sums[1]].map(|sum| share(sum, sums[2]));
    let factor = beta * beta;
    100.0 * share((1.0 + factor) * precision * recall, factor * precision + recall)
}

/// The mean of a measure over the classes that have it.
fn averaged(sums: &[f64], classes: usize, of: impl Fn(&[f64], &[f64]) -> f64) -> f64 {
    let (positives, negatives) = sums.split_at(sums.len() / 2);
    let ranges = (positives.len() / classes.max(1)).max(1);
    let pairs = positives.chunks_exact(ranges).zip(negatives.chunks_exact(ranges));
    let values = pairs.map(|(positives, negatives)| of(positives, negatives)).filter(|value| !value.is_nan());
    let [sum, count] = values.fold([0.0; 2], |[sum, count], value| [sum + value, count + 1.0]);
    sum / count
}

/// The value of a formula; NaN for one that cannot be read.
fn evaluate(steps: &str, sums: &[f64]) -> f64 {
    let mut stack: Vec<f64> = Vec::new();
    for step in steps.split(' ') {
        let mut pop = || stack.pop().unwrap_or(f64::NAN);
        let index = || step.get(1..).and_then(|index| index.parse::<usize>().ok());
        let value = match step {
            "sqrt" => pop().sqrt(),
            "exp" => pop().exp(),
            // 0 where it is none.
            "finite" => Some(pop()).filter(|value| value.is_finite()).unwrap_or_default(),
            "add" | "sub" | "mul" | "div" => {
                let (b, a) = (pop(), pop());
                match step {
                    "add" => a + b,
                    "sub" => a - b,
                    "mul" => a * b,
                    _ => a / b,
                }
            }
            _ => match (step.as_bytes().first(), index()) {
                (Some(b'm'), Some(at)) => sums.chunks_exact(2).nth(at).map_or(f64::NAN, mean),
                (Some(b'e'), Some(at)) => sums.get(at).copied().unwrap_or(f64::NAN),
                _ => step.parse().unwrap_or(f64::NAN),
            },
        };
        stack.push(value);
    }
    stack.pop().unwrap_or(f64::NAN)
}

/// A part of a whole, 0 of nothing.
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

impl Share {
    /// Of positives and negatives above the threshold, among all.
    fn of(self, [found, wrong]: [f64; 2], [positives, negatives]: [f64; 2]) -> f64 {
        match self {
            Self::Recall => share(found, positives),
            Self::Precision => share(found, found + wrong),
            Self::Specificity => share(negatives - wrong, negatives),
            Self::Fallout => share(wrong, negatives),
        }
    }
}

/// The area below a curve, or the largest `y` where `x` is at least `at`, from how many positives and negatives have a
/// score between each two thresholds.
fn read_off(positives: &[f64], negatives: &[f64], [x, y]: [Share; 2], at: Option<f64>, rule: i8) -> f64 {
    let all = [positives.iter().sum(), negatives.iter().sum()];
    let (mut result, mut above): (f64, [f64; 2]) = (0.0, [0.0; 2]);
    let mut last = None;
    for (&positive, &negative) in positives.iter().zip(negatives).skip(1).rev() {
        above = [above[0] + positive, above[1] + negative];
        let point = [x.of(above, all), y.of(above, all)];
        let was = last.replace((point, above));
        match (at, was) {
            (Some(at), _) if point[0] >= at => result = result.max(point[1]),
            (None, Some((before, fewer))) => {
                result += if rule == 0 && y == Share::Precision {
                    between(above, fewer, all[0])
                } else {
                    let height = match rule {
                        0 => 0.5 * (point[1] + before[1]),
                        1 => point[1].max(before[1]),
                        _ => point[1].min(before[1]),
                    };
                    (point[0] - before[0]) * height
                };
            }
            _ => {}
        }
    }
    result
}

/// The area below precision over recall between two thresholds, where the found positives grow linearly with the
/// decisions (Davis and Goadrich 2006).
fn between([found, wrong]: [f64; 2], [found_before, wrong_before]: [f64; 2], positives: f64) -> f64 {
    let (decided, before) = (found + wrong, found_before + wrong_before);
    let slope = share(found - found_before, decided - before);
    let intercept = found_before - slope * before;
    let ratio = if decided > 0.0 && before > 0.0 { decided / before } else { 1.0 };
    share(slope * (found - found_before + intercept * ratio.ln()), positives)
}

fn mean(sums: &[f64]) -> f64 {
    match *sums {
        [sum, count] if count > 0.0 => sum / count,
        _ => 0.0,
    }
}

/// The share of all pairs of a positive and a negative in which the positive one has the greater score; ties count
/// half. NaN if there are no pairs.
fn area(positives: &[f64], negatives: &[f64]) -> f64 {
    let mut below = 0.0;
    let mut won = 0.0;
    for (&positive, &negative) in positives.iter().zip(negatives) {
        won += positive * (below + negative / 2.0);
        below += negative;
    }
    won / (positives.iter().sum::<f64>() * below)
}

impl Measure {
    fn of(self, [right, decided, due]: Counts, beta: f64) -> f64 {
        match self {
            Self::Precision => share(right, decided),
            Self::Recall => share(right, due),
            Self::F => share((1.0 + beta * beta) * right, decided + beta * beta * due),
        }
    }

    fn averaged(self, average: Average, beta: f64, classes: impl Iterator<Item = Counts> + Clone) -> f64 {
        let weighted = |weight: fn(Counts) -> f64| {
            let sums = classes.clone().fold([0.0; 2], |[value, whole], counts| {
                [value + weight(counts) * self.of(counts, beta), whole + weight(counts)]
            });
            if sums[1] > 0.0 { sums[0] / sums[1] } else { 0.0 }
        };
        match average {
            Average::Macro => weighted(|[_, decided, due]| f64::from(u8::from(decided + due > 0.0))),
            Average::Weighted => weighted(|[_, _, due]| due),
            Average::Micro => {
                let sums = classes.fold([0.0; 3], |sum, counts| std::array::from_fn(|i| sum[i] + counts[i]));
                self.of(sums, beta)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_of_three_classes() {
        // Targets 0 0 0 1 1 2, decisions 0 0 1 1 2 2, as scikit-learn counts them.
        let sums = [2.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 2.0, 1.0];
        let value =
            |measure, average, class| Summary::Decisions { measure, average, beta: 1.0, class }.value(&sums);
        let close = |got: f64, want: f64| assert!((got - want).abs() < 1e-12, "{got} for {want}");
        close(value(Measure::Precision, Average::Macro, None), (1.0 + 0.5 + 0.5) / 3.0);
        close(value(Measure::Recall, Average::Macro, None), (2.0 / 3.0 + 0.5 + 1.0) / 3.0);
        close(value(Measure::F, Average::Macro, None), (0.8 + 0.5 + 2.0 / 3.0) / 3.0);
        close(value(Measure::F, Average::Micro, None), 4.0 / 6.0);
        close(value(Measure::F, Average::Weighted, None), (0.8 * 3.0 + 0.5 * 2.0 + 2.0 / 3.0) / 6.0);
        close(value(Measure::Precision, Average::Macro, Some(0)), 1.0);
    }

    #[test]
    fn formulas() {
        let value = |steps: &str, sums: &[f64]| {
            Summary::Formula { means: sums.len() / 2, steps: steps.to_owned() }.value(sums)
        };
        assert_eq!(value("m1 m0 sub sqrt", &[2.0, 2.0, 20.0, 2.0]), 3.0);
        assert_eq!(value("1 e0 e1 div sub finite", &[3.0, 4.0]), 0.25);
        assert_eq!(value("1 e0 div finite", &[0.0, 4.0]), 0.0);
        assert!(value("m0 add what", &[1.0, 1.0]).is_nan());
    }

    #[test]
    fn n_grams() {
        let close = |got: f64, want: f64| assert!((got - want).abs() < 1e-9, "{got} for {want}");
        let sums = [4.0, 5.0, 3.0, 3.0, 4.0, 1.0, 2.0, 3.0, 0.0, 1.0, 2.0, 0.0];
        let precisions: f64 = 3.0 / 4.0 * (1.0 / 3.0) * (1.0 / 4.0) * (1.0 / 4.0);
        close(Summary::Bleu.value(&sums), 100.0 * (1.0_f64 - 5.0 / 4.0).exp() * precisions.powf(0.25));
        close(Summary::Bleu.value(&[2.0, 2.0, 0.0]), 0.0);
        let (precision, recall) = ((0.75 + 1.0 / 3.0) / 4.0, (0.6 + 0.25) / 4.0);
        let f = 5.0 * precision * recall / (4.0 * precision + recall);
        close(Summary::NgramF { beta: 2.0 }.value(&sums), 100.0 * f);
        close(Summary::NgramF { beta: 2.0 }.value(&[0.0; 6]), 0.0);
    }

    #[test]
    fn curves() {
        let curve = |y, at: Option<f64>, rule, sums: &[f64]| {
            let x = if y == Share::Precision { Share::Recall } else { Share::Fallout };
            Summary::Curve { classes: 1, x: if at.is_none() { x } else { Share::Specificity }, y, at, rule }
                .value(sums)
        };
        // Scores 0.1 0.4 | 0.35 0.8 of negatives and positives, at thresholds 0, 0.3, 0.5, 1.
        let sums = [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0];
        assert_eq!(curve(Share::Recall, None, 0, &sums), 0.875);
        assert_eq!(curve(Share::Recall, None, 1, &sums), 1.0);
        assert_eq!(curve(Share::Recall, None, -1, &sums), 0.75);
        assert_eq!(curve(Share::Recall, Some(0.75), 0, &sums), 0.5);
    }

    #[test]
    fn areas() {
        let area = |sums: &[f64], classes| Summary::Area { classes }.value(sums);
        assert_eq!(area(&[0.0, 1.0, 1.0, 1.0, 0.0, 0.0], 1), 1.0);
        assert_eq!(area(&[1.0, 1.0, 1.0, 1.0], 1), 0.5);
        assert!(area(&[1.0, 1.0, 0.0, 0.0], 1).is_nan());
        // The second class has no negatives and is left out.
        assert_eq!(area(&[0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0], 2), 1.0);
    }
}
