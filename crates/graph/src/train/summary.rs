//! What a metric reports from the sums over all batches.

use serde::Deserialize;

/// How sums become a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", deny_unknown_fields)]
pub enum Summary {
    /// The mean.
    #[default]
    Mean,
    /// e to the power of the mean: a perplexity, of a cross-entropy.
    Exponential,
    /// A measure of decisions, from how many were right, made and expected for each class.
    Decisions {
        /// Of each class.
        measure: Measure,
        /// Over the classes.
        average: Average,
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
}

/// A measure of decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Measure {
    /// The share of the decisions for a class that are right.
    Precision,
    /// The share of a class's positions that are found.
    Recall,
    /// The harmonic mean of both.
    F1,
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
    pub(super) fn outputs(self) -> usize {
        match self {
            Self::Mean | Self::Exponential => 2,
            Self::Decisions { .. } | Self::Area { .. } => 1,
        }
    }

    /// The value: of a sum and a count, or of counts.
    pub(super) fn value(self, sums: &[f64]) -> f64 {
        match self {
            Self::Mean => mean(sums),
            Self::Exponential => mean(sums).exp(),
            Self::Decisions { measure, average, class } => {
                let classes = sums.len() / 3;
                let of = |class: usize| [sums[class], sums[classes + class], sums[2 * classes + class]];
                match class {
                    Some(class) if class < classes => measure.of(of(class)),
                    _ => measure.averaged(average, (0..classes).map(of)),
                }
            }
            Self::Area { classes } => {
                let (positives, negatives) = sums.split_at(sums.len() / 2);
                let ranges = (positives.len() / classes.max(1)).max(1);
                let pairs = positives.chunks_exact(ranges).zip(negatives.chunks_exact(ranges));
                let areas: Vec<f64> = pairs
                    .map(|(positives, negatives)| area(positives, negatives))
                    .filter(|area| !area.is_nan())
                    .collect();
                areas.iter().sum::<f64>() / areas.len() as f64
            }
        }
    }
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
    fn of(self, [right, decided, due]: Counts) -> f64 {
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        match self {
            Self::Precision => share(right, decided),
            Self::Recall => share(right, due),
            Self::F1 => share(2.0 * right, decided + due),
        }
    }

    fn averaged(self, average: Average, classes: impl Iterator<Item = Counts> + Clone) -> f64 {
        let weighted = |weight: fn(Counts) -> f64| {
            let sums = classes.clone().fold([0.0; 2], |[value, whole], counts| {
                [value + weight(counts) * self.of(counts), whole + weight(counts)]
            });
            if sums[1] > 0.0 { sums[0] / sums[1] } else { 0.0 }
        };
        match average {
            Average::Macro => weighted(|[_, decided, due]| f64::from(u8::from(decided + due > 0.0))),
            Average::Weighted => weighted(|[_, _, due]| due),
            Average::Micro => {
                self.of(classes.fold([0.0; 3], |sum, counts| std::array::from_fn(|i| sum[i] + counts[i])))
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
        let value = |measure, average, class| Summary::Decisions { measure, average, class }.value(&sums);
        let close = |got: f64, want: f64| assert!((got - want).abs() < 1e-12, "{got} for {want}");
        close(value(Measure::Precision, Average::Macro, None), (1.0 + 0.5 + 0.5) / 3.0);
        close(value(Measure::Recall, Average::Macro, None), (2.0 / 3.0 + 0.5 + 1.0) / 3.0);
        close(value(Measure::F1, Average::Macro, None), (0.8 + 0.5 + 2.0 / 3.0) / 3.0);
        close(value(Measure::F1, Average::Micro, None), 4.0 / 6.0);
        close(value(Measure::F1, Average::Weighted, None), (0.8 * 3.0 + 0.5 * 2.0 + 2.0 / 3.0) / 6.0);
        close(value(Measure::Precision, Average::Macro, Some(0)), 1.0);
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
