import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { input, interop, layers, loadModel, model, modelFromJSON, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { caught, expectCoded } from '../helpers/errors.js'

const folder = new URL('../fixtures/keras/', import.meta.url)
const golden = JSON.parse(readFileSync(new URL('preprocessing.json', folder), 'utf8'))
const crossings = JSON.parse(readFileSync(new URL('crossing.json', folder), 'utf8'))
const mixedFile = gunzipSync(readFileSync(new URL('keras3-mixed.keras.gz', folder)))

const words = ['output_mode', 'standardize', 'split', 'oov_method']
const camel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
const options = (given: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(given).map(([key, value]) => [
      camel(key),
      words.includes(key) && value ? camel(value as string) : value,
    ]),
  ) as never

const flat = (value: unknown): number[] => [value].flat(Number.POSITIVE_INFINITY as 1) as unknown as number[]

function close(result: { readonly data: ArrayLike<number> }, wanted: unknown, digits = 5): void {
  const all = flat(wanted)
  expect(result.data.length).toBe(all.length)
  for (const [at, value] of all.entries()) expect(result.data[at], `element ${at}`).toBeCloseTo(value, digits)
}

interface Case {
  readonly options: Record<string, unknown>
  readonly adapt: unknown
  readonly data: never
  readonly vocabulary: readonly unknown[]
  readonly size: number
  readonly result: unknown
}

describe('hashing', () => {
  it('has the bins of FarmHash and SipHash, for texts of any length', () => {
    const { texts, bins, farm, sip } = golden.hashes
    expect(Array.from(layers.hashing({ numBins: bins }).call(texts).data)).toEqual(farm)
    expect(Array.from(layers.hashing({ numBins: bins, salt: [133, 137] }).call(texts).data)).toEqual(sip)
  })

  it.each(golden.hashing as Case[])('$options of $data is as in Keras', ({ options: given, data, result }) => {
    close(layers.hashing(options(given)).call(data), result)
  })
})

describe.each([
  ['stringLookup', layers.stringLookup],
  ['integerLookup', layers.integerLookup],
  ['textVectorization', layers.textVectorization],
] as const)('%s', (name, make) => {
  it.each(golden[name] as Case[])('with $options, adapted to $adapt, is as in Keras', (each) => {
    const layer = make(options(each.options)) as ReturnType<typeof layers.stringLookup>
    if (each.adapt) layer.adapt(each.adapt as never)
    expect(layer.getVocabulary()).toEqual(each.vocabulary)
    expect(layer.vocabularySize()).toBe(each.size)
    close(layer.call(each.data), each.result, 4)
  })
})

describe('lookups', () => {
  it('turn ids into texts with invert', () => {
    const inverse = layers.stringLookup({ vocabulary: ['a', 'b', 'c'], invert: true, maskToken: '' })
    const texts = inverse.call([
      [0, 1, 2],
      [4, 9, 3],
    ])
    expect(flat(texts)).toEqual(golden.inverse.result)
  })

  it('fill up rows of different lengths, and say how long they are', () => {
    const made = layers.stringLookup({ vocabulary: ['a', 'b'] }).call([['a'], ['b', 'c', 'a']])
    expect(made.array()).toEqual([[1], [2, 0, 1]])
    expect(Array.from(made.data)).toEqual([1, 0, 0, 2, 0, 1])
    expect(made.lengths).toEqual(Uint32Array.of(1, 3))
  })

  it('say what is wrong', async () => {
    await expectCoded(() => layers.stringLookup({ vocabulary: ['a', 'a'] }), ['ERR_OPTION'])
    await expectCoded(() => layers.stringLookup({ vocabulary: [1] as never }), ['ERR_OPTION'])
    await expectCoded(() => layers.stringLookup({ vocabulary: ['a', ''], maskToken: '' }), ['ERR_OPTION'])
    await expectCoded(() => layers.stringLookup({ maxTokens: 2, vocabulary: ['a', 'b'] }), ['ERR_OPTION'])
    await expectCoded(() => layers.stringLookup({ outputMode: 'tfIdf', vocabulary: ['a'] }), ['ERR_OPTION'])
    await expectCoded(() => layers.stringLookup({ sparse: true } as never), ['ERR_UNSUPPORTED'])
    await expectCoded(() => layers.stringLookup().call(['a']), ['ERR_STATE'])
    await expectCoded(() => layers.stringLookup({ vocabulary: ['a'] }).adapt(['b']), ['ERR_STATE'])
    await expectCoded(() => layers.stringLookup({ vocabulary: ['a'] }).call([1]), ['ERR_DATA'])
    await expectCoded(() => layers.stringLookup({ vocabulary: ['a'] }).call(['a', 1] as never), ['ERR_DATA'])
    const exact = layers.stringLookup({ vocabulary: ['a'], numOovIndices: 0 })
    expect(await caught(() => exact.call(['b']))).toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringContaining("'b' is not in the vocabulary"),
    })
    await expectCoded(() => layers.textVectorization({ outputMode: 'count', outputSequenceLength: 3 }), ['ERR_OPTION'])
    await expectCoded(() => layers.textVectorization().adapt([]), ['ERR_DATA'])
    await expectCoded(() => layers.categoryEncoding({ numTokens: 2 }).call([[2]]), ['ERR_DATA'])
    await expectCoded(() => layers.integerLookup({ vocabulary: [1] }).call([1.5]), ['ERR_DATA'])
    await expectCoded(() => layers.discretization({}), ['ERR_OPTION'])
    await expectCoded(() => layers.discretization({ numBins: 3 }).call([1]), ['ERR_STATE'])
    await expectCoded(() => layers.discretization({ binBoundaries: [1] }).adapt([1]), ['ERR_STATE'])
    await expectCoded(() => layers.hashing({} as never), ['ERR_OPTION'])
  })
})

