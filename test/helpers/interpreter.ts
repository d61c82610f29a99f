/** An array of numbers with a shape. */
export interface Nd {
  readonly data: number[]
  readonly shape: readonly number[]
  /** How many steps of each row are valid; default all. */
  readonly lengths?: readonly number[]
}

interface Node {
  readonly op: string
  readonly inputs: readonly number[]
  readonly weights: readonly number[]
  readonly outputs: readonly number[]
  readonly attributes: Readonly<Record<string, unknown>>
}

interface Graph {
  readonly inputs: readonly unknown[]
  readonly nodes: readonly Node[]
  readonly outputs: readonly number[]
}

const size = (shape: readonly number[]) => shape.reduce((product, dim) => product * dim, 1)

const strides = (shape: readonly number[]) => shape.map((_, axis) => size(shape.slice(axis + 1)))

/** The places of all elements of a shape. */
function* places(shape: readonly number[]): Generator<number[]> {
  const steps = strides(shape)
  for (let flat = 0; flat < size(shape); flat++) {
    yield shape.map((dim, axis) => Math.floor(flat / (steps[axis] as number)) % dim)
  }
}

/** An array by a function of the place. */
export function build(shape: readonly number[], at: (place: number[]) => number): Nd {
  return { data: Array.from(places(shape), at), shape }
}

/** The element at a place counted from the last dimension; dimensions of size 1 repeat. */
function pick({ data, shape }: Nd, place: readonly number[]): number {
  const steps = strides(shape)
  const offset = place.length - shape.length
  let flat = 0
  shape.forEach((dim, axis) => {
    flat += (dim === 1 ? 0 : (place[offset + axis] as number)) * (steps[axis] as number)
  })
  return data[flat] as number
}

function broadcast(...shapes: (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length))
  return Array.from({ length: rank }, (_, axis) =>
    Math.max(...shapes.map((shape) => shape[axis - rank + shape.length] ?? 1)),
  )
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

const functions: Record<string, (...values: number[]) => number> = {
  neg: (x = 0) => -x,
  square: (x = 0) => x * x,
  abs: (x = 0) => Math.abs(x),
  sqrt: (x = 0) => Math.sqrt(x),
  exp: (x = 0) => Math.exp(x),
  log: (x = 0) => Math.log(x),
  sigmoid: (x = 0) => sigmoid(x),
  tanh: (x = 0) => Math.tanh(x),
  relu: (x = 0) => Math.max(x, 0),
  softplus: (x = 0) => Math.log1p(Math.exp(x)),
  softsign: (x = 0) => x / (1 + Math.abs(x)),
  add: (a = 0, b = 0) => a + b,
  subtract: (a = 0, b = 0) => a - b,
  multiply: (a = 0, b = 0) => a * b,
  divide: (a = 0, b = 0) => a / b,
  maximum: (a = 0, b = 0) => Math.max(a, b),
  minimum: (a = 0, b = 0) => Math.min(a, b),
  less: (a = 0, b = 0) => Number(a < b),
  greater: (a = 0, b = 0) => Number(a > b),
  where: (c = 0, a = 0, b = 0) => (c !== 0 ? a : b),
}

function matmul(a: Nd, b: Nd, transposeA: boolean, transposeB: boolean): Nd {
  const leading = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2))
  const [n, k] = transposeA ? [a.shape.at(-1), a.shape.at(-2)] : [a.shape.at(-2), a.shape.at(-1)]
  const m = transposeB ? b.shape.at(-2) : b.shape.at(-1)
  return build([...leading, n as number, m as number], (place) => {
    const [row, column] = place.slice(-2) as [number, number]
    let sum = 0
    for (let i = 0; i < (k as number); i++) {
      const front = place.slice(0, -2)
      sum +=
        pick(a, [...front, ...(transposeA ? [i, row] : [row, i])]) *
        pick(b, [...front, ...(transposeB ? [column, i] : [i, column])])
    }
    return sum
  })
}

