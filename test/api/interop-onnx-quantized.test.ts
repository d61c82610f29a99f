import { interop, type Tensor, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { elementTypes, type NodeProto, type TensorProto } from '../../src/interop/onnx/proto/messages.js'
import {
  attributeOf,
  bytesOf,
  type Elements,
  float32,
  graphOf,
  initializer,
  ints,
  modelOf,
  nodeOf,
  value,
} from '../helpers/onnxFiles.js'

const uint8 = (values: readonly number[]): Elements => ({ type: elementTypes.uint8, bytes: Uint8Array.from(values) })
const int8 = (values: readonly number[]): Elements => ({
  type: elementTypes.int8,
  bytes: new Uint8Array(Int8Array.from(values).buffer),
})
const int32 = (values: readonly number[]): Elements => ({
  type: elementTypes.int32,
  bytes: new Uint8Array(Int32Array.from(values).buffer),
})
const microsoft = 'com.microsoft'
const number = (name: string, f: number) => ({ name, type: 1, f })

async function outputOf(
  nodes: readonly NodeProto[],
  constants: readonly TensorProto[],
  x: Tensor,
  dims: readonly (number | string)[] = ['batch', ...x.shape.slice(1)],
): Promise<Tensor> {
  const file = await bytesOf(modelOf(graphOf([...nodes], [value('x', dims)], ['y'], [...constants]), 17))
  const m = await interop.loadOnnx<Tensor>(file)
  try {
    return await m.predict(x)
  } finally {
    m.dispose()
  }
}

function expectValues(actual: Tensor, expected: readonly number[]): void {
  expect(actual.data.length).toBe(expected.length)
  for (const [at, each] of expected.entries()) expect(actual.data[at]).toBeCloseTo(each, 5)
}

describe('what computes in whole numbers of 8 bits', () => {
  const x = tensor(Float32Array.of(1, -2), [1, 2])

  it('dynamically has the weights of the file, and values as they are', async () => {
    const nodes = [
      nodeOf('DynamicQuantizeLinear', ['x'], ['q', 's', 'z']),
      nodeOf('MatMulInteger', ['q', 'w', 'z', 'wz'], ['m']),
      nodeOf('Cast', ['m'], ['f'], '', [attributeOf('to', 1)]),
      nodeOf('Mul', ['s', 'ws'], ['scale']),
      nodeOf('Mul', ['f', 'scale'], ['y']),
    ]
    const constants = [
      initializer('w', [2, 2], uint8([130, 120, 128, 140])),
      initializer('wz', [], uint8([128])),
      initializer('ws', [], float32([0.5])),
    ]
    // The weights are 0.5 · [[2, -8], [0, 12]].
    expectValues(await outputOf(nodes, constants, x), [1, -4 - 12])
  })

  it('has scales for each column of a weight', async () => {
    const nodes = [
      nodeOf('DequantizeLinear', ['w', 'ws', 'wz'], ['f'], '', [attributeOf('axis', 1)]),
      nodeOf('MatMul', ['x', 'f'], ['y']),
    ]
    const constants = [
      initializer('w', [2, 2], int8([2, -8, 1, 4])),
      initializer('wz', [2], int8([0, 0])),
      initializer('ws', [2], float32([0.5, 2])),
    ]
    expectValues(await outputOf(nodes, constants, x), [1 - 1, -16 - 16])
  })

  it('keeps values within what the whole numbers can tell, which may stand for a ReLU', async () => {
    const constants = [initializer('s', [], float32([0.01])), initializer('z', [], uint8([0]))]
    const back = [nodeOf('QuantizeLinear', ['x', 's', 'z'], ['q']), nodeOf('DequantizeLinear', ['q', 's', 'z'], ['y'])]
    const given = tensor(Float32Array.of(1, -2, 5), [1, 3])
    expectValues(await outputOf(back, constants, given), [1, 0, 2.55])
    // Read as whole numbers in between, too.
    const between = [
      nodeOf('QuantizeLinear', ['x', 's', 'z'], ['q']),
      nodeOf('Reshape', ['q', 'shape'], ['r']),
      nodeOf('DequantizeLinear', ['r', 's', 'z'], ['y']),
    ]
    const all = [...constants, initializer('shape', [3], ints([0, 3, 1]))]
    expectValues(await outputOf(between, all, given), [1, 0, 2.55])
  })

  it('has operators that take scales and zero points themselves', async () => {
    const constants = [
      ...['xs', 'ys'].map((name) => initializer(name, [], float32([0.1]))),
      ...['xz', 'yz'].map((name) => initializer(name, [], uint8([128]))),
      initializer('w', [1, 2], int8([10, -20])),
      initializer('ws', [], float32([0.05])),
      initializer('wz', [], int8([0])),
      initializer('b', [1], int32([100])),
    ]
    const ends = (middle: NodeProto) => [
      nodeOf('QuantizeLinear', ['x', 'xs', 'xz'], ['q']),
      middle,
      nodeOf('DequantizeLinear', ['p', 'ys', 'yz'], ['y']),
    ]
    const inputs = ['q', 'xs', 'xz', 'w', 'ws', 'wz', 'b', 'ys', 'yz']
    const gemm = nodeOf('QGemm', inputs, ['p'], '', [attributeOf('transB', 1), number('alpha', 1)], microsoft)
    // 0.5 · 1 + -1 · -2 + 100 · 0.1 · 0.05
    expectValues(await outputOf(ends(gemm), constants, x), [3])
    const sum = nodeOf('QLinearAdd', ['q', 'xs', 'xz', 'q', 'xs', 'xz', 'ys', 'yz'], ['p'], '', [], microsoft)
    expectValues(await outputOf(ends(sum), constants, x), [2, -4])
  })

  it('has LSTMs with weights for each direction', async () => {
    const row = (length: number, step: number) =>
      Array.from({ length }, (_, at) => Math.round(40 * Math.sin(at * step)))
    const [w, r] = [row(2 * 8, 1.3), row(2 * 8, 0.7)]
    const turned = (all: readonly number[]) =>
      Array.from({ length: 16 }, (_, at) => (all[(at % 2) * 8 + Math.floor(at / 2)] as number) * 0.02)
    const size = [attributeOf('hidden_size', 2)]
    const sequence = tensor(
      Float32Array.from({ length: 6 }, (_, at) => Math.sin(at)),
      [1, 3, 2],
    )
    const zero = initializer('z', [1], int8([0]))
    const scale = initializer('s', [1], float32([0.02]))
    const kernels = (a: Elements, b: Elements, dims: readonly number[]) => [
      initializer('w', dims, a),
      initializer('r', dims, b),
    ]
    const whole = nodeOf(
      'DynamicQuantizeLSTM',
      ['x', 'w', 'r', '', '', '', '', '', 's', 'z', 's', 'z'],
      ['y'],
      '',
      size,
      microsoft,
    )
    const plain = nodeOf('LSTM', ['x', 'w', 'r'], ['y'], '', size)
    const dims = ['time', 'batch', 2]
    const found = await outputOf([whole], [...kernels(int8(w), int8(r), [1, 2, 8]), zero, scale], sequence, dims)
    const expected = await outputOf([plain], kernels(float32(turned(w)), float32(turned(r)), [1, 8, 2]), sequence, dims)
    expectValues(found, [...expected.data])
    expect(Math.max(...expected.data.map(Math.abs))).toBeGreaterThan(0.01)
  })

  it('is refused by name where it is not mapped, with what to load instead', async () => {
    const nodes = [nodeOf('QAttention', ['x'], ['y'], 'first', [], microsoft)]
    await expect(outputOf(nodes, [], x)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringMatching(/com\.microsoft\.QAttention 'first' .* not supported: .*before it was quantized/),
    })
  })
})