describe('hashedCrossing', () => {
  it.each(crossings as (Case & { shape: number[] })[])('with $options is as in Keras', (each) => {
    const made = layers.hashedCrossing(options(each.options)).call(each.data)
    expect(made.shape).toEqual(each.shape)
    close(made, each.result)
  })

  it('reads several inputs of a model, which is saved with it and goes to Keras and back', async () => {
    const [city, day] = [input({ shape: [1], dtype: 'string' }), input({ shape: [1], dtype: 'int32' })]
    const cross = layers.hashedCrossing({ numBins: 8, name: 'cross' })
    const y = layers.embedding({ inputDim: 8, outputDim: 2 }).apply(cross.apply([city, day]))
    const m = model({ inputs: [city, day], outputs: layers.flatten().apply(y) })
    const data = [['Rome', 'Oslo', 'Rome'], tensor(Int32Array.of(1, 2, 1), [3, 1])]
    const predicted = m.predictSync(data)
    expect(predicted.shape).toEqual([3, 2])
    const table = m.getWeights()[0] as { data: Float32Array }
    const bins = cross.call([
      ['Rome', 'Oslo', 'Rome'],
      [1, 2, 1],
    ])
    expect([...predicted.data]).toEqual([...bins.data].flatMap((bin) => [...table.data.subarray(2 * bin, 2 * bin + 2)]))
    const again = await loadModel(await m.toBytes())
    expect(again.predictSync(data)).toEqual(predicted)
    const file = join(await mkdtemp(join(tmpdir(), 'seqloom-crossing-')), 'm.keras')
    await interop.toKeras(m, file)
    const back = await interop.loadKeras(file)
    expect([...(back.predictSync(data) as typeof predicted).data]).toEqual([...predicted.data])
    await rm(join(file, '..'), { recursive: true })
    await expectCoded(() => m.predict([['Rome'], tensor(Int32Array.of(1, 2), [2, 1])]), 'ERR_SHAPE', /1 and 2 rows/)
  })

  it('says what is wrong', async () => {
    const cross = layers.hashedCrossing({ numBins: 8 })
    await expectCoded(() => layers.hashedCrossing({} as never), 'ERR_OPTION', /numBins/)
    await expectCoded(() => layers.hashedCrossing({ numBins: 3, sparse: true } as never), 'ERR_UNSUPPORTED', /sparse/)
    await expectCoded(() => cross.call(['a']), 'ERR_DATA', /two features/)
    await expectCoded(() => cross.call([['a'], ['b', 'c']]), 'ERR_SHAPE', /\[1\], \[2\]/)
    await expectCoded(() => cross.call([['a'], [1.5]]), 'ERR_DATA', /integers/)
    await expectCoded(() => cross.apply(input({ shape: [1], dtype: 'string' })), 'ERR_SHAPE', /two inputs/)
  })
})

