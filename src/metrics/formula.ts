import type { SymbolicValue } from '../graph/trace/symbolic.js'
import type { TracedFunction } from '../losses/traced.js'

/**
 * Formulas of what a metric has added up, in the notation that native code reads: operands before their function, as in
 * `m1 m0 sub sqrt`.
 */
export type Steps = string

const joined = (terms: readonly Steps[], function_: 'add' | 'mul'): Steps =>
  terms.map((term, at) => (at === 0 ? term : `${term} ${function_}`)).join(' ')

/** a - b. */
const minus = (a: Steps, b: Steps): Steps => `${a} ${b} sub`

const times = (a: Steps, b: Steps): Steps => `${a} ${b} mul`

/** a / b, 0 where that is no number. */
const ratio = (a: Steps, b: Steps): Steps => `${a} ${b} div finite`

/** 1 if a is above 0, otherwise 0: roots of negative numbers are none. */
const isPositive = (a: Steps): Steps => ratio(`${a} sqrt`, `${a} sqrt`)

const sum = (terms: readonly Steps[]): Steps => joined(terms, 'add')

const elements = (from: number, count: number): Steps[] => Array.from({ length: count }, (_, at) => `e${from + at}`)

/**
 * Matthews's correlation of two classes, from how many positives are not and are decided for, and likewise negatives.
 */
export function matthewsOfTwo(): Steps {
  const [fn, tp, tn, fp] = ['e0', 'e1', 'e2', 'e3']
  const roots = [`${tp} ${fp} add`, `${tp} ${fn} add`, `${tn} ${fp} add`, `${tn} ${fn} add`]
  return ratio(minus(times(tp, tn), times(fp, fn)), `${joined(roots, 'mul')} sqrt`)
}

/** The same of several classes (Gorodkin 2004), from how many of each are right, decided for and due. */
export function matthews(classes: number): Steps {
  const [right, decided, due] = [0, classes, 2 * classes].map((from) => elements(from, classes))
  const all = sum(due as Steps[])
  const both = (a: readonly Steps[], b: readonly Steps[]) => sum(a.map((each, at) => times(each, b[at] as Steps)))
  const spread = (each: readonly Steps[]) => minus(times(all, all), both(each, each))
  const [p, t] = [decided as Steps[], due as Steps[]]
  return ratio(minus(times(sum(right as Steps[]), all), both(p, t)), `${times(spread(p), spread(t))} sqrt`)
}

/** How many means R² takes of each column. */
const termsOfR2 = 5

/**
 * What R² of some columns is made of: for each, the squared error, the target, and its square as three terms, each of which
 * float32 holds as it is (Dekker 1971): targets may be far from 0.
 */
export function squares(columns: number): TracedFunction[] {
  const half = (x: SymbolicValue) => {
    const large = x.mul(2 ** 12 + 1)
    return large.sub(large.sub(x))
  }
  return Array.from({ length: columns }, (_, column): TracedFunction[] => {
    const one = (x: SymbolicValue) => (columns === 1 ? x : x.slice(column, column + 1))
    const rest = (x: SymbolicValue) => x.sub(half(x))
    return [
      (yTrue, yPred) => one(yTrue).sub(one(yPred)).square(),
      (yTrue) => one(yTrue),
      (yTrue) => half(one(yTrue)).square(),
      (yTrue) =>
        half(one(yTrue))
          .mul(rest(one(yTrue)))
          .mul(2),
      (yTrue) => rest(one(yTrue)).square(),
    ]
  }).flat()
}

/** R² from the means of {@link squares}; over columns as they are, or by their variance. */
export function r2(terms: readonly Steps[], byVariance: boolean): Steps {
  const columns = Array.from({ length: terms.length / termsOfR2 }, (_, column) => {
    const from = termsOfR2 * column
    const [error, mean] = terms.slice(from, from + 2) as [Steps, Steps]
    const square = sum(terms.slice(from + 2, from + termsOfR2))
    const difference = minus(square, times(mean, mean))
    // What sums leave of equal targets is no variance.
    const variance = times(difference, isPositive(minus(difference, times(String(2 ** -44), square))))
    return { variance, score: `${minus('1', `${error} ${variance} div`)} finite` }
  })
  const scores = columns.map(({ score }) => score)
  if (!byVariance) return `${sum(scores)} ${columns.length} div`
  const weighted = columns.map(({ variance, score }) => times(variance, score))
  return ratio(sum(weighted), sum(columns.map(({ variance }) => variance)))
}

const centred = (x: SymbolicValue): SymbolicValue => x.sub(x.mean({ keepDims: true }))

/** Pearson's correlation along the last dimension. */
export const pearson: TracedFunction = (yTrue, yPred) => {
  const unit = (x: SymbolicValue) => {
    const own = centred(x)
    return own.div(own.square().mean({ keepDims: true }).sqrt())
  }
  return unit(yTrue).mul(unit(yPred)).mean()
}

/** Lin's concordance along the last dimension, as Keras has it. */
export const concordance: TracedFunction = (yTrue, yPred) => {
  const mean = (x: SymbolicValue) => x.mean({ keepDims: true })
  const variance = (x: SymbolicValue) => mean(centred(x).square())
  const covariance = yTrue.sub(mean(yPred)).mul(centred(yPred))
  const norm = variance(yTrue)
    .add(variance(yPred))
    .add(mean(yTrue).sub(mean(yPred)).square())
  return covariance.mul(2).div(norm.add(1e-7)).mean()
}