describe('operators that onnxruntime makes of several', () => {
  it('may be a convolution with its activation, and what is added', async () => {
    const weight = initializer('w', [1, 1, 2], float32([1, -1]))
    const given = tensor(Float32Array.of(1, 3, 2), [1, 1, 3])
    const relu = nodeOf('FusedConv', ['x', 'w'], ['y'], '', [attributeOf('activation', 'Relu')], microsoft)
    expectValues(await outputOf([relu], [weight], given, ['batch', 1, 'time']), [0, 1])
    const added = nodeOf('FusedConv', ['x', 'w', '', 'x'], ['y'], '', [attributeOf('activation', 'Relu')], microsoft)
    const single = initializer('w', [1, 1, 1], float32([-2]))
    expectValues(await outputOf([added], [single], tensor(Float32Array.of(1, -3), [1, 1, 2])), [0, 3])
  })

  it('may be a product of turned matrices, or a sum that is normalized', async () => {
    const given = tensor(Float32Array.of(1, 2, 3, 4), [1, 2, 2])
    const turned = nodeOf(
      'FusedMatMul',
      ['x', 'x'],
      ['y'],
      '',
      [attributeOf('transB', 1), number('alpha', 0.5)],
      microsoft,
    )
    expectValues(await outputOf([turned], [], given), [2.5, 5.5, 5.5, 12.5])
    const constants = [initializer('skip', [2], float32([0, 2])), initializer('g', [2], float32([1, 2]))]
    const norm = nodeOf('SkipLayerNormalization', ['x', 'skip', 'g'], ['y'], '', [], microsoft)
    expectValues(await outputOf([norm], constants, given), [-1, 2, -1, 2])
  })
})

