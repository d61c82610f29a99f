import { describe, expect, it } from 'vitest'
import { defineCell } from '../../src/cells/defineCell.js'
import * as cells from '../../src/cells/index.js'
import { defineLayer } from '../../src/layers/defineLayer.js'
import * as layers from '../../src/layers/index.js'
import { input } from '../../src/layers/input.js'
import type { AnyLayer, SymbolicTensor } from '../../src/layers/layer.js'
import { layerFromConfig } from '../../src/layers/registry.js'
import { layerConfig } from '../../src/layers/serialize.js'
import { plan, trainSpec } from '../../src/model/compile.js'
import { modelGraph } from '../../src/model/lower.js'
import { connect } from '../../src/model/topology.js'

const graphOf = (inputs: SymbolicTensor[], outputs: SymbolicTensor[]) => modelGraph(connect(inputs, outputs))

const elman = (units: number) =>
  defineCell({
    name: 'elman',
    states: { h: units },
    weights: {
      kernel: ['features', units],
      recurrent: { shape: [units, units], initializer: 'orthogonal' },
      bias: [units],
    },
    step: ({ x, h }, w) => ({ h: x.matmul(w.kernel).add(h.matmul(w.recurrent)).add(w.bias).tanh() }),
  })

/** A saved cell that may be altered. */
interface SavedCell {
  readonly program: { readonly inputs: object[]; readonly weights: object[]; readonly nodes: object[] }
}

interface Body {
  readonly inputs: readonly { readonly name: string; readonly shape: readonly (number | null)[] }[]
  readonly weights: readonly unknown[]
  readonly nodes: readonly { readonly op: string }[]
  readonly outputs: readonly number[]
}

/** The scan of a layer applied to inputs. */
function scanOf(result: SymbolicTensor | readonly SymbolicTensor[], inputs: SymbolicTensor[]) {
  const graph = graphOf(inputs, Array.isArray(result) ? result : [result as SymbolicTensor])
  const scan = graph.nodes.find(({ op }) => op === 'scan')
  return { graph, scan, attributes: scan?.attributes as Record<string, unknown> & { readonly body: Body } }
}