const replaced = (place: readonly number[], axis: number, index: number) =>
  place.map((each, at) => (at === axis ? index : each))

function along(x: Nd, axis: number, apply: (values: number[], at: number, place: number[]) => number): Nd {
  return build(x.shape, (place) => {
    const values = Array.from({ length: x.shape[axis] as number }, (_, index) => pick(x, replaced(place, axis, index)))
    return apply(values, place[axis] as number, place)
  })
}

function softmax(x: Nd, mask: Nd | undefined, axis: number): Nd {
  return along(x, axis, (values, at, place) => {
    const kept = values.map((_, index) => !mask || pick(mask, replaced(place, axis, index)) !== 0)
    if (!kept[at]) return 0
    const largest = Math.max(...values.filter((_, index) => kept[index]))
    const powers = values.map((value, index) => (kept[index] ? Math.exp(value - largest) : 0))
    return (powers[at] as number) / powers.reduce((sum, power) => sum + power, 0)
  })
}

function reduce(x: Nd, axes: readonly number[], kind: string, keepDims: boolean): Nd {
  const kept = x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim))
  const reduced = build(kept, (place) => {
    const values = Array.from(places(x.shape.map((dim, axis) => (axes.includes(axis) ? dim : 1))), (inner) =>
      pick(
        x,
        place.map((index, axis) => index + (inner[axis] as number)),
      ),
    )
    if (kind === 'max') return Math.max(...values)
    const sum = values.reduce((total, value) => total + value, 0)
    return kind === 'mean' ? sum / values.length : sum
  })
  return keepDims ? reduced : { ...reduced, shape: kept.filter((_, axis) => !axes.includes(axis)) }
}

function concatenate(values: readonly Nd[], given: number): Nd {
  const [first] = values as [Nd, ...Nd[]]
  const axis = given < 0 ? first.shape.length + given : given
  const sizes = values.map(({ shape }) => shape[axis] as number)
  const shape = first.shape.map((dim, at) => (at === axis ? sizes.reduce((sum, each) => sum + each, 0) : dim))
  const starts = sizes.map((_, at) => sizes.slice(0, at).reduce((sum, each) => sum + each, 0))
  return build(shape, (place) => {
    const index = place[axis] as number
    const from = starts.findLastIndex((start) => index >= start)
    return pick(values[from] as Nd, replaced(place, axis, index - (starts[from] as number)))
  })
}

const step = (x: Nd, time: number): Nd =>
  build([x.shape[0] as number, ...x.shape.slice(2)], ([row, ...rest]) => pick(x, [row as number, time, ...rest]))

function scan(node: Node, inputs: readonly Nd[], weights: readonly Nd[]): Nd[] {
  const { body, sequences, stateShapes, outputs, order } = node.attributes as {
    body: Graph
    sequences: number
    stateShapes: number[][]
    outputs: number
    order: string
  }
  const { initial = [] } = node.attributes as { initial?: boolean[] }
  const steps = inputs.slice(0, sequences)
  const [rows, time] = (inputs[0] as Nd).shape as [number, number]
  const constantCount = body.inputs.length - sequences - stateShapes.length
  const given = inputs.slice(sequences, inputs.length - constantCount)
  const constants = inputs.slice(inputs.length - constantCount)
  const has = (index: number) => (initial.length > 0 ? initial[index] === true : given.length > 0)
  let next = 0
  let states = stateShapes.map((shape, index) =>
    has(index) ? (given[next++] as Nd) : build([rows, ...shape], () => 0),
  )
  const stored: Nd[][] = Array.from({ length: outputs }, () => [])
  for (let count = 0; count < time; count++) {
    const at = order === 'backward' ? time - 1 - count : count
    const results = evaluate(body, [...steps.map((x) => step(x, at)), ...states, ...constants], weights)
    for (let index = 0; index < outputs; index++) (stored[index] as Nd[])[at] = results[index] as Nd
    states = results.slice(outputs)
  }
  const sequencesOut = stored.map((values) =>
    build([rows, time, ...(values[0] as Nd).shape.slice(1)], ([row, at, ...rest]) =>
      pick(values[at as number] as Nd, [row as number, ...rest]),
    ),
  )
  return [...sequencesOut, ...states]
}

