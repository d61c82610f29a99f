import { type Call, first, type Operator, rankOf } from '../call.js'
import { elementwise } from '../layout.js'
import type { Graph, Node } from '../node.js'
import { type Constant, count, known, unsupported, type Value } from '../values.js'
import { foldedBy, minus, plus, times } from './elementwise.js'
import { renamed } from './shapes.js'

// Whole numbers of few bits stand for others: real = (whole − zero point) · scale. What is computed is computed in
// floating point and not rounded, but it is kept within what the whole numbers can tell, as a ReLU may consist in that.

/** The numbers of a type. */
const ranges: Readonly<Partial<Record<string, readonly [number, number]>>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
}

/** Types by their numbers in the format. */
const numbered: Readonly<Record<number, string>> = { 2: 'uint8', 3: 'int8', 4: 'uint16', 5: 'int16' }

/** The scale and the zero point, for numbers along an axis or for all. */
function settings(call: Call): { readonly scale: Constant; readonly zero: Constant | undefined } {
  const { node } = call
  node.only('block_size', 0)
  const rank = rankOf(call.value(0))
  const axis = node.int('axis', 1)
  const behind = Math.max(rank - 1 - (axis < 0 ? axis + rank : axis), 0)
  const spread = (given: Constant): Constant => {
    if (count(given.shape) === 1) return renamed(given, [])
    return renamed(given, [...given.shape, ...Array<number>(behind).fill(1)])
  }
  const scale = spread(call.constant(1, 'the scale'))
  return { scale, zero: call.given(2) && spread(call.constant(2, 'the zero point')) }
}

/** Which whole numbers there are. */
function rangeOf(call: Call): readonly [number, number] {
  const zero = call.given(2)
  const given = zero?.kind === 'constant' ? zero.type : numbered[call.node.int('output_dtype', 2)]
  const range = given && ranges[given]
  if (!range) throw unsupported(`whole numbers of the type ${given ?? 'of its zero point'}`)
  return range
}

/** Values that all who read them as whole numbers turn back at once. They stay as they are. */
const kept = new WeakSet<Value>()

/** Whether all that read the whole numbers of a node turn them back with the same scale and zero point. */
function isTurnedBack({ lowering, node }: Call): boolean {
  const { graph } = lowering.scope
  const [name = ''] = node.outputs
  if (graph.proto.output.some((output) => output.name === name)) return false
  return readersOf(graph)(name).every(
    (reader) =>
      reader.op === 'DequantizeLinear' &&
      reader.graphs.size === 0 &&
      [1, 2].every((at) => (reader.inputs[at] ?? '') === (node.inputs[at] ?? '')),
  )
}

const readers = new WeakMap<Graph, ReadonlyMap<string, readonly Node[]>>()

/** The nodes of a graph that read a name, in graphs within it too. */
function readersOf(graph: Graph): (name: string) => readonly Node[] {
  let known = readers.get(graph)
  if (known === undefined) {
    const made = new Map<string, Node[]>()
    for (const node of graph.nodes) {
      const inner = [...node.graphs.values()].flatMap(({ outer }) => [...outer])
      for (const name of new Set([...node.inputs, ...inner])) made.set(name, [...(made.get(name) ?? []), node])
    }
    known = made
    readers.set(graph, known)
  }
  return (name) => known.get(name) ?? []
}

const largest = 3.4028234663852886e38

/** Additive masks, which are minus infinity, have endless scales. */
const finite = (x: number) => Math.min(Math.max(x, -largest), largest)

const toEven = (x: number) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x))

function quantized(call: Call): Value {
  const { scale, zero } = settings(call)
  const [low, high] = rangeOf(call)
  const x = call.data(0)
  if (x.kind === 'constant') {
    const fold = (v: number, s: number, z = 0) => Math.min(Math.max(toEven(v / s) + z, low), high)
    return foldedBy(fold, [x, scale, ...(zero ? [zero] : [])], true)
  }
  const [step, at] = [scale.values?.[0], zero ? zero.values?.[0] : 0]
  if (count(scale.shape) !== 1 || (zero && count(zero.shape) !== 1) || step === undefined || at === undefined) {
    throw unsupported('values with a scale for each channel')
  }
  const value = elementwise(
    call.builder,
    [x],
    first((v) => v.maximum(finite((low - at) * step)).minimum(finite((high - at) * step))),
  )
  if (isTurnedBack(call)) {
    kept.add(value)
    return value
  }
  return plus(call, times(call, value, known([1 / step], [])), known([at], []))
}

function dequantized(call: Call): Value {
  const { scale, zero } = settings(call)
  const x = call.data(0)
  const isZero = zero === undefined || zero.values?.every((each) => each === 0) === true
  if (x.kind === 'constant') {
    const fold = (v: number, s: number, z = 0) => Math.fround(Math.fround(v - z) * s)
    const all = foldedBy(fold, [x, scale, ...(zero ? [zero] : [])])
    return { ...all, name: x.name, trainable: true }
  }
  if (kept.has(x)) return x
  const shifted = isZero ? x : minus(call, x, zero as Constant)
  const isOne = scale.values?.every((each) => each === 1) === true
  return { ...(isOne ? shifted : times(call, shifted, scale)), integer: false } as Value
}

export const quantizationOperators: Readonly<Record<string, Operator>> = {
  QuantizeLinear: quantized,
  DequantizeLinear: dequantized,
  // Values stay what they are: whole numbers of a scale of 1.
  DynamicQuantizeLinear: (call) => [
    call.data(0),
    known([1], [], { integer: false }),
    known([0], [], { type: 'uint8' }),
  ],
}
