// Alterations of bytes by those who know nothing of what they mean.

/** Integers at which sizes, counts and offsets go wrong. */
export const extremes = [
  ...[0n, 1n, -1n, 2n, 127n, 128n, 255n, 2n ** 15n, 2n ** 16n - 1n, 2n ** 16n, 2n ** 24n, 2n ** 31n - 1n, 2n ** 31n],
  ...[2n ** 32n - 1n, 2n ** 32n, 2n ** 32n + 1n, 2n ** 40n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 62n, 2n ** 63n - 1n],
  ...[2n ** 63n, 2n ** 64n - 1n],
]

/** The bytes of an integer, as far as they go. */
export function integer(value, width, bigEndian = false) {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)))
  const own = bytes.subarray(0, width)
  return bigEndian ? own.reverse() : own
}

/** A place in bytes; the first and the last ones more often than others, since formats keep their sizes there. */
function placeIn(random, { length }) {
  const near = Math.min(length, 96)
  return random.of([random.below(length), random.below(near), length - 1 - random.below(near)])
}

const written = (bytes, at, part) => {
  const copy = Buffer.from(bytes)
  copy.set(part.subarray(0, copy.length - at), at)
  return copy
}

const ways = {
  bit: (random, bytes) => {
    const copy = Buffer.from(bytes)
    copy[placeIn(random, copy)] ^= 1 << random.below(8)
    return copy
  },
  bytes: (random, bytes) => {
    const copy = Buffer.from(bytes)
    for (let count = random.of([1, 3, 20]); count > 0; count--) copy[placeIn(random, copy)] = random.below(256)
    return copy
  },
  integer: (random, bytes) => {
    const part = integer(random.of(extremes), random.of([1, 2, 4, 8]), random.below(2) === 0)
    return written(bytes, placeIn(random, bytes), part)
  },
  cut: (random, bytes) => bytes.subarray(0, placeIn(random, bytes)),
  behead: (random, bytes) => bytes.subarray(placeIn(random, bytes)),
  insert: (random, bytes) => {
    const at = placeIn(random, bytes)
    const some = Buffer.from(Array.from({ length: random.of([1, 4, 8]) }, () => random.of([0, 255, random.below(256)])))
    return Buffer.concat([bytes.subarray(0, at), some, bytes.subarray(at)])
  },
  remove: (random, bytes) => {
    const at = placeIn(random, bytes)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random.of([1, 4, 8, 100]))])
  },
  duplicate: (random, bytes) => {
    const [at, length] = [placeIn(random, bytes), random.of([1, 8, 64, 1000])]
    return Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)])
  },
  swap: (random, bytes) => {
    const length = random.of([1, 4, 8, 64])
    const [a, b] = [placeIn(random, bytes), placeIn(random, bytes)]
    return written(written(bytes, a, bytes.subarray(b, b + length)), b, bytes.subarray(a, a + length))
  },
  blank: (random, bytes) => {
    const at = placeIn(random, bytes)
    return Buffer.from(bytes).fill(random.of([0, 255]), at, Math.min(bytes.length, at + random.of([4, 8, 100, 4096])))
  },
  append: (random, bytes) => Buffer.concat([bytes, bytes.subarray(0, placeIn(random, bytes))]),
  splice: (random, bytes, other) => {
    const [at, from] = [placeIn(random, bytes), placeIn(random, other)]
    return Buffer.concat([bytes.subarray(0, at), other.subarray(from)])
  },
}

/** Alters bytes in one place; `other` are those of another file. Says what was done. */
export function alterBytes(random, bytes, other = bytes) {
  if (bytes.length === 0 || other.length === 0) return ['nothing', bytes]
  const way = random.of(Object.keys(ways))
  return [way, ways[way](random, bytes, other)]
}
