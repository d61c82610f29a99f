import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  input,
  interop,
  layers,
  loadModel,
  losses,
  metrics,
  model,
  type SymbolicTensor,
  sequential,
  type Tensor,
  tensor,
} from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { torchFile } from '../helpers/torchFile.js'

const [rows, time, size] = [3, 4, 3] as const
const wave = (count: number, phase = 0) => Float32Array.from({ length: count }, (_, i) => 2 * Math.sin(1.7 * i + phase))
const emissions = wave(rows * time * size)
/** The second row has a hole, the third an end before its last step. */
const mask = Uint8Array.of(1, 1, 1, 1, /**/ 1, 0, 1, 1, /**/ 1, 1, 0, 0)
const x = tensor(emissions, [rows, time, size], { mask })
const [start, end, transitions] = [wave(size, 1), wave(size, 2), wave(size * size, 3)]
const weights = [start, tensor(end, [size]), tensor(transitions, [size, size])]
const y = [
  [0, 1, 2, 2],
  [1, 0, 1, 0],
  [2, 0, 0, 0],
]
const stepsOf = (row: number) => [...Array(time).keys()].filter((step) => mask[row * time + step] === 1)

/** All paths of a row with their scores, best first; forbidden transitions by `before after`, `-` for start and end. */
function pathsOf(row: number, forbidden: readonly string[] = []) {
  const steps = stepsOf(row)
  const score = (path: readonly number[]) => {
    const tags = ['-', ...path, '-']
    if (tags.some((tag, at) => at > 0 && forbidden.includes(`${tags[at - 1]} ${tag}`))) return Number.NEGATIVE_INFINITY
    return path.reduce(
      (sum, tag, at) => {
        const before = path[at - 1]
        const from = before === undefined ? start[tag] : transitions[before * size + tag]
        return sum + Number(emissions[(row * time + Number(steps[at])) * size + tag]) + Number(from)
      },
      Number(end[path.at(-1) as number]),
    )
  }
  const all = Array.from({ length: size ** steps.length }, (_, code) =>
    steps.map((_, at) => Math.floor(code / size ** at) % size),
  )
  const scored = all
    .map((path) => ({ path, score: score(path) }))
    .filter((each) => each.score > Number.NEGATIVE_INFINITY)
  const total = Math.log(scored.reduce((sum, each) => sum + Math.exp(each.score), 0))
  return { paths: scored.sort((a, b) => b.score - a.score), total, score }
}

const likelihood = (row: number, forbidden?: readonly string[]) => {
  const { total, score } = pathsOf(row, forbidden)
  return total - score(stepsOf(row).map((step) => y[row]?.[step] as number))
}

const made = (options: Partial<Parameters<typeof layers.crf>[0]> = {}) => {
  const m = sequential([layers.crf({ tags: size, inputShape: [null, size], ...options } as { tags: number })], {
    seed: 1,
  })
  m.setWeights(weights)
  return m
}
const compiled = (loss = losses.crf(), options = {}) => {
  const m = made(options)
  m.compile({ optimizer: 'sgd', loss, metrics: ['accuracy'] })
  return m
}
const near = (got: number | undefined, want: number) => expect(got).toBeCloseTo(want, 4)

