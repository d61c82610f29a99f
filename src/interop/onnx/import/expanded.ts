import type { AttributeProto, NodeProto } from '../proto/messages.js'
import { Node } from './node.js'

// Operators that stand for several of the standard: those that onnxruntime makes when it optimizes or quantizes a model
// (its document ContribOperators.md), and the standard's own that compute in whole numbers of 8 bits. What such numbers
// stand for is computed in floating point instead: weights are those of the file, activations are not rounded.

type Attributes = Readonly<Record<string, Partial<AttributeProto>>>

/** Writes the nodes that take the place of one. */
class Expansion {
  readonly nodes: NodeProto[] = []
  readonly node: Node

  constructor(readonly proto: NodeProto) {
    this.node = new Node(proto)
  }

  /** The name of an input, `''` where it is left out. */
  input(at: number): string {
    return this.proto.input[at] ?? ''
  }

  /** Attributes of the node, as they are. */
  own(...names: readonly string[]): Attributes {
    return Object.fromEntries(
      this.proto.attribute.flatMap((each) => (names.includes(each.name ?? '') ? [[each.name ?? '', each]] : [])),
    )
  }

  /** Adds a node, and returns the name of its output. */
  add(opType: string, input: readonly string[], attributes: Attributes = {}, domain = ''): string {
    const output = `${this.proto.output.find((name) => name !== '') ?? ''}:${this.nodes.length}`
    const attribute = Object.entries(attributes).map(([name, each]) => ({ ...empty, ...each, name }))
    this.nodes.push({ opType, domain, name: this.proto.name ?? '', input: [...input], output: [output], attribute })
    return output
  }

  float(value: number): string {
    return this.add('Constant', [], { value_float: { f: value } })
  }

  ints(...values: readonly number[]): string {
    return this.add('Constant', [], { value_ints: { ints: [...values] } })
  }

  /** The numbers that whole ones stand for: inputs `at` on are they, the scale and the zero point. */
  real(at: number, axis = -1): string {
    return this.dequantized(this.input(at), this.input(at + 1), this.input(at + 2), axis)
  }

  dequantized(x: string, scale: string, zero: string, axis = -1): string {
    return this.add('DequantizeLinear', zero === '' ? [x, scale] : [x, scale, zero], { axis: { i: axis } })
  }

  /** What whole numbers are above their zero point. */
  shifted(at: number, zero: number, axis = -1): string {
    const name = this.input(zero)
    return name === '' ? this.input(at) : this.dequantized(this.input(at), this.float(1), name, axis)
  }

  /** Whole numbers of a value: inputs `at` on are the scale and the zero point. Without a scale, the value itself. */
  whole(value: string, at: number): string {
    const [scale, zero] = [this.input(at), this.input(at + 1)]
    if (scale === '') return value
    return this.add('QuantizeLinear', zero === '' ? [value, scale] : [value, scale, zero])
  }

  plus(value: string, other: string): string {
    return other === '' ? value : this.add('Add', [value, other])
  }

  /** A value after the activation that the node names. */
  activated(value: string, parameters: readonly number[]): string {
    const name = this.node.text('activation', '')
    if (name === '') return value
    if (name === 'Clip') return this.add('Clip', [value, ...parameters.slice(0, 2).map((each) => this.float(each))])
    const [alpha, beta] = parameters
    return this.add(name, [value], {
      ...(alpha !== undefined && { alpha: { f: alpha } }),
      ...(beta !== undefined && { beta: { f: beta } }),
    })
  }

  /** The nodes, of which these values are the outputs of the node. */
  ending(...values: readonly (string | undefined)[]): NodeProto[] {
    for (const [at, value] of values.entries()) {
      const output = this.proto.output[at] ?? ''
      if (value === undefined || output === '') continue
      const named = (name: string) => (name === value ? output : name)
      for (const node of this.nodes) {
        node.input = node.input.map(named)
        node.output = node.output.map(named)
      }
    }
    return this.nodes
  }
}

const empty = { floats: [], ints: [], strings: [], tensors: [], graphs: [] }

const convolved = ['auto_pad', 'dilations', 'group', 'kernel_shape', 'pads', 'strides']
const pooled = [...convolved, 'ceil_mode', 'count_include_pad', 'axes', 'keepdims', 'axis', 'alpha']

/** An operator of one value. */
const unary =
  (op: string) =>
  (e: Expansion): string[] => [e.whole(e.add(op, [e.real(0)], e.own(...pooled)), 3)]

const binary =
  (op: string) =>
  (e: Expansion): string[] => [e.whole(e.add(op, [e.real(0), e.real(3)]), 6)]

/** A kernel `[directions, inputs, gates · units]` of whole numbers as the standard has it. */
function gates(e: Expansion, at: number, scale: number): string {
  // Scales are of a direction, or of each column.
  const [scales, zeros] = [scale, scale + 1].map((each) => e.add('Reshape', [e.input(each), e.ints(0, 1, -1)]))
  return e.add('Transpose', [e.dequantized(e.input(at), scales as string, zeros as string, 2)], {
    perm: { ints: [0, 2, 1] },
  })
}

