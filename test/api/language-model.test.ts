import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  callbacks,
  model as functional,
  input,
  layers,
  loadModel,
  losses,
  metrics,
  type Sequential,
  sequential,
  type Tensor,
  tensor,
  text,
} from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-lm-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const vocabulary = 7
const tokens = Int32Array.from({ length: 4 * 30 + 1 }, (_, i) => (i * i + (i >> 2)) % vocabulary)
const weightsOf = (m: { getWeights(): { data: ArrayLike<number> }[] }) =>
  m.getWeights().map(({ data }) => [...Array.from(data)])

function languageModel({ stateful = true, dropout = 0, tied = false, units = 6 } = {}): Sequential {
  const m = sequential(
    [
      layers.embedding({ inputDim: vocabulary, outputDim: 6, name: 'tokens' }),
      layers.lstm({ units: 8, returnSequences: true, stateful }),
      layers.dropout({ rate: dropout }),
      layers.gru({ units, returnSequences: true, stateful }),
      layers.dense({ units: vocabulary, activation: 'softmax', ...(tied ? { tiedTo: 'tokens' } : {}) }),
    ],
    { seed: 3 },
  )
  m.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['perplexity'] })
  return m
}

describe('text.languageModelBatches', () => {
  it('lets each row of a batch go on where it was', () => {
    const { x, y, batchSize } = text.languageModelBatches(
      Array.from({ length: 14 }, (_, i) => i),
      { batchSize: 2, time: 3 },
    )
    expect(batchSize).toBe(2)
    expect(x.shape).toEqual([4, 3])
    expect([...(x.data as Int32Array)]).toEqual([0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11])
    expect([...(y.data as Int32Array)]).toEqual([1, 2, 3, 7, 8, 9, 4, 5, 6, 10, 11, 12])
  })

  it('refuses what does not fill a batch', () => {
    const short = () => text.languageModelBatches([1, 2, 3, 4], { batchSize: 2, time: 2 })
    expect(short).toThrow(expect.objectContaining({ code: 'ERR_DATA' }))
    const wrong = () => text.languageModelBatches([1, 2, 3], { batchSize: 0, time: 1 })
    expect(wrong).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
  })
})

