use super::*;

fn values(json: &str, shape: &[usize]) -> Vec<f32> {
    let initializer: Initializer = serde_json::from_str(json).unwrap();
    let mut out = vec![f32::NAN; shape.iter().product()];
    fill(&initializer, shape, 5, 2, &mut out).unwrap();
    out
}

fn refused(json: &str, shape: &[usize]) -> Error {
    let initializer: Initializer = serde_json::from_str(json).unwrap();
    fill(&initializer, shape, 5, 2, &mut vec![0.0; shape.iter().product()]).unwrap_err()
}

/// Mean, standard deviation and the largest magnitude.
fn statistics(x: &[f32]) -> (f64, f64, f64) {
    let n = x.len() as f64;
    let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let variance = x.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt(), x.iter().fold(0.0, |m, &v| f64::from(v.abs()).max(m)))
}

fn close(a: f64, b: f64, relative: f64) -> bool {
    (a - b).abs() <= relative * b.abs()
}

#[test]
fn constants() {
    assert_eq!(values(r#"{"kind":"zeros"}"#, &[3]), [0.0; 3]);
    assert_eq!(values(r#"{"kind":"ones"}"#, &[3]), [1.0; 3]);
    assert_eq!(values(r#"{"kind":"constant","value":-2.5}"#, &[2]), [-2.5; 2]);
    assert_eq!(values(r#"{"kind":"identity","gain":2}"#, &[2, 3]), [2.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
    assert_eq!(values(r#"{"kind":"identity","gain":1}"#, &[3, 2]), [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    assert_eq!(values(r#"{"kind":"lstmBias"}"#, &[8]), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    let base = values(r#"{"kind":"lstmBias","base":{"kind":"constant","value":3}}"#, &[4]);
    assert_eq!(base, [3.0, 1.0, 3.0, 3.0]);
}

#[test]
fn fans_of_kernels() {
    // [kind, expected standard deviation] for a kernel of 200 inputs and 300 units.
    let shape = [200, 300];
    for (kind, deviation) in [
        ("glorotUniform", (2.0_f64 / 500.0).sqrt()),
        ("glorotNormal", (2.0_f64 / 500.0).sqrt()),
        ("heUniform", (2.0_f64 / 200.0).sqrt()),
        ("heNormal", (2.0_f64 / 200.0).sqrt()),
        ("lecunUniform", (1.0_f64 / 200.0).sqrt()),
        ("lecunNormal", (1.0_f64 / 200.0).sqrt()),
    ] {
        let x = values(&format!(r#"{{"kind":"{kind}"}}"#), &shape);
        let (mean, got, largest) = statistics(&x);
        assert!(mean.abs() < 0.02 * deviation, "{kind}: mean {mean}");
        assert!(close(got, deviation, 0.01), "{kind}: {got} for {deviation}");
        let bound = if kind.ends_with("Uniform") { 3.0_f64.sqrt() } else { 2.0 / 0.879_625_661 };
        assert!(
            largest <= bound * deviation * 1.000_001 && largest > 0.98 * bound * deviation,
            "{kind}: {largest}"
        );
    }
    let x = values(
        r#"{"kind":"varianceScaling","scale":3,"mode":"fanOut","distribution":"untruncatedNormal"}"#,
        &shape,
    );
    assert!(close(statistics(&x).1, 0.1, 0.01));
}

#[test]
fn plain_distributions() {
    let (mean, deviation, largest) =
        statistics(&values(r#"{"kind":"randomUniform","minval":-0.05,"maxval":0.05}"#, &[500, 40]));
    assert!(mean.abs() < 1e-3 && close(deviation, 0.1 / 12.0_f64.sqrt(), 0.02) && largest <= 0.05);
    let (mean, deviation, _) =
        statistics(&values(r#"{"kind":"randomNormal","mean":3,"stddev":0.5}"#, &[500, 40]));
    assert!(close(mean, 3.0, 5e-3) && close(deviation, 0.5, 0.02));
    let x = values(r#"{"kind":"truncatedNormal","mean":1,"stddev":0.5}"#, &[500, 40]);
    let (mean, deviation, _) = statistics(&x);
    assert!(close(mean, 1.0, 1e-2) && close(deviation, 0.5 * 0.879_625_661, 0.02));
    assert!(x.iter().all(|v| (v - 1.0).abs() <= 1.0));
}

#[test]
fn orthogonal_matrices() {
    for shape in
        [&[1, 1][..], &[1, 9], &[7, 7], &[65, 130], &[130, 65], &[100, 100], &[3, 5, 40], &[256, 1024]]
    {
        let x = values(r#"{"kind":"orthogonal","gain":1}"#, shape);
        let cols = shape[shape.len() - 1];
        let rows = x.len() / cols;
        let at = |vector: usize, i: usize| {
            f64::from(if rows <= cols { x[vector * cols + i] } else { x[i * cols + vector] })
        };
        for a in 0..rows.min(cols) {
            for b in 0..=a {
                let product: f64 = (0..rows.max(cols)).map(|i| at(a, i) * at(b, i)).sum();
                let expected = f64::from(u8::from(a == b));
                assert!((product - expected).abs() < 1e-5, "{shape:?}: {a}·{b} = {product}");
            }
        }
    }
    let x = values(r#"{"kind":"orthogonal","gain":3}"#, &[4, 4]);
    assert!(close(x.iter().map(|&v| f64::from(v * v)).sum(), 36.0, 1e-5));
}

#[test]
fn keys() {
    let json = r#"{"kind":"glorotUniform"}"#;
    let initializer: Initializer = serde_json::from_str(json).unwrap();
    let draw = |initializer: &Initializer, seed, index| {
        let mut out = [0.0; 12];
        fill(initializer, &[3, 4], seed, index, &mut out).unwrap();
        out
    };
    assert_eq!(draw(&initializer, 1, 0), draw(&initializer, 1, 0));
    assert_ne!(draw(&initializer, 1, 0), draw(&initializer, 2, 0));
    assert_ne!(draw(&initializer, 1, 0), draw(&initializer, 1, 1));
    let own = Initializer { seed: Some(9), ..initializer };
    assert_eq!(draw(&own, 1, 0), draw(&own, 2, 3));
}

#[test]
fn misuse_is_refused() {
    use crate::error::Code;
    assert_eq!(refused(r#"{"kind":"orthogonal","gain":1}"#, &[4]).code, Code::Shape);
    assert_eq!(refused(r#"{"kind":"identity","gain":1}"#, &[2, 2, 2]).code, Code::Shape);
    assert_eq!(refused(r#"{"kind":"lstmBias"}"#, &[6]).code, Code::Shape);
    assert_eq!(refused(r#"{"kind":"randomUniform","minval":1,"maxval":0}"#, &[6]).code, Code::Option);
    assert_eq!(refused(r#"{"kind":"randomNormal","mean":0,"stddev":-1}"#, &[6]).code, Code::Option);
    assert_eq!(refused(r#"{"kind":"constant","value":1e300}"#, &[6]).code, Code::Option);
    for json in [r#"{"kind":"magic"}"#, r#"{"kind":"zeros","gain":1}"#, r#"{"kind":"zeros","seed":-1}"#] {
        assert!(serde_json::from_str::<Initializer>(json).is_err(), "{json}");
    }
}