function skipNormalization(e: Expansion, op: string, bias: number, scales: readonly string[]): (string | undefined)[] {
  const sum = e.plus(e.plus(e.input(0), e.input(1)), e.input(bias))
  const epsilon = { epsilon: { f: e.node.float('epsilon', 1e-12) } }
  return [e.add(op, [sum, ...scales.filter((name) => name !== '')], epsilon), undefined, undefined, sum]
}

const expansions: Readonly<Record<string, (e: Expansion) => readonly (string | undefined)[]>> = {
  MatMulInteger: (e) => [e.add('MatMul', [e.shifted(0, 2, 0), e.shifted(1, 3)])],
  ConvInteger: (e) => [e.add('Conv', [e.shifted(0, 2), e.shifted(1, 3, 0)], e.own(...convolved))],
  QLinearMatMul: (e) => [e.whole(e.add('MatMul', [e.real(0), e.real(3)]), 6)],
  QLinearConv(e) {
    const bias = e.input(8)
    const scale = bias && e.add('Mul', [e.input(1), e.input(4)])
    const inputs = [e.real(0), e.real(3, 0), ...(bias ? [e.dequantized(bias, scale, '', 0)] : [])]
    return [e.whole(e.add('Conv', inputs, e.own(...convolved)), 6)]
  },
  'com.microsoft.QGemm'(e) {
    const bias = e.input(6)
    const alpha = e.float(e.node.float('alpha', 1))
    const scale = bias && e.add('Mul', [e.add('Mul', [e.input(1), e.input(4)]), alpha])
    const kernel = e.real(3, e.node.int('transB', 0) === 1 ? 0 : 1)
    const inputs = [e.real(0), kernel, ...(bias ? [e.dequantized(bias, scale, '')] : [])]
    return [e.whole(e.add('Gemm', inputs, e.own('alpha', 'transA', 'transB')), 7)]
  },
  'com.microsoft.QLinearAdd': binary('Add'),
  'com.microsoft.QLinearMul': binary('Mul'),
  'com.microsoft.QLinearSigmoid': unary('Sigmoid'),
  'com.microsoft.QLinearLeakyRelu': unary('LeakyRelu'),
  'com.microsoft.QLinearSoftmax': unary('Softmax'),
  'com.microsoft.QLinearReduceMean': unary('ReduceMean'),
  'com.microsoft.QLinearAveragePool': unary('AveragePool'),
  'com.microsoft.QLinearGlobalAveragePool': unary('GlobalAveragePool'),
  'com.microsoft.QLinearConcat'(e) {
    const starts = Array.from({ length: Math.floor((e.proto.input.length - 2) / 3) }, (_, at) => 2 + 3 * at)
    const all = starts.map((at) => e.real(at))
    return [e.whole(e.add('Concat', all, e.own('axis')), 0)]
  },
  'com.microsoft.DynamicQuantizeMatMul'(e) {
    const kernel = e.dequantized(e.input(1), e.input(2), e.input(3))
    return [e.plus(e.add('MatMul', [e.input(0), kernel]), e.input(4))]
  },
  'com.microsoft.MatMulIntegerToFloat'(e) {
    const [x, kernel] = [0, 1].map((at) => e.dequantized(e.input(at), e.input(2 + at), e.input(4 + at)))
    return [e.plus(e.add('MatMul', [x as string, kernel as string]), e.input(6))]
  },
  'com.microsoft.DynamicQuantizeLSTM'(e) {
    const inputs = [e.input(0), gates(e, 1, 8), gates(e, 2, 10), ...[3, 4, 5, 6, 7].map((at) => e.input(at))]
    const settings = ['hidden_size', 'direction', 'activations', 'activation_alpha', 'activation_beta', 'clip']
    e.add('LSTM', inputs, e.own(...settings, 'input_forget'))
    ;(e.nodes.at(-1) as NodeProto).output = [...e.proto.output]
    return []
  },
  'com.microsoft.FusedConv'(e) {
    const value = e.add('Conv', e.proto.input.slice(0, 3), e.own(...convolved))
    return [e.activated(e.plus(value, e.input(3)), e.node.floats('activation_params') ?? [])]
  },
  'com.microsoft.FusedGemm'(e) {
    const value = e.add('Gemm', e.proto.input, e.own('alpha', 'beta', 'transA', 'transB'))
    const given = ['activation_alpha', 'activation_beta', 'activation_gamma'].filter((name) => e.node.has(name))
    const parameters = given.map((name) => e.node.float(name, 0))
    return [e.activated(value, parameters)]
  },
  'com.microsoft.SkipLayerNormalization': (e) =>
    skipNormalization(e, 'LayerNormalization', 4, [e.input(2), e.input(3)]),
  'com.microsoft.SkipSimplifiedLayerNormalization': (e) =>
    skipNormalization(e, 'SimplifiedLayerNormalization', 3, [e.input(2)]),
}

/** The nodes that take a node's place: itself, unless it stands for several. */
export function expanded(proto: NodeProto): readonly NodeProto[] {
  const { domain = '', opType = '' } = proto
  const key = domain === '' || domain === 'ai.onnx' ? opType : `${domain}.${opType}`
  const expand = Object.hasOwn(expansions, key) ? expansions[key] : undefined
  // Channels that come last are for pooling of images.
  if (expand === undefined || proto.attribute.some(({ name, i }) => name === 'channels_last' && i === 1)) return [proto]
  const expansion = new Expansion(proto)
  return expansion.ending(...expand(expansion))
}
