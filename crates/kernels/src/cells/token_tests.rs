//! Input by tokens against the reference, and against the same input in rows.

use super::*;

#[test]
fn tokens_match_the_reference() {
    let _serial = serial();
    pool::set_threads(2).unwrap();
    for kind in KINDS {
        for (input, hidden, counts) in
            [(6, 40, &[9, 9, 4, 4, 1][..]), (70, 130, &[50, 50, 20]), (3, 5, &[1, 1, 1]), (4, 9, &[])]
        {
            for vocabulary in [1, 2, 65] {
                let steps = packed_steps(counts);
                Problem { vocabulary, ..Problem::new(spec(kind, input, hidden), steps) }.check();
            }
        }
    }
}

#[test]
fn tokens_are_rows_of_the_table() {
    let _serial = serial();
    for kind in KINDS {
        let (input, vocabulary) = (6, 5);
        let by_tokens =
            Problem { vocabulary, ..Problem::new(spec(kind, input, 12), packed_steps(&[7, 7, 3, 1])) };
        let by_rows = Problem { gathered: true, ..by_tokens.clone() };
        let (ids, rows, tokens) = (by_tokens.ids(18), by_rows.run_reference(), by_tokens.run_reference());
        assert_eq!(rows.y, tokens.y);
        assert_eq!(rows.d_kernel, tokens.d_kernel);
        let mut summed = vec![0.0; vocabulary * input];
        for (&id, dx) in ids.iter().zip(rows.dx.chunks(input)) {
            for (sum, dx) in summed[id as usize * input..].iter_mut().zip(dx) {
                *sum += dx;
            }
        }
        assert!(summed.iter().zip(&tokens.dx).all(|(a, b)| (a - b).abs() < 1e-12), "{kind:?}");
    }
}

#[test]
fn tokens_do_not_depend_on_threads() {
    let _serial = serial();
    for level in levels() {
        for kind in KINDS {
            let steps = packed_steps(&[37, 37, 20, 8, 1]);
            let problem = Problem { vocabulary: 11, ..Problem::new(spec(kind, 33, 70), steps) };
            let results = [1, 2, 3].map(|threads| {
                pool::set_threads(threads).unwrap();
                problem.run_at(level)
            });
            assert!(results[1] == results[0] && results[2] == results[0], "{kind:?} at {level}");
        }
    }
}