describe('stateful layers', () => {
  const { x, y, batchSize } = text.languageModelBatches(tokens, { batchSize: 4, time: 5 })

  it('read a stream in parts as in one piece', async () => {
    const m = languageModel()
    const whole = text.languageModelBatches(tokens, { batchSize: 4, time: 30 })
    const [loss, perplexity] = (await m.evaluate(x, y, { batchSize })) as [number, number]
    const [together] = (await m.evaluate(whole.x, whole.y, { batchSize })) as [number]
    expect(loss).toBeCloseTo(together, 5)
    expect(perplexity).toBeCloseTo(Math.exp(loss), 5)
    const parts = await m.predict(x, { batchSize })
    const once = await m.predict(whole.x, { batchSize })
    // Row 1 of part 2 are steps 10 to 14 of stream 1.
    const part = [...parts.data.subarray((2 * 4 + 1) * 5 * vocabulary, (2 * 4 + 2) * 5 * vocabulary)]
    const piece = once.data.subarray((30 + 10) * vocabulary, (30 + 15) * vocabulary)
    for (const [i, value] of part.entries()) expect(value).toBeCloseTo(piece[i] as number, 5)
    const forgetful = languageModel({ stateful: false })
    expect((await forgetful.evaluate(x, y, { batchSize }))[0]).not.toBeCloseTo(loss, 6)
    // Evaluation begins with zeros, whatever was before.
    expect((await m.evaluate(x, y, { batchSize }))[0]).toBe(loss)
  })

  it('begin every epoch with zeros, and trainOnBatch goes on until resetStates', async () => {
    const [fitted, stepped] = [languageModel(), languageModel()]
    await fitted.fit(x, y, { epochs: 2, batchSize })
    const part = (t: { data: unknown }, batch: number) =>
      tensor((t.data as Int32Array).slice(batch * 20, (batch + 1) * 20), [4, 5])
    for (let epoch = 0; epoch < 2; epoch++) {
      stepped.resetStates()
      for (let batch = 0; batch < 6; batch++) {
        await stepped.trainOnBatch(part(x, batch), part(y, batch))
        if (batch === 3) await stepped.evaluate(x, y, { batchSize })
      }
    }
    expect(weightsOf(stepped)).toEqual(weightsOf(fitted))
  })

  it('go on after an abort as they were', async () => {
    const whole = languageModel({ dropout: 0.3 })
    await whole.fit(x, y, { epochs: 3, batchSize })
    const backup = callbacks.backupAndRestore({ backupDir: join(folder, 'backup'), saveFreq: 4 })
    const controller = new AbortController()
    const abort = {
      onBatchEnd: (_: number, logs: callbacks.Logs) => (logs.epoch === 1 ? controller.abort() : undefined),
    }
    const { signal } = controller
    const stopped = languageModel({ dropout: 0.3 }).fit(x, y, {
      epochs: 3,
      batchSize,
      signal,
      callbacks: [backup, abort],
    })
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' })
    const resumed = languageModel({ dropout: 0.3 })
    await resumed.fit(x, y, { epochs: 3, batchSize, callbacks: backup })
    expect(weightsOf(resumed)).toEqual(weightsOf(whole))
  })

  it('carry the states of both directions from batch to batch', async () => {
    const build = (stateful: boolean, returnState = false) => {
      const x = input({ shape: [null, 2] })
      const ahead = layers.gru({ units: 3, stateful, returnState, name: 'ahead' } as never)
      const both = layers.bidirectional({ layer: ahead as never, name: 'both' })
      const states = returnState ? [input({ shape: [3] }), input({ shape: [3] })] : []
      const made = both.apply(x, returnState ? { initialState: states } : {})
      return functional({ inputs: [x, ...states], outputs: made, seed: 3 })
    }
    const carrying = build(true)
    const given = build(false, true)
    given.setWeights(carrying.getWeights())
    expect(carrying.stateful).toBe(true)
    const data = Float32Array.from({ length: 3 * 2 * 4 * 2 }, (_, at) => Math.sin(at))
    const parts = await carrying.predict(tensor(data, [6, 4, 2]), { batchSize: 2 })
    let states = [tensor(new Float32Array(6), [2, 3]), tensor(new Float32Array(6), [2, 3])]
    for (let batch = 0; batch < 3; batch++) {
      const x = tensor(data.slice(batch * 16, (batch + 1) * 16), [2, 4, 2])
      const [y, ...next] = (await given.predict([x, ...states])) as unknown as Tensor[]
      states = next as typeof states
      const part = (parts as unknown as Tensor).data.subarray(batch * 12, (batch + 1) * 12)
      for (const [at, value] of [...part].entries()) expect(value).toBeCloseTo(y?.data[at] as number, 6)
    }
    carrying.compile({ optimizer: 'sgd', loss: 'mse' })
    await carrying.fit(tensor(data, [6, 4, 2]), tensor(new Float32Array(36), [6, 6]), { batchSize: 2, epochs: 2 })
    await carrying.save(join(folder, 'both'))
    const again = await loadModel(join(folder, 'both'))
    expect(again.toJSON()).toEqual(carrying.toJSON())
    expect(await again.predict(tensor(data, [6, 4, 2]), { batchSize: 2 })).toEqual(
      await carrying.predict(tensor(data, [6, 4, 2]), { batchSize: 2 }),
    )
    const back = functional({
      inputs: carrying.inputs[0] as never,
      outputs: layers.lstm({ units: 2, stateful: true, goBackwards: true }).apply(carrying.inputs[0] as never),
    })
    const [first, second] = await Promise.all([
      back.predict(tensor(data.slice(0, 32), [4, 4, 2]), { batchSize: 2 }),
      back.predict(tensor(data.slice(16, 32), [2, 4, 2]), { batchSize: 2 }),
    ])
    expect((first as Tensor).data[4]).not.toBeCloseTo((second as Tensor).data[0] as number, 4)
  })

  it('are saved, and stream in sessions', async () => {
    const m = languageModel()
    await m.save(join(folder, 'model'))
    const again = (await loadModel(join(folder, 'model'))) as Sequential
    expect(again.toJSON()).toEqual(m.toJSON())
    using session = m.session({ batchSize: 1 })
    const first = session.step([tokens[0] as number])
    const { data } = await m.predict([[tokens[0] as number]])
    for (const [i, value] of [...data].entries()) expect(first.data[i]).toBeCloseTo(value, 6)
  })

  it('refuse what cannot carry states', async () => {
    const m = languageModel()
    const code = (expected: string) => expect.objectContaining({ code: expected })
    await expect(m.fit(x, y, { batchSize, shuffle: true })).rejects.toMatchObject({ code: 'ERR_OPTION' })
    await expect(m.fit(x, y, { batchSize: 5, epochs: 1 })).rejects.toMatchObject({ code: 'ERR_DATA' })
    await expect(m.predict(x, { batchSize: 5 })).rejects.toMatchObject({ code: 'ERR_DATA' })
    await expect(m.evaluate(x, y, { batchSize: 5 })).rejects.toMatchObject({ code: 'ERR_DATA' })
    await m.trainOnBatch([[1, 2]], [[2, 3]])
    await expect(
      m.trainOnBatch(
        [
          [1, 2],
          [2, 3],
        ],
        [
          [2, 3],
          [3, 4],
        ],
      ),
    ).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/resetStates/),
    })
    const [a, h] = [input({ shape: [null, 2] }), input({ shape: [2] })]
    const given = functional({
      inputs: [a, h],
      outputs: layers.gru({ units: 2, stateful: true }).apply(a, { initialState: h }),
    })
    expect(() => given.getWeights()).toThrow(code('ERR_UNSUPPORTED'))
  })
})

