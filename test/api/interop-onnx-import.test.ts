import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { interop, layers, loadModel, type Model, sequential, type Tensor, tensor } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { attributeTypes, type NodeProto, type TensorProto } from '../../src/interop/onnx/proto/messages.js'
import { expectClose, outputBound } from '../helpers/compare.js'
import { OnnxFile } from '../helpers/onnx.js'
import {
  attributeOf,
  bytesOf,
  float32,
  graphOf,
  initializer,
  ints,
  modelOf,
  nodeOf,
  value,
} from '../helpers/onnxFiles.js'

interface Stored {
  readonly shape: number[]
  readonly dtype: 'float32' | 'int32'
  readonly data: Float32Array
}

interface Case {
  readonly name: string
  readonly options?: interop.LoadOnnxOptions
  /** The file in base 64. */
  readonly model: string
  readonly inputs: Stored[]
  readonly outputs: Stored[]
}

const fixture = fileURLToPath(new URL('../fixtures/onnx/import.json.gz', import.meta.url))
const cases = JSON.parse(gunzipSync(readFileSync(fixture)).toString(), (key, value) => {
  return key === 'data' ? new Float32Array(new Uint8Array(Buffer.from(value, 'base64')).buffer) : value
}) as Case[]
const named = (name: string) => cases.find((each) => each.name === name) as Case
const fileOf = ({ model }: Case): Uint8Array => Buffer.from(model, 'base64')

const asTensor = ({ data, shape, dtype }: Stored) =>
  tensor(dtype === 'int32' ? Int32Array.from(data) : Float32Array.from(data), shape)

async function outputsOf(m: Model, { inputs }: Case): Promise<Tensor[]> {
  const [first, ...others] = inputs.map(asTensor)
  const result = (await m.predict(others.length === 0 ? (first as never) : ([first, ...others] as never))) as unknown
  return Array.isArray(result) ? (result as Tensor[]) : [result as Tensor]
}

function expectOutputs(actual: readonly Tensor[], { outputs, name }: Case): void {
  expect(actual.length).toBe(outputs.length)
  for (const [at, output] of outputs.entries()) expectClose(actual[at], output, outputBound, `${name}, output ${at}`)
}

const folder = mkdtempSync(join(tmpdir(), 'seqloom-onnx-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('ONNX models give what onnxruntime gives', () => {
  it.each(cases.map((each) => each.name))('%s', async (name) => {
    const given = named(name)
    const m = await interop.loadOnnx(fileOf(given), given.options)
    expectOutputs(await outputsOf(m, given), given)
    m.dispose()
  })
})

