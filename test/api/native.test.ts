import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { native } from '../../src/native/index.js'
// @ts-expect-error plain JavaScript, so that workers and child processes can load it too
import { compiled, graph, rows, training, trainOn } from '../helpers/nativeModel.mjs'

const run = promisify(execFile)
const program = (name: string) => fileURLToPath(new URL(`../helpers/programs/${name}.mjs`, import.meta.url))

/** The code that a call fails with; undefined if it succeeds. */
async function codeOf(call: () => unknown): Promise<unknown> {
  try {
    await call()
  } catch (error) {
    return (error as { code?: unknown }).code ?? error
  }
  return undefined
}

function detached(): Float32Array {
  const array = new Float32Array(18)
  structuredClone(array.buffer, { transfer: [array.buffer] })
  return array
}

const tensor = (data: unknown, shape: unknown, more: object = {}) => ({ data, shape, ...more })
const floats = (count: number) => new Float32Array(count)
const garbage: readonly (readonly [string, unknown])[] = [
  ['undefined', undefined],
  ['null', null],
  ['a number', 5],
  ['NaN', Number.NaN],
  ['a string', 'x'],
  ['a bigint', 10n],
  ['a symbol', Symbol('x')],
  ['a function', () => undefined],
  ['an object', {}],
  ['a Date', new Date()],
  ['a Map', new Map()],
  ['nested arrays', [[[]]]],
  ['a sparse array', new Array(4e9)],
  ['a Float64Array', new Float64Array(3)],
  ['a detached array', detached()],
  ['an object without a prototype', Object.create(null)],
]

describe('tensors', () => {
  const bad: readonly (readonly [string, unknown, string])[] = [
    ['a detached buffer', tensor(detached(), [1, 6, 3]), 'ERR_DATA'],
    ['a wrong size', tensor(floats(17), [1, 6, 3]), 'ERR_SHAPE'],
    ['a size beyond any machine', tensor(floats(18), [2 ** 40, 2 ** 40, 3]), 'ERR_SHAPE'],
    ['a negative dimension', tensor(floats(18), [-1, 6, 3]), 'ERR_OPTION'],
    ['a dimension that is no integer', tensor(floats(18), [1.5, 6, 3]), 'ERR_OPTION'],
    ['too many dimensions', tensor(floats(1), new Array(17).fill(1)), 'ERR_SHAPE'],
    ['float64', tensor(new Float64Array(18), [1, 6, 3]), 'ERR_DATA'],
    ['a plain array', tensor([1, 2, 3], [1, 1, 3]), 'ERR_DATA'],
    ['int32 for float32', tensor(new Int32Array(18), [1, 6, 3]), 'ERR_DATA'],
    ['no rows', tensor(floats(0), [0, 6, 3]), 'ERR_DATA'],
    ['NaN', tensor(floats(18).fill(Number.NaN), [1, 6, 3]), 'ERR_DATA'],
    ['too few lengths', tensor(floats(18), [1, 6, 3], { lengths: new Uint32Array(2) }), 'ERR_SHAPE'],
    ['a length beyond the steps', tensor(floats(18), [1, 6, 3], { lengths: new Uint32Array([7]) }), 'ERR_SHAPE'],
    ['a length of zero', tensor(floats(18), [1, 6, 3], { lengths: new Uint32Array([0]) }), 'ERR_DATA'],
    ['a mask of a wrong size', tensor(floats(18), [1, 6, 3], { mask: new Uint8Array(5) }), 'ERR_SHAPE'],
    ['ragged without lengths', tensor(floats(18), [1, 6, 3], { ragged: true }), 'ERR_OPTION'],
    [
      'ragged of a wrong size',
      tensor(floats(18), [1, 6, 3], { ragged: true, lengths: new Uint32Array([2]) }),
      'ERR_SHAPE',
    ],
  ]
  it.each(bad)('refuses %s', async (_, input, code) => {
    const model = compiled()
    expect(await codeOf(() => model.predict([input], 8))).toBe(code)
    expect(await codeOf(() => model.predictSync([input], 8))).toBe(code)
  })

  it('reads shared memory and ragged data', async () => {
    const model = compiled()
    const shared = new Float32Array(new SharedArrayBuffer(15 * 4))
    const input = tensor(shared, [2, 3, 3], { ragged: true, lengths: new Uint32Array([3, 2]) })
    const [output] = await model.predict([input], 8)
    expect(output.shape).toEqual([2, 1])
  })
})

