// The hash functions behind TensorFlow's `to_hash_bucket_fast` and `to_hash_bucket_strong`, over the bytes of a text in
// UTF-8: the same texts fall into the same bins there and here.

const mask = (1n << 64n) - 1n
const wrap = (value: bigint): bigint => value & mask

const k0 = 0xc3a5c85c97cb3127n
const k1 = 0xb492b66fbe98f273n
const k2 = 0x9ae16a3b2f90404fn

const rotate = (value: bigint, by: bigint): bigint => wrap((value >> by) | (value << (64n - by)))
const rotateLeft = (value: bigint, by: bigint): bigint => rotate(value, 64n - by)
const shiftMix = (value: bigint): bigint => value ^ (value >> 47n)

function mix(u: bigint, v: bigint, factor: bigint): bigint {
  const a = shiftMix(wrap((u ^ v) * factor))
  const b = shiftMix(wrap((v ^ a) * factor))
  return wrap(b * factor)
}

/** The fingerprint of 64 bits of FarmHash (Pike, Google 2014; `farmhashna::Hash64`). */
export function farmHash64(bytes: Buffer): bigint {
  const size = bytes.length
  if (size <= 16) return upTo16(bytes)
  if (size <= 32) return upTo32(bytes)
  return size <= 64 ? upTo64(bytes) : longer(bytes)
}

function upTo16(bytes: Buffer): bigint {
  const size = BigInt(bytes.length)
  const factor = wrap(k2 + size * 2n)
  if (size >= 8n) {
    const a = wrap(bytes.readBigUInt64LE(0) + k2)
    const b = bytes.readBigUInt64LE(bytes.length - 8)
    const c = wrap(rotate(b, 37n) * factor + a)
    const d = wrap(wrap(rotate(a, 25n) + b) * factor)
    return mix(c, d, factor)
  }
  if (size >= 4n) {
    const first = BigInt(bytes.readUInt32LE(0))
    return mix(wrap(size + (first << 3n)), BigInt(bytes.readUInt32LE(bytes.length - 4)), factor)
  }
  if (size === 0n) return k2
  const at = (index: number) => BigInt(bytes[index] as number)
  const y = at(0) + (at(bytes.length >> 1) << 8n)
  const z = size + (at(bytes.length - 1) << 2n)
  return wrap(shiftMix(wrap(y * k2) ^ wrap(z * k0)) * k2)
}

function upTo32(bytes: Buffer): bigint {
  const size = bytes.length
  const factor = wrap(k2 + BigInt(size) * 2n)
  const a = wrap(bytes.readBigUInt64LE(0) * k1)
  const b = bytes.readBigUInt64LE(8)
  const c = wrap(bytes.readBigUInt64LE(size - 8) * factor)
  const d = wrap(bytes.readBigUInt64LE(size - 16) * k2)
  return mix(wrap(rotate(wrap(a + b), 43n) + rotate(c, 30n) + d), wrap(a + rotate(wrap(b + k2), 18n) + c), factor)
}

function upTo64(bytes: Buffer): bigint {
  const size = bytes.length
  const factor = wrap(k2 + BigInt(size) * 2n)
  const a = wrap(bytes.readBigUInt64LE(0) * k2)
  const b = bytes.readBigUInt64LE(8)
  const c = wrap(bytes.readBigUInt64LE(size - 8) * factor)
  const d = wrap(bytes.readBigUInt64LE(size - 16) * k2)
  const y = wrap(rotate(wrap(a + b), 43n) + rotate(c, 30n) + d)
  const z = mix(y, wrap(a + rotate(wrap(b + k2), 18n) + c), factor)
  const e = wrap(bytes.readBigUInt64LE(16) * factor)
  const f = bytes.readBigUInt64LE(24)
  const g = wrap(wrap(y + bytes.readBigUInt64LE(size - 32)) * factor)
  const h = wrap(wrap(z + bytes.readBigUInt64LE(size - 24)) * factor)
  return mix(wrap(rotate(wrap(e + f), 43n) + rotate(g, 30n) + h), wrap(e + rotate(wrap(f + a), 18n) + g), factor)
}

function weak32(bytes: Buffer, at: number, first: bigint, second: bigint): [bigint, bigint] {
  const [w, x, y, z] = [0, 8, 16, 24].map((by) => bytes.readBigUInt64LE(at + by)) as [bigint, bigint, bigint, bigint]
  const a = wrap(first + w)
  const b = rotate(wrap(second + a + z), 21n)
  const c = wrap(a + x + y)
  return [wrap(c + z), wrap(b + rotate(c, 44n) + a)]
}