describe('inputs that options fix', () => {
  const given = named('detector_16k')
  const load = (constants: unknown, inputShapes: unknown = { input: [null, 8] }) =>
    interop.loadOnnx(fileOf(given), { constants, inputShapes } as never)

  it.each([
    ['a number', 16000],
    ['a BigInt', 16000n],
    ['a tensor', tensor([16000], [])],
    ['a tensor of another library', { shape: [], dataSync: () => Int32Array.of(16000) }],
  ])('are taken as %s', async (_, sr) => {
    const m = await load({ sr })
    expectOutputs(await outputsOf(m, given), given)
    m.dispose()
  })

  it('may be arrays, and are no inputs of the model', async () => {
    const inputs = [value('x', ['batch', 3]), value('c', [2, 3])]
    const nodes = [nodeOf('ReduceSum', ['c', 'axes'], ['s']), nodeOf('Mul', ['x', 's'], ['y'])]
    const file = await bytesOf(modelOf(graphOf(nodes, inputs, ['y'], [initializer('axes', [1], ints([0]))]), 17))
    for (const c of [
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      [Float32Array.of(1, 2, 3), [4, 5, 6]],
      Float64Array.of(1, 2, 3, 4, 5, 6),
      tensor([1, 2, 3, 4, 5, 6], [2, 3]),
    ]) {
      const m = await interop.loadOnnx<Tensor>(file, { constants: { c } })
      expect([...(await m.predict(tensor(Float32Array.of(1, 1, 2), [1, 3]))).data]).toEqual([5, 7, 18])
      m.dispose()
    }
  })

  it('must be inputs, of their type and shape', async () => {
    const refusals: readonly (readonly [unknown, string])[] = [
      [{ rate: 16000 }, "constants: there is no input 'rate'; the inputs are 'input', 'state', 'sr'"],
      [{ W: 1 }, "constants: there is no input 'W'"],
      [{ sr: 0.5 }, "constants: 'sr' is int64 in the file, and 0.5 is none"],
      [{ sr: [16000] }, "constants: 'sr' is [] in the file, and the value has the shape [1]"],
      [{ sr: '16000' }, "constants: 'sr' must be a number"],
      [{ sr: [[1], [1, 2]] }, 'not all equally long and deep'],
      [
        { state: [[[1, 2, 3]], [[1, 2, 3]]] },
        "'state' is [2, batch, 2] in the file, and the value has the shape [2, 1, 3]",
      ],
      [7, 'constants must be an object'],
    ]
    for (const [constants, message] of refusals) {
      await expect(load(constants)).rejects.toMatchObject({
        code: 'ERR_OPTION',
        message: expect.stringContaining(message),
      })
    }
  })

  it('have sizes that fit the file', async () => {
    const refusals: readonly (readonly [unknown, string])[] = [
      [{ x: [1, 2] }, "inputShapes: there is no input 'x'"],
      [{ input: [8] }, "inputShapes: 'input' is [batch, sequence] in the file, not [8]"],
      [{ state: [3, null, 2] }, "inputShapes: 'state' is [2, batch, 2] in the file, not [3, null, 2]"],
      [{ input: [null, 0] }, 'inputShapes must be an object of shapes'],
    ]
    for (const [shapes, message] of refusals) {
      await expect(load({ sr: 16000 }, shapes)).rejects.toMatchObject({
        code: 'ERR_OPTION',
        message: expect.stringContaining(message),
      })
    }
  })

  it('are named, with the option, where they are not given', async () => {
    await expect(interop.loadOnnx(fileOf(given))).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringContaining("'sr' has no dimensions: fix it with the option constants: { 'sr': value }"),
    })
    await expect(interop.loadOnnx(fileOf(given), { constant: {} } as never)).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringContaining("there is no option 'constant'"),
    })
  })
})

describe('a model from ONNX is a model as any other', () => {
  it.each(['torch_classifier', 'torch_packed_gru', 'lstm_peephole', 'scan_attention', 'loop_gather', 'op_Mask_causal'])(
    '%s is saved, and loaded without the file',
    async (name) => {
      const given = named(name)
      const path = join(folder, `${name}.onnx`)
      writeFileSync(path, fileOf(given))
      const m = await interop.loadOnnx(path)
      rmSync(path)
      await m.save(join(folder, name))
      const again = await loadModel(join(folder, name))
      expectOutputs(await outputsOf(again as Model, given), given)
      m.dispose()
      again.dispose()
    },
  )

  it.each(['torch_classifier', 'torch_tagger', 'lstm_peephole', 'scan', 'tf_lstm'])('%s trains', async (name) => {
    const given = named(name)
    const m = (await interop.loadOnnx(fileOf(given))) as Model
    const before = m.getWeights()
    m.compile({
      optimizer: 'sgd',
      loss: given.outputs.length === 1 ? 'meanSquaredError' : given.outputs.map(() => 'meanSquaredError'),
    } as never)
    const x = given.inputs.map(asTensor)
    const y = given.outputs.map(({ data, shape }) =>
      tensor(
        Float32Array.from(data, (each, k) => each + (k % 3)),
        shape,
      ),
    )
    const one = <T>(list: readonly T[]) => (list.length === 1 ? list[0] : list)
    await m.fit(one(x) as never, one(y) as never, { epochs: 1, verbose: 0 } as never)
    const changed = m.getWeights().filter((weight, at) => weight.data.some((each, k) => each !== before[at]?.data[k]))
    expect(changed.length).toBe(before.length)
    m.dispose()
  })

  it('streams', async () => {
    const given = named('lstm_peephole')
    const m = (await interop.loadOnnx(fileOf(given))) as Model
    const [x] = given.inputs as [Stored]
    const [rows, steps, features] = x.shape as [number, number, number]
    const session = m.session({ batchSize: rows })
    const whole = await outputsOf(m, given)
    const [y] = whole as [Tensor]
    const width = y.data.length / rows / steps
    for (let step = 0; step < steps; step++) {
      const part = Float32Array.from({ length: rows * features }, (_, at) => {
        return x.data[(Math.floor(at / features) * steps + step) * features + (at % features)] as number
      })
      const [now] = session.step(tensor(part, [rows, features])) as unknown as [Tensor]
      for (let row = 0; row < rows; row++) {
        for (let k = 0; k < width; k++) {
          expect(now.data[row * width + k]).toBeCloseTo(y.data[(row * steps + step) * width + k] as number, 5)
        }
      }
    }
    m.dispose()
  })

  it('uses the fused layers where they have what is asked for, and embeddings for tokens', async () => {
    const classes = async (name: string) => {
      const m = await interop.loadOnnx(fileOf(named(name)))
      const found = m.layers.map((layer) => layer.className)
      m.dispose()
      return found
    }
    expect(await classes('torch_classifier')).toEqual(['InputLayer', 'Embedding', 'LSTM', 'LastStep', 'Traced'])
    expect(await classes('lstm_forward')).toContain('LSTM')
    expect(await classes('gru_bidirectional')).toContain('Bidirectional')
    expect(await classes('lstm_peephole')).toContain('RNN')
  })

  it('names layers and weights as the file does', async () => {
    const m = await interop.loadOnnx(fileOf(named('torch_classifier')))
    expect(Object.keys(m.namedWeights())).toEqual([
      'embedding_Gather/embeddings',
      'lstm_LSTM/kernel',
      'lstm_LSTM/recurrent_kernel',
      'lstm_LSTM/bias',
      'operations/fc_weight',
      'operations/fc_bias',
    ])
    m.dispose()
  })

  it('takes names that are long, and signs and digits of all kinds', async () => {
    const name = `F0::block/${'12345.'.repeat(12)}`
    const w = initializer(name, [3, 2], float32([1, 2, 3, 4, 5, 6]))
    const nodes = [nodeOf('MatMul', ['x', name], ['y'])]
    const file = await bytesOf(modelOf(graphOf(nodes, [value('x', ['batch', 3])], ['y'], [w]), 17))
    const m = await interop.loadOnnx<Tensor>(file)
    expect([...(await m.predict(tensor(Float32Array.of(1, 0, 1), [1, 3]))).data]).toEqual([6, 8])
    m.dispose()
  })
})