describe('layers.crf and losses.crf', () => {
  it('have the likelihood of all paths enumerated, the mean over rows, by their weights', async () => {
    const m = compiled()
    const each = [0, 1, 2].map((row) => likelihood(row)) as [number, number, number]
    const [a, b, c] = each
    near((await m.evaluate(x, y))[0], (a + b + c) / 3)
    near((await m.evaluate(x, y, { batchSize: 2 }))[0], (a + b + c) / 3)
    near((await m.evaluate(x, y, { sampleWeight: [1, 0, 3] }))[0], (a + 3 * c) / 3)
    const weighted = compiled(losses.crf({ reduction: 'meanWithSampleWeight' }))
    near((await weighted.testOnBatch(x, y, { sampleWeight: [1, 0, 3] }))[0], (a + 3 * c) / 4)
    near((await compiled(losses.crf({ reduction: 'sum' })).testOnBatch(x, y))[0], a + b + c)
    const named = made()
    named.compile({ optimizer: 'sgd', loss: 'crf', metrics: ['crf'] })
    const [loss, same] = await named.evaluate(x, y)
    expect(same).toBe(loss)
  })

  it('predict the best path, the n best with their log-probabilities, and marginals', async () => {
    const scores = input({ shape: [null, size] })
    const layer = layers.crf({ tags: size, nBest: 4, returnMarginals: true })
    const m = model({ inputs: scores, outputs: [...layer.apply(scores)] })
    layer.setWeights(weights)
    const [tags, paths, logs, marginals] = (await m.predict(x)) as unknown as [Tensor, Tensor, Tensor, Tensor]
    expect([tags.shape, paths.shape, logs.shape, marginals.shape]).toEqual([
      [rows, time],
      [rows, time, 4],
      [rows, 4],
      [rows, time, size],
    ])
    expect(tags.mask).toEqual(mask)
    const single = await made().predict(x)
    for (const row of [0, 1, 2]) {
      const { paths: all, total } = pathsOf(row)
      for (const [at, step] of stepsOf(row).entries()) {
        expect(tags.data[row * time + step]).toBe(all[0]?.path[at])
        expect(single.data[row * time + step]).toBe(all[0]?.path[at])
        for (const rank of [0, 1, 2, 3]) {
          expect(paths.data[(row * time + step) * 4 + rank]).toBe(all[rank]?.path[at])
        }
        for (const tag of [0, 1, 2]) {
          const share = all
            .filter(({ path }) => path[at] === tag)
            .reduce((sum, { score }) => sum + Math.exp(score - total), 0)
          near(marginals.data[(row * time + step) * size + tag], share)
        }
      }
      for (const rank of [0, 1, 2, 3]) near(logs.data[row * 4 + rank], Number(all[rank]?.score) - total)
    }
    for (const at of [5, 10, 11]) expect([tags.data[at], marginals.data[at * size]]).toEqual([0, 0])
  })

  it('have -Infinity for paths that there are not', async () => {
    const scores = input({ shape: [null, 2] })
    const layer = layers.crf({ tags: 2, nBest: 3, constraints: [[null, 1]] })
    const m = model({ inputs: scores, outputs: [...layer.apply(scores)] })
    const [tags, paths, logs] = (await m.predict([[[1, 5]], [[2, 2]]])) as unknown as [Tensor, Tensor, Tensor]
    expect([...tags.data]).toEqual([0, 0])
    expect([...paths.data]).toEqual([0, 0, 0, 0, 0, 0])
    const none = Number.NEGATIVE_INFINITY
    expect([...logs.data]).toEqual([0, none, none, 0, none, none])
  })

  it('give a row without valid steps the empty path, which is certain', async () => {
    const scores = input({ shape: [null, 2] })
    const layer = layers.crf({ tags: 2, nBest: 3, returnMarginals: true })
    const m = model({ inputs: scores, outputs: [...layer.apply(scores)] })
    const some = tensor([1, 5, 2, 2, 7, 8, 9, 9], [2, 2, 2], { mask: Uint8Array.of(0, 0, 0, 1) })
    const [tags, paths, logs, marginals] = (await m.predict(some)) as unknown as [Tensor, Tensor, Tensor, Tensor]
    expect([...tags.data.slice(0, 2)]).toEqual([0, 0])
    expect([...paths.data.slice(0, 6)]).toEqual([0, 0, 0, 0, 0, 0])
    expect([...logs.data.slice(0, 3)]).toEqual([0, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY])
    expect([...marginals.data.slice(0, 6)]).toEqual([0, 0, 0, 0, 0, 0])
    near(Number(marginals.data[6]) + Number(marginals.data[7]), 1)
    // It adds nothing to the loss.
    const trained = model({ inputs: scores, outputs: layer.apply(scores)[0] as SymbolicTensor })
    trained.compile({ optimizer: 'sgd', loss: losses.crf() })
    const labels = [
      [0, 1],
      [0, 1],
    ]
    const both = await trained.evaluate(some, labels)
    const one = await trained.evaluate(tensor([7, 8, 9, 9], [1, 2, 2], { mask: Uint8Array.of(0, 1) }), [[0, 1]])
    near(both[0], Number(one[0]))
  })

  it('have the gradients of the likelihood', async () => {
    const m = compiled()
    const { weights: gradients, inputs } = await m.gradients(x, y)
    const loss = async (change: (values: Float32Array[]) => void) => {
      const values = [start, end, transitions, emissions].map((each) => Float32Array.from(each))
      change(values)
      const [a, b, c, e] = values as [Float32Array, Float32Array, Float32Array, Float32Array]
      m.setWeights([a, b, tensor(c, [size, size])])
      return (await m.evaluate(tensor(e, [rows, time, size], { mask }), y))[0] as number
    }
    const all = [
      gradients['crf/start_transitions'],
      gradients['crf/end_transitions'],
      gradients['crf/transitions'],
      Object.values(inputs)[0],
    ]
    for (const [which, gradient] of all.entries()) {
      for (const index of [0, 1, 2, 7, 30].filter((at) => at < Number(gradient?.data.length))) {
        const at = (step: number) =>
          loss((values) => {
            const list = values[which] as Float32Array
            list[index] = (list[index] as number) + step
          })
        const slope = ((await at(1e-2)) - (await at(-1e-2))) / 2e-2
        expect(gradient?.data[index], `${which} ${index}`).toBeCloseTo(slope, 2)
      }
    }
  })

  it('measure decisions about tags', async () => {
    const m = made()
    const share = (yTrue: never, yPred: { argmax(): { equal(x: never): never } }) => yPred.argmax().equal(yTrue)
    m.compile({
      optimizer: 'sgd',
      loss: 'crf',
      metrics: ['accuracy', metrics.f1({ average: 'macro' }), metrics.recall({ classId: 1 }), share as never],
    })
    const best = await m.predict(x)
    const counted = [0, 1, 2].flatMap((row) =>
      stepsOf(row).map((step) => [y[row]?.[step], best.data[row * time + step]]),
    )
    const right = counted.filter(([truth, found]) => truth === found).length
    const scores = (await m.evaluate(x, y, { returnDict: true })) as unknown as Record<string, number>
    near(scores.accuracy, right / counted.length)
    near(scores.share, right / counted.length)
    const ones = counted.filter(([truth]) => truth === 1)
    near(scores.recall, ones.filter(([, found]) => found === 1).length / ones.length)
    expect(scores.f1).toBeGreaterThan(0)
  })

  it('learn which tag follows which, where single steps say nothing', async () => {
    // The scores tell the first tag alone; then tags take turns.
    const data = Array.from({ length: 60 }, (_, row) =>
      Array.from({ length: 6 }, (_, step) => (step === 0 ? [row % 2, 1 - (row % 2)] : [0.5, 0.5])),
    )
    const tags = data.map((_, row) => Array.from({ length: 6 }, (_, step) => (row + step + 1) % 2))
    const m = sequential([layers.dense({ units: 2, inputShape: [null, 2] }), layers.crf({ tags: 2 })], { seed: 3 })
    m.compile({ optimizer: { kind: 'adam', learningRate: 0.1 } as never, loss: losses.crf(), metrics: ['accuracy'] })
    const { history } = await m.fit(data, tags, { epochs: 20, batchSize: 10 })
    expect(history.accuracy?.at(-1)).toBe(1)
    expect(history.loss?.at(-1)).toBeLessThan(0.1)
    expect(Array.from((await m.predict(data.slice(0, 2))).data)).toEqual([1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1])
  })

  it('are saved and loaded with their constraints, compiled', async () => {
    const options = { tags: ['O', 'B-A', 'I-A'], constraints: 'BIO', transitionsRegularizer: 'l2' } as never
    const m = compiled(losses.crf({ zeroInfinity: true }), options)
    const folder = join(await mkdtemp(join(tmpdir(), 'seqloom-')), 'model')
    await m.save(folder)
    for (const again of [await loadModel(folder), await loadModel(await m.toBytes()), m.clone()]) {
      expect(await again.evaluate(x, y)).toEqual(await m.evaluate(x, y))
      expect((await again.predict(x)).data).toEqual((await m.predict(x)).data)
      expect(again.layers.at(-1)?.getConfig()).toEqual(m.layers.at(-1)?.getConfig())
    }
  })

  it('give the same for any padding', async () => {
    const m = made()
    const alone = await m.predict(tensor(emissions.slice(0, time * size), [1, time, size]))
    const padded = new Float32Array(2 * 9 * size).fill(7)
    padded.set(emissions.subarray(0, time * size))
    const both = await m.predict(tensor(padded, [2, 9, size], { lengths: Uint32Array.of(time, 9) }))
    expect(both.data.slice(0, time)).toEqual(alone.data)
    expect([...(both.lengths ?? [])]).toEqual([time, 9])
  })

  it('have the weights of the package pytorch-crf', async () => {
    const tensors = {
      'crf.start_transitions': { shape: [size], data: start },
      'crf.end_transitions': { shape: [size], data: end },
      'crf.transitions': { shape: [size, size], data: transitions },
    }
    const m = sequential([layers.crf({ tags: size, inputShape: [null, size] })], { seed: 1 })
    await interop.loadPyTorch(torchFile(tensors, { format: 'pt' }), { model: m })
    expect(m.getWeights().map(({ data }) => data)).toEqual([start, end, transitions])
  })
})