describe('lowering of traced cells', () => {
  it('gives the wire format of a scan', () => {
    const x = input({ shape: [null, 5] })
    const y = layers.rnn({ cell: elman(3), returnSequences: true, name: 'reader' }).apply(x)
    const { graph } = scanOf(y, [x])
    const elementwise = (name: string, inputs: number[], output: number, kind: string) => ({
      name,
      op: 'elementwise',
      inputs,
      weights: [],
      outputs: [output],
      attributes: { kind },
    })
    const dense = (name: string, from: number, weight: number, output: number) => ({
      name,
      op: 'dense',
      inputs: [from],
      weights: [weight],
      outputs: [output],
      attributes: {},
    })
    expect(graph).toEqual({
      version: 1,
      inputs: [{ name: 'input_layer', dtype: 'float32', shape: [null, null, 5] }],
      weights: [
        { name: 'reader/kernel', shape: [5, 3], trainable: true, initializer: { kind: 'glorotUniform' } },
        { name: 'reader/recurrent', shape: [3, 3], trainable: true, initializer: { kind: 'orthogonal', gain: 1 } },
        { name: 'reader/bias', shape: [3], trainable: true, initializer: { kind: 'zeros' } },
      ],
      nodes: [
        {
          name: 'reader',
          op: 'scan',
          inputs: [0],
          weights: [0, 1, 2],
          outputs: [1, 2],
          attributes: {
            body: {
              inputs: [
                { name: 'x', shape: [null, 5] },
                { name: 'h', shape: [null, 3] },
              ],
              weights: [{ shape: [5, 3] }, { shape: [3, 3] }, { shape: [3] }],
              nodes: [
                dense('dense', 0, 0, 2),
                dense('dense:1', 1, 1, 3),
                elementwise('elementwise', [2, 3], 4, 'add'),
                { name: 'parameter', op: 'parameter', inputs: [], weights: [2], outputs: [5], attributes: {} },
                elementwise('elementwise:1', [4, 5], 6, 'add'),
                elementwise('elementwise:2', [6], 7, 'tanh'),
              ],
              outputs: [7, 7],
            },
            sequences: 1,
            stateShapes: [[3]],
            outputs: 1,
            order: 'forward',
            outputOrder: 'time',
            zeroOutputForMask: true,
          },
        },
      ],
      outputs: [1],
    })
  })

  it('stores no sequence where only the last output is asked for', () => {
    const x = input({ shape: [null, 5] })
    const { attributes } = scanOf(layers.rnn({ cell: elman(3) }).apply(x), [x])
    expect(attributes).toMatchObject({ outputs: 0, stateShapes: [[3]], body: { outputs: [7] } })
  })

  it('carries a last output that is no state as one more state, which starts at zero', () => {
    const doubled = defineCell({ states: { h: 3 }, step: ({ h }) => ({ h: h.add(1), output: h.mul(2).concat(h) }) })
    const [x, first] = [input({ shape: [null, 5] }), input({ shape: [3] })]
    const { scan, attributes, graph } = scanOf(layers.rnn({ cell: doubled }).apply(x, { initialState: first }), [
      x,
      first,
    ])
    expect(attributes).toMatchObject({ outputs: 0, stateShapes: [[3], [6]], initial: [true, false] })
    expect(attributes.body.inputs.map(({ shape }) => shape)).toEqual([
      [null, 5],
      [null, 3],
      [null, 6],
    ])
    expect(graph.outputs).toEqual([scan?.outputs[1]])
    const alone = scanOf(layers.rnn({ cell: doubled }).apply(x), [x])
    expect(alone.attributes.initial).toBeUndefined()
  })

  it('gives a body the masks of its constants', () => {
    const [x, memory] = [input({ shape: [null, 5] }), input({ shape: [null, 6] })]
    const rnn = layers.rnn({ cell: cells.bahdanau({ units: 4 }), returnSequences: true })
    const { graph, scan, attributes } = scanOf(rnn.apply(x, { constants: { memory } }), [x, memory])
    expect(graph.nodes[0]).toMatchObject({ op: 'sequenceMask', inputs: [1], outputs: [2] })
    expect(scan?.inputs).toEqual([0, 1, 2])
    expect(attributes.body.inputs.map(({ name, shape }) => [name, shape])).toEqual([
      ['x', [null, 5]],
      ['s', [null, 4]],
      ['memory', [null, null, 6]],
      ['mask of memory', [null, null]],
    ])
    expect(attributes.body.nodes.some(({ op }) => op === 'sequenceMask' || op === 'mask')).toBe(false)
  })

  it('runs in both directions, with weights of their own', () => {
    const x = input({ shape: [null, 5] })
    const both = layers.bidirectional({ layer: layers.rnn({ cell: elman(3), returnSequences: true, name: 'reader' }) })
    const graph = graphOf([x], [both.apply(x)])
    const orders = graph.nodes
      .filter(({ op }) => op === 'scan')
      .map(({ attributes }) => [attributes.order, attributes.outputOrder])
    expect(orders).toEqual([
      ['forward', 'time'],
      ['backward', 'time'],
    ])
    expect(graph.weights.map(({ name }) => name.split('/').slice(1).join('/'))).toEqual(
      ['reader', 'backward_reader'].flatMap((name) =>
        ['kernel', 'recurrent', 'bias'].map((weight) => `${name}/${weight}`),
      ),
    )
  })

  it('leaves out what no output needs', () => {
    const cell = defineCell({
      states: { h: 3 },
      step({ h }) {
        h.exp().mul(3)
        return { h: h.tanh() }
      },
    })
    expect(cell.program.nodes).toHaveLength(1)
  })

  it('puts sizes in the place of names, sums among them', () => {
    const cell = defineCell({
      states: { h: 3 },
      weights: { kernel: ['features + 3', 6] },
      step: ({ x, h }, w) => ({ h: x.concat(h).matmul(w.kernel).split(2)[1] }),
    })
    const x = input({ shape: [null, 5] })
    const { graph, attributes } = scanOf(layers.rnn({ cell }).apply(x), [x])
    expect(graph.weights[0]?.shape).toEqual([8, 6])
    expect(attributes.body.nodes.at(-1)).toMatchObject({ op: 'slice', attributes: { axis: 1, start: 3, end: 6 } })
  })
})

