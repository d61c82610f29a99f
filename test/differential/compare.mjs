// How close numbers must be, by kind. These bounds are for all cases; no case has its own.

/**
 * The largest difference, relative to the largest magnitude of the tensor, or to `floor` if that is larger: sums in
 * float32 are as exact as their largest terms.
 */
const bounds = {
  forward: { relative: 1e-5, floor: 0.1 },
  gradient: { relative: 1e-4, floor: 0.01 },
  /** Twenty steps of weights near 1, each rounded to float32, may be 20 · 6e-8 off. */
  trajectory: { relative: 1e-4, floor: 0.02 },
  /** In standard errors. */
  moment: { relative: 6, floor: 1 },
}

const number = (value) => (typeof value === 'number' ? value : Number(value))

/** What differs between two answers, as a text; undefined if nothing does. */
export function difference(path, kind, ours, theirs) {
  if (ours === undefined || theirs === undefined || ours === null || theirs === null) {
    return (ours ?? null) === (theirs ?? null) ? undefined : `${path}: ${show(ours)}, not ${show(theirs)}`
  }
  const [a, b] = [asTensor(ours), asTensor(theirs)]
  if (a.shape.join() !== b.shape.join()) return `${path}: shape [${a.shape}], not [${b.shape}]`
  const { relative, floor } = bounds[kind]
  const largest = b.data.reduce((most, value) => {
    const magnitude = Math.abs(number(value))
    return Number.isFinite(magnitude) ? Math.max(most, magnitude) : most
  }, floor)
  let [worst, at] = [0, -1]
  for (const [i, value] of a.data.entries()) {
    const [x, y] = [number(value), number(b.data[i])]
    const gap = Object.is(x, y) || x === y ? 0 : Math.abs(x - y) / largest
    if (!(gap <= worst)) [worst, at] = [gap, i]
    if (Number.isNaN(worst)) break
  }
  if (worst <= relative) return undefined
  return `${path}: ${a.data[at]}, not ${b.data[at]} (element ${at} of [${a.shape}], ${Number(worst).toExponential(1)} of ${largest.toPrecision(3)})`
}

const show = (value) => (value === undefined || value === null ? 'nothing' : JSON.stringify(value).slice(0, 80))

const asTensor = (value) => (typeof value === 'object' ? value : { shape: [], data: [value] })

/** All differences of two answers: each is an object of parts `{ kind, value }`, where a value may be a list of tensors. */
export function differences(ours, theirs) {
  const found = []
  if (ours.drawn) return moments(ours.drawn, theirs.drawn)
  for (const name of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const [a, b] = [ours[name], theirs[name]]
    if (a === undefined || b === undefined) {
      found.push(`${name}: only ${a === undefined ? 'theirs' : 'ours'}`)
      continue
    }
    const kind = kinds[name]
    if (kind === undefined) throw new Error(`no bound for '${name}'`)
    const [x, y] = [a, b].map((value) => (Array.isArray(value) ? value : [value]))
    if (x.length !== y.length) found.push(`${name}: ${x.length} of them, not ${y.length}`)
    else {
      for (const [i, value] of x.entries()) {
        const path = Array.isArray(a) ? `${name}[${i}]` : name
        const wrong = difference(path, kind, value, y[i])
        if (wrong) found.push(wrong)
      }
    }
  }
  return found
}

/** How two draws of a distribution differ: in their means of powers, and whether the columns are at right angles. */
function moments(ours, theirs) {
  const found = []
  for (const power of [1, 2, 4]) {
    const [a, b] = [ours, theirs].map(({ data }) => {
      const values = data.map((value) => value ** power)
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1)
      return { mean, error: variance / values.length }
    })
    const errors = Math.abs(a.mean - b.mean) / Math.sqrt(a.error + b.error)
    if (!(errors <= bounds.moment.relative))
      found.push(`mean of powers ${power}: ${a.mean}, not ${b.mean}, ${errors} errors apart`)
  }
  const [a, b] = [ours, theirs].map(rightAngles)
  if (a !== b) found.push(`columns or rows are ${a ? '' : 'not '}orthonormal but for a factor`)
  return found
}

/** Whether the rows or the columns of a matrix, whichever are fewer, are at right angles and of one length. */
function rightAngles({ shape: [rows, columns], data }) {
  const [count, length] = rows <= columns ? [rows, columns] : [columns, rows]
  const at = (i, k) => (rows <= columns ? data[i * columns + k] : data[k * columns + i])
  const product = (i, j) => Array.from({ length }, (_, k) => at(i, k) * at(j, k)).reduce((a, b) => a + b, 0)
  const square = product(0, 0)
  for (let i = 0; i < Math.min(count, 10); i++) {
    for (let j = 0; j <= i; j++) if (Math.abs(product(i, j) - (i === j ? square : 0)) > 1e-4 * square) return false
  }
  return true
}

/** The kind of each part of an answer. */
const kinds = {
  outputs: 'forward',
  inputGradients: 'gradient',
  weightGradients: 'gradient',
  value: 'forward',
  gradient: 'gradient',
  losses: 'trajectory',
  evaluation: 'trajectory',
  first: 'trajectory',
  last: 'trajectory',
  rates: 'forward',
  exact: 'forward',
}
