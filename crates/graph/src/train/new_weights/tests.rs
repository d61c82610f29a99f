//! Weights written and read piece by piece.

use super::*;
use crate::error::Code;
use seqloom_kernels::Half;

const GRAPH: &str = r#"{ "version": 1,
    "inputs": [{ "name": "x", "dtype": "float32", "shape": [null, 3] }],
    "weights": [
        { "name": "a", "shape": [3, 2], "trainable": true, "initializer": { "kind": "glorotUniform" } },
        { "name": "b", "shape": [2], "trainable": true, "initializer": { "kind": "ones" } }
    ],
    "nodes": [
        { "name": "d", "op": "dense", "inputs": [0], "weights": [0, 1], "outputs": [1], "attributes": {} }
    ],
    "outputs": [1] }"#;

fn trainer() -> Trainer {
    Trainer::undrawn(crate::GraphSpec::from_json(GRAPH).unwrap(), 7).unwrap()
}

fn weights(trainer: &Trainer) -> [Vec<f32>; 2] {
    [0, 1].map(|index| trainer.parameters().get(index).unwrap().to_vec())
}

fn piece(weight: usize, sizes: &[usize], strides: &[usize], from: usize, count: usize) -> Piece {
    let placement = Placement::new(0, sizes, strides).unwrap();
    Piece { weight, placement, from, count, clamps: false }
}

const TURNED: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];

#[test]
fn what_is_written_replaces_and_the_rest_is_drawn_or_kept() {
    let mut drawn = trainer();
    drawn.draw(&AtomicBool::new(false)).unwrap();
    let [first, ones] = weights(&drawn);
    for begin in [trainer as fn() -> Trainer, || {
        let mut trainer = trainer();
        trainer.draw(&AtomicBool::new(false)).unwrap();
        trainer
    }] {
        let mut trainer = begin();
        let mut new = trainer.new_weights().unwrap();
        new.put(&piece(0, &[2, 3], &[1, 2], 0, 4), |into| into.copy_from_slice(&TURNED[..4])).unwrap();
        new.put(&piece(0, &[2, 3], &[1, 2], 4, 2), |into| into.copy_from_slice(&TURNED[4..])).unwrap();
        trainer.take_weights(new, &AtomicBool::new(false)).unwrap();
        assert_eq!(weights(&trainer), [vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0], ones.clone()]);
        let mut new = trainer.new_weights().unwrap();
        new.put(&piece(1, &[2], &[1], 0, 2), |into| into.fill(5.0)).unwrap();
        trainer.take_weights(new, &AtomicBool::new(false)).unwrap();
        assert_eq!(weights(&trainer), [vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0], vec![5.0; 2]]);
    }
    let mut trainer = trainer();
    let mut new = trainer.new_weights().unwrap();
    new.put(&piece(1, &[2], &[1], 0, 2), |into| into.fill(5.0)).unwrap();
    trainer.take_weights(new, &AtomicBool::new(false)).unwrap();
    assert_eq!(weights(&trainer), [first, vec![5.0; 2]]);
}

#[test]
fn elements_of_a_file_are_read_to_their_places() {
    let numbers: Vec<f32> = (0..6).map(|at| at as f32 - 1.5).collect();
    let floats: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let halves: Vec<u8> =
        numbers.iter().flat_map(|number| ((number.to_bits() >> 16) as u16).to_le_bytes()).collect();
    let never = AtomicBool::new(false);
    for (stored, bytes) in [(Stored::Float32, &floats), (Stored::Half(Half::Bfloat16), &halves)] {
        let read = |from: usize, into: &mut [u8]| {
            let bytes = bytes.get(from..from + into.len());
            into.copy_from_slice(bytes.ok_or_else(|| Error::format("it ends too early"))?);
            Ok(())
        };
        let mut trainer = trainer();
        let mut new = trainer.new_weights().unwrap();
        new.read(&piece(0, &[2, 3], &[1, 2], 0, 6), stored, &never, read).unwrap();
        new.read(&piece(1, &[2], &[1], 0, 2), stored, &never, read).unwrap();
        let cut = |from, into: &mut [u8]| read(from + 20, into);
        let error = new.read(&piece(0, &[6], &[1], 0, 6), stored, &never, cut).unwrap_err();
        assert_eq!(error.code, Code::Format);
        let error = new.read(&piece(1, &[2], &[1], 0, 2), stored, &AtomicBool::new(true), read).unwrap_err();
        assert_eq!(error.code, Code::Aborted);
        trainer.take_weights(new, &never).unwrap();
        let turned = [0, 3, 1, 4, 2, 5].map(|at: usize| numbers[at]).to_vec();
        assert_eq!(weights(&trainer), [turned, numbers[..2].to_vec()]);
        let mut new = trainer.new_weights().unwrap();
        let infinite = |_, into: &mut [u8]| {
            into.fill(0xff);
            Ok(())
        };
        let error = new.read(&piece(1, &[2], &[1], 0, 2), stored, &never, infinite).unwrap_err();
        assert_eq!(error.code, Code::Data);
        assert!(error.message.contains("'b'"), "{}", error.message);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut trainer = trainer();
    let mut new = trainer.new_weights().unwrap();
    for wrong in [
        piece(2, &[1], &[1], 0, 1),
        piece(1, &[3], &[1], 0, 1),
        piece(0, &[2, 3], &[1, 3], 0, 1),
        piece(0, &[6], &[1], 5, 2),
        piece(0, &[6], &[1], usize::MAX, 2),
    ] {
        assert_eq!(new.put(&wrong, |_| {}).unwrap_err().code, Code::Shape, "{wrong:?}");
    }
    for bad in [f32::NAN, f32::INFINITY] {
        let error = new.put(&piece(1, &[2], &[1], 0, 2), |into| into.fill(bad)).unwrap_err();
        assert_eq!(error.code, Code::Data);
        assert!(error.message.contains("'b'"), "{}", error.message);
    }
    let clamped = Piece { clamps: true, ..piece(1, &[2], &[1], 0, 2) };
    assert_eq!(new.put(&clamped, |into| into.fill(f32::NAN)).unwrap_err().code, Code::Data);
    new.put(&clamped, |into| into.copy_from_slice(&[f32::NEG_INFINITY, 1.0])).unwrap();
    new.put(&piece(0, &[6], &[1], 0, 2), |into| into.fill(1.0)).unwrap();
    let error = trainer.take_weights(new, &AtomicBool::new(false)).unwrap_err();
    assert_eq!(error.code, Code::Shape);
    assert!(error.message.contains("'a'") && error.message.contains("2 of its 6"), "{}", error.message);
    let mut new = trainer.new_weights().unwrap();
    new.put(&clamped, |into| into.copy_from_slice(&[f32::NEG_INFINITY, 1.0])).unwrap();
    trainer.take_weights(new, &AtomicBool::new(false)).unwrap();
    assert_eq!(weights(&trainer)[1], [f32::MIN, 1.0]);
}
