import type { SymbolicValue } from '../graph/trace/symbolic.js'

// Complex numbers as pairs of real ones, for states that turn as they fade.

/** A complex value. */
export interface Complex {
  readonly re: SymbolicValue
  readonly im: SymbolicValue
}

/** The product. */
export const times = (a: Complex, b: Complex): Complex => ({
  re: a.re.mul(b.re).sub(a.im.mul(b.im)),
  im: a.re.mul(b.im).add(a.im.mul(b.re)),
})

/** The quotient. */
export function over(a: Complex, b: Complex): Complex {
  const square = b.re.square().add(b.im.square())
  const { re, im } = times(a, { re: b.re, im: b.im.neg() })
  return { re: re.div(square), im: im.div(square) }
}

/** How often an angle is halved before its sine is taken from a series. */
const halvings = 10

/**
 * The sine and 1 - cosine of angles within ±1000: series for a small part of the angle, which is then doubled. 1 - cosine
 * keeps the digits of small angles that a cosine loses.
 */
function turned(angle: SymbolicValue): { readonly sine: SymbolicValue; readonly versine: SymbolicValue } {
  const small = angle.mul(2 ** -halvings)
  const square = small.square()
  /** 1 - square / a · (1 - square / b · (…)). */
  const series = ([first, ...rest]: readonly number[]): SymbolicValue => {
    const term = square.div(-(first as number))
    return rest.length === 0 ? term.add(1) : term.mul(series(rest)).add(1)
  }
  let sine = small.mul(series([6, 20, 42, 72]))
  let versine = square.mul(0.5).mul(series([12, 30, 56, 90]))
  for (let doubled = 0; doubled < halvings; doubled++) {
    // sin 2φ = 2 sin φ cos φ; 1 - cos 2φ = 2 (1 - cos φ)(1 + cos φ).
    const cosine = versine.neg().add(1)
    sine = sine.mul(2).mul(cosine)
    versine = versine.mul(2).mul(cosine.add(1))
  }
  return { sine, versine }
}

/** e to the power of a complex value whose angle is within ±1000, and the same less one without the loss of digits near one. */
export function exponential({ re, im }: Complex): { readonly power: Complex; readonly lessOne: Complex } {
  const { sine, versine } = turned(im)
  const size = re.exp()
  // e^r - 1 = 2 tanh(r/2) / (1 - tanh(r/2)).
  const half = re.mul(0.5).tanh()
  const sizeLessOne = half.mul(2).div(half.neg().add(1))
  const turn = size.mul(sine)
  const less = size.mul(versine)
  return {
    power: { re: size.sub(less), im: turn },
    lessOne: { re: sizeLessOne.sub(less), im: turn },
  }
}
