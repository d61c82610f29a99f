import type { Adapt, Dialect } from './classes.js'

// Every program has one hard sigmoid, and they all call it the same: that of Keras 2 and tfjs is 0.2·x + 0.5 between 0 and 1, that of Keras 3 x / 6 + 0.5. We
// have both.

/** What we call the hard sigmoid of a program. */
export const hardSigmoidOf = (dialect: Dialect): 'hardSigmoid' | 'hardSigmoidKeras2' =>
  dialect === 'keras3' ? 'hardSigmoid' : 'hardSigmoidKeras2'

/** Whether an activation of ours is the hard sigmoid that a program has not. */
export const isForeign = (activation: unknown, dialect: Dialect): boolean =>
  (activation === 'hardSigmoid' || activation === 'hardSigmoidKeras2') && activation !== hardSigmoidOf(dialect)

/** With so much larger weights before it, the hard sigmoid of Keras 3 gives what that of Keras 2 gives. */
const stretch = 1.2

/** Makes the columns of some gates of many such that a program's hard sigmoid gives what the foreign one gives. */
export function stretched(which: readonly number[], gates: number, dialect: Dialect): Adapt | undefined {
  if (which.length === 0) return undefined
  return (values, shape) => {
    const columns = shape.at(-1) ?? 1
    const width = columns / gates
    for (let i = 0; i < values.length; i++) {
      if (!which.includes(Math.floor((i % columns) / width))) continue
      const value = values[i] as number
      values[i] = dialect === 'keras3' ? value * stretch : value / stretch
    }
  }
}
