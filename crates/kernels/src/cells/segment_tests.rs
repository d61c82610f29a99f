//! Gates that are computed again, one segment of time after another.

use super::*;

/// Whether segments of several lengths give the bits of a whole pass.
fn check(problem: &Problem, level: Detected, precision: Precision) {
    let whole = problem.run_in(level, precision);
    for segment in [1, 2, 7, 64, 1000] {
        let again = Problem { segment: Some(segment), ..problem.clone() };
        for threads in [1, 2] {
            pool::set_threads(threads).unwrap();
            assert!(again.run_in(level, precision) == whole, "at {level} with {threads} threads: {again:?}");
        }
    }
}

#[test]
fn segments_give_the_bits_of_a_whole_pass() {
    let _serial = serial();
    for level in levels() {
        for kind in KINDS {
            // One sequence, a few, more than a block of rows has, and so many that threads take groups of them.
            for (input, hidden, steps) in [
                (3, 5, even(300, 1)),
                (17, 33, even(40, 9)),
                (4, 7, even(9, 300)),
                (33, 65, packed_steps(&[70, 70, 69, 40, 40, 40, 7, 7, 3, 1, 1, 1, 1, 1, 1])),
                (6, 12, packed_steps(&[4, 4, 2, 0, 0])),
                (6, 12, even(1, 20)),
            ] {
                let problem = Problem::new(spec(kind, input, hidden), steps);
                check(&problem, level, Precision::Float32);
                check(&Problem { vocabulary: 5, ..problem.clone() }, level, Precision::Float32);
                check(&Problem { initial: false, bias: false, ..problem }, level, Precision::Float32);
            }
        }
    }
}

#[test]
fn segments_give_the_bits_of_a_whole_pass_in_bfloat16() {
    let _serial = serial();
    let Some(level) = levels().into_iter().find(|&level| Pairs::new(level).is_some()) else { return };
    for kind in KINDS {
        for steps in [even(300, 1), packed_steps(&[70, 70, 40, 40, 7, 7, 3, 1])] {
            check(&Problem::new(spec(kind, 33, 70), steps), level, Precision::Bfloat16);
        }
    }
}

#[test]
fn segments_keep_less() {
    let _serial = serial();
    for level in levels() {
        for kind in KINDS {
            let spec = spec(kind, 64, 64);
            let [rows, batch, time] = [16 * 2000, 16, 2000];
            let whole = cell_sizes(level, &spec, rows, batch).unwrap();
            let again = segment_sizes(level, &spec, [rows, batch, time], 45).unwrap();
            let kept = if kind == CellKind::Lstm { 44 * batch * 64 } else { 0 };
            assert_eq!(again.stash, kept);
            assert!(
                again.backward_workspace - whole.backward_workspace
                    < whole.stash / 10 + 45 * batch * 128 + 40_000
            );
            assert_eq!(segment_sizes(level, &spec, [usize::MAX / 2, 1, 9], 1), None);
        }
    }
}