describe('a model that onnxruntime has optimized', () => {
  it.each([
    ['Gelu', [], 0.8413447461],
    ['BiasGelu', ['bias'], 2 * 0.9772498681],
    ['FastGelu', ['bias'], 1.9545976996],
    ['FastGelu', [], 0.8411919906],
    ['QuickGelu', [], 0.845795766],
  ])('has %s with %s in place of several operators', async (op, others, expected) => {
    const nodes = [nodeOf(op, ['x', ...others], ['y'], op, [], 'com.microsoft')]
    const bias = initializer('bias', [2], float32([1, 1]))
    const file = await bytesOf(modelOf(graphOf(nodes, [value('x', ['batch', 2])], ['y'], [bias]), 17))
    const m = await interop.loadOnnx(file)
    const { data } = (await m.predict(tensor(Float32Array.of(1, 1), [1, 2]))) as Tensor
    for (const each of data) expect(each).toBeCloseTo(expected, 6)
    m.dispose()
  })
})

describe('what cannot be mapped', () => {
  const refused = async (model: Uint8Array) => {
    try {
      await interop.loadOnnx(model)
    } catch (error) {
      return error as Error & { code: string }
    }
    throw new Error('it was loaded')
  }
  const x = value('x', ['batch', 'time', 3])

  it('is named all at once, with operator, node and operator set', async () => {
    const nodes = [
      nodeOf('Det', ['x'], ['a'], 'first'),
      nodeOf('Relu', ['a'], ['b']),
      nodeOf('StringNormalizer', ['b'], ['c'], 'second'),
      nodeOf('Attention', ['c'], ['y'], 'third', [], 'com.microsoft'),
    ]
    const error = await refused(await bytesOf(modelOf(graphOf(nodes, [x], ['y']), 17)))
    expect(error.code).toBe('ERR_UNSUPPORTED')
    expect(error.message.split('\n').slice(1)).toEqual([
      "- Det 'first' (opset 17) is not supported",
      "- StringNormalizer 'second' (opset 17) is not supported",
      expect.stringMatching(/^- com\.microsoft\.Attention 'third' \(opset 17\) is not supported: .*ORT_ENABLE_BASIC$/),
    ])
  })

  it('tells what a known operator does that is not supported', async () => {
    const nodes = [
      nodeOf('Floor', ['x'], ['a'], 'floor'),
      nodeOf('ReduceSum', ['x', 'axes'], ['b'], 'sum'),
      nodeOf('Add', ['a', 'b'], ['y']),
    ]
    const error = await refused(
      await bytesOf(modelOf(graphOf(nodes, [x], ['y'], [initializer('axes', [1], ints([0]))]), 17)),
    )
    expect(error.code).toBe('ERR_UNSUPPORTED')
    expect(error.message).toContain("Floor 'floor' (opset 17): it takes constants only")
    expect(error.message).toContain("ReduceSum 'sum' (opset 17): it puts the rows of the batch together")
  })

  it('has rows sorted and not put back', async () => {
    const rows = value('x', ['batch', 3])
    const sorted = [
      nodeOf('ReduceSum', ['x', 'axes'], ['s'], '', [attributeOf('keepdims', 0)]),
      nodeOf('Shape', ['s'], ['k']),
      nodeOf('TopK', ['s', 'k'], ['values', 'places']),
      nodeOf('Gather', ['x', 'places'], ['g']),
    ]
    const file = (nodes: NodeProto[]) =>
      bytesOf(modelOf(graphOf([...sorted, ...nodes], [rows], ['y'], [initializer('axes', [1], ints([1]))]), 17))
    const left = await refused(await file([nodeOf('Relu', ['g'], ['y'])]))
    expect(left.message).toContain("the output 'y' has the rows of the batch in an order that is not undone")
    const mixed = await refused(await file([nodeOf('Add', ['g', 'x'], ['y'])]))
    expect(mixed.message).toContain('rows of the batch in two orders meet')
    const twice = await refused(await file([nodeOf('Gather', ['g', 'places'], ['y'])]))
    expect(twice.message).toContain('rows of the batch are put into an order that is not undone')
    for (const error of [left, mixed, twice]) expect(error.code).toBe('ERR_UNSUPPORTED')
  })

  it('asks for values that nothing makes, in a file that is damaged', async () => {
    const error = await refused(await bytesOf(modelOf(graphOf([nodeOf('Relu', ['z'], ['y'])], [x], ['y']), 17)))
    expect(error).toMatchObject({
      code: 'ERR_FORMAT',
      message: expect.stringContaining("reads 'z', which nothing before it makes"),
    })
  })

  it('is an option that is no file', async () => {
    for (const wrong of [undefined, null, 7, {}, [], '']) {
      await expect(interop.loadOnnx(wrong as never)).rejects.toMatchObject({ code: 'ERR_OPTION' })
    }
    await expect(interop.loadOnnx(join(folder, 'missing.onnx'))).rejects.toMatchObject({ code: 'ERR_IO' })
    await expect(interop.loadOnnx(new Uint8Array(0))).rejects.toMatchObject({ code: 'ERR_FORMAT' })
  })
})