describe('adapt', () => {
  const reviews = ['a splendid film', 'dull and long', 'splendid acting', 'so dull', 'a film']
  const batches = function* () {
    yield reviews.slice(0, 2)
    yield reviews[2] as string
    yield reviews.slice(3)
  }
  const lines = async function* () {
    for (const review of reviews) {
      await null
      yield review
    }
  }

  it('learns the same from batches as from all at once, also where they come later', async () => {
    for (const given of [{}, { outputMode: 'tfIdf' as const }, { maxTokens: 5, ngrams: 2 }]) {
      const [whole, parts, later] = [1, 2, 3].map(() => layers.textVectorization(given))
      whole?.adapt(reviews)
      parts?.adapt(batches())
      await later?.adapt(lines())
      expect(parts?.getConfig().vocabulary).toEqual(whole?.getConfig().vocabulary)
      expect(later?.getConfig()).toEqual({ ...whole?.getConfig(), name: later?.getConfig().name })
      expect(parts?.call(reviews)).toEqual(whole?.call(reviews))
    }
    const lookups = [layers.integerLookup(), layers.integerLookup()]
    lookups[0]?.adapt([[3, 3], [1]])
    lookups[1]?.adapt(new Set([[3], [[3, 1]]]) as never)
    expect(lookups[1]?.getVocabulary()).toEqual(lookups[0]?.getVocabulary())
    const bins = [layers.discretization({ numBins: 3 }), layers.discretization({ numBins: 3 })]
    bins[0]?.adapt(golden.numbers)
    bins[1]?.adapt(new Set([golden.numbers.slice(0, 7), Float32Array.from(golden.numbers.slice(7))]))
    expect(bins[1]?.binBoundaries).toEqual(bins[0]?.binBoundaries)
  })

  it('changes nothing where a batch fails', async () => {
    const layer = layers.textVectorization()
    layer.adapt(reviews)
    const before = layer.getVocabulary()
    const failing = function* () {
      yield ['new words']
      throw new Error('the disk is gone')
    }
    await expectCoded(() => layer.adapt(failing()), 'ERR_DATA', /the disk is gone/)
    const wrong = async function* () {
      yield ['new words']
      yield [1]
    }
    await expectCoded(() => layer.adapt(wrong()), 'ERR_DATA', /reads texts/)
    expect(layer.getVocabulary()).toEqual(before)
  })
})

describe('functions of textVectorization', () => {
  const standardize = (text: string) => text.replaceAll('ä', 'ae').toUpperCase()
  const split = (text: string) => text.split('-')
  const texts = ['Bär-tier', 'tier-TIER', 'haus']

  it('standardize texts and split them', () => {
    const layer = layers.textVectorization({ standardize, split })
    layer.adapt(texts)
    expect(layer.getVocabulary()).toEqual(['', '[UNK]', 'TIER', 'HAUS', 'BAER'])
    expect(layer.call(['bär', 'maus-haus']).array()).toEqual([
      [4, 0],
      [1, 3],
    ])
  })

  it('go with a clone, and are set again after loading', async () => {
    const layer = layers.textVectorization({ standardize, split, name: 'cut' })
    layer.adapt(texts)
    const m = sequential([
      layer,
      layers.embedding({ inputDim: 5, outputDim: 2, maskZero: true }),
      layers.gru({ units: 2 }),
    ])
    const predicted = m.predictSync(['tier-bär'])
    expect(m.clone().predictSync(['tier-bär'])).toEqual(predicted)
    const again = await loadModel(await m.toBytes())
    await expectCoded(() => again.predict(['tier-bär']), 'ERR_STATE', /standardize was a function/)
    const cut = again.getLayer('cut') as unknown as ReturnType<typeof layers.textVectorization>
    cut.standardize = standardize
    await expectCoded(() => again.predict(['tier-bär']), 'ERR_STATE', /split was a function/)
    cut.split = split
    expect(again.predictSync(['tier-bär'])).toEqual(predicted)
    expect((await loadModel(await again.toBytes())).toJSON()).toEqual(m.toJSON())
    await expectCoded(
      () => interop.toKeras(m, join(tmpdir(), 'never.keras')),
      'ERR_UNSUPPORTED',
      /standardize is a function/,
    )
  })

  it('are checked, with what they give', async () => {
    await expectCoded(() => layers.textVectorization({ split: 3 } as never), 'ERR_OPTION', /split/)
    const layer = layers.textVectorization({ vocabulary: ['a'], split: () => 'a' as never })
    await expectCoded(() => layer.call(['a']), 'ERR_DATA', /split must give an array of texts/)
    layer.split = () => {
      throw new Error('no')
    }
    await expectCoded(() => layer.call(['a']), 'ERR_DATA', /no/)
    layer.split = 'whitespace'
    layer.standardize = () => 3 as never
    await expectCoded(() => layer.call(['a']), 'ERR_DATA', /standardize must give a text/)
    await expectCoded(
      () => {
        layer.standardize = 'loud' as never
      },
      'ERR_OPTION',
      /standardize/,
    )
  })
})