describe('more elements than there were', () => {
  it('come of transposed convolutions, with padding and groups', async () => {
    const given = tensor(Float32Array.of(1, 2, 10, 20), [1, 2, 2])
    const weight = initializer('w', [2, 1, 3], float32([1, 2, 3, 1, 0, -1]))
    const settings = [attributeOf('strides', [2]), attributeOf('group', 2)]
    const all = nodeOf('ConvTranspose', ['x', 'w'], ['y'], '', settings)
    expectValues(await outputOf([all], [weight], given, ['batch', 2, 'time']), [1, 2, 5, 4, 6, 10, 0, 10, 0, -20])
    const cut = nodeOf('ConvTranspose', ['x', 'w'], ['y'], '', [
      ...settings,
      attributeOf('pads', [1, 1]),
      attributeOf('output_padding', [1]),
    ])
    expectValues(await outputOf([cut], [weight], given, ['batch', 2, 'time']), [2, 5, 4, 6, 0, 10, 0, -20])
  })

  it('are copies of the nearest, and nothing else', async () => {
    const scales = initializer('s', [3], float32([1, 1, 2]))
    const given = tensor(Float32Array.of(1, 2), [1, 1, 2])
    const nearest = nodeOf('Resize', ['x', '', 's'], ['y'])
    expectValues(await outputOf([nearest], [scales], given, ['batch', 1, 'time']), [1, 1, 2, 2])
    const linear = nodeOf('Resize', ['x', '', 's'], ['y'], 'up', [attributeOf('mode', 'linear')])
    await expect(outputOf([linear], [scales], given)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringContaining("Resize 'up' (opset 17): the mode 'linear'"),
    })
  })
})

describe('sizes that the file leaves open', () => {
  it('may be known by a shape that fits one number alone', async () => {
    const nodes = [nodeOf('Reshape', ['x', 'shape'], ['y'])]
    const shape = initializer('shape', [3], ints([-1, 3, 4]))
    const fixed = [
      nodeOf('Shape', ['x'], ['all']),
      nodeOf('Gather', ['all', 'first'], ['rows']),
      nodeOf('Concat', ['rows', 'rest'], ['target'], '', [attributeOf('axis', 0)]),
      nodeOf('Reshape', ['x', 'target'], ['y']),
    ]
    const constants = [initializer('first', [1], ints([0])), initializer('rest', [2], ints([3, 4]))]
    const given = tensor(
      Float32Array.from({ length: 12 }, (_, at) => at),
      [1, 6, 2],
    )
    const { shape: found } = await outputOf(fixed, constants, given, ['batch', 'time', 2])
    expect(found).toEqual([1, 3, 4])
    await expect(outputOf(nodes, [shape], given, ['batch', 6, 2])).resolves.toMatchObject({ shape: [1, 3, 4] })
  })

  it('may be those of a mask over steps and steps', async () => {
    const nodes = [
      nodeOf('Shape', ['x'], ['all']),
      nodeOf('Gather', ['all', 'one'], ['steps']),
      nodeOf('Concat', ['steps', 'steps'], ['square'], '', [attributeOf('axis', 0)]),
      nodeOf('Expand', ['single', 'square'], ['ones']),
      nodeOf('Trilu', ['ones'], ['mask'], '', [attributeOf('upper', 0)]),
      nodeOf('MatMul', ['mask', 'x'], ['y']),
    ]
    const constants = [initializer('one', [1], ints([1])), initializer('single', [1, 1], float32([1]))]
    const given = tensor(Float32Array.of(1, 10, 100), [1, 3, 1])
    expectValues(await outputOf(nodes, constants, given, ['batch', 'time', 1]), [1, 11, 111])
  })
})
