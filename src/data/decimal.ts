/** Powers of ten that float64 holds exactly. */
const powers = Array.from({ length: 23 }, (_, exponent) => 10 ** exponent)
/** How many digits fit into an integer of 32 bits, how many have an exact float64, and the most that are read. */
const [half, exact, most] = [9, 15, 18]

/**
 * Reads decimal numbers from the bytes of a text, to the same bits as `Number` does: a quotient of two exact numbers is
 * rounded once (Clinger, How to read floating point numbers accurately, 1990).
 */
export class DecimalReader {
  /** Where the number that was read ends. */
  end = 0

  /** The number at a place; NaN if there is none, or if it takes more care. Something else must follow it. */
  read(bytes: Uint8Array, from: number): number {
    const negative = bytes[from] === 45
    const begin = negative ? from + 1 : from
    const short = this.#short(bytes, begin)
    if (short >= 0) return negative ? -short : short
    let at = begin
    // The first digits and those that follow them, without zeros at the beginning.
    let high = 0
    let low = 0
    let digits = 0
    let point = -1
    for (; ; at++) {
      const digit = (bytes[at] as number) - 48
      if (digit >= 0 && digit <= 9) {
        if (digits < half) high = (Math.imul(high, 10) + digit) | 0
        else low = (Math.imul(low, 10) + digit) | 0
        if (digit > 0 || digits > 0) digits++
      } else if (digit === -2 && point < 0) point = at
      else break
    }
    if (at - begin - Number(point >= 0) === 0) return Number.NaN
    let scale = point < 0 ? 0 : at - point - 1
    if (((bytes[at] as number) | 32) === 101) {
      const sign = bytes[at + 1]
      const first = at + (sign === 45 || sign === 43 ? 2 : 1)
      let exponent = 0
      for (at = first; (bytes[at] as number) >= 48 && (bytes[at] as number) <= 57; at++) {
        exponent = Math.min(1e9, exponent * 10 + ((bytes[at] as number) - 48))
      }
      if (at === first) return Number.NaN
      scale += sign === 45 ? exponent : -exponent
    }
    this.end = at
    const value = scaled(high, low, digits, scale)
    return negative ? -value : value
  }

  /** A number of few digits without sign and exponent, as most are; -1 for any other. */
  #short(bytes: Uint8Array, from: number): number {
    let number = 0
    let at = from
    for (let digit = bytes[at] as number; digit >= 48 && digit <= 57; digit = bytes[++at] as number) {
      number = (Math.imul(number, 10) + digit - 48) | 0
    }
    let [digits, scale] = [at - from, 0]
    if (bytes[at] === 46) {
      const first = ++at
      for (let digit = bytes[at] as number; digit >= 48 && digit <= 57; digit = bytes[++at] as number) {
        number = (Math.imul(number, 10) + digit - 48) | 0
      }
      scale = at - first
      digits += scale
    }
    if (digits === 0 || digits > half || ((bytes[at] as number) | 32) === 101) return -1
    this.end = at
    return number / (powers[scale] as number)
  }
}

/** A number of so many digits, the last ones in `low`, divided by a power of ten; NaN where that takes more care. */
function scaled(high: number, low: number, digits: number, scale: number): number {
  if (digits === 0) return 0
  if (digits > most || scale > 22 || scale < -22) return Number.NaN
  const below = powers[Math.max(0, digits - half)] as number
  if (digits > exact) return scale < 0 ? Number.NaN : quotient(high, below, low, powers[scale] as number)
  const number = high * below + low
  return scale >= 0 ? number / (powers[scale] as number) : number * (powers[-scale] as number)
}

/**
 * `(a · b + c) / d`, rounded once, from a quotient of twice the precision (Dekker, A floating-point technique for extending
 * the available precision, 1971); NaN where even that does not tell which way to round.
 */
function quotient(a: number, b: number, c: number, d: number): number {
  const product = a * b
  const rest = productError(a, b, product) + c
  const dividend = product + rest
  const below = rest - (dividend - product)
  const first = dividend / d
  const back = first * d
  const second = (dividend - back - productError(first, d, back) + below) / d
  const sum = first + second
  const error = second - (sum - first)
  return sum + error * 1.000001 === sum ? sum : Number.NaN
}

/** What the rounded product of two numbers lacks. */
function productError(a: number, b: number, product: number): number {
  const wideA = a * 134217729
  const highA = wideA - (wideA - a)
  const lowA = a - highA
  const wideB = b * 134217729
  const highB = wideB - (wideB - b)
  const lowB = b - highB
  return lowA * lowB - (product - highA * highB - lowA * highB - highA * lowB)
}