describe('perplexity', () => {
  it('is of the plain cross-entropy, whatever weighs the loss', async () => {
    const { x, y, batchSize } = text.languageModelBatches(tokens, { batchSize: 4, time: 5 })
    const m = languageModel()
    const [loss] = (await m.evaluate(x, y, { batchSize })) as [number]
    const sampleWeight = Float32Array.from({ length: x.shape[0] as number }, (_, i) => i % 4)
    const [weighted, perplexity] = (await m.evaluate(x, y, { batchSize, sampleWeight })) as [number, number]
    expect(weighted).not.toBe(loss)
    expect(perplexity).toBeCloseTo(Math.exp(loss), 4)
    const { history } = await m.fit(x, y, { batchSize, validationData: [x, y] })
    expect(history.val_perplexity?.[0]).toBeCloseTo(Math.exp(history.val_loss?.[0] as number), 4)
    const other = () => m.compile({ optimizer: 'sgd', loss: 'mse', metrics: [metrics.perplexity()] })
    expect(other).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
  })
})

describe('dense tied to an embedding', () => {
  it('has one weight, whose gradient is that of both uses', async () => {
    const m = languageModel({ tied: true, stateful: false })
    const names = Object.keys(m.namedWeights())
    expect(names.filter((name) => name.startsWith('dense/'))).toEqual(['dense/bias'])
    const x = [[1, 2, 3]]
    const y = [[2, 3, 4]]
    const { weights } = await m.gradients(x, y)
    const gradient = weights['tokens/embeddings'] as { data: Float32Array; shape: readonly number[] }
    const before = m.getWeights()
    const at = names.indexOf('tokens/embeddings')
    const h = 1e-2
    for (const element of [0, 8, 13, 20, 33, 41]) {
      const lossAt = async (change: number) => {
        const data = Float32Array.from((before[at] as { data: Float32Array }).data)
        data[element] = (data[element] as number) + change
        m.setWeights(before.map((weight, i) => (i === at ? { ...weight, data } : weight)))
        return (await m.evaluate(x, y))[0] as number
      }
      const slope = ((await lossAt(h)) - (await lossAt(-h))) / (2 * h)
      expect(gradient.data[element]).toBeCloseTo(slope, 3)
    }
    m.setWeights(before)
    const first = (await m.evaluate(x, y))[0] as number
    await m.fit(x, y, { epochs: 30 })
    expect((await m.evaluate(x, y))[0]).toBeLessThan(first)
    await m.save(join(folder, 'tied'))
    const again = await loadModel(join(folder, 'tied'))
    expect(weightsOf(again)).toEqual(weightsOf(m))
  })

  it('refuses what does not fit', () => {
    const using = (make: () => Sequential) => () => make().getWeights()
    const unknown = () =>
      sequential([
        layers.embedding({ inputDim: 5, outputDim: 4 }),
        layers.gru({ units: 4 }),
        layers.dense({ units: 5, tiedTo: 'words' }),
      ])
    expect(using(unknown)).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }))
    expect(using(() => languageModel({ tied: true, units: 5 }))).toThrow(expect.objectContaining({ code: 'ERR_SHAPE' }))
  })
})

