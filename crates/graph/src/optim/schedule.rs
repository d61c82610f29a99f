//! Learning rates that follow the number of steps: Keras's schedules, and a warm-up in front of any of them.

use super::check;
use crate::error::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::f64::consts::PI;

/// The learning rate of every step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Schedule {
    Constant(f64),
    Following(Box<ScheduleKind>),
    /// A function that is not known here: what it gives for the steps from `first` on, of which the last one stays.
    Listed {
        first: u64,
        rates: Vec<f64>,
    },
}

/// A schedule as it comes over the wire; the formulas are those of Keras's classes of the same names.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ScheduleKind {
    ExponentialDecay {
        initial_learning_rate: f64,
        decay_steps: f64,
        decay_rate: f64,
        staircase: bool,
    },
    InverseTimeDecay {
        initial_learning_rate: f64,
        decay_steps: f64,
        decay_rate: f64,
        staircase: bool,
    },
    PiecewiseConstantDecay {
        boundaries: Vec<f64>,
        values: Vec<f64>,
    },
    PolynomialDecay {
        initial_learning_rate: f64,
        decay_steps: f64,
        end_learning_rate: f64,
        power: f64,
        cycle: bool,
    },
    CosineDecay {
        initial_learning_rate: f64,
        decay_steps: f64,
        alpha: f64,
    },
    CosineDecayRestarts {
        initial_learning_rate: f64,
        first_decay_steps: f64,
        t_mul: f64,
        m_mul: f64,
        alpha: f64,
    },
    /// PyTorch's `OneCycleLR`.
    OneCycle {
        max_learning_rate: f64,
        total_steps: f64,
        pct_start: f64,
        div_factor: f64,
        final_div_factor: f64,
        linear: bool,
        three_phase: bool,
    },
    /// Linear from `initialLearningRate` to the first rate of `learningRate`, which begins after that.
    Warmup {
        learning_rate: Value,
        warmup_steps: f64,
        initial_learning_rate: f64,
        /// `learningRate`, read.
        then: Option<Schedule>,
    },
}

/// A schedule's settings as they came. They are taken one by one: what serde derives for so many variants is several times the code.
struct Settings(Map<String, Value>);

impl Settings {
    fn read(mut self) -> std::result::Result<ScheduleKind, String> {
        let kind: String = self.take("kind")?;
        let kind = match kind.as_str() {
            "exponentialDecay" => ScheduleKind::ExponentialDecay {
                initial_learning_rate: self.take("initialLearningRate")?,
                decay_steps: self.take("decaySteps")?,
                decay_rate: self.take("decayRate")?,
                staircase: self.take("staircase")?,
            },
            "inverseTimeDecay" => ScheduleKind::InverseTimeDecay {
                initial_learning_rate: self.take("initialLearningRate")?,
                decay_steps: self.take("decaySteps")?,
                decay_rate: self.take("decayRate")?,
                staircase: self.take("staircase")?,
            },
            "piecewiseConstantDecay" => ScheduleKind::PiecewiseConstantDecay {
                boundaries: self.take("boundaries")?,
                values: self.take("values")?,
            },
            "polynomialDecay" => ScheduleKind::PolynomialDecay {
                initial_learning_rate: self.take("initialLearningRate")?,
                decay_steps: self.take("decaySteps")?,
                end_learning_rate: self.take("endLearningRate")?,
                power: self.take("power")?,
                cycle: self.take("cycle")?,
            },
            "cosineDecay" => ScheduleKind::CosineDecay {
                initial_learning_rate: self.take("initialLearningRate")?,
                decay_steps: self.take("decaySteps")?,
                alpha: self.take("alpha")?,
            },
            "cosineDecayRestarts" => ScheduleKind::CosineDecayRestarts {
                initial_learning_rate: self.take("initialLearningRate")?,
                first_decay_steps: self.take("firstDecaySteps")?,
                t_mul: self.take("tMul")?,
                m_mul: self.take("mMul")?,
                alpha: self.take("alpha")?,
            },
            "oneCycle" => ScheduleKind::OneCycle {
                max_learning_rate: self.take("maxLearningRate")?,
                total_steps: self.take("totalSteps")?,
                pct_start: self.take("pctStart")?,
                div_factor: self.take("divFactor")?,
                final_div_factor: self.take("finalDivFactor")?,
                linear: self.take::<String>("annealStrategy")? == "linear",
                three_phase: self.take("threePhase")?,
            },
            "warmup" => ScheduleKind::Warmup {
                learning_rate: self.take("learningRate")?,
                warmup_steps: self.take("warmupSteps")?,
                initial_learning_rate: self.take("initialLearningRate")?,
                then: None,
            },
            other => return Err(format!("there is no kind `{other}`")),
        };
        match self.0.keys().next() {
            Some(name) => Err(format!("unknown field `{name}`")),
            None => Ok(kind),
        }
    }