describe('rows that choose elements of their own', () => {
  const data = Float32Array.from({ length: 2 * 5 * 3 }, (_, at) => Math.round(3 * Math.sin(at * 1.7)))
  const ofType = (name: string, given: number) => [attributeOf(name, given)]
  const file = (nodes: NodeProto[], outputs: readonly string[], time: number | string = 'time') => {
    const numbers = { minus: -5, k: 2, last: 2 }
    const constants = Object.entries(numbers).map(([name, number]) =>
      initializer(name, name === 'minus' ? [] : [1], ints([number])),
    )
    return bytesOf(modelOf(graphOf(nodes, [value('x', ['batch', time, 3])], outputs, constants), 17))
  }
  // Whole numbers in a fixed order, so that there are equal ones; both runtimes must take the first of them.
  it.each(['time', 5])('are found as by another runtime, %s steps', async (time) => {
    const place = nodeOf('ArgMax', ['x'], ['place'], '', [...ofType('axis', 1), ...ofType('keepdims', 1)])
    const nodes: NodeProto[] = [
      place,
      nodeOf('GatherElements', ['x', 'place'], ['largest'], '', ofType('axis', 1)),
      nodeOf('Add', ['place', 'minus'], ['behind']),
      nodeOf('GatherElements', ['x', 'behind'], ['again'], '', ofType('axis', 1)),
      nodeOf('ReduceMax', ['x'], ['score'], '', [attributeOf('axes', [2]), ...ofType('keepdims', 0)]),
      nodeOf('ArgMax', ['score'], ['best'], '', [...ofType('axis', 1), ...ofType('keepdims', 1)]),
      nodeOf('GatherND', ['x', 'best'], ['row'], '', ofType('batch_dims', 1)),
      nodeOf('Unsqueeze', ['best', 'last'], ['deep']),
      nodeOf('GatherND', ['x', 'deep'], ['rows'], '', ofType('batch_dims', 1)),
      nodeOf('TopK', ['x', 'k'], ['high', 'high_at'], '', ofType('axis', 1)),
      nodeOf('TopK', ['x', 'k'], ['low', 'low_at'], '', [...ofType('axis', -1), ...ofType('largest', 0)]),
      nodeOf('Cast', ['high_at'], ['high_place'], '', ofType('to', 1)),
      nodeOf('Cast', ['low_at'], ['low_place'], '', ofType('to', 1)),
    ]
    const outputs = ['largest', 'again', 'row', 'rows', 'high', 'low', 'high_place', 'low_place']
    const opened = await OnnxFile.open(await file(nodes, outputs, time))
    const results = await opened.run({ x: { data, shape: [2, 5, 3] } })
    expect(Object.keys(results)).toEqual(outputs)
    expect(results.high?.shape).toEqual([2, 2, 3])
  })

  it('are refused along the batch, and behind the end', async () => {
    const nodes = (k: string, axis: number) => [nodeOf('TopK', ['x', k], ['y', ''], 'first', ofType('axis', axis))]
    await expect(interop.loadOnnx(await file(nodes('k', 0), ['y']))).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringContaining("TopK 'first' (opset 17): it works along the batch"),
    })
    const few = modelOf(
      graphOf(nodes('k', 1), [value('x', ['batch', 1, 3])], ['y'], [initializer('k', [1], ints([2]))]),
      17,
    )
    await expect(interop.loadOnnx(await bytesOf(few))).rejects.toMatchObject({ code: 'ERR_FORMAT' })
    const whole = [nodeOf('GatherND', ['x', 'k'], ['y'], 'some')]
    await expect(interop.loadOnnx(await file(whole, ['y']))).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' })
  })
})