describe('discretization', () => {
  it.each(golden.discretization as Case[])('with $options is as in Keras', ({ options: given, data, result }) => {
    close(layers.discretization(options(given)).call(data), result)
  })

  it.each(golden.boundaries as { bins: number; epsilon: number; boundaries: number[] }[])(
    'learns the boundaries of $bins bins ($epsilon)',
    ({ bins, epsilon, boundaries }) => {
      const layer = layers.discretization({ numBins: bins, epsilon })
      layer.adapt(golden.numbers)
      expect(layer.binBoundaries).toHaveLength(boundaries.length)
      close({ data: layer.binBoundaries ?? [] }, boundaries, 4)
    },
  )
})

describe('categoryEncoding', () => {
  it.each(golden.categoryEncoding as Case[])(
    'with $options of $data is as in Keras',
    ({ options: given, data, result }) => {
      close(layers.categoryEncoding(options(given)).call(data), result)
    },
  )

  it('counts by weights', () => {
    const layer = layers.categoryEncoding({ numTokens: 4, outputMode: 'count' })
    const data = [
      [0, 1],
      [0, 0],
      [1, 2],
      [3, 1],
    ]
    const countWeights = [
      [0.1, 0.2],
      [0.1, 0.1],
      [0.2, 0.3],
      [0.4, 0.2],
    ]
    close(layer.call(data, { countWeights }), golden.weighted)
  })
})

const reviews = ['a splendid film', 'dull and dull', 'splendid acting', 'so dull']
const labels = [[1], [0], [1], [0]]

function classifier() {
  const vectorize = layers.textVectorization({ outputSequenceLength: 5 })
  vectorize.adapt(reviews)
  const m = sequential(
    [
      vectorize,
      layers.embedding({ inputDim: vectorize.vocabularySize(), outputDim: 4, maskZero: true }),
      layers.lstm({ units: 3 }),
      layers.dense({ units: 1, activation: 'sigmoid' }),
    ],
    { seed: 3 },
  )
  m.compile({ optimizer: 'adam', loss: 'binaryCrossentropy' })
  return { m, vectorize }
}