describe('garbage', () => {
  const calls: Record<string, (value: never) => unknown> = {
    'new NativeModel, graph': (value) => new native.NativeModel(value, 1),
    'compile, graph': (value) => compiled().compile(value, '{}'),
    'compile, optimizer': (value) => compiled().compile('{}', value),
    getWeight: (value) => compiled().getWeight(value === 5 ? 99 : value),
    setWeights: (value) => compiled().setWeights(value),
    setOptimizerState: (value) => compiled().setOptimizerState(value),
    'predictSync, inputs': (value) => compiled().predictSync(value, 8),
    'predict, inputs': (value) => compiled().predict(value, 8),
    'predict, batchSize': (value) => compiled().predict(rows(2).slice(0, 1), value === 5 ? 0 : value),
    evaluate: (value) => compiled().evaluate(value, 8),
    trainOnBatch: (value) => compiled().trainOnBatch(value),
    testOnBatch: (value) => compiled().testOnBatch(value),
    gradients: (value) => compiled().gradients(value),
    'fit, data': (value) => compiled().fit(value, null, '{}', undefined, () => undefined),
    'fit, options': (value) => compiled().fit(rows(2), null, value, undefined, () => undefined),
    resume: (value) => compiled().resume(value),
    session: (value) => compiled().session(value === 5 ? 0 : value),
    step: (value) => compiled().session(1).step(value),
    reorder: (value) => compiled().session(1).reorder(value),
    setState: (value) => compiled().session(1).setState(value),
    decodeSafetensors: (value) => native.decodeSafetensors(value),
    encodeSafetensors: (value) => native.encodeSafetensors([value]),
    'NativeTokenizer.fromJson': (value) => native.NativeTokenizer.fromJson(value),
    'NativeTokenizer.train': (value) => native.NativeTokenizer.train('word', value),
  }
  it.each(Object.keys(calls))('%s refuses it with a code', async (name) => {
    for (const [kind, value] of garbage) {
      expect(await codeOf(() => calls[name]?.(value as never)), kind).toMatch(/^ERR_/)
    }
  })
})

describe('safetensors', () => {
  const tensors = [
    { name: 'a', dtype: 'F32' as const, shape: [2, 1], data: new Float32Array([1, -2]) },
    { name: 'b', dtype: 'I32' as const, shape: [], data: new Int32Array([7]) },
  ]

  it('reads what it wrote', async () => {
    expect(await native.decodeSafetensors(await native.encodeSafetensors(tensors, { k: 'v' }))).toEqual({
      tensors,
      metadata: { k: 'v' },
    })
  })

  it('refuses every truncation and every altered header byte that makes it inconsistent', async () => {
    const bytes = new Uint8Array(await native.encodeSafetensors(tensors))
    for (let length = 0; length < bytes.length; length++) {
      expect(await codeOf(() => native.decodeSafetensors(bytes.slice(0, length)))).toBe('ERR_FORMAT')
    }
    for (let at = 0; at < bytes.length; at++) {
      const altered = bytes.slice()
      altered[at] = 255
      expect([undefined, 'ERR_FORMAT', 'ERR_UNSUPPORTED']).toContain(
        await codeOf(() => native.decodeSafetensors(altered)),
      )
    }
  })

  it('refuses equal names and shapes that do not fit', async () => {
    expect(await codeOf(() => native.encodeSafetensors([tensors[0] as never, tensors[0] as never]))).toBe('ERR_DATA')
    expect(await codeOf(() => native.encodeSafetensors([{ ...tensors[0], shape: [3] } as never]))).toBe('ERR_SHAPE')
  })
})

