/** Powers of ten that float64 holds exactly. */
const powers = Array.from({ length: 23 }, (_, exponent) => 10 ** exponent)
/** The most digits whose number is exact, and how many more are read. */
const [exact, more] = [15, 4]

/**
 * Reads decimal numbers from the bytes of a text, to the same bits as `Number` does: a quotient of two exact numbers is
 * rounded once (Clinger, How to read floating point numbers accurately, 1990).
 */
export class DecimalReader {
  /** Where the number that was read ends. */
  end = 0

  /** The number at a place; NaN if there is none, or if it takes more care. Something else must follow it. */
  read(bytes: Uint8Array, from: number): number {
    let at = from
    let byte = bytes[at] as number
    const negative = byte === 45
    if (negative) byte = bytes[++at] as number
    // Digits after the first ones that count; whether there was one; how many follow the point.
    let [high, low, digits, any, scale] = [0, 0, 0, false, 0]
    for (let point = false; ; byte = bytes[++at] as number) {
      if (byte >= 48 && byte <= 57) {
        any = true
        if (point) scale++
        if (digits > 0 || byte > 48) digits++
        if (digits <= exact) high = high * 10 + (byte - 48)
        else low = low * 10 + (byte - 48)
      } else if (byte === 46 && !point) point = true
      else break
    }
    if (any && (byte | 32) === 101) {
      const sign = bytes[at + 1]
      let place = at + (sign === 45 || sign === 43 ? 2 : 1)
      let exponent = 0
      const first = place
      for (; (bytes[place] as number) >= 48 && (bytes[place] as number) <= 57; place++) {
        exponent = Math.min(999, exponent * 10 + ((bytes[place] as number) - 48))
      }
      if (place === first) return Number.NaN
      scale += sign === 45 ? exponent : -exponent
      at = place
    }
    this.end = at
    const value = any ? scaled(high, low, digits, scale) : Number.NaN
    return negative ? -value : value
  }
}

/** The digits `high`, and `low` behind them, divided by a power of ten; NaN where that takes more care. */
function scaled(high: number, low: number, digits: number, scale: number): number {
  if (digits <= exact) {
    if (scale >= 0) return scale <= 22 ? high / (powers[scale] as number) : high === 0 ? 0 : Number.NaN
    return scale >= -22 ? high * (powers[-scale] as number) : high === 0 ? 0 : Number.NaN
  }
  if (digits > exact + more || scale < 0 || scale > 22) return Number.NaN
  return quotient(high, powers[digits - exact] as number, low, powers[scale] as number)
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
  const [wideA, wideB] = [a * 134217729, b * 134217729]
  const [highA, highB] = [wideA - (wideA - a), wideB - (wideB - b)]
  const [lowA, lowB] = [a - highA, b - highB]
  return lowA * lowB - (product - highA * highB - lowA * highB - highA * lowB)
}