function longer(bytes: Buffer): bigint {
  const size = bytes.length
  const word = (at: number) => bytes.readBigUInt64LE(at)
  const seed = 81n
  let y = wrap(seed * k1 + 113n)
  let z = wrap(shiftMix(wrap(y * k2 + 113n)) * k2)
  let x = wrap(seed * k2 + word(0))
  let v: [bigint, bigint] = [0n, 0n]
  let w: [bigint, bigint] = [0n, 0n]
  const round = (at: number, factor: bigint, weight: bigint) => {
    x = wrap(rotate(wrap(x + y + v[0] + word(at + 8)), 37n) * factor)
    y = wrap(rotate(wrap(y + v[1] + word(at + 48)), 42n) * factor)
    x ^= wrap(w[1] * weight)
    y = wrap(y + v[0] * weight + word(at + 40))
    z = wrap(rotate(wrap(z + w[0]), 33n) * factor)
    v = weak32(bytes, at, wrap(v[1] * factor), wrap(x + w[0]))
    w = weak32(bytes, at + 32, wrap(z + w[1]), wrap(y + word(at + 16)))
    ;[z, x] = [x, z]
  }
  const end = Math.floor((size - 1) / 64) * 64
  for (let at = 0; at < end; at += 64) round(at, k1, 1n)
  const factor = wrap(k1 + ((z & 0xffn) << 1n))
  const left = (size - 1) & 63
  w[0] = wrap(w[0] + BigInt(left))
  v[0] = wrap(v[0] + w[0])
  w[0] = wrap(w[0] + v[0])
  round(end + left - 63, factor, 9n)
  return mix(wrap(mix(v[0], w[0], factor) + shiftMix(y) * k0 + z), wrap(mix(v[1], w[1], factor) + x), factor)
}

/** SipHash-2-4 (Aumasson and Bernstein 2012) with a key of two numbers of 64 bits. */
export function sipHash64(bytes: Buffer, [first, second]: readonly [bigint, bigint]): bigint {
  let v0 = first ^ 0x736f6d6570736575n
  let v1 = second ^ 0x646f72616e646f6dn
  let v2 = first ^ 0x6c7967656e657261n
  let v3 = second ^ 0x7465646279746573n
  const round = () => {
    v0 = wrap(v0 + v1)
    v1 = rotateLeft(v1, 13n) ^ v0
    v0 = rotateLeft(v0, 32n)
    v2 = wrap(v2 + v3)
    v3 = rotateLeft(v3, 16n) ^ v2
    v0 = wrap(v0 + v3)
    v3 = rotateLeft(v3, 21n) ^ v0
    v2 = wrap(v2 + v1)
    v1 = rotateLeft(v1, 17n) ^ v2
    v2 = rotateLeft(v2, 32n)
  }
  const take = (word: bigint) => {
    v3 ^= word
    round()
    round()
    v0 ^= word
  }
  const whole = bytes.length - (bytes.length % 8)
  for (let at = 0; at < whole; at += 8) take(bytes.readBigUInt64LE(at))
  let last = BigInt(bytes.length & 0xff) << 56n
  for (let at = whole; at < bytes.length; at++) last |= BigInt(bytes[at] as number) << BigInt(8 * (at - whole))
  take(last)
  v2 ^= 0xffn
  for (let index = 0; index < 4; index++) round()
  return v0 ^ v1 ^ v2 ^ v3
}

/** The bin of a text among so many: by FarmHash or, with a salt, by SipHash. */
export function binOf(text: string, bins: number, salt: readonly [number, number] | undefined): number {
  const bytes = Buffer.from(text, 'utf8')
  const hash = salt ? sipHash64(bytes, [BigInt(salt[0]), BigInt(salt[1])]) : farmHash64(bytes)
  return Number(hash % BigInt(bins))
}

/** Where TensorFlow's crosses of features begin. */
const crossKey = 0xdecafcaffen
const crossFactor = 0xc6a4a7935bd1e995n

/** The bin of values that belong together, as TensorFlow's `sparse.cross_hashed` has it: texts by FarmHash, integers as they are. */
export function crossed(values: readonly (string | number)[], bins: number): number {
  const prints = values.map((value) =>
    typeof value === 'string' ? farmHash64(Buffer.from(value, 'utf8')) : BigInt.asUintN(64, BigInt(value)),
  )
  const hash = prints.reduce((before, print) => {
    const both = wrap((before ^ crossFactor ^ wrap(shiftMix(wrap(print * crossFactor)) * crossFactor)) * crossFactor)
    return shiftMix(wrap(shiftMix(both) * crossFactor))
  }, crossKey)
  return Number(hash % BigInt(bins))
}