describe('a model that works', () => {
  it('refuses synchronous calls during asynchronous ones, and all calls during fit', async () => {
    const model = compiled()
    const step = model.trainOnBatch(rows(64))
    expect(await codeOf(() => model.getWeight(0))).toBe('ERR_STATE')
    await step
    const cancel = new native.CancelFlag()
    const onEvent = (event: { type: string }) => {
      if (event.type !== 'batchEnd') model.resume(false)
    }
    const fit = model.fit(rows(64), null, '{"epochs":1000000,"batchSize":4}', cancel, onEvent)
    expect(await codeOf(() => model.predict(rows(2).slice(0, 1), 8))).toBe('ERR_STATE')
    expect(await codeOf(() => model.getWeight(0))).toBe('ERR_STATE')
    cancel.cancel()
    expect(await codeOf(() => fit)).toBe('ABORTED')
    expect(model.getWeight(0)).toHaveLength(48)
  })

  it('serves calls while fit waits in an epoch, and none is lost when it goes on', async () => {
    const model = compiled()
    const asked: Promise<unknown>[] = []
    const types: string[] = []
    await model.fit(rows(64), null, '{"epochs":2,"batchSize":32}', undefined, (event: { type: string }) => {
      if (event.type === 'batchEnd') return
      types.push(event.type)
      model.setWeights([0, 1, 2, 3, 4].map((index) => model.getWeight(index)))
      asked.push(model.evaluate(rows(64), 32), model.predict(rows(2).slice(0, 1), 8))
      model.resume(false)
    })
    expect(types).toEqual(['epochBegin', 'epochEnd', 'epochBegin', 'epochEnd'])
    expect(await Promise.all(asked)).toHaveLength(8)
  })

  it('passes events on whatever the names of the metrics are', async () => {
    const model = new native.NativeModel(graph, 1)
    const names = ['a\0b', '', 'ünïcödé 👍']
    const spec = JSON.parse(training)
    model.compile(JSON.stringify({ ...spec, metrics: names.map((name) => ({ name, output: 1 })) }), '{"kind":"sgd"}')
    const seen: string[][] = []
    await model.fit(rows(8), null, '{"epochs":1}', undefined, (event: { type: string }) => {
      if (event.type === 'epochEnd') seen.push(Object.keys(event))
      if (event.type !== 'batchEnd') model.resume(false)
    })
    expect(seen).toEqual([['loss', ...names, 'epoch', 'seconds', 'type']])
  })

  it('rejects fit with what the callback throws', async () => {
    const model = compiled()
    const mine = new RangeError('mine')
    const fail = () => {
      throw mine
    }
    await expect(model.fit(rows(64), null, '{}', undefined, fail)).rejects.toBe(mine)
    expect(model.getWeight(0)).toHaveLength(48)
  })

  it('is gone after free, which also ends a fit', async () => {
    const model = compiled()
    const fit = trainOn(model, 'running')
    model.free()
    expect(await codeOf(() => fit)).toMatch(/^(ABORTED|ERR_STATE)$/)
    expect(await codeOf(() => model.getWeight(0))).toBe('ERR_STATE')
    expect(await codeOf(() => model.predict(rows(2).slice(0, 1), 8))).toBe('ERR_STATE')
    model.free()
  })

  it('puts the state of the optimizer back', async () => {
    const model = compiled()
    await model.trainOnBatch(rows(64))
    const state = model.optimizerState()
    expect(state.find(({ name }: { name: string }) => name === 'step').data).toEqual(new Float32Array([1, 0, 0, 0]))
    const weights = [0, 1, 2, 3, 4].map((index) => model.getWeight(index))
    const expected = await model.trainOnBatch(rows(64)).then(() => model.getWeight(0))
    const again = compiled()
    again.setWeights(weights)
    again.setOptimizerState(state)
    await again.trainOnBatch(rows(64))
    expect(again.getWeight(0)).toEqual(expected)
  })
})

describe('the end of an environment', () => {
  it.each(['running', 'parked', 'steps'])('terminating workers is quick and safe: %s', async (mode) => {
    for (let round = 0; round < 8; round++) {
      const worker = new Worker(program('native-busy'), { workerData: mode })
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
      await new Promise((resolve) => setTimeout(resolve, round * 4))
      const before = performance.now()
      await worker.terminate()
      expect(performance.now() - before).toBeLessThan(1000)
    }
  })

  it.each(['running', 'parked', 'steps'])('exiting the process is quick and safe: %s', async (mode) => {
    const failure = await run(process.execPath, [program('native-busy'), mode], { timeout: 20_000 }).catch(
      (error) => error,
    )
    expect(failure).toMatchObject({ code: 7, signal: null })
  })

  it('leaves no memory behind dropped models', async () => {
    const { stdout } = await run(process.execPath, ['--expose-gc', program('native-memory')])
    const [warm, after] = JSON.parse(stdout) as [number, number]
    expect(after).toBeLessThan(warm * 1.1)
  })
})