describe('tensors in files beside the model', () => {
  const weights = Float32Array.from([1, 2, 3, 4, 5, 6])
  const model = async (location: string, more: Record<string, string> = {}) => {
    const external: TensorProto = {
      ...initializer('w', [3, 2], float32([])),
      dataLocation: 1,
      externalData: Object.entries({ location, ...more }).map(([key, value]) => ({ key, value })),
    }
    delete external.rawData
    const nodes: NodeProto[] = [nodeOf('MatMul', ['x', 'w'], ['y'])]
    return await bytesOf(modelOf(graphOf(nodes, [value('x', ['batch', 3])], ['y'], [external]), 17))
  }
  const saved = async (name: string, location: string, more: Record<string, string> = {}) => {
    const path = join(folder, name)
    writeFileSync(path, await model(location, more))
    return path
  }

  it('are read, at their place', async () => {
    const bytes = new Uint8Array(8 + weights.byteLength + 3)
    bytes.set(new Uint8Array(weights.buffer), 8)
    writeFileSync(join(folder, 'w.data'), bytes)
    const m = await interop.loadOnnx<Tensor>(await saved('beside.onnx', 'w.data', { offset: '8', length: '24' }))
    expect([
      ...(
        await m.predict([
          [1, 0, 0],
          [0, 0, 1],
        ])
      ).data,
    ]).toEqual([1, 2, 5, 6])
    m.dispose()
  })

  it('must be regular files in its folder, of the right size', async () => {
    writeFileSync(join(folder, 'short.data'), new Uint8Array(23))
    symlinkSync('/etc/passwd', join(folder, 'link.data'))
    const away = ['../w.data', '/etc/passwd', 'a/../../w.data', 'link.data', '.', '', 'w\0.data', 'C:\\w.data\0']
    for (const location of away) {
      await expect(interop.loadOnnx(await saved('away.onnx', location))).rejects.toMatchObject({ code: 'ERR_FORMAT' })
    }
    await expect(interop.loadOnnx(await saved('short.onnx', 'short.data'))).rejects.toMatchObject({
      code: 'ERR_FORMAT',
    })
    await expect(interop.loadOnnx(await saved('gone.onnx', 'gone.data'))).rejects.toMatchObject({ code: 'ERR_IO' })
    for (const more of [
      { offset: '9007199254740993' },
      { offset: '-1' },
      { length: '1e9' },
      { offset: '99999999' },
    ] as Record<string, string>[]) {
      await expect(interop.loadOnnx(await saved('wrong.onnx', 'w.data', more))).rejects.toMatchObject({
        code: 'ERR_FORMAT',
      })
    }
    await expect(interop.loadOnnx(await model('w.data'))).rejects.toMatchObject({
      code: 'ERR_FORMAT',
      message: expect.stringContaining('give the path of the model'),
    })
  })
})