    fn take<V: DeserializeOwned>(&mut self, name: &str) -> std::result::Result<V, String> {
        let value = self.0.remove(name).ok_or_else(|| format!("missing field `{name}`"))?;
        serde_json::from_value(value).map_err(|error| format!("{name}: {error}"))
    }
}

impl Schedule {
    /// Reads a number or a schedule, and checks its settings.
    ///
    /// # Errors
    /// `ERR_OPTION`.
    pub(super) fn from_value(value: Value) -> Result<Self> {
        if let Some(rate) = value.as_f64() {
            check::non_negative("learningRate", rate)?;
            return Ok(Self::Constant(rate));
        }
        let Value::Object(settings) = value else {
            let message = format!("the optimizer's learningRate must be a number or a schedule, not {value}");
            return Err(Error::option(message));
        };
        if settings.get("kind").is_some_and(|kind| kind == "function") {
            return Ok(Self::Listed { first: 0, rates: Vec::new() });
        }
        let mut kind = Settings(settings).read().map_err(|error| {
            Error::option(format!("the optimizer's learningRate is no schedule: {error}"))
        })?;
        kind.check()?;
        Ok(Self::Following(Box::new(kind)))
    }

    /// The rate of a step, from 0.
    pub(super) fn rate(&self, step: u64) -> f64 {
        match self {
            Self::Constant(rate) => *rate,
            Self::Following(kind) => kind.rate(step as f64),
            Self::Listed { first, rates } => {
                let known = usize::try_from(step.saturating_sub(*first)).ok().and_then(|at| rates.get(at));
                known.or(rates.last()).copied().unwrap_or(f64::NAN)
            }
        }
    }

    /// What a function gives for the steps from `from` on.
    ///
    /// # Errors
    /// `ERR_STATE` for a learning rate that is none.
    pub(super) fn set_rates(&mut self, from: u64, given: Vec<f64>) -> Result<()> {
        let Self::Listed { first, rates } = self else {
            return Err(Error::state("The learning rate is not a function"));
        };
        (*first, *rates) = (from, given);
        Ok(())
    }
}

impl ScheduleKind {
    fn check(&mut self) -> Result<()> {
        match self {
            Self::ExponentialDecay { initial_learning_rate, decay_steps, decay_rate, .. }
            | Self::InverseTimeDecay { initial_learning_rate, decay_steps, decay_rate, .. } => {
                check::non_negative("initialLearningRate", *initial_learning_rate)?;
                check::positive("decaySteps", *decay_steps)?;
                check::non_negative("decayRate", *decay_rate)
            }
            Self::PiecewiseConstantDecay { boundaries, values } => {
                values.iter().try_for_each(|value| check::non_negative("values", *value))?;
                boundaries.iter().try_for_each(|value| check::non_negative("boundaries", *value))?;
                if values.len() != boundaries.len() + 1 || !boundaries.is_sorted_by(|a, b| a < b) {
                    return Err(Error::option(format!(
                        "boundaries must ascend, with one more of values; got {} boundaries and {} values",
                        boundaries.len(),
                        values.len()
                    )));
                }
                Ok(())
            }
            Self::PolynomialDecay {
                initial_learning_rate, decay_steps, end_learning_rate, power, ..
            } => {
                check::non_negative("initialLearningRate", *initial_learning_rate)?;
                check::positive("decaySteps", *decay_steps)?;
                check::non_negative("endLearningRate", *end_learning_rate)?;
                check::positive("power", *power)
            }
            Self::CosineDecay { initial_learning_rate, decay_steps, alpha } => {
                check::non_negative("initialLearningRate", *initial_learning_rate)?;
                check::positive("decaySteps", *decay_steps)?;
                check::fraction("alpha", *alpha)
            }
            Self::CosineDecayRestarts { initial_learning_rate, first_decay_steps, t_mul, m_mul, alpha } => {
                check::non_negative("initialLearningRate", *initial_learning_rate)?;
                check::positive("firstDecaySteps", *first_decay_steps)?;
                check::at_least_one("tMul", *t_mul)?;
                check::non_negative("mMul", *m_mul)?;
                check::fraction("alpha", *alpha)
            }
            Self::OneCycle {
                max_learning_rate,
                total_steps,
                pct_start,
                div_factor,
                final_div_factor,
                ..
            } => {
                check::non_negative("maxLearningRate", *max_learning_rate)?;
                check::positive("totalSteps", *total_steps)?;
                check::fraction("pctStart", *pct_start)?;
                check::positive("divFactor", *div_factor)?;
                check::positive("finalDivFactor", *final_div_factor)
            }
            Self::Warmup { learning_rate, warmup_steps, initial_learning_rate, then } => {
                check::non_negative("initialLearningRate", *initial_learning_rate)?;
                check::positive("warmupSteps", *warmup_steps)?;
                *then = Some(Schedule::from_value(learning_rate.take())?);
                Ok(())
            }
        }
    }

