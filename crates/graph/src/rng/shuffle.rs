//! A permutation that a key determines.

use super::{Key, Stream};

/// Permutes `items` uniformly (Fisher and Yates, from the last position down); the same key and length always give
/// the same permutation.
pub fn shuffle<T>(key: Key, items: &mut [T]) {
    let stream = Stream::new(key);
    for last in (1..items.len()).rev() {
        // The upper half of bits * (last + 1): uniform to one part in 2^64 / (last + 1).
        let pick = (u128::from(stream.bits64(last as u64)) * (last as u128 + 1)) >> 64;
        items.swap(last, pick as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permutes_evenly_and_repeatably() {
        let key = Key { seed: 1, step: 0, op: 0 };
        let (mut a, mut b): (Vec<u32>, Vec<u32>) = ((0..1000).collect(), (0..1000).collect());
        shuffle(key, &mut a);
        shuffle(key, &mut b);
        assert_eq!(a, b);
        assert_ne!(a, (0..1000).collect::<Vec<_>>());
        b.sort_unstable();
        assert_eq!(b, (0..1000).collect::<Vec<_>>());

        let mut counts = [[0_u32; 4]; 4];
        for step in 0..8000 {
            let mut x = [0, 1, 2, 3];
            shuffle(Key { step, ..key }, &mut x);
            for (place, &value) in x.iter().enumerate() {
                counts[place][value] += 1;
            }
        }
        assert!(counts.iter().flatten().all(|&c| (1850..2150).contains(&c)), "{counts:?}");
    }
}
