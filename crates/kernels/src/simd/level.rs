//! Which instruction set the kernels use.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

const VARIABLE: &str = "SEQLOOM_SIMD";

/// An instruction set that the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Plain Rust, as the compiler vectorises it for the baseline of the target.
    Scalar,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 F, DQ, BW and VL.
    Avx512,
    /// AArch64's NEON.
    Neon,
}

impl Level {
    /// All levels, on whatever machine.
    pub const ALL: [Self; 4] = [Self::Scalar, Self::Avx2, Self::Avx512, Self::Neon];

    /// Its name: `scalar`, `avx2`, `avx512` or `neon`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a level cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelectError {
    /// There is no level of this name.
    Unknown(String),
    /// The level exists, but this machine lacks it.
    Unsupported(Level),
}

impl fmt::Display for SelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "{VARIABLE} is \"{name}\", which is no instruction set")?,
            Self::Unsupported(level) => write!(f, "{VARIABLE} is \"{level}\", which this machine lacks")?,
        }
        let names: Vec<_> = available().into_iter().map(Level::name).collect();
        write!(f, "; here it can be one of: {}", names.join(", "))
    }
}

impl std::error::Error for SelectError {}

impl FromStr for Level {
    type Err = SelectError;
    fn from_str(name: &str) -> Result<Self, SelectError> {
        Self::ALL
            .into_iter()
            .find(|level| level.name() == name)
            .ok_or_else(|| SelectError::Unknown(name.to_owned()))
    }
}

/// A level that was found on this machine. Only detection makes one, so whoever has one may run its instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Detected(Level);

impl Detected {
    /// The level, if this machine has it.
    pub(crate) fn new(level: Level) -> Option<Self> {
        is_available(level).then_some(Self(level))
    }

    /// The detected level.
    pub(crate) const fn level(self) -> Level {
        self.0
    }
}

impl fmt::Display for Detected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The levels that this machine can run, slowest first.
pub fn available() -> Vec<Level> {
    Level::ALL.into_iter().filter(|level| is_available(*level)).collect()
}

/// The level that every kernel uses: the best one available, or the one that `SEQLOOM_SIMD` names. The variable is
/// read by the first call; later ones repeat its answer.
///
/// # Errors
/// [`SelectError`] if the variable names no level, or one that this machine lacks.
pub fn level() -> Result<Level, SelectError> {
    selected().clone().map(Detected::level)
}

/// The level that kernels run on, whatever the variable holds; [`level`] reports a wrong value.
pub(crate) fn active() -> Detected {
    selected().clone().unwrap_or_else(|_| best())
}

fn selected() -> &'static Result<Detected, SelectError> {
    static LEVEL: OnceLock<Result<Detected, SelectError>> = OnceLock::new();
    LEVEL.get_or_init(|| select(std::env::var_os(VARIABLE)))
}

fn select(variable: Option<std::ffi::OsString>) -> Result<Detected, SelectError> {
    let Some(value) = variable else { return Ok(best()) };
    let level: Level = value.to_string_lossy().parse()?;
    Detected::new(level).ok_or(SelectError::Unsupported(level))
}

fn best() -> Detected {
    // Every machine has the first one.
    Level::ALL.into_iter().filter_map(Detected::new).next_back().unwrap_or(Detected(Level::Scalar))
}

#[cfg(target_arch = "x86_64")]
fn is_available(level: Level) -> bool {
    match level {
        Level::Scalar => true,
        Level::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
        Level::Avx512 => {
            is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_available(Level::Avx2)
        }
        Level::Neon => false,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn is_available(level: Level) -> bool {
    // NEON is part of the AArch64 baseline.
    level == Level::Scalar || (cfg!(target_arch = "aarch64") && level == Level::Neon)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_wrong_ones_are_explained() {
        for level in Level::ALL {
            assert_eq!(level.to_string().parse(), Ok(level));
            match select(Some(level.name().into())) {
                Ok(chosen) => assert_eq!(chosen.level(), level),
                Err(error) => {
                    assert!(Detected::new(level).is_none() && error.to_string().contains("scalar"), "{error}")
                }
            }
        }
        let error = select(Some("sse9".into())).unwrap_err();
        assert_eq!(error, SelectError::Unknown("sse9".into()));
        assert!(error.to_string().contains("\"sse9\"") && error.to_string().contains("scalar"));
        assert_eq!(select(None), Ok(best()));
    }
}
