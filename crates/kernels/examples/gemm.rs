//! Speed of the matrix product: `cargo run --release --example gemm -p seqloom-kernels`.
#![allow(clippy::print_stdout, reason = "a program that prints what it measures")]

use std::time::Instant;

use seqloom_kernels::{Matrix, MatrixMut, Scalar, pool, simd};

fn main() {
    println!("{:?} level, {:?} threads", simd::level(), pool::threads());
    for (m, k, n) in
        [(6, 256, 1024), (32, 256, 1024), (2048, 256, 1024), (2048, 1024, 256), (256, 2048, 1024)]
    {
        let a = vec![0.5f32; m * k];
        let b = vec![0.25f32; k * n];
        let mut c = vec![0.0f32; m * n];
        for transposed in [(false, false), (true, false), (false, true)] {
            let flip = |data, rows, columns, flip| {
                if flip {
                    Matrix::new(data, columns, rows).transposed()
                } else {
                    Matrix::new(data, rows, columns)
                }
            };
            let mut best = f64::INFINITY;
            for _ in 0..30 {
                let start = Instant::now();
                let (a, b) = (flip(&a[..], m, k, transposed.0), flip(&b[..], k, n, transposed.1));
                f32::gemm(a, b, MatrixMut::new(&mut c, m, n), false);
                best = best.min(start.elapsed().as_secs_f64());
            }
            let gflops = 2.0 * (m * k * n) as f64 / best / 1e9;
            println!(
                "{m:5} x {k:5} x {n:5} transposed {transposed:?}: {:9.1} us {gflops:7.1} GFLOP/s",
                best * 1e6
            );
        }
    }
}
