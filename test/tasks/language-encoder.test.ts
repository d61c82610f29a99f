import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cells, data, tasks, text } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { languageOf } from '../helpers/language.js'

const small = { units: 12, embedding: 12, dropout: 0, seed: 2 } as const
const quick = { epochs: 4, batchSize: 16, learningRate: 0.01 } as const
const texts = languageOf(240, 1)
const folder = mkdtempSync(join(tmpdir(), 'seqloom-encoder-'))
afterAll(() => rmSync(folder, { recursive: true }))

const rows = texts.slice(0, 60).map((each) => ({ text: each, label: each.includes('cat') ? 'cat' : 'dog' }))
const listed = texts.map((each) => each.split(' '))

describe.each([
  ['masked, in both directions', {}],
  ['of the next token', { objective: 'nextToken', bidirectional: false, layers: 2 }],
  ['of the next token, each direction on its own', { objective: 'nextToken' }],
  ['with a cell of another kind', { objective: 'nextToken', bidirectional: false, cell: 'minGRU' }],
] as const)('a language encoder %s', (_, options) => {
  it('learns, measures, and comes back as it was', async () => {
    const encoder = new tasks.LanguageEncoder({ ...small, ...options })
    const { history } = await encoder.train(texts, { ...quick, epochs: 12 })
    expect(Object.keys(history).sort()).toEqual(['loss', 'perplexity', 'val_loss', 'val_perplexity'])
    const found = await encoder.evaluate(languageOf(40, 9))
    // Of eight words each of which is followed by one of two.
    expect(found.perplexity).toBeLessThan(5)
    expect(found.perplexity).toBeCloseTo(Math.exp(found.loss), 5)
    const path = join(folder, 'again')
    await encoder.save(path)
    const again = await tasks.LanguageEncoder.load(path)
    expect(await again.evaluate(languageOf(40, 9))).toEqual(found)
    await again.train(texts, { ...quick, epochs: 1 })
    const classifier = new tasks.TextClassifier({ encoder: path })
    await classifier.train(rows, { epochs: 2 })
    expect(classifier.model.layers.some(({ name }) => name.includes('pooled'))).toBe(true)
  })

  it('gives the same bits for a seed', async () => {
    const perplexities = await Promise.all(
      [0, 0].map(async () => {
        const encoder = new tasks.LanguageEncoder({ ...small, ...options })
        return (await encoder.train(texts, { ...quick, epochs: 2 })).history
      }),
    )
    expect(perplexities[0]).toEqual(perplexities[1])
  })
})

describe('what is hidden', () => {
  it('is another choice in each epoch, and always the same one in a measurement', async () => {
    const encoder = new tasks.LanguageEncoder(small)
    await encoder.train(texts, { ...quick, epochs: 1, learningRate: 1e-12, validationSplit: 0.5 })
    const [first, second] = [await encoder.evaluate(texts), await encoder.evaluate(texts)]
    expect(first).toEqual(second)
    const tokens = texts.reduce((sum, each) => sum + Math.max(1, Math.round(0.15 * each.split(' ').length)), 0)
    expect(first.count).toBe(tokens)
    const { history } = await encoder.train(texts, { epochs: 2, learningRate: 1e-12 })
    expect(history.loss?.[0]).not.toBe(history.loss?.[1])
  })
})