    fn rate(&self, step: f64) -> f64 {
        match *self {
            Self::ExponentialDecay { initial_learning_rate, decay_steps, decay_rate, staircase } => {
                initial_learning_rate * decay_rate.powf(periods(step, decay_steps, staircase))
            }
            Self::InverseTimeDecay { initial_learning_rate, decay_steps, decay_rate, staircase } => {
                initial_learning_rate / (1.0 + decay_rate * periods(step, decay_steps, staircase))
            }
            Self::PiecewiseConstantDecay { ref boundaries, ref values } => {
                let part = boundaries.partition_point(|&boundary| boundary < step);
                values.get(part).copied().unwrap_or(0.0)
            }
            Self::PolynomialDecay { initial_learning_rate, decay_steps, end_learning_rate, power, cycle } => {
                let end =
                    if cycle { decay_steps * (step / decay_steps).ceil().max(1.0) } else { decay_steps };
                let left = 1.0 - step.min(end) / end;
                (initial_learning_rate - end_learning_rate) * left.powf(power) + end_learning_rate
            }
            Self::CosineDecay { initial_learning_rate, decay_steps, alpha } => {
                initial_learning_rate * cosine((step / decay_steps).min(1.0), 1.0, alpha)
            }
            Self::CosineDecayRestarts { initial_learning_rate, first_decay_steps, t_mul, m_mul, alpha } => {
                let completed = step / first_decay_steps;
                let (restarts, fraction) = if t_mul == 1.0 {
                    (completed.floor(), completed.fract())
                } else {
                    let restarts = (1.0 - completed * (1.0 - t_mul)).log(t_mul).floor();
                    let before = (1.0 - t_mul.powf(restarts)) / (1.0 - t_mul);
                    (restarts, (completed - before) / t_mul.powf(restarts))
                };
                initial_learning_rate * cosine(fraction, m_mul.powf(restarts), alpha)
            }
            Self::OneCycle {
                max_learning_rate: most,
                total_steps,
                pct_start,
                div_factor,
                final_div_factor,
                linear,
                three_phase,
            } => {
                let (first, peak, last) =
                    (most / div_factor, pct_start * total_steps - 1.0, total_steps - 1.0);
                let least = first / final_div_factor;
                let back = if three_phase { peak * 2.0 } else { last };
                let (from, to, start, end) = if step <= peak {
                    (first, most, 0.0, peak)
                } else if step <= back || !three_phase {
                    (most, if three_phase { first } else { least }, peak, back)
                } else {
                    (first, least, back, last)
                };
                let done = if end > start { ((step - start) / (end - start)).min(1.0) } else { 1.0 };
                if linear {
                    from + (to - from) * done
                } else {
                    to + (from - to) * 0.5 * (1.0 + (PI * done).cos())
                }
            }
            Self::Warmup { warmup_steps, initial_learning_rate, ref then, .. } => {
                let rate = |step: u64| then.as_ref().map_or(0.0, |then| then.rate(step));
                if step < warmup_steps {
                    initial_learning_rate + (rate(0) - initial_learning_rate) * step / warmup_steps
                } else {
                    rate((step - warmup_steps) as u64)
                }
            }
        }
    }
}

fn periods(step: f64, length: f64, whole: bool) -> f64 {
    if whole { (step / length).floor() } else { step / length }
}

