use super::tests::dense;
use super::*;
use crate::tests::{levels, noise, serial};
use crate::{Activation, pool, reference};

const TANH: Function = Function::Activate(Activation::Tanh);

fn step<const N: usize>(function: Function, given: [Source; N], output: Output) -> Step {
    let mut sources = [Source::Constant(0.0); 3];
    sources[..N].copy_from_slice(&given);
    Step { function, sources, output }
}

/// The scores of keys and a query, or their gradients, and with `more` a step that no chain of attention has.
fn chain(backward: bool, more: bool) -> Chain {
    use Source::{Read, Step as Of};
    let nothing = Output::Nothing;
    let mut steps = if backward {
        vec![
            step(Function::Multiply, [Read(2), Read(3)], nothing),
            step(Function::Add, [Read(0), Read(1)], nothing),
            step(TANH, [Of(1)], nothing),
            step(Function::Multiply, [Of(2), Read(3)], Output::Add(0)),
            step(Function::Slope(Activation::Tanh), [Of(0), Of(2)], Output::Add(1)),
            step(Function::Copy, [Of(4)], Output::Add(2)),
        ]
    } else {
        vec![
            step(Function::Add, [Read(0), Read(1)], nothing),
            step(TANH, [Of(0)], nothing),
            step(Function::Multiply, [Of(1), Read(2)], Output::Add(0)),
        ]
    };
    if more {
        steps.push(step(Function::Copy, [Read(0)], nothing));
    }
    Chain::new(steps)
}

/// What a chain gives for `[rows, steps, width]`, at a level or by the reference; `query_first` exchanges keys and query.
fn run_chain(
    chain: &Chain,
    [rows, steps, width]: [usize; 3],
    query_first: bool,
    level: Option<crate::simd::Detected>,
) -> Vec<Vec<f32>> {
    let dims = [rows, steps, width];
    // A single row is no dimension of its own.
    let inner = usize::from(rows == 1);
    let strides = |list: [usize; 3]| {
        let mut all = [0; MAX_DIMS];
        all[..3].copy_from_slice(&list);
        all
    };
    let backward = chain.writes > 1;
    let [keys, query, one, each] =
        [dense(&dims), strides([width, 0, 1]), strides([0, 0, 1]), strides([steps, 1, 0])];
    let mut shown = [keys, query, one, each];
    let mut written = if backward { vec![query, keys, query] } else { vec![each] };
    let mut lengths = [rows * steps * width, rows * width, width, rows * steps];
    if query_first {
        shown.swap(0, 1);
        lengths.swap(0, 1);
        written[1..].reverse();
    }
    let view = |(buffer, mut strides): (usize, [usize; MAX_DIMS])| {
        strides.rotate_left(inner);
        View { buffer, offset: 0, strides }
    };
    let reads: Vec<View> = shown.into_iter().enumerate().map(view).collect();
    let writes: Vec<View> = written.into_iter().enumerate().map(view).collect();
    let sources: Vec<Vec<f32>> = lengths.iter().zip(1..).map(|(&length, seed)| noise(seed, length)).collect();
    let mut targets: Vec<Vec<f32>> = writes.iter().map(|_| noise(9, rows * steps * width)).collect();
    let slices: Vec<&[f32]> = sources.iter().map(Vec::as_slice).collect();
    let mut open: Vec<&mut [f32]> = targets.iter_mut().map(Vec::as_mut_slice).collect();
    let operands = ChainOperands {
        dims: &dims[inner..],
        reads: &reads,
        writes: &writes,
        sources: &slices,
        targets: &mut open,
    };
    match level {
        Some(level) => run(level, chain, operands),
        None => reference::run_chain(chain, operands),
    }
    targets
}

#[test]
fn scores_of_attention_and_their_gradients_are_those_of_any_chain() {
    let _serial = serial();
    for backward in [false, true] {
        let (own, plain) = (chain(backward, false), chain(backward, true));
        assert!(own.additive.is_some() && plain.additive.is_none());
        for dims in [
            [1, 1, 1],
            [1, 5, 7],
            [3, 1, 17],
            [2, 3, 33],
            [4, 7, 65],
            [2, 2, 600],
            [33, 9, 130],
            [1, 90, 200],
        ] {
            for query_first in [false, true] {
                let expected = run_chain(&own, dims, query_first, None);
                for level in levels() {
                    pool::set_threads(1).unwrap();
                    let found = run_chain(&own, dims, query_first, Some(level));
                    assert_eq!(found, run_chain(&plain, dims, query_first, Some(level)), "{level} {dims:?}");
                    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                        let bound = 1e-4 * (1.0 + expected.abs());
                        assert!((found - expected).abs() <= bound, "{level} {dims:?}: {found} {expected}");
                    }
                    for threads in [2, 3] {
                        pool::set_threads(threads).unwrap();
                        let shared = run_chain(&own, dims, query_first, Some(level));
                        assert_eq!(found, shared, "{level} {dims:?} on {threads} threads");
                    }
                }
            }
        }
    }
}

#[test]
fn other_views_are_left_to_any_chain() {
    // A kernel for every row, as no attention has, and a query that is different for every step.
    let own = chain(false, false);
    let dims = [2, 3, 8];
    let whole = dense(&dims);
    let mut each = [0; MAX_DIMS];
    (each[0], each[1]) = (3, 1);
    let views: Vec<View> = (0..3).map(|buffer| View { buffer, offset: 0, strides: whole }).collect();
    let scores = [View { buffer: 0, offset: 0, strides: each }];
    let data = noise(4, 48);
    let [mut found, mut expected] = [vec![0.0; 6], vec![0.0; 6]];
    for (target, level) in [(&mut found, levels().last().copied()), (&mut expected, None)] {
        let operands = ChainOperands {
            dims: &dims,
            reads: &views,
            writes: &scores,
            sources: &[&data, &data, &data],
            targets: &mut [target.as_mut_slice()],
        };
        match level {
            Some(level) => run(level, &own, operands),
            None => reference::run_chain(&own, operands),
        }
    }
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    }
}