describe('files that lie', () => {
  it('about sizes are refused before memory is taken', async () => {
    const huge = { ...initializer('w', [2 ** 40, 2 ** 10], float32([1, 2])) }
    const add = graphOf([nodeOf('Add', ['x', 'w'], ['y'])], [value('x', ['batch', 2])], ['y'], [huge])
    await expect(interop.loadOnnx(await bytesOf(modelOf(add, 17)))).rejects.toMatchObject({ code: 'ERR_FORMAT' })
    const shape = initializer('s', [2], ints([2 ** 40, 2 ** 40]))
    const nodes = [
      nodeOf('ConstantOfShape', ['s'], ['c']),
      nodeOf('ReduceSum', ['c'], ['r']),
      nodeOf('Add', ['x', 'r'], ['y']),
    ]
    const filled = graphOf(nodes, [value('x', ['batch', 2])], ['y'], [shape])
    await expect(interop.loadOnnx(await bytesOf(modelOf(filled, 17)))).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
    })
    const range = [nodeOf('Range', ['a', 'b', 'c'], ['r']), nodeOf('Add', ['x', 'r'], ['y'])]
    const bounds = [
      initializer('a', [], ints([0])),
      initializer('b', [], ints([2 ** 50])),
      initializer('c', [], ints([1])),
    ]
    const ranged = graphOf(range, [value('x', ['batch', 2])], ['y'], bounds)
    await expect(interop.loadOnnx(await bytesOf(modelOf(ranged, 17)))).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
    })
  })

  it('about who makes a value are refused', async () => {
    const twice = ['a', 'a'].map((name) => nodeOf('Relu', ['x'], ['y'], name))
    const onInput = [nodeOf('Relu', ['x'], ['x']), nodeOf('Relu', ['x'], ['y'])]
    for (const nodes of [twice, onInput]) {
      const file = bytesOf(modelOf(graphOf(nodes, [value('x', ['batch', 2])], ['y']), 17))
      await expect(interop.loadOnnx(await file)).rejects.toMatchObject({
        code: 'ERR_FORMAT',
        message: expect.stringMatching(/Relu .* \(opset 17\) makes '[xy]' once more/),
      })
    }
  })

  it('about graphs within graphs are refused', async () => {
    let inner = graphOf([nodeOf('Identity', ['x'], ['y'])], [], ['y'])
    for (let depth = 0; depth < 24; depth++) {
      const branch = { name: 'then_branch', type: attributeTypes.graph, g: inner }
      inner = graphOf([nodeOf('If', ['yes'], ['y'], 'if', [branch])], [], ['y'])
    }
    const whole = graphOf(inner.node, [value('x', ['batch', 2])], ['y'], [initializer('yes', [], ints([1]))])
    await expect(interop.loadOnnx(await bytesOf(modelOf(whole, 17)))).rejects.toMatchObject({ code: 'ERR_FORMAT' })
  })
})