function run(node: Node, inputs: readonly Nd[], weights: readonly Nd[]): Nd[] {
  const [x, y] = inputs as [Nd, Nd]
  const a = node.attributes as {
    axis: number
    start: number
    end: number
    axes: number[]
    kind: string
    keepDims: boolean
    epsilon: number
    permutation: number[]
  }
  switch (node.op) {
    case 'scan':
      return scan(node, inputs, weights)
    case 'elementwise': {
      const apply = functions[a.kind]
      if (!apply) throw new Error(`no ${a.kind}`)
      return [
        build(broadcast(...inputs.map(({ shape }) => shape)), (place) =>
          apply(...inputs.map((each) => pick(each, place))),
        ),
      ]
    }
    case 'scalar':
      return [{ data: [node.attributes.value as number], shape: [] }]
    case 'parameter':
      return [weights[0] as Nd]
    case 'dense': {
      const product = matmul(
        x.shape.length === 1 ? { ...x, shape: [1, ...x.shape] } : x,
        weights[0] as Nd,
        false,
        false,
      )
      const bias = weights[1]
      return [bias ? build(product.shape, (place) => pick(product, place) + pick(bias, place)) : product]
    }
    case 'matmul':
      return [matmul(x, y, node.attributes.transposeA === true, node.attributes.transposeB === true)]
    case 'softmax':
      return [softmax(x, inputs[1], a.axis)]
    case 'normalize':
      return [
        along(x, a.axis, (values, at) => {
          const mean = values.reduce((sum, value) => sum + value, 0) / values.length
          const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
          return ((values[at] as number) - mean) / Math.sqrt(variance + a.epsilon)
        }),
      ]
    case 'concatenate':
      return [concatenate(inputs, a.axis)]
    case 'reshape': {
      const shape = node.attributes.shape as (number | null)[]
      const known = shape.reduce<number>((product, dim) => product * (dim ?? 1), 1)
      const row = x.data.length / (x.shape[0] as number)
      return [{ data: x.data, shape: [x.shape[0] as number, ...shape.map((dim) => dim ?? row / known)] }]
    }
    case 'slice': {
      const shape = x.shape.map((dim, axis) => (axis === a.axis ? a.end - a.start : dim))
      return [build(shape, (place) => pick(x, replaced(place, a.axis, (place[a.axis] as number) + a.start)))]
    }
    case 'transpose': {
      const shape = a.permutation.map((axis) => x.shape[axis] as number)
      return [
        build(shape, (place) =>
          pick(
            x,
            x.shape.map((_, axis) => place[a.permutation.indexOf(axis)] as number),
          ),
        ),
      ]
    }
    case 'reduce':
      return [reduce(x, a.axes, a.kind, a.keepDims)]
    case 'sequenceMask':
      return [build(x.shape.slice(0, 2), ([row = 0, time = 0]) => Number(time < (x.lengths?.[row] ?? Infinity)))]
    default:
      throw new Error(`the interpreter has no operation ${node.op}`)
  }
}

/** What a graph means: its outputs for inputs and weights, by plain loops; padding counts in `sequenceMask` alone. */
export function evaluate(graph: Graph, inputs: readonly Nd[], weights: readonly Nd[]): Nd[] {
  const values = [...inputs]
  for (const node of graph.nodes) {
    const results = run(
      node,
      node.inputs.map((id) => values[id] as Nd),
      node.weights.map((index) => weights[index] as Nd),
    )
    node.outputs.forEach((id, index) => {
      values[id] = results[index] as Nd
    })
  }
  return graph.outputs.map((id) => values[id] as Nd)
}
