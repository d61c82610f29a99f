import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Tensor, tensor } from '../../src/data/tensor.js'
import { SeqloomError } from '../../src/errors.js'
import { GraphBuilder, type Value } from '../../src/graph/builder.js'
import { Location } from '../../src/graph/trace/location.js'
import { type Attributes, operation } from '../../src/graph/trace/operation.js'
import { inferAt, type Program, type ProgramNode } from '../../src/graph/trace/program.js'
import {
  batch,
  hasBatch,
  maxRank,
  substitute,
  type TracedDim,
  type TracedShape,
  wireShape,
} from '../../src/graph/trace/size.js'
import type { OperationName } from '../../src/graph/wire.js'
import { zeros } from '../../src/initializers/index.js'
import { DefinedLayer } from '../../src/layers/defineLayer.js'
import { input } from '../../src/layers/input.js'
import type { SymbolicTensor } from '../../src/layers/layer.js'
import { model } from '../../src/model/index.js'
import { native } from '../../src/native/index.js'
import type { Setting } from '../../src/settings.js'
import { elementwise, operations as table } from '../../src/table.js'

// Shapes of traced values are inferred in TypeScript, with names for sizes and the user's line for errors, and again by
// the engine when a graph is built. Here both are asked about the same operations.

type Draw = fc.GeneratorValue

/** A shape of known sizes: `batch` and numbers. */
type Known = readonly (number | typeof batch)[]

/** An operation on values. */
interface Case<Shape = Known> {
  readonly op: string
  readonly shapes: readonly Shape[]
  readonly attributes: Attributes
}

const rows = 2

const size = { min: 1, max: 3 }

const drawDims = (draw: Draw): number[] =>
  Array.from({ length: draw(fc.constantFrom<number[]>, 0, 1, 2, 2, 3, 3, 4, 7) }, () => draw(fc.integer, size))

function drawShape(draw: Draw): Known {
  return draw(fc.boolean) || draw(fc.boolean) ? [batch, ...drawDims(draw)] : drawDims(draw)
}

/** A shape that goes with another one, or nearly so. */
function drawRelated(draw: Draw, shape: Known): Known {
  const dims = shape.filter((dim) => dim !== batch)
  const at = draw(fc.nat, Math.max(0, dims.length - 1))
  const other = draw(
    fc.constantFrom,
    shape,
    dims.slice(at),
    [batch, ...dims],
    shape.map((dim, axis) => (axis === at && dim !== batch ? 1 : dim)),
    shape.map((dim, axis) => (axis === at && dim !== batch ? draw(fc.integer, size) : dim)),
    shape.toSpliced(at + 1, 1),
    [...shape.slice(0, -2), ...shape.slice(-2).reverse()],
    [...shape.slice(0, -2), ...shape.slice(-1), draw(fc.integer, size)],
  )
  return draw(fc.nat, 9) === 0 ? drawShape(draw) : (other as Known)
}

/** A value of a setting, whether or not it is right for a value of this shape. */
function drawSetting(draw: Draw, setting: Setting, shape: Known): unknown {
  switch (setting.type) {
    case 'flag':
      return draw(fc.boolean)
    case 'name':
      return draw(fc.constantFrom<string[]>, ...(setting.of as readonly string[]))
    case 'number':
      return 0.5
    case 'axis':
      return draw(fc.nat, Math.min(7, shape.length))
    case 'integer':
      return Math.max(setting.least ?? 0, draw(fc.nat, 3))
    case 'list':
      return (setting.of as Setting).optional ? drawTarget(draw, shape) : drawAxes(draw, shape)
    default:
      throw new Error(`this test does not know what a setting of type ${setting.type} may be`)
  }
}

/** Dimensions in some order: all of them, or a few. */
function drawAxes(draw: Draw, shape: Known): number[] {
  const [first = 0, ...others] = shape.keys()
  if (draw(fc.boolean)) return [first, ...draw(fc.shuffledSubarray<number>, others, { minLength: others.length })]
  return draw(fc.shuffledSubarray<number>, [first, ...others, shape.length], { minLength: 1 })
}

/** A row's shape for as many elements, or nearly so, in which a dimension may be left open. */
function drawTarget(draw: Draw, shape: Known): (number | null)[] {
  const dims = shape.filter((dim) => dim !== batch)
  const target: (number | null)[] = draw(fc.shuffledSubarray<number>, dims, {
    minLength: Math.max(0, dims.length - draw(fc.nat, 1)),
  })
  const [a = 1, b = 1, ...rest] = target as number[]
  const merged = draw(fc.boolean) ? target : [a * b, ...rest]
  const open = draw(fc.nat, 2 * merged.length)
  return merged.map((dim, axis) => (axis === open ? null : dim)).slice(0, 7)
}