describe('a model whose first layer reads texts', () => {
  it('learns from texts and from the ids of them alike', async () => {
    const { m, vectorize } = classifier()
    const copy = m.clone()
    const { history } = await m.fit(reviews, labels, { epochs: 3, shuffle: false })
    const ids = vectorize.call(reviews)
    expect(ids.shape).toEqual([4, 5])
    expect((await copy.fit(ids, labels, { epochs: 3, shuffle: false })).history.loss).toEqual(history.loss)
    expect(await m.evaluate(reviews, labels)).toEqual(await copy.evaluate(ids, labels))
    expect(m.evaluateSync(reviews, labels)).toEqual(copy.evaluateSync(ids, labels))
    expect(await m.trainOnBatch(reviews, labels)).toEqual(await copy.trainOnBatch(ids, labels))
    expect((await m.gradients(reviews, labels)).loss).toEqual((await copy.gradients(ids, labels)).loss)
    expect((await m.predict(reviews)).data).toEqual(copy.predictSync(ids).data)
  })

  it('takes one text, texts in columns and many rows', async () => {
    const { m } = classifier()
    const [first] = m.predictSync(reviews).data
    expect(m.predictSync('a splendid film').data).toEqual(Float32Array.of(first as number))
    expect(m.predictSync(reviews.map((text) => [text])).data).toEqual(m.predictSync(reviews).data)
    const many = Array.from({ length: 1300 }, (_, at) => reviews[at % 4] as string)
    const all = await m.predict(many)
    expect(all.shape).toEqual([1300, 1])
    expect(all.data[1297]).toBe(m.predictSync(reviews).data[1])
  })

  it('pads to the longest text of a call where no length is given', async () => {
    const vectorize = layers.textVectorization({ vocabulary: ['a', 'b'] })
    const text = input({ shape: [], dtype: 'string' })
    const embedded = layers.embedding({ inputDim: 4, outputDim: 2, maskZero: true }).apply(vectorize.apply(text))
    const m = model({ inputs: text, outputs: layers.gru({ units: 2 }).apply(embedded), seed: 1 })
    const [alone] = m.predictSync(['a']).array() as number[][]
    const [beside] = m.predictSync(['a', 'a b a b']).array() as number[][]
    for (const [at, value] of (alone as number[]).entries()) expect(beside?.[at]).toBeCloseTo(value, 6)
    const rows = Array.from({ length: 700 }, (_, at) => (at === 600 ? 'a b a b a' : 'a'))
    expect((await m.predict(rows)).data[0]).toBeCloseTo((alone as number[])[0] as number, 6)
  })

  it('is saved whole, copied and described', async () => {
    const { m } = classifier()
    await m.fit(reviews, labels)
    const wanted = m.predictSync(reviews).data
    const loaded = await loadModel(await m.toBytes())
    expect(loaded.predictSync(reviews).data).toEqual(wanted)
    expect(m.clone().predictSync(reviews).data).toEqual(wanted)
    const again = modelFromJSON(JSON.stringify(m.toJSON()))
    again.setWeights(m.getWeights())
    expect(again.predictSync(reviews).data).toEqual(wanted)
    expect(m.inputs[0]?.dtype).toBe('string')
    expect(m.summary()).toContain('TextVectorization')
  })

  it('has no weights before the graph, and says what it cannot do', async () => {
    const { m, vectorize } = classifier()
    expect(vectorize.weights).toEqual([])
    await expectCoded(() => m.predict([1, 2]), ['ERR_DATA', 'ERR_SHAPE'])
    await expectCoded(() => m.predict([[99, 0, 0, 0, 0]]), ['ERR_DATA'])
    await expectCoded(() => m.predict([['a', 'b']]), ['ERR_SHAPE'])
    await expectCoded(() => m.predict([]), ['ERR_DATA'])
    const text = input({ shape: [], dtype: 'string' })
    await expectCoded(() => layers.dense({ units: 1 }).apply(text), ['ERR_SHAPE'])
    await expectCoded(
      () => layers.stringLookup().apply(layers.dense({ units: 1 }).apply(input({ shape: [2] }))),
      ['ERR_SHAPE'],
    )
    const hashed = layers.hashing({ numBins: 3 })
    await expectCoded(() => layers.timeDistributed({ layer: hashed }), ['ERR_UNSUPPORTED'])
    await expectCoded(() => hashed.apply(layers.dense({ units: 1 }).apply(input({ shape: [2] }))), ['ERR_UNSUPPORTED'])
  })

  it('keeps the size of vectors that follow from the vocabulary', async () => {
    const lookup = layers.stringLookup({ outputMode: 'multiHot' })
    lookup.adapt(['a', 'b'])
    const words = input({ shape: [null], dtype: 'string', name: 'words' })
    const m = model({ inputs: words, outputs: layers.dense({ units: 1 }).apply(lookup.apply(words)) })
    expect(m.predictSync([['a', 'b'], ['q']]).shape).toEqual([2, 1])
    await expectCoded(() => lookup.adapt(['a', 'b', 'c']), ['ERR_STATE'])
  })

  it('reads numbers beside texts, by order and by name', () => {
    const text = input({ shape: [], dtype: 'string', name: 'text' })
    const number = input({ shape: [2], name: 'number' })
    const age = input({ shape: [1], name: 'age' })
    const bins = layers.discretization({ binBoundaries: [10, 20], outputMode: 'oneHot' }).apply(age)
    const hashed = layers.hashing({ numBins: 4, outputMode: 'oneHot' }).apply(text)
    const joined = layers.concatenate().apply([hashed, number, bins, age])
    const m = model({ inputs: [text, number, age], outputs: joined })
    const made = m.predictSync({
      age: [[15], [25]],
      text: ['x', 'y'],
      number: [
        [1, 2],
        [3, 4],
      ],
    })
    expect(made.shape).toEqual([2, 10])
    expect(Array.from(made.data.slice(4))).toEqual([
      1,
      2,
      0,
      1,
      0,
      15,
      ...Array.from(made.data.slice(10, 14)),
      3,
      4,
      0,
      0,
      1,
      25,
    ])
    expect(m.predictSync([['x', 'y'], tensor(Float32Array.of(1, 2, 3, 4), [2, 2]), [[15], [25]]]).data).toEqual(
      made.data,
    )
  })
})

describe('interop', () => {
  const { x, y } = golden.mixed

  it('loads models of Keras that read texts and categories, as one model', async () => {
    const m = await interop.loadKeras(mixedFile)
    close(m.predictSync(x), y)
    close(m.predictSync([x.text, x.kind, x.age, x.code]), y)
    const saved = await loadModel(await m.toBytes())
    close(saved.predictSync(x), y)
  })

  it.each(['model.keras', 'model.h5'])('writes them as %s', async (name) => {
    const folder = await mkdtemp(join(tmpdir(), 'seqloom-texts-'))
    try {
      const m = await interop.loadKeras(mixedFile)
      await interop.toKeras(m, join(folder, name))
      const back = await interop.loadKeras(join(folder, name))
      expect(back.predictSync(x).data).toEqual(m.predictSync(x).data)
      await expect(interop.toTfjs(m, join(folder, 'tfjs'))).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' })
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
