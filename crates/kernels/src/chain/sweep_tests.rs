use super::*;
use crate::simd::Detected;
use crate::tests::{levels, noise, serial};
use crate::{Activation, pool, reference};

/// Where the rows of steps begin that have so many of them.
fn starts(rows: &[usize]) -> Vec<usize> {
    let mut starts = vec![0];
    starts.extend(rows.iter().scan(0, |sum, &rows| {
        *sum += rows;
        Some(*sum)
    }));
    starts
}

fn view(buffer: usize, strides: [usize; 2]) -> View {
    let mut all = [0; MAX_DIMS];
    all[..2].copy_from_slice(&strides);
    View { buffer, strides: all, ..View::default() }
}

fn step(function: Function, sources: [Source; 2], output: Output) -> Step {
    Step { function, sources: [sources[0], sources[1], Source::Constant(0.0)], output }
}

/// What a test runs a sweep with: a level, or the reference.
type How = Option<Detected>;

fn run_with(how: How, chain: &Chain, operands: ChainOperands<'_, '_, f32>, sweep: &Sweep<'_>) {
    match how {
        Some(level) => run_sweep(level, chain, operands, sweep),
        None => reference::run_sweep(chain, operands, sweep),
    }
}

/// h = σ(a)·h′ + b·w, w being the same for all rows, in two parts of time: all of h, then the gradients of a (of the
/// second part alone), w and the states before the first step, and those of h.
fn recurrence(rows: &[usize], width: usize, dims: &[usize], how: How) -> [Vec<f32>; 5] {
    let starts = starts(rows);
    let (count, batch) = (starts[rows.len()], rows[0]);
    let (a, b, initial) = (noise(1, count * width), noise(2, count * width), noise(3, batch * width));
    let mut h = vec![0.0; count * width];
    let whole = if dims.len() == 1 { [1, 0] } else { [width, 1] };
    let (moving, fixed) = (Motion { width, ..Motion::default() }, Motion::default());
    let previous = |initial| Motion { initial: Some(initial), ..moving };
    let w = noise(4, width);
    let w_view = if dims.len() == 1 { view(1, whole) } else { view(3, [0, 1]) };
    let w_motion = if dims.len() == 1 { moving } else { fixed };
    let reads = [view(0, whole), view(1, whole), w_view, view(4, whole)];
    let motions = [moving, moving, w_motion, previous(2)];
    let sigmoid = Function::Activate(Activation::Sigmoid);
    let chain = Chain::new(vec![
        step(sigmoid, [Source::Read(0); 2], Output::Nothing),
        step(Function::Multiply, [Source::Step(0), Source::Read(3)], Output::Nothing),
        step(Function::Multiply, [Source::Read(1), Source::Read(2)], Output::Nothing),
        step(Function::Add, [Source::Step(1), Source::Step(2)], Output::Store(0)),
    ]);
    let cut = rows.len() / 3;
    let per_row = dims[0] / batch;
    for steps in [0..cut, cut..rows.len()] {
        let mut dims = dims.to_vec();
        dims[0] = per_row * rows[steps.start];
        let sweep = Sweep { starts: &starts, steps, reversed: false, reads: &motions, writes: &[moving] };
        let operands = ChainOperands {
            dims: &dims,
            reads: &reads,
            writes: &[view(0, whole)],
            sources: &[&a, &b, &initial, &w],
            targets: &mut [&mut h],
        };
        run_with(how, &chain, operands, &sweep);
    }

    let mut dh = noise(5, count * width);
    let mut da = vec![0.0; (count - starts[cut]) * width];
    let mut d_initial = vec![0.0; batch * width];
    let mut dw = vec![0.0; width];
    // Sources: a, b, the initial state, h; targets: dh, those of the states before, da, dw.
    let reads = [view(0, whole), view(3, whole), view(4, whole), view(1, whole)];
    let motions = [moving, previous(2), moving, moving];
    let writes =
        [view(0, whole), view(2, whole), if dims.len() == 1 { view(3, [0, 0]) } else { view(3, [0, 1]) }];
    let chain = Chain::new(vec![
        step(sigmoid, [Source::Read(0); 2], Output::Nothing),
        step(Function::Multiply, [Source::Read(2), Source::Step(0)], Output::Add(0)),
        step(Function::Multiply, [Source::Read(2), Source::Read(1)], Output::Nothing),
        step(Function::Slope(Activation::Sigmoid), [Source::Step(2), Source::Step(0)], Output::Store(1)),
        step(Function::Multiply, [Source::Read(2), Source::Read(3)], Output::Add(2)),
    ]);
    let mut dims = dims.to_vec();
    dims[0] = per_row * rows[cut];
    let of_part = Motion { first: starts[cut], ..moving };
    let sweep = Sweep {
        starts: &starts,
        steps: cut..rows.len(),
        reversed: true,
        reads: &motions,
        writes: &[previous(1), of_part, fixed],
    };
    let operands = ChainOperands {
        dims: &dims,
        reads: &reads,
        writes: &writes,
        sources: &[&a, &b, &initial, &h],
        targets: &mut [&mut dh, &mut d_initial, &mut da, &mut dw],
    };
    run_with(how, &chain, operands, &sweep);
    [h, dh, d_initial, da, dw]
}

#[test]
fn sweeps_match_the_reference_at_every_level() {
    let _serial = serial();
    for rows in [&[1][..], &[1, 1, 1, 1], &[3, 3, 3, 2, 1, 1], &[7, 7, 5, 5, 5, 4, 1], &[4; 50], &[40; 9]] {
        for width in [1, 7, 17, 33, 65, 700] {
            for dims in [vec![rows[0] * width], vec![rows[0], width]] {
                let expected = recurrence(rows, width, &dims, None);
                for level in levels() {
                    pool::set_threads(1).unwrap();
                    let got = recurrence(rows, width, &dims, Some(level));
                    for (part, (got, expected)) in got.iter().zip(&expected).enumerate() {
                        for (got, expected) in got.iter().zip(expected) {
                            // The last part sums up to 200,000 numbers.
                            let bound = if part == 4 { 1e-3 * (1.0 + expected.abs()) } else { 1e-5 };
                            assert!(
                                (got - expected).abs() <= bound,
                                "{level} {rows:?} {width}: {got} {expected}"
                            );
                        }
                    }
                    for threads in [2, 3, 4] {
                        pool::set_threads(threads).unwrap();
                        assert_eq!(
                            got,
                            recurrence(rows, width, &dims, Some(level)),
                            "{level} {rows:?} {width}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "rows become more")]
fn refuses_rows_that_begin_later() {
    recurrence(&[2, 2, 2, 3], 4, &[8], Some(levels()[0]));
}

#[test]
#[should_panic(expected = "reaches into the next step")]
fn refuses_steps_that_overlap() {
    let motion = Motion { width: 2, ..Motion::default() };
    let sweep = Sweep { starts: &[0, 2, 4], steps: 0..2, reversed: false, reads: &[], writes: &[motion] };
    let chain = Chain::new(vec![step(Function::Copy, [Source::Constant(1.0); 2], Output::Store(0))]);
    let targets: &mut [&mut [f32]] = &mut [&mut [0.0; 16]];
    let writes = [view(0, [3, 1])];
    let operands = ChainOperands { dims: &[2, 3], reads: &[], writes: &writes, sources: &[], targets };
    run_sweep(levels()[0], &chain, operands, &sweep);
}