/** The operations that exist in traced functions alone, with their settings. */
const tracedOnly: Readonly<Record<string, Readonly<Record<string, Setting>>>> = {
  split: { axis: { type: 'axis' }, parts: { type: 'integer', least: 1 }, part: { type: 'integer' } },
  dropout: { rate: { type: 'number' }, perStep: { type: 'flag' } },
  mask: {},
}

const traced: Readonly<Record<string, Readonly<Record<string, Setting>>>> = {
  ...Object.fromEntries(
    Object.entries(table).flatMap(([name, entry]) => ('shape' in entry ? [[name, entry.settings]] : [])),
  ),
  ...tracedOnly,
}

function drawCase(draw: Draw, op: string): Case {
  const { least, most } = operation(op)
  const first = drawShape(draw)
  const settings = Object.entries(traced[op] as Readonly<Record<string, Setting>>)
  const attributes = Object.fromEntries(settings.map(([name, setting]) => [name, drawSetting(draw, setting, first)]))
  const { inputs: own } = elementwise[attributes.kind as keyof typeof elementwise] ?? {}
  const count = own !== undefined && draw(fc.nat, 9) > 0 ? own : least + draw(fc.nat, Math.min(most, 3) - least)
  const shapes = Array.from({ length: count }, (_, index) => (index === 0 ? first : drawRelated(draw, first)))
  return { op, shapes, attributes }
}

/** What TypeScript says: a shape, or why there is none. */
function inferred({ op, shapes, attributes }: Case<TracedShape>): TracedShape | SeqloomError {
  try {
    return inferAt('a layer', op, shapes, attributes, Location.of('here'))
  } catch (error) {
    if (error instanceof SeqloomError) return error
    throw error
  }
}

/** Whether the engine takes the operation as it stands. */
function engineTakes({ op, shapes, attributes }: Case): boolean {
  const builder = new GraphBuilder()
  const probe = builder.input({ name: 'probe', dtype: 'float32', shape: [null] })
  const inputs = shapes.map((shape, index) =>
    hasBatch(shape) ? builder.input({ name: `x${index}`, dtype: 'float32', shape: wireShape(shape) }) : undefined,
  )
  const values = shapes.map((shape, index): Value => {
    const known = inputs[index]
    if (known) return known
    if (shape.length === 0) return builder.node('scalar', 'scalar', [], [], [[]], { value: 0 })[0] as Value
    const weight = builder.weight({}, 'w', {
      name: `w${index}`,
      shape: shape as number[],
      trainable: true,
      initializer: zeros(),
    })
    return builder.node('parameter', `w${index}`, [], [weight], [shape as number[]], {})[0] as Value
  })
  const [name, own] = wireForm({ op, shapes, attributes })
  builder.node(name, 'op', values, [], [[]], own as never)
  const [output] = builder.node('stopGradient', 'output', [probe], [], [[null]], {})
  try {
    new native.NativeModel(JSON.stringify(builder.finish([output as Value])), 1)
    return true
  } catch (error) {
    expect((error as { code?: unknown }).code).toMatch(/^ERR_(SHAPE|OPTION|FORMAT|UNSUPPORTED)$/)
    return false
  }
}

/** The operation and its settings in the engine. */
function wireForm({ op, shapes, attributes }: Case): readonly [OperationName, Attributes] {
  const { axis, parts, part, rate } = attributes as Record<string, number>
  if (op === 'mask') return ['sequenceMask', {}]
  if (op === 'dropout') return ['dropout', { rate, shareSteps: false }]
  if (op !== 'split') return [op as OperationName, attributes]
  const width = Number(shapes[0]?.[axis as number]) / (parts as number)
  return ['slice', { axis, start: (part as number) * width, end: ((part as number) + 1) * width }]
}

/**
 * The shape of the values that a layer of the operation computes. The layer declares `declared` as its inputs' shapes,
 * and the model knows `known` of them.
 */