describe('tasks that begin with an encoder', () => {
  const encoder = new tasks.LanguageEncoder(small)
  const forward = new tasks.LanguageEncoder({ ...small, objective: 'nextToken', bidirectional: false })
  const ofLists = new tasks.LanguageEncoder({ ...small, cell: 'gru', layers: 2 })
  beforeAll(async () => {
    await Promise.all([
      encoder.train(texts, quick),
      forward.train(texts, { ...quick, epochs: 12 }),
      ofLists.train(listed, quick),
    ])
  })

  /** The first layers' weights after a training that changes nothing of them. */
  const untrained = { epochs: 1, learningRate: 1e-12 } as const
  const near = (data: ArrayLike<number>) => Array.from(data, (value) => Number(value.toFixed(5)))

  it('classify with its weights, and are saved without it', async () => {
    const path = join(folder, 'encoder')
    await encoder.save(path)
    const classifier = new tasks.TextClassifier({ encoder: path, dropout: 0.1 })
    await classifier.train(rows, untrained)
    const [table, forwardKernel] = classifier.model.getWeights()
    const [own, ownKernel] = encoder.model.getWeights()
    expect(near(table?.data ?? [])).toEqual(near(own?.data.slice(0, table?.data.length) ?? []))
    expect(near(forwardKernel?.data as Float32Array)).toEqual(near(ownKernel?.data as Float32Array))
    const target = join(folder, 'classifier')
    await classifier.save(target)
    rmSync(path, { recursive: true })
    const again = await tasks.TextClassifier.load(target)
    const read = rows.map((row) => row.text)
    expect(await again.predict(read)).toEqual(await classifier.predict(read))
    await again.train(rows, { epochs: 1 })
    expect((await again.quantize()).ready).toBe(true)
    const settings = JSON.parse(readFileSync(join(target, 'model.json'), 'utf8')).metadata.settings
    expect(settings).toMatchObject({ units: 12, embedding: 12 })
    expect(settings).not.toHaveProperty('encoder')
  })

  it.each([{}, { crf: true, characters: true }, { features: ['long'] }] as const)('tag with %j', async (options) => {
    const tagged = listed.slice(0, 40).map((tokens) => ({
      tokens: [...tokens, 'Unseen', 'Unseen', 'CAT'],
      tags: [...tokens, 'u', 'u', 'c'].map((token) => (token.length > 3 ? 'l' : 's')),
      ...('features' in options && { features: { long: [...tokens, 'u', 'u', 'c'].map((token) => token.length) } }),
    }))
    for (const given of [ofLists, encoder]) {
      const tagger = new tasks.SequenceTagger({ encoder: given, ...options })
      await tagger.train(tagged, { epochs: 4, unfreezeEvery: 2 })
      const target = join(folder, 'tagger')
      await tagger.save(target)
      const again = await tasks.SequenceTagger.load(target)
      expect((await again.evaluate(tagged)).loss).toBeCloseTo((await tagger.evaluate(tagged)).loss, 5)
    }
  })

  it('answer questions', async () => {
    const answered = texts.slice(0, 40).map((story) => ({
      story,
      question: 'which animal ?',
      answer: story.includes('cat') ? 'yes' : 'no',
    }))
    for (const given of [ofLists, encoder, forward]) {
      const answerer = new tasks.QuestionAnswerer({ encoder: given })
      await answerer.train(answered, { epochs: 2 })
      const target = join(folder, 'answerer')
      await answerer.save(target)
      expect(await (await tasks.QuestionAnswerer.load(target)).predict(answered)).toEqual(
        await answerer.predict(answered),
      )
    }
  })

  it('write from where it stands', async () => {
    const generator = new tasks.TextGenerator({ encoder: forward, dropout: 0 })
    const long = texts.join(' ')
    await generator.train(long, { epochs: 1, learningRate: 1e-12, restoreBest: false })
    const { perplexity } = await generator.evaluate(long)
    expect(perplexity).toBeLessThan(5)
    let written = ''
    for await (const piece of generator.generate('the cat', { maxTokens: 5 })) written += piece
    expect(written).not.toBe('')
  })

  it('translate', async () => {
    const pairs = texts.slice(0, 40).map((source) => ({ source, target: source.toUpperCase() }))
    const translator = new tasks.Translator({ encoder, dropout: 0 })
    await translator.train(pairs, untrained)
    const table = translator.model.getLayer('source_embedding').getWeights()[0]
    const own = encoder.model.getWeights()[0]
    expect(near(table?.data ?? [])).toEqual(near(own?.data.slice(0, table?.data.length) ?? []))
    const ofTokens = new tasks.Translator({ encoder: ofLists })
    await ofTokens.train(
      listed.slice(0, 40).map((source) => ({ source, target: source })),
      { epochs: 1 },
    )
    await expect(new tasks.Translator({ encoder: ofLists }).train(pairs)).rejects.toEqual(
      coded('ERR_DATA', /array of tokens/),
    )
  })

  it('train its layers one after the other', async () => {
    const classifier = new tasks.TextClassifier({ encoder })
    const trained: string[] = []
    await classifier.train(rows, {
      epochs: 5,
      unfreezeEvery: 2,
      onEpoch: () => {
        const { layers } = classifier.model
        trained.push(
          layers
            .filter((layer) => layer.trainable && layer.weights.length > 0)
            .map(({ className }) => className)
            .join(),
        )
      },
    })
    expect(trained).toEqual([
      'Dense',
      'Dense',
      'Bidirectional,Dense',
      'Bidirectional,Dense',
      'Embedding,Bidirectional,Dense',
    ])
    const before = Array.from(encoder.model.getWeights()[0]?.data as Float32Array)
    expect(before).not.toEqual(Array.from(classifier.model.getWeights()[0]?.data as Float32Array))
  })

  it('train the layers of a translator and of a generator one after the other', async () => {
    const stagesOf = async (
      model: () => { readonly layers: readonly unknown[] },
      train: (onEpoch: () => void) => unknown,
    ) => {
      const trained: string[][] = []
      await train(() => {
        const layers = model().layers as readonly { name: string; trainable: boolean; weights: readonly unknown[] }[]
        trained.push(layers.filter((layer) => !layer.trainable).map(({ name }) => name))
      })
      expect(model().layers.every((layer) => (layer as { trainable: boolean }).trainable)).toBe(true)
      return trained
    }
    const pairs = texts.slice(0, 40).map((source) => ({ source, target: source.toUpperCase() }))
    const training = { epochs: 4, validationSplit: 0 } as const
    for (const scheduledSampling of [0, 0.2]) {
      const translator = new tasks.Translator({ encoder, dropout: 0 })
      const waiting = await stagesOf(
        () => translator.model,
        (onEpoch) => translator.train(pairs, { ...training, scheduledSampling, onEpoch }),
      )
      expect(waiting).toEqual([['source_embedding', 'bidirectional'], ['source_embedding'], [], []])
    }
    const all = new tasks.Translator({ encoder })
    expect(
      await stagesOf(
        () => all.model,
        (onEpoch) => all.train(pairs, { epochs: 1, unfreezeEvery: 0, onEpoch }),
      ),
    ).toEqual([[]])

    const long = texts.join(' ')
    const generator = new tasks.TextGenerator({ encoder: forward, dropout: 0 })
    const steps = { ...training, batchSize: 4, time: 20 }
    const kept = await stagesOf(
      () => generator.model,
      (onEpoch) => generator.train(long, { ...steps, unfreezeEvery: 1, onEpoch }),
    )
    expect(kept).toEqual([['tokens', 'lstm'], ['tokens'], [], []])
    // What is not new begins as a whole unless it is asked otherwise, and is trained further as a whole.
    const whole = new tasks.TextGenerator({ encoder: forward, dropout: 0 })
    const train = (onEpoch: () => void) => whole.train(long, { ...steps, epochs: 1, onEpoch })
    expect(await stagesOf(() => whole.model, train)).toEqual([[]])
    for (const task of [whole, translatorOf()]) {
      await expect(task.train((task === whole ? long : pairs) as never, { unfreezeEvery: 1 })).rejects.toEqual(
        coded('ERR_OPTION', /unfreezeEvery/),
      )
    }
  })

  const translatorOf = () => new tasks.Translator({ units: 4, embedding: 4 })

  it('train lower layers slower with layerDecay, and all at one rate in the end', async () => {
    const found: number[][] = []
    const classifier = new tasks.TextClassifier({ encoder })
    const rates = () =>
      (classifier.model.layers as readonly { weights: readonly unknown[]; learningRateMultiplier: number }[])
        .filter(({ weights }) => weights.length > 0)
        .map(({ learningRateMultiplier }) => learningRateMultiplier)
    const training = {
      epochs: 2,
      validationSplit: 0,
      layerDecay: 0.5,
      onEpoch: () => void found.push(rates()),
    } as const
    await classifier.train(rows, training)
    expect(found).toEqual([
      [0.25, 0.5, 1],
      [0.25, 0.5, 1],
    ])
    expect(rates()).toEqual([1, 1, 1])

    // How far a table moves in a few steps of Adam is in proportion to its rate.
    const moved = async (layerDecay: number) => {
      const learner = new tasks.TextClassifier({ encoder, seed: 4 })
      await learner.train(rows, {
        epochs: 1,
        batchSize: 60,
        learningRate: 1e-4,
        validationSplit: 0,
        unfreezeEvery: 0,
        layerDecay,
      })
      const [own, before] = [learner.model.getWeights()[0]?.data, encoder.model.getWeights()[0]?.data] as Float32Array[]
      return Math.hypot(...Array.from(own as Float32Array, (value, i) => value - (before?.[i] as number)))
    }
    expect((await moved(0.1)) / (await moved(1))).toBeCloseTo(0.01, 2)

    const pairs = texts.slice(0, 20).map((source) => ({ source, target: source.toUpperCase() }))
    await new tasks.Translator({ encoder }).train(pairs, { epochs: 1, layerDecay: 0.4 })
    const steps = { epochs: 1, batchSize: 4, time: 20, validationSplit: 0, layerDecay: 0.4 } as const
    await new tasks.TextGenerator({ encoder: forward }).train(texts.join(' '), steps)
    await expect(new tasks.TextClassifier().train(rows, { layerDecay: 0.5 })).rejects.toEqual(
      coded('ERR_OPTION', /layerDecay is for a new model that begins with an encoder/),
    )
    for (const layerDecay of [0, 1.5, -1, Number.NaN]) {
      await expect(new tasks.TextClassifier({ encoder }).train(rows, { layerDecay })).rejects.toEqual(
        coded('ERR_OPTION', /layerDecay must be a number above 0, at most 1/),
      )
    }
  })

  it('go on with a generator after an abort between two stages with the same bits', async () => {
    const long = texts.join(' ')
    const options = { epochs: 5, batchSize: 4, time: 20, unfreezeEvery: 1, validationSplit: 0.2 } as const
    const whole = new tasks.TextGenerator({ encoder: forward, dropout: 0 })
    const expected = await whole.train(long, options)
    const backupDir = join(folder, 'backup-generator')
    const controller = new AbortController()
    const interrupted = new tasks.TextGenerator({ encoder: forward, dropout: 0 }).train(long, {
      ...{ ...options, backupDir, signal: controller.signal },
      onEpoch: ({ epoch }) => {
        if (epoch === 2) controller.abort()
      },
    })
    await expect(interrupted).rejects.toMatchObject({ name: 'AbortError' })
    const resumed = new tasks.TextGenerator({ encoder: forward, dropout: 0 })
    const history = await resumed.train(long, { ...options, backupDir })
    expect(history.history).toEqual(expected.history)
    expect(resumed.model.getWeights()).toEqual(whole.model.getWeights())
  })

  it.each([1, 3, 6, 8])('go on after an abort in epoch %i with the same bits', async (at) => {
    const options = { epochs: 8, batchSize: 8, unfreezeEvery: 2, learningRate: 0.01 } as const
    const whole = new tasks.TextClassifier({ encoder })
    const expected = await whole.train(rows, options)
    const backupDir = join(folder, `backup-${at}`)
    const controller = new AbortController()
    const interrupted = new tasks.TextClassifier({ encoder }).train(rows, {
      ...{ ...options, backupDir, signal: controller.signal },
      onEpoch: ({ epoch }) => {
        if (epoch === at) controller.abort()
      },
    })
    await expect(interrupted).rejects.toMatchObject({ name: 'AbortError' })
    expect(existsSync(join(backupDir, 'model.json'))).toBe(true)
    const resumed = new tasks.TextClassifier({ encoder })
    const history = await resumed.train(rows, { ...options, backupDir })
    expect(history.history).toEqual(expected.history)
    expect(history.epoch).toEqual(expected.epoch)
    expect(resumed.model.getWeights()).toEqual(whole.model.getWeights())
    expect(existsSync(backupDir)).toBe(false)
  })

  it('refuse what does not fit', async () => {
    const fails = async (task: { train(rows: never): Promise<unknown> }, given: unknown, code: string, words: RegExp) =>
      await expect(task.train(given as never)).rejects.toEqual(coded(code, words))
    const classifier = (options: object) => new tasks.TextClassifier({ encoder, ...options })
    await fails(classifier({ units: 32 }), rows, 'ERR_OPTION', /units is 32, but its encoder's is 12/)
    await fails(classifier({ cell: 'gru' }), rows, 'ERR_OPTION', /cell is 'gru', but its encoder's is 'lstm'/)
    await fails(classifier({ cell: cells.minGRU({ units: 12 }) }), rows, 'ERR_OPTION', /another cell/)
    await fails(classifier({ tokens: 'character' }), rows, 'ERR_OPTION', /tokens is 'character'/)
    const other = await text.wordTokenizer(['some other words'])
    await fails(classifier({ tokenizer: other }), rows, 'ERR_OPTION', /tokenizer is not that of its encoder/)
    await fails(classifier({ maxVocabulary: 9 }), rows, 'ERR_OPTION', /maxVocabulary/)
    await classifier({
      units: 12,
      cell: 'lstm',
      tokens: 'word',
      tokenizer: encoder.tokenizer as NonNullable<typeof encoder.tokenizer>,
    }).train(rows, {
      epochs: 1,
    })
    await fails(new tasks.TextClassifier({ encoder: ofLists }), rows, 'ERR_OPTION', /arrays of tokens/)
    await fails(new tasks.TextClassifier({ encoder: new tasks.LanguageEncoder() }), rows, 'ERR_STATE', /no model yet/)
    await fails(new tasks.TextClassifier({ encoder: join(folder, 'none') }), rows, 'ERR_IO', /none/)
    await fails(new tasks.TextClassifier({ encoder: await encoder.quantize() }), rows, 'ERR_UNSUPPORTED', /int8/)
    await fails(new tasks.TextGenerator({ encoder }), texts.join(' '), 'ERR_OPTION', /nextToken/)
    await fails(
      new tasks.TextGenerator({ encoder: forward, tied: false }),
      texts.join(' '),
      'ERR_OPTION',
      /tied is false/,
    )
    await fails(
      new tasks.Translator({ encoder: forward }),
      [{ source: 'a', target: 'b' }],
      'ERR_OPTION',
      /both directions/,
    )
    const characters = new tasks.LanguageEncoder({ ...small, tokens: 'character' })
    await characters.train(texts.slice(0, 20), { epochs: 1 })
    const tagged = [{ tokens: ['a', 'b'], tags: ['x', 'y'] }]
    await fails(new tasks.SequenceTagger({ encoder: characters }), tagged, 'ERR_OPTION', /are not words/)
    const path = join(folder, 'other-task')
    await (await trainedClassifier()).save(path)
    await fails(
      new tasks.TextClassifier({ encoder: path }),
      rows,
      'ERR_FORMAT',
      /no language encoder: it holds a text classifier/,
    )
    expect(() => new tasks.TextClassifier({ encoder: 7 } as never)).toThrow(
      coded('ERR_OPTION', /tasks.LanguageEncoder/),
    )
    expect(() => new tasks.SequenceTagger({ encoder, wordVectors: 'x' })).toThrow(coded('ERR_OPTION', /not both/))
    await expect(new tasks.TextClassifier().train(rows, { unfreezeEvery: 1 })).rejects.toEqual(
      coded('ERR_OPTION', /unfreezeEvery/),
    )
  })

  const trainedClassifier = async () => {
    const classifier = new tasks.TextClassifier({ units: 4, embedding: 4 })
    await classifier.train(rows, { epochs: 1 })
    return classifier
  }

  it('refuse an encoder of a version to come', async () => {
    const path = join(folder, 'future')
    await encoder.save(path)
    const file = join(path, 'model.json')
    const description = JSON.parse(readFileSync(file, 'utf8'))
    for (const changed of [
      { ...description, formatVersion: 99 },
      { ...description, metadata: { ...description.metadata, settings: { objective: 'unheard' } } },
    ]) {
      writeFileSync(file, JSON.stringify(changed))
      await expect(new tasks.TextClassifier({ encoder: path }).train(rows)).rejects.toEqual(coded('ERR_FORMAT'))
    }
  })
})

describe('texts that do not fit into memory', () => {
  const ballast = 'lorem ipsum '.repeat(Math.ceil((40 << 20) / texts.length / 12))
  const settings = { ...small, maxLength: 8 } as const
  const long = () => data.from(texts.map((each) => `${each} ${ballast}`))
  const training = { epochs: 3, batchSize: 16, learningRate: 0.01 } as const

  it('are learned pass by pass, the same bits for a seed, and measured', async () => {
    const encoders = [0, 1].map(() => new tasks.LanguageEncoder(settings))
    const histories = await Promise.all(encoders.map((encoder) => encoder.train(long(), training)))
    expect(histories[0]?.history).toEqual(histories[1]?.history)
    const [encoder] = encoders as [tasks.LanguageEncoder]
    expect(histories[0]?.history.perplexity?.at(-1)).toBeLessThan(histories[0]?.history.perplexity?.[0] as number)
    expect(histories[0]?.history.val_loss).toHaveLength(3)
    const whole = await encoder.evaluate(texts)
    const parts = await encoder.evaluate(data.from(texts))
    expect(parts.count).toBe(whole.count)
    expect(parts.loss).toBeCloseTo(whole.loss, 5)
    // Further, on the same texts; and what it gives is what other tasks begin with.
    await encoder.train(long(), { ...training, epochs: 1 })
    await new tasks.TextClassifier({ encoder }).train(rows, { epochs: 1 })
  }, 60_000)

  it('go on from a backup with the same bits', async () => {
    const options = { ...settings, objective: 'nextToken', bidirectional: false } as const
    const whole = new tasks.LanguageEncoder(options)
    const expected = await whole.train(long(), training)
    const backupDir = join(folder, 'backup-stream')
    const controller = new AbortController()
    const interrupted = new tasks.LanguageEncoder(options).train(long(), {
      ...{ ...training, backupDir, signal: controller.signal },
      onEpoch: ({ epoch }) => {
        if (epoch === 2) controller.abort()
      },
    })
    await expect(interrupted).rejects.toMatchObject({ name: 'AbortError' })
    const resumed = new tasks.LanguageEncoder(options)
    expect((await resumed.train(long(), { ...training, backupDir })).history).toEqual(expected.history)
    expect(resumed.model.getWeights()).toEqual(whole.model.getWeights())
  }, 60_000)

  it('come from a file of tokens, with the tokenizer that made it', async () => {
    const file = join(folder, 'corpus.tokens')
    const tokenizer = await text.wordTokenizer(texts)
    const corpus = await data.writeTokens(data.from(texts), { tokenizer, file })
    for (const objective of ['masked', 'nextToken'] as const) {
      const language = new tasks.LanguageEncoder({ ...small, tokenizer, objective, maxLength: 8 })
      const { history } = await language.train(corpus, { ...quick, validationSplit: 0 })
      expect(history.loss?.at(-1)).toBeLessThan(history.loss?.[0] as number)
      const { count, perplexity } = await language.evaluate(corpus)
      expect(perplexity).toBeLessThan(tokenizer.vocabularySize)
      const pieces = Array.from({ length: Math.ceil(corpus.length / 8) }, (_, at) =>
        Math.min(8, corpus.length - 8 * at),
      )
      const sides =
        objective === 'masked' ? (n: number) => Math.max(1, Math.round(0.15 * n)) : (n: number) => 2 * (n - 1)
      expect(count).toBe(pieces.reduce((sum, n) => sum + sides(n), 0))
      // It goes on with the file, and reads texts, too.
      await language.train(await data.tokens(file), { epochs: 1, validationSplit: 0 })
      expect((await language.evaluate(texts)).count).toBeGreaterThan(0)
      await language.dispose()
    }
    const without = new tasks.LanguageEncoder(small)
    await expect(without.train(corpus)).rejects.toEqual(coded('ERR_OPTION', /new LanguageEncoder\(\{ tokenizer \}\)/))
    const other = new tasks.LanguageEncoder({ ...small, tokenizer: await text.charTokenizer(texts) })
    await expect(other.train(corpus)).rejects.toEqual(coded('ERR_DATA', /corpus\.tokens was written with another/))
  }, 60_000)

  it('are refused with their place where one is no text, and where none has tokens', async () => {
    const encoder = () => new tasks.LanguageEncoder(settings)
    const mixed = data.from([...texts.map((each) => `${each} ${ballast}`), ['a', 'list']] as never[])
    await expect(encoder().train(mixed)).rejects.toEqual(coded('ERR_DATA', /not .*array|must be a (text|string)/))
    const blank = data.from(texts.map(() => ' '.repeat(ballast.length)))
    await expect(encoder().train(blank)).rejects.toEqual(coded('ERR_DATA'))
    await expect(encoder().train(long().repeat())).rejects.toEqual(coded('ERR_OPTION', /never end/))
  }, 60_000)
})

describe('a language encoder', () => {
  it('refuses options that cannot be combined', () => {
    expect(() => new tasks.LanguageEncoder({ bidirectional: false })).toThrow(coded('ERR_OPTION', /nextToken/))
    expect(() => new tasks.LanguageEncoder({ objective: 'nextToken', layers: 2 })).toThrow(
      coded('ERR_OPTION', /layers: 1/),
    )
    expect(() => new tasks.LanguageEncoder({ objective: 'next' } as never)).toThrow(coded('ERR_OPTION'))
  })

  it('refuses texts that there is nothing to learn from', async () => {
    const next = { ...small, objective: 'nextToken' } as const
    const train = (given: unknown, options = {}) =>
      new tasks.LanguageEncoder({ ...small, ...options }).train(given as never)
    await expect(train([])).rejects.toEqual(coded('ERR_DATA', /no rows/))
    await expect(train('a text')).rejects.toEqual(coded('ERR_DATA', /array/))
    await expect(train(['', '  '])).rejects.toEqual(coded('ERR_DATA', /hold no token/))
    await expect(train(['word', 'alone'], next)).rejects.toEqual(coded('ERR_DATA', /two tokens/))
    await expect(train(['a text', ['a', 'list']])).rejects.toEqual(coded('ERR_DATA', /text 1/))
    await expect(train([['a', 'list'], 'a text'])).rejects.toEqual(coded('ERR_DATA', /row 1/))
    await expect(train([['a', 'list']], { tokens: 'character' })).rejects.toEqual(coded('ERR_OPTION', /tokens/))
  })

  it('learns from a single text', async () => {
    const encoder = new tasks.LanguageEncoder(small)
    await encoder.train(['the cat sat on the mat'], { epochs: 1 })
    expect((await encoder.evaluate(['the cat'])).count).toBe(1)
  })
})