describe('conditions on values', () => {
  const scalars = [
    initializer('bound', [], float32([0.5])),
    initializer('ten', [], ints([10])),
    initializer('end', [], ints([2 ** 53])),
    initializer('yes', [], ints([1])),
  ]
  const body = (outputs: readonly string[], from = 'h1') =>
    graphOf(
      [
        nodeOf('Tanh', ['h'], ['h1']),
        nodeOf('ReduceSum', [from], ['sum'], 'sum', [attributeOf('keepdims', 0)]),
        nodeOf('Greater', ['sum', 'bound'], ['go']),
      ],
      [value('i', []), value('more', []), value('h', [1, 2])],
      [...outputs],
    )
  const loop = (limit: string, outputs: string[], inner = body(['go', 'h1'])) =>
    nodeOf('Loop', [limit, 'yes', 'x'], outputs, 'until', [{ name: 'body', type: attributeTypes.graph, g: inner }])
  const load = async (nodes: NodeProto[], batch: number | string = 1, output = 'y') =>
    await interop.loadOnnx<Tensor>(
      await bytesOf(modelOf(graphOf(nodes, [value('x', [batch, 2])], [output], scalars), 17)),
    )
  const refused = (nodes: NodeProto[], message: RegExp, batch: number | string = 1, output = 'y') =>
    expect(load(nodes, batch, output)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringMatching(message),
    })

  it('end loops of each row by itself, also in a model that was saved', async () => {
    const m = await load([loop('ten', ['y'])])
    const x = [
      [2, -0.9],
      [0.1, 0.2],
      [5, 5],
    ]
    // tanh until the sum is no longer above a half, ten times at most.
    const expected = x.flatMap((row) => {
      let h = row
      for (let step = 0, go = true; step < 10 && go; step++) {
        h = h.map(Math.tanh)
        go = h.reduce((a, b) => a + b) > 0.5
      }
      return h
    })
    const path = join(folder, 'until')
    await m.save(path)
    for (const each of [m, await loadModel<Tensor>(path)]) {
      const { data } = await each.predict(x)
      for (const [at, value] of expected.entries()) expect(data[at]).toBeCloseTo(value, 6)
    }
  })

  it('are refused where they cannot be mapped, with the node and the operator set', async () => {
    const where = "Loop 'until' \\(opset 17\\): "
    await refused([loop('end', ['y'])], new RegExp(`${where}nothing says how many steps it takes at most`))
    const listing = body(['go', 'h1', 'h1'])
    await refused([loop('ten', ['y', 'all'], listing)], new RegExp(`${where}how many outputs it gives depends`))
    await refused([loop('ten', ['y'])], /ReduceSum 'sum' \(opset 17\): it puts the rows of the batch together/, 'batch')
    const branch = (name: string, op: string, inputs: string[], output: string) => ({
      name,
      type: attributeTypes.graph,
      g: graphOf([nodeOf(op, inputs, [output])], [], [output]),
    })
    const either = (no: ReturnType<typeof branch>) => [
      nodeOf('ReduceSum', ['x'], ['sum'], 'sum', [attributeOf('keepdims', 0)]),
      nodeOf('Greater', ['sum', 'bound'], ['m']),
      nodeOf('If', ['m'], ['y'], 'either', [branch('then_branch', 'Tanh', ['x'], 'a'), no]),
    ]
    await refused(
      either(branch('else_branch', 'Concat', ['x', 'x'], 'b')),
      /If 'either' \(opset 17\): its branches|Concat/,
    )
    const m = await load(either(branch('else_branch', 'Neg', ['x'], 'b')))
    const { data } = await m.predict([
      [1, 2],
      [-1, -2],
    ])
    for (const [at, value] of [Math.tanh(1), Math.tanh(2), 1, 2].entries()) expect(data[at]).toBeCloseTo(value, 6)
  })

  it('and loops within loops take no more than a bounded time', async () => {
    let inner = graphOf(
      [nodeOf('Tanh', ['h'], ['h1']), nodeOf('Identity', ['more'], ['go'])],
      [value('i', []), value('more', []), value('h', [1, 2])],
      ['go', 'h1'],
    )
    for (let depth = 0; depth < 8; depth++) {
      const node = nodeOf('Loop', ['fifty', 'yes', 'h'], ['h1'], 'deep', [
        { name: 'body', type: attributeTypes.graph, g: inner },
      ])
      inner = graphOf([node, nodeOf('Identity', ['more'], ['go'])], inner.input, ['go', 'h1'])
    }
    const node = nodeOf('Loop', ['fifty', 'yes', 'x'], ['y'], 'deep', [
      { name: 'body', type: attributeTypes.graph, g: inner },
    ])
    const whole = graphOf([node], [value('x', ['batch', 2])], ['y'], [...scalars, initializer('fifty', [], ints([50]))])
    const begin = performance.now()
    await expect(interop.loadOnnx(await bytesOf(modelOf(whole, 17)))).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringMatching(/loops within loops of more than 1024 steps together/),
    })
    expect(performance.now() - begin).toBeLessThan(20_000)
  })
})