async function computed(
  { op, shapes, attributes }: Case,
  result: TracedShape,
  declared: readonly TracedShape[] = shapes,
  known: readonly TracedShape[] = declared,
): Promise<readonly (number | string)[]> {
  const indices = shapes.map((_, index) => index)
  const batched = indices.filter((index) => hasBatch(shapes[index] as Known))
  const single = indices.filter((index) => !batched.includes(index))
  const ids = new Map([...batched, ...single].map((index, id) => [index, id + 1]))
  const at = Location.of('here')
  const nodes: ProgramNode[] = [{ op, inputs: indices.map((index) => ids.get(index) as number), attributes, at }]
  // What has no batch is no output: it is added to zeros that have one.
  const ones = hasBatch(result) ? [] : new Array<number>(maxRank - 1).fill(1)
  const added = { op: 'elementwise', inputs: [shapes.length + 1, 0], attributes: { kind: 'add' }, at }
  if (!hasBatch(result)) nodes.push(added)
  const program: Program = {
    label: 'a layer',
    inputs: [
      { name: 'zeros', shape: [batch, ...ones] },
      ...batched.map((index) => ({ name: `x${index}`, shape: declared[index] as TracedShape })),
    ],
    weights: single.map((index) => ({ name: `w${index}`, shape: shapes[index] as number[], initializer: zeros() })),
    nodes,
    outputs: [shapes.length + nodes.length],
  }
  const inputs = [ones, ...batched.map((index) => (known[index] as TracedShape).slice(1))].map((shape) =>
    input({ shape: wireShape(shape) }),
  )
  const m = model({ inputs, outputs: new DefinedLayer('op', program, 1, {}).apply(inputs) as SymbolicTensor })
  const data = [[rows, ...ones], ...batched.map((index) => withRows(shapes[index] as Known))].map((shape) =>
    tensor(new Float32Array(shape.reduce((a, b) => a * b)), shape),
  )
  try {
    const { shape } = (await m.predict(data)) as unknown as Tensor
    return hasBatch(result) ? [batch, ...shape.slice(1)] : shape.slice(maxRank - result.length)
  } finally {
    m.dispose()
  }
}

const withRows = (shape: Known): number[] => shape.map((dim) => (dim === batch ? rows : dim))

/** The same with names, or nothing, in the place of sizes. */
function drawNamed(draw: Draw, { op, shapes, attributes }: Case): Case<TracedShape> {
  const name = (dim: number | null | typeof batch): TracedDim =>
    typeof dim === 'number' ? draw(fc.constantFrom<TracedDim[]>, dim, dim, `a${dim}`, `b${dim}`) : dim
  const declared = shapes.map((shape) => (hasBatch(shape) ? shape.map(name) : shape))
  const { shape: target } = attributes as { shape?: readonly (number | null)[] }
  return { op, shapes: declared, attributes: target ? { ...attributes, shape: target.map(name) } : attributes }
}

/** What the names stand for. */
const sizes = new Map(['a', 'b'].flatMap((name) => [1, 2, 3, 4, 6, 9].map((dim) => [`${name}${dim}`, dim] as const)))

const cases = (op: string) => fc.gen().map((draw) => [drawCase(draw, op), draw] as const)

/** Whether a result can be an output: it has a batch, or room for one. */
const observable = (shape: TracedShape): boolean => hasBatch(shape) || shape.length < maxRank

describe.each(Object.keys(traced))('shapes that TypeScript infers for %s', (op) => {
  it('are refused where the engine refuses them, and else those of its values', async () => {
    let accepted = 0
    await fc.assert(
      fc.asyncProperty(cases(op), async ([each]) => {
        const shape = inferred(each)
        if (shape instanceof SeqloomError) {
          expect(shape.code).toBe('ERR_SHAPE')
          expect(engineTakes(each), shape.message).toBe(false)
          return
        }
        accepted++
        if (observable(shape)) expect(await computed(each, shape)).toEqual(shape)
      }),
      { numRuns: 100, seed: 14, endOnFailure: true },
    )
    expect(accepted).toBeGreaterThan(5)
  })

  it('agree with them where sizes are names, or become known only with the data', async () => {
    let computedOnes = 0
    await fc.assert(
      fc.asyncProperty(cases(op), async ([each, draw]) => {
        const shape = inferred(each)
        if (shape instanceof SeqloomError || !observable(shape)) return
        const named = drawNamed(draw, each)
        const guess = inferred(named)
        if (guess instanceof SeqloomError) throw guess
        const substituted = guess.map((dim) => substitute(dim, sizes))
        expect(shape.map((dim, axis) => (substituted[axis] === null ? null : dim))).toEqual(substituted)
        const known = named.shapes.map((dims, index) =>
          dims.map((dim, axis) => (draw(fc.boolean) ? dim : (each.shapes[index]?.[axis] as TracedDim))),
        )
        try {
          expect(await computed({ ...each, attributes: named.attributes }, shape, named.shapes, known)).toEqual(shape)
          computedOnes++
        } catch (error) {
          // What the lowered operation says in numbers must be known when the model is built.
          if (!(error instanceof SeqloomError && /may be unknown|must be a number/.test(error.message))) throw error
        }
      }),
      { numRuns: 100, seed: 15, endOnFailure: true },
    )
    expect(computedOnes).toBeGreaterThan(5)
  })
})
