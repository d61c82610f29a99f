import { alterData, spelled } from './data.mjs'

/** Alters the header of a safetensors file, or numbers in it. */
export function alterTensors(random, bytes, words) {
  const length = Number(bytes.readBigUInt64LE(0))
  const body = bytes.subarray(8 + length)
  if (random.below(4) === 0) {
    const copy = Buffer.from(bytes)
    const value = random.of([Number.NaN, Number.POSITIVE_INFINITY, 1e38, -1e38, 1e-45, 0])
    const from = 8 + length
    const count = Math.floor(body.length / 4)
    for (let times = 0; times < random.of([1, 5, count]) && count > 0; times++) {
      copy.writeFloatLE(value, from + 4 * random.below(count))
    }
    return [`values ${value}`, copy]
  }
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString('utf8'))
  const what = alterData(random, header, [...words, 'F64', 'I8', 'BF16', 'BOOL', 'I32'])
  const text = Buffer.from(spelled(JSON.stringify(header)))
  const size = Buffer.alloc(8)
  const wrong = random.of([0, 1, -1, 2 ** 40, Number.MAX_SAFE_INTEGER, 2 ** 63])
  size.writeBigUInt64LE(
    random.below(8) === 0 && text.length + wrong >= 0 ? BigInt(text.length + wrong) : BigInt(text.length),
  )
  return [`header: ${what}`, Buffer.concat([size, text, body])]
}
