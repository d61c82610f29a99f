import { SeqloomError } from '../../../errors.js'

/** A size in a graph: a number, or a polynomial of sizes that are known only per call. */
export type Dim = number | Polynomial

/** Sums of products of named sizes: coefficients by the names, sorted and joined by `*`; the constant's key is empty. */
export class Polynomial {
  readonly key: string

  constructor(readonly terms: ReadonlyMap<string, number>) {
    this.key = [...terms]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([names, coefficient]) => `${coefficient}${names && `*${names}`}`)
      .join('+')
  }
}

/** Terms of a size at most: shape arithmetic of real models has a handful. */
const mostTerms = 32

export const symbol = (name: string): Polynomial => new Polynomial(new Map([[name, 1]]))

export const termsOf = (dim: Dim): ReadonlyMap<string, number> =>
  typeof dim === 'number' ? new Map([['', dim]]) : dim.terms

function made(terms: Map<string, number>): Dim {
  for (const [names, coefficient] of terms) if (coefficient === 0) terms.delete(names)
  if (terms.size === 0) return 0
  if (terms.size > mostTerms) throw new SeqloomError('ERR_UNSUPPORTED', 'a size is a sum of too many others')
  const constant = terms.get('')
  return terms.size === 1 && constant !== undefined ? constant : new Polynomial(terms)
}

export function add(a: Dim, b: Dim): Dim {
  const terms = new Map(termsOf(a))
  for (const [names, coefficient] of termsOf(b)) terms.set(names, (terms.get(names) ?? 0) + coefficient)
  return made(terms)
}

export const subtract = (a: Dim, b: Dim): Dim => add(a, multiply(b, -1))

export function multiply(a: Dim, b: Dim): Dim {
  const terms = new Map<string, number>()
  for (const [left, x] of termsOf(a)) {
    for (const [right, y] of termsOf(b)) {
      const names = [...namesOf(left), ...namesOf(right)].sort().join('*')
      terms.set(names, (terms.get(names) ?? 0) + x * y)
    }
  }
  return made(terms)
}

const namesOf = (names: string): string[] => (names === '' ? [] : names.split('*'))

/** The quotient, if it is exact. */
export function divide(a: Dim, b: Dim): Dim | undefined {
  if (b === 0) return undefined
  const [names, coefficient] = [...termsOf(b)][0] as [string, number]
  for (const [left, x] of termsOf(a)) {
    const rest = namesOf(left)
    let fits = Number.isInteger(x / coefficient)
    for (const name of namesOf(names)) {
      const at = rest.indexOf(name)
      if (at < 0) fits = false
      else rest.splice(at, 1)
    }
    if (!fits) continue
    const quotient = made(new Map([[rest.join('*'), x / coefficient]]))
    if (same(multiply(quotient, b), a)) return quotient
  }
  return termsOf(b).size === 1 ? dividedTerms(a, b) : undefined
}

function dividedTerms(a: Dim, b: Dim): Dim | undefined {
  let sum: Dim = 0
  for (const term of termsOf(a)) {
    const [names, coefficient] = [...termsOf(b)][0] as [string, number]
    const rest = namesOf(term[0])
    for (const name of namesOf(names)) {
      const at = rest.indexOf(name)
      if (at < 0) return undefined
      rest.splice(at, 1)
    }
    if (!Number.isInteger(term[1] / coefficient)) return undefined
    sum = add(sum, made(new Map([[rest.join('*'), term[1] / coefficient]])))
  }
  return sum
}

/** The one name that is missing in one of two equal products, and the number that it must stand for. */
export function solved(a: Dim, b: Dim): { readonly name: string; readonly value: number } | undefined {
  const [x, y] = [[...termsOf(a)], [...termsOf(b)]]
  if (x.length !== 1 || y.length !== 1) return undefined
  const [[left, factor], [right, product]] = [x[0], y[0]] as [[string, number], [string, number]]
  const more = namesOf(left)
  for (const name of namesOf(right)) {
    const at = more.indexOf(name)
    if (at < 0) return undefined
    more.splice(at, 1)
  }
  const value = product / factor
  return more.length === 1 && Number.isInteger(value) && value >= 1 ? { name: more[0] as string, value } : undefined
}

export const same = (a: Dim, b: Dim): boolean =>
  typeof a === 'number' || typeof b === 'number' ? a === b : a.key === b.key

export const product = (dims: readonly Dim[]): Dim => dims.reduce(multiply, 1)

/** A size as messages show it. */
export function showDim(dim: Dim): string {
  if (typeof dim === 'number') return String(dim)
  return [...dim.terms]
    .map(([names, coefficient]) =>
      names === '' ? `${coefficient}` : coefficient === 1 ? names : `${coefficient}*${names}`,
    )
    .join(' + ')
}

export const showDims = (dims: readonly Dim[]): string => `[${dims.map(showDim).join(', ')}]`