describe('constraints', () => {
  it.each([
    ['BIO', ['O', 'B-A', 'I-A'], ['- 2', '0 2']],
    ['IOB', ['O', 'B-A', 'I-A'], ['- 1', '0 1']],
    ['BIOES', ['S-A', 'B-A', 'E-A'], ['- 2', '0 2', '1 0', '1 1', '1 -', '2 2']],
    ['BILOU', ['U-A', 'B-A', 'L-A'], ['- 2', '0 2', '1 0', '1 1', '1 -', '2 2']],
    ['BIO', ['B-A', 'I-A', 'I-B'], ['- 1', '- 2', '0 2', '1 2', '2 1']],
  ] as const)('of %s with %j leave its paths', async (scheme, tags, forbidden) => {
    for (const row of [0, 1, 2]) {
      const scores = input({ shape: [null, size] })
      const layer = layers.crf({ tags, constraints: scheme, nBest: 80 })
      const m = model({ inputs: scores, outputs: [...layer.apply(scores)] })
      layer.setWeights(weights)
      const [, , logs] = (await m.predict(x)) as unknown as [Tensor, Tensor, Tensor]
      const { paths, total } = pathsOf(row, forbidden)
      const found = Array.from(logs.data.slice(row * 80, (row + 1) * 80)).filter((log) => log > -1e30)
      expect(found).toHaveLength(paths.length)
      for (const [rank, { score }] of paths.entries()) near(found[rank], score - total)
    }
  })

  it('of true tags that they forbid name the row, or leave it out', async () => {
    const options = { tags: ['O', 'B-A', 'I-A'], constraints: 'BIO' } as never
    await expectCoded(
      () => compiled(losses.crf(), options).evaluate(x, y),
      'ERR_DATA',
      /'I-A' as the first tag/,
      /row 2/,
    )
    const [loss] = await compiled(losses.crf({ zeroInfinity: true }), options).evaluate(x, y)
    const forbidden = ['- 2', '0 2']
    near(loss, (likelihood(0, forbidden) + likelihood(1, forbidden)) / 3)
    const m = compiled(losses.crf({ zeroInfinity: true }), options)
    const before = m.getWeights().map(({ data }) => data)
    await m.trainOnBatch(tensor(emissions.slice(24), [1, time, size], { lengths: Uint32Array.of(2) }), y.slice(2))
    expect(m.getWeights().map(({ data }) => data)).toEqual(before)
  })

  it('as pairs are of names or numbers, and null for the ends', async () => {
    const forbidden = ['- 0', '1 1', '2 -']
    for (const constraints of [
      [
        [null, 'a'],
        ['b', 'b'],
        ['c', null],
      ],
      [
        [null, 0],
        [1, 1],
        [2, null],
      ],
    ]) {
      const m = compiled(losses.crf({ zeroInfinity: true }), { tags: ['a', 'b', 'c'], constraints })
      const best = await m.predict(x)
      for (const row of [0, 1, 2]) {
        const { path } = pathsOf(row, forbidden).paths[0] as { path: number[] }
        expect(stepsOf(row).map((step) => best.data[row * time + step])).toEqual(path)
      }
    }
  })
})