describe('an average over more windows than are counted', () => {
  const load = async (steps: number) => {
    const pool = nodeOf('AveragePool', ['x'], ['y'], 'pool', [
      attributeOf('kernel_shape', [3]),
      attributeOf('pads', [1, 1]),
    ])
    return await interop.loadOnnx<Tensor>(
      await bytesOf(modelOf(graphOf([pool], [value('x', ['batch', 1, steps])], ['y']), 17)),
    )
  }

  it('is refused before it takes memory, and others leave out the padding', async () => {
    const before = process.memoryUsage().rss
    await expect(load(2 ** 22)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringMatching(
        /AveragePool 'pool' \(opset 17\): averages that leave out the padding of \d+ windows/,
      ),
    })
    for (const steps of [2 ** 31, 2 ** 52]) {
      await expect(load(steps)).rejects.toMatchObject({
        code: 'ERR_UNSUPPORTED',
        message: expect.stringMatching(/the input 'x' has a dimension of more than 2147483647/),
      })
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 28)
    const { data } = await (await load(4)).predict([[[1, 2, 3, 4]]])
    expect([...data]).toEqual([1.5, 2, 3, 3.5])
  })

  it('is refused with pads near 2³¹ too, whatever else it says', async () => {
    for (const pads of [
      [2 ** 31 - 1, 0],
      [2 ** 31 - 16, 2 ** 31 - 16],
      [0, 2 ** 31],
      [2 ** 53, 2 ** 53],
    ]) {
      for (const more of [[], [attributeOf('count_include_pad', 1)], [attributeOf('ceil_mode', 1)]]) {
        const attributes = [attributeOf('kernel_shape', [3]), attributeOf('pads', pads), ...more]
        const pool = nodeOf('AveragePool', ['x'], ['y'], 'pool', attributes)
        const bytes = await bytesOf(modelOf(graphOf([pool], [value('x', ['batch', 1, 4])], ['y']), 17))
        const used = async () => {
          const m = await interop.loadOnnx<Tensor>(bytes)
          await m.predict([[[1, 2, 3, 4]]])
        }
        await expect(used(), `${pads}`).rejects.toMatchObject({
          code: expect.stringMatching(/^ERR_(UNSUPPORTED|FORMAT|SHAPE|MEMORY|OPTION)$/),
        })
      }
    }
  })
})

describe('convolutions that Seqloom has written as ONNX', () => {
  const cases = {
    'of one channel': [
      layers.conv2dTranspose({ filters: 1, kernelSize: 3, padding: 'same', inputShape: [6, 4, 2] }),
      [6, 4, 2],
    ],
    'that make more than one step of one': [
      layers.conv1dTranspose({ filters: 1, kernelSize: 3, strides: 4, inputShape: [1, 1] }),
      [1, 1],
    ],
    'that cut off more than there is': [
      layers.conv1dTranspose({ filters: 2, kernelSize: 4, padding: 'same', dilationRate: 3, inputShape: [null, 2] }),
      [1, 2],
    ],
    'padded at both ends of open sequences': [
      layers.conv1d({ filters: 2, kernelSize: 4, padding: 'same', inputShape: [null, 2] }),
      [5, 2],
    ],
    'with strides, padded at both ends of open sequences': [
      layers.conv1d({ filters: 2, kernelSize: 3, strides: 2, padding: 'same', inputShape: [null, 2] }),
      [7, 2],
    ],
    'with strides that are longer than their windows': [
      layers.conv1d({ filters: 2, kernelSize: 2, strides: 3, padding: 'same', inputShape: [null, 2] }),
      [8, 2],
    ],
    'over images of open height, with strides': [
      layers.conv2d({ filters: 2, kernelSize: 3, strides: 2, padding: 'same', inputShape: [null, 5, 2] }),
      [6, 5, 2],
    ],
    'whose means leave out the padding of open sequences': [
      layers.averagePooling1d({ poolSize: 3, strides: 2, padding: 'same', inputShape: [null, 2] }),
      [7, 2],
    ],
    'transposed, with strides along three axes': [
      layers.conv3dTranspose({ filters: 2, kernelSize: 2, strides: 2, padding: 'same', inputShape: [2, 3, 2, 2] }),
      [2, 3, 2, 2],
    ],
    'whose windows overlap in open sequences': [
      layers.maxPooling1d({ poolSize: 3, strides: 1, padding: 'same', inputShape: [null, 1] }),
      [7, 1],
    ],
  } as const
  it.each(Object.entries(cases))('come back %s', async (_, [layer, shape]) => {
    const m = sequential([layer], { seed: 1 })
    const count = 2 * shape.reduce<number>((all, size) => all * size, 1)
    const x = tensor(
      Float32Array.from({ length: count }, (_, i) => Math.sin(i)),
      [2, ...shape],
    )
    const found = await interop.loadOnnx<Tensor>(await interop.toOnnx(m))
    expectClose(await found.predict(x), await m.predict(x), outputBound, 'predictions')
  })
})