/// From `height` at 0 to `alpha` at 1, on half a cosine.
fn cosine(fraction: f64, height: f64, alpha: f64) -> f64 {
    (1.0 - alpha) * 0.5 * height * (1.0 + (PI * fraction).cos()) + alpha
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rates(value: Value, steps: &[u64]) -> Vec<f64> {
        let schedule = Schedule::from_value(value).unwrap();
        steps.iter().map(|&step| schedule.rate(step)).collect()
    }

    fn close(got: &[f64], want: &[f64]) {
        assert_eq!(got.len(), want.len());
        assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-12), "{got:?} for {want:?}");
    }

    #[test]
    fn values_at_known_steps() {
        let exponential = json!({"kind": "exponentialDecay", "initialLearningRate": 0.1, "decaySteps": 10, "decayRate": 0.5,
            "staircase": false});
        close(&rates(exponential, &[0, 5, 10, 20]), &[0.1, 0.1 * 0.5_f64.sqrt(), 0.05, 0.025]);
        let stairs = json!({"kind": "exponentialDecay", "initialLearningRate": 0.1, "decaySteps": 10, "decayRate": 0.5,
            "staircase": true});
        close(&rates(stairs, &[0, 9, 10, 19, 20]), &[0.1, 0.1, 0.05, 0.05, 0.025]);
        let inverse = json!({"kind": "inverseTimeDecay", "initialLearningRate": 0.1, "decaySteps": 1, "decayRate": 0.5,
            "staircase": false});
        close(&rates(inverse, &[0, 1, 2]), &[0.1, 0.1 / 1.5, 0.05]);
        let steps =
            json!({"kind": "piecewiseConstantDecay", "boundaries": [10, 20], "values": [1, 0.5, 0.1]});
        close(&rates(steps, &[0, 10, 11, 20, 21]), &[1.0, 1.0, 0.5, 0.5, 0.1]);
        let polynomial = |cycle: bool| {
            json!({"kind": "polynomialDecay", "initialLearningRate": 0.1, "decaySteps": 100, "endLearningRate": 0.01, "power": 0.5,
                "cycle": cycle})
        };
        close(&rates(polynomial(false), &[0, 36, 100, 150]), &[0.1, 0.082, 0.01, 0.01]);
        close(&rates(polynomial(true), &[0, 100, 128]), &[0.1, 0.01, 0.01 + 0.09 * 0.6]);
        let cosine =
            json!({"kind": "cosineDecay", "initialLearningRate": 4, "decaySteps": 100, "alpha": 0.5});
        close(&rates(cosine, &[0, 50, 100, 900]), &[4.0, 3.0, 2.0, 2.0]);
        let restarts = json!({"kind": "cosineDecayRestarts", "initialLearningRate": 1, "firstDecaySteps": 10, "tMul": 2, "mMul": 0.5,
            "alpha": 0});
        close(&rates(restarts, &[0, 5, 10, 20, 30]), &[1.0, 0.5, 0.5, 0.25, 0.25]);
    }

    /// PyTorch's at these steps.
    #[test]
    fn one_cycle() {
        let cycle = |strategy: &str, three_phase: bool| {
            json!({"kind": "oneCycle", "maxLearningRate": 1, "totalSteps": 10, "pctStart": 0.3, "divFactor": 25,
                "finalDivFactor": 100, "annealStrategy": strategy, "threePhase": three_phase})
        };
        close(&rates(cycle("cos", false), &[0, 1, 2, 9, 99]), &[0.04, 0.52, 1.0, 0.0004, 0.0004]);
        close(&rates(cycle("linear", false), &[0, 1, 2, 9]), &[0.04, 0.52, 1.0, 0.0004]);
        close(&rates(cycle("linear", true), &[0, 2, 3, 4, 9]), &[0.04, 1.0, 0.52, 0.04, 0.0004]);
    }

    #[test]
    fn a_warmup_goes_in_front_of_anything() {
        let cosine = json!({"kind": "cosineDecay", "initialLearningRate": 4, "decaySteps": 100, "alpha": 0});
        let warmup =
            json!({"kind": "warmup", "learningRate": cosine, "warmupSteps": 10, "initialLearningRate": 0});
        close(&rates(warmup.clone(), &[0, 5, 10, 60, 110]), &[0.0, 2.0, 4.0, 2.0, 0.0]);
        let twice =
            json!({"kind": "warmup", "learningRate": warmup, "warmupSteps": 2, "initialLearningRate": 1});
        close(&rates(twice, &[0, 1, 2, 7]), &[1.0, 0.5, 0.0, 2.0]);
        let constant =
            json!({"kind": "warmup", "learningRate": 0.5, "warmupSteps": 4, "initialLearningRate": 0.1});
        close(&rates(constant, &[0, 2, 4, 99]), &[0.1, 0.3, 0.5, 0.5]);
    }

    #[test]
    fn wrong_settings_are_refused() {
        for wrong in [
            json!("cosine"),
            json!(-1),
            json!({"kind": "linear"}),
            json!({"kind": "cosineDecay", "initialLearningRate": 1}),
            json!({"kind": "cosineDecay", "initialLearningRate": 1, "decaySteps": 0, "alpha": 0}),
            json!({"kind": "cosineDecay", "initialLearningRate": 1, "decaySteps": 9, "alpha": 2}),
            json!({"kind": "piecewiseConstantDecay", "boundaries": [2, 1], "values": [1, 2, 3]}),
            json!({"kind": "piecewiseConstantDecay", "boundaries": [2], "values": [1]}),
            json!({"kind": "warmup", "learningRate": "x", "warmupSteps": 4, "initialLearningRate": 0.1}),
        ] {
            let error = Schedule::from_value(wrong.clone()).expect_err(&wrong.to_string());
            assert_eq!(error.code.as_str(), "ERR_OPTION", "{wrong}");
        }
    }
}
