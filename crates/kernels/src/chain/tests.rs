use super::*;
use crate::tests::{levels, noise, serial};
use crate::{Activation, pool, reference};

const UNARY: [Function; 9] = [
    Function::Copy,
    Function::Negate,
    Function::Abs,
    Function::Activate(Activation::Sigmoid),
    Function::Activate(Activation::Tanh),
    Function::Activate(Activation::Softplus),
    Function::Activate(Activation::Exponential),
    Function::Slope(Activation::Tanh),
    Function::Slope(Activation::Softsign),
];
const OTHERS: [Function; 14] = [
    Function::Add,
    Function::Subtract,
    Function::Multiply,
    Function::Maximum,
    Function::Minimum,
    Function::Less,
    Function::LessEqual,
    Function::Equal,
    Function::Select,
    Function::Signed,
    Function::Winner,
    Function::Slope(Activation::Selu),
    Function::Derivative(Activation::Gelu),
    Function::Derivative(Activation::Mish),
];

/// Strides of a dense array.
pub(super) fn dense(dims: &[usize]) -> [usize; MAX_DIMS] {
    let mut strides = [0; MAX_DIMS];
    let mut stride = 1;
    for (axis, &dim) in dims.iter().enumerate().rev() {
        strides[axis] = stride;
        stride *= dim;
    }
    strides
}

/// A chain, the views to read and to write, and the buffers of both.
type Case = (Chain, Vec<View>, Vec<View>, Vec<Vec<f32>>, Vec<Vec<f32>>);

/// Every function once, stored and added; rows, columns and single numbers repeated.
fn case(dims: &[usize]) -> Case {
    let count: usize = dims.iter().product();
    let last = dims.len() - 1;
    let whole = dense(dims);
    let mut repeated_rows = [0; MAX_DIMS];
    repeated_rows[last] = 1;
    let mut repeated_columns = dense(&dims[..last]);
    repeated_columns[last..].fill(0);
    let reads = vec![
        View { buffer: 0, offset: 0, strides: whole },
        View { buffer: 1, offset: 3, strides: repeated_rows },
        View { buffer: 2, offset: 0, strides: repeated_columns },
    ];
    let mut writes = Vec::new();
    let mut targets = Vec::new();
    let mut steps = Vec::new();
    for (index, function) in UNARY.into_iter().chain(OTHERS).enumerate() {
        let earlier = if index > 2 { Source::Step(index - 3) } else { Source::Constant(0.25) };
        let sources = [Source::Read(index % 3), earlier, Source::Read((index + 1) % 3)];
        let output = match index % 5 {
            0 => Output::Nothing,
            1 => Output::Add(writes.len()),
            _ => Output::Store(writes.len()),
        };
        if output != Output::Nothing {
            writes.push(View { buffer: targets.len(), offset: 1, strides: whole });
            targets.push(noise(7, count + 1));
        }
        steps.push(Step { function, sources, output });
    }
    for strides in [repeated_rows, repeated_columns] {
        let (sources, view) = ([Source::Step(4), Source::Read(0), Source::Read(0)], writes.len());
        steps.push(Step { function: Function::Multiply, sources, output: Output::Add(view) });
        writes.push(View { buffer: targets.len(), offset: 0, strides });
        targets.push(vec![0.5; count]);
    }
    let sources = vec![noise(1, count), noise(2, dims[last] + 3), noise(3, count)];
    (Chain::new(steps), reads, writes, sources, targets)
}

fn run_with(dims: &[usize], level: Option<crate::simd::Detected>) -> Vec<Vec<f32>> {
    let (chain, reads, writes, sources, mut targets) = case(dims);
    let sources: Vec<&[f32]> = sources.iter().map(Vec::as_slice).collect();
    let mut slices: Vec<&mut [f32]> = targets.iter_mut().map(Vec::as_mut_slice).collect();
    let operands =
        ChainOperands { dims, reads: &reads, writes: &writes, sources: &sources, targets: &mut slices };
    match level {
        Some(level) => run(level, &chain, operands),
        None => reference::run_chain(&chain, operands),
    }
    targets
}

#[test]
fn chains_match_the_reference_at_every_level() {
    let _serial = serial();
    for dims in [
        &[1][..],
        &[17],
        &[700],
        &[3, 5],
        &[7, 65],
        &[2, 3, 33],
        &[4, 3, 1],
        &[2, 2, 2, 130],
        &[0, 4],
        &[33, 600],
    ] {
        let expected = run_with(dims, None);
        for level in levels() {
            for threads in [1, 2, 3] {
                pool::set_threads(threads).unwrap();
                let got = run_with(dims, Some(level));
                for (view, (got, expected)) in got.iter().zip(&expected).enumerate() {
                    for (index, (&got, &expected)) in got.iter().zip(expected).enumerate() {
                        let bound = 1e-5 * (1.0 + expected.abs()) * if view > 15 { 30.0 } else { 1.0 };
                        assert!(
                            (got - expected).abs() <= bound || (got.is_nan() && expected.is_nan()),
                            "{level} {dims:?} view {view}[{index}]: {got} {expected}"
                        );
                    }
                }
                if threads > 1 {
                    pool::set_threads(1).unwrap();
                    assert_eq!(got, run_with(dims, Some(level)), "{level} {dims:?} on {threads} threads");
                }
            }
        }
    }
}

#[test]
fn shares_are_disjoint() {
    let view = |offset, strides: &[usize]| {
        let mut all = [0; MAX_DIMS];
        all[..strides.len()].copy_from_slice(strides);
        View { buffer: 0, offset, strides: all }
    };
    // The gates of a row side by side.
    assert_eq!(split(&[4, 8], &[view(0, &[16, 1]), view(8, &[16, 1])]), Split::Rows);
    assert_eq!(split(&[4, 8], &[view(0, &[16, 1]), view(9, &[16, 1])]), Split::Nothing);
    // A sum over rows.
    assert_eq!(split(&[4, 8], &[view(0, &[0, 1])]), Split::Columns);
    assert_eq!(split(&[4, 8], &[view(0, &[0, 0])]), Split::Nothing);
    assert_eq!(split(&[4, 3, 8], &[view(0, &[8, 0, 1])]), Split::Rows);
    // Columns of rows that overlap are not apart; those of dense rows are, even if some of them are repeated.
    assert_eq!(split(&[4, 8], &[view(0, &[1, 1])]), Split::Nothing);
    assert_eq!(split(&[4, 8], &[view(0, &[7, 1])]), Split::Nothing);
    assert_eq!(split(&[1, 8], &[view(0, &[1, 1])]), Split::Columns);
    assert_eq!(split(&[4, 3, 8], &[view(0, &[0, 8, 1])]), Split::Columns);
    assert_eq!(split(&[4, 3, 8], &[view(0, &[0, 4, 1])]), Split::Nothing);
    assert_eq!(split(&[2, 3, 8], &[view(0, &[12, 8, 1])]), Split::Nothing);
    assert_eq!(split(&[2, 3, 8], &[view(0, &[16, 8, 1])]), Split::Columns);
}