describe('generate', () => {
  const trained = async (logits = false): Promise<Sequential> => {
    const m = sequential(
      [
        layers.embedding({ inputDim: vocabulary, outputDim: 6 }),
        layers.gru({ units: 16, returnSequences: true }),
        layers.dense({ units: vocabulary, ...(logits ? {} : { activation: 'softmax' }) }),
      ],
      { seed: 3 },
    )
    m.compile({ optimizer: 'adam', loss: losses.sparseCategoricalCrossentropy({ fromLogits: logits }) })
    const cycle = Int32Array.from({ length: 400 }, (_, i) => i % vocabulary)
    m.learningRate = 0.02
    const { x, y, batchSize } = text.languageModelBatches(cycle, { batchSize: 4, time: 10 })
    await m.fit(x, y, { epochs: 20, batchSize })
    return m
  }
  const all = async (tokens: AsyncIterable<number>) => {
    const list: number[] = []
    for await (const token of tokens) list.push(token)
    return list
  }

  it('goes on what was learnt, from probabilities and from logits', async () => {
    for (const m of [await trained(), await trained(true)]) {
      expect(await all(m.generate([2, 3], { maxTokens: 12, temperature: 0 }))).toEqual([
        4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1,
      ])
      expect(await all(m.generate([2], { maxTokens: 3, topK: 1 }))).toEqual([3, 4, 5])
    }
  })

  it('gives the same tokens for the same seed', async () => {
    const m = await trained()
    const draw = (seed: number) => all(m.generate([0], { maxTokens: 60, temperature: 3, seed }))
    expect(await draw(5)).toEqual(await draw(5))
    expect(await draw(5)).not.toEqual(await draw(6))
    expect(await all(m.generate([0], { maxTokens: 5 }))).toHaveLength(5)
  })

  it('stops when its reader does, and when it is aborted', async () => {
    const m = await trained()
    let count = 0
    for await (const _ of m.generate([0], { maxTokens: 2 ** 31 - 1 })) if (++count === 10) break
    expect(count).toBe(10)
    const controller = new AbortController()
    const endless = all(m.generate([0], { maxTokens: 2 ** 31 - 1, signal: controller.signal }))
    setTimeout(() => controller.abort(), 30)
    await expect(endless).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('goes on with the weights that it began with', async () => {
    const m = await trained()
    const tokens = m.generate([2], { maxTokens: 4, temperature: 0 })
    m.setWeights(m.getWeights().map(({ data, shape }) => ({ data: data.map(() => 0), shape })))
    expect(await all(tokens)).toEqual([3, 4, 5, 6])
  })

  it('refuses what it cannot use', async () => {
    const m = await trained()
    const code = (expected: string) => expect.objectContaining({ code: expected })
    expect(() => m.generate([])).toThrow(code('ERR_DATA'))
    expect(() => m.generate([99])).toThrow(code('ERR_DATA'))
    expect(() => m.generate('text' as never)).toThrow(code('ERR_DATA'))
    expect(() => m.generate([0.5])).toThrow(code('ERR_DATA'))
    for (const wrong of [{ maxTokens: 0 }, { temperature: -1 }, { topK: 0 }, { topP: 0 }, { repetitionPenalty: 0 }]) {
      expect(() => m.generate([0], wrong)).toThrow(code('ERR_OPTION'))
    }
    const values = sequential([layers.gru({ units: 2, inputShape: [null, 2] })])
    expect(() => values.generate([0])).toThrow(code('ERR_UNSUPPORTED'))
  })
})