describe('lowering of traced functions', () => {
  const gated = defineLayer({
    name: 'gated',
    inputs: { x: ['time', 'features'] },
    weights: { gate: ['features', 'features'] },
    call({ x }, w, { addLoss }) {
      const gate = x.matmul(w.gate).sigmoid()
      addLoss(gate.sum())
      return x.mul(gate)
    },
  })

  it('adds a layer’s operations to the model, and its loss to training alone', () => {
    const x = input({ shape: [null, 5] })
    const topology = connect([x], [gated().apply(x)])
    expect(modelGraph(topology).nodes.map(({ op, name }) => [op, name])).toEqual([
      ['dense', 'gated/dense'],
      ['elementwise', 'gated/elementwise'],
      ['reduce', 'gated/reduce'],
      ['elementwise', 'gated/elementwise:1'],
    ])
    const { graph, losses } = trainSpec(topology, plan(topology, { optimizer: 'sgd', loss: 'mse' }), {
      weighted: [],
      classWeights: [],
    })
    expect(losses).toHaveLength(2)
    expect(graph.nodes.at(-1)).toMatchObject({ op: 'meanOverSteps', name: 'gated/addedLoss', inputs: [4] })
  })

  it('averages a loss of one’s own over features, then over steps', () => {
    const x = input({ shape: [null, 5] })
    const topology = connect([x], [gated().apply(x)])
    const made = plan(topology, { optimizer: 'sgd', loss: (yTrue, yPred) => yPred.sub(yTrue).abs() })
    const { graph } = trainSpec(topology, made, { weighted: [1], classWeights: [] })
    const last = graph.nodes.filter(({ name }) => name.startsWith('gated/loss')).map(({ op }) => op)
    expect(last).toEqual(expect.arrayContaining(['elementwise', 'elementwise', 'reduce', 'meanOverSteps']))
    expect(made.saved.loss).toMatchObject([{ kind: 'traced', program: { outputs: [3] } }])
  })
})

describe('traced layers from their configuration', () => {
  const x = input({ shape: [null, 5] })
  const all: Record<string, AnyLayer> = {
    rnn: layers.rnn({ cell: cells.layerNormLSTM({ units: 3, dropout: 0.2 }), goBackwards: true }) as AnyLayer,
    stacked: layers.rnn({
      cell: [cells.lstm({ units: 3 }), cells.lstm({ units: 2 }), cells.gridLSTM({ units: 2, depth: 2 })],
    }) as AnyLayer,
    bidirectional: layers.bidirectional({ layer: layers.rnn({ cell: cells.gru({ units: 3 }) }) }) as AnyLayer,
    attention: layers.attention({ useScale: true, scoreMode: 'concat', dropout: 0.1 }) as AnyLayer,
    additive: layers.additiveAttention() as AnyLayer,
    heads: layers.multiHeadAttention({ numHeads: 2, keyDim: 3, valueDim: 4 }) as AnyLayer,
    penalty: layers.doublyStochasticPenalty({ weight: 0.5 }) as AnyLayer,
  }
  for (const [name, layer] of Object.entries(all)) {
    it(name, () => {
      const sources = name === 'attention' || name === 'additive' || name === 'heads' ? [x, x] : x
      const again = layerFromConfig(JSON.parse(JSON.stringify(layerConfig(layer))))
      const [one, two] = [layer, again].map((each) => graphOf([x], [each.apply(sources)].flat() as SymbolicTensor[]))
      expect(two).toEqual(one)
    })
  }

  it('takes nothing for granted', () => {
    const good = JSON.parse(JSON.stringify(layerConfig(all.rnn as AnyLayer)))
    const bad = (change: (cell: SavedCell) => void) => {
      const copy = structuredClone(good)
      change(copy.config.cell)
      expect(() => layerFromConfig(copy).apply(x)).toThrow(expect.objectContaining({ name: 'SeqloomError' }))
    }
    bad((cell) => Object.assign(cell, { program: null }))
    bad((cell) => Object.assign(cell, { states: ['h'] }))
    bad((cell) => Object.assign(cell, { name: 3 }))
    bad((cell) => Object.assign(cell.program, { outputs: [1000] }))
    bad((cell) => Object.assign(cell.program.nodes[0] as object, { op: 'eval' }))
    bad((cell) => Object.assign(cell.program.nodes[0] as object, { op: 'constructor' }))
    bad((cell) => Object.assign(cell.program.nodes[0] as object, { inputs: [99] }))
    bad((cell) => Object.assign(cell.program.nodes[1] as object, { attributes: { rate: 'x' } }))
    bad((cell) => Object.assign(cell.program.weights[0] as object, { shape: [0] }))
    bad((cell) => Object.assign(cell.program.weights[0] as object, { initializer: { kind: 'x' } }))
    bad((cell) =>
      Object.assign(cell.program.inputs[0] as object, {
        shape: ['batch', '__proto__', 1e99],
      }),
    )
  })
})