describe('what does not fit', () => {
  it.each([
    [{}, 'ERR_OPTION', /tags is missing/],
    [{ tags: 0 }, 'ERR_OPTION', /tags must be/],
    [{ tags: ['a', 'a'] }, 'ERR_OPTION', /different names/],
    [{ tags: 3, constraints: 'BIO' }, 'ERR_OPTION', /tags has 3/],
    [{ tags: ['O', 'X'], constraints: 'BIO' }, 'ERR_OPTION', /'X'/],
    [{ tags: ['O', 'S-A'], constraints: 'BIO' }, 'ERR_OPTION', /'S-A'/],
    [{ tags: ['O'], constraints: [['O', 'Q']] }, 'ERR_OPTION', /'Q' is no tag/],
    [{ tags: 2, constraints: [[0, 2]] }, 'ERR_OPTION', /0 to 1/],
    [{ tags: 2, constraints: [[null, null]] }, 'ERR_OPTION', /no transition/],
    [{ tags: 2, constraints: 'IOBES' }, 'ERR_OPTION', /'BIOES'/],
    [{ tags: 2, nBest: 0 }, 'ERR_OPTION', /nBest/],
  ] as const)('options %j', async (options, code, message) => {
    await expectCoded(() => layers.crf(options as never), code, message)
  })

  it('shapes, losses, metrics, weights, sessions', async () => {
    const of = (units: number) => sequential([layers.dense({ units, inputShape: [null, 2] }), layers.crf({ tags: 3 })])
    await expectCoded(() => of(4), 'ERR_SHAPE', /each of 3 tags/)
    const plain = sequential([layers.dense({ units: 3, inputShape: [null, 2] })])
    await expectCoded(() => plain.compile({ optimizer: 'sgd', loss: 'crf' }), 'ERR_OPTION', /layers\.crf/)
    const m = made()
    const loss = 'sparseCategoricalCrossentropy'
    await expectCoded(() => m.compile({ optimizer: 'sgd', loss }), 'ERR_OPTION', /losses\.crf\(\)/)
    await expectCoded(() => m.compile({ optimizer: 'sgd', loss: 'crf', metrics: ['auc'] }), 'ERR_OPTION', /tags/)
    const layer = layers.crf({ tags: size, returnMarginals: true })
    const scores = input({ shape: [null, size] })
    const [tags, marginals] = layer.apply(scores)
    const both = model({ inputs: scores, outputs: [tags, marginals] })
    await expectCoded(() => both.compile({ optimizer: 'sgd', loss: 'crf' }), 'ERR_OPTION', /no gradient/)
    both.compile({ optimizer: 'sgd', loss: ['crf', null] })
    expect((await both.evaluate(x, y))[0]).toBeGreaterThan(0)
    await expectCoded(() => m.session({ batchSize: 1 }), 'ERR_UNSUPPORTED', /crf/)
    const ready = compiled()
    await expectCoded(() => ready.evaluate(x, [[0, 1, 2, 3], ...y.slice(1)]), 'ERR_DATA', /row 0, step 3 is 3/)
    await expectCoded(() => ready.evaluate(x, y, { sampleWeight: y }), ['ERR_SHAPE', 'ERR_DATA'], /sampleWeight/)
    await expectCoded(() => ready.fit(x, y, { classWeight: { 0: 2 } }), 'ERR_OPTION', /classWeight/)
    const fixed = sequential([layers.crf({ tags: 2, inputShape: [3, 2] })])
    fixed.compile({ optimizer: 'sgd', loss: losses.crf() })
    const three = [
      [
        [0, 1],
        [1, 0],
        [0, 1],
      ],
    ]
    await expectCoded(() => fixed.fit(three, [[0, 1, 1]], { classWeight: { 0: 2 } }), 'ERR_OPTION', /classWeight/)
    await expectCoded(() => interop.toOnnx(m, join(tmpdir(), 'seqloom-crf.onnx')), 'ERR_UNSUPPORTED', /crf/)
    await expectCoded(() => interop.toKeras(m, join(tmpdir(), 'seqloom-crf.keras')), 'ERR_UNSUPPORTED', /crf/i)
  })
})
