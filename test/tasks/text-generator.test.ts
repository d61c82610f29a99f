import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SeqloomError, tasks, text } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { TextStream } from '../../src/tasks/generator/textStream.js'
import { subwordTokenizer } from '../../src/text/index.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-generator-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const fox = 'the quick brown fox jumps over the lazy dog. '.repeat(40)
const small = { units: 24, layers: 1, embedding: 12, seed: 1 } as const
const training = { epochs: 8, batchSize: 8, time: 20, learningRate: 0.03 } as const

async function write(pieces: AsyncIterable<string>): Promise<string> {
  let all = ''
  for await (const piece of pieces) all += piece
  return all
}

describe('tasks.TextGenerator', () => {
  it.each(['character', 'word', 'subword'] as const)('learns to go on with a text by %s', async (tokens) => {
    const generator = new tasks.TextGenerator({ ...small, tokens, tied: tokens === 'word' })
    const { history } = await generator.train(fox, {
      ...training,
      time: tokens === 'character' ? 20 : 6,
      epochs: { character: 30, word: 25, subword: 60 }[tokens],
    })
    expect(history.loss?.at(-1)).toBeLessThan((history.loss?.[0] as number) / 2)
    const written = await write(generator.generate('the quick', { temperature: 0, maxTokens: 30, stop: 'lazy' }))
    expect(written).toBe(' brown fox jumps over the ')
    const { loss, perplexity } = await generator.evaluate(fox.slice(0, 450))
    expect(loss).toBeLessThan(1)
    expect(perplexity).toBeCloseTo(Math.exp(loss), 4)
  })

  it('is saved and loaded', async () => {
    const generator = new tasks.TextGenerator(small)
    await generator.train(fox, { ...training, epochs: 2 })
    await generator.save(join(folder, 'saved'))
    const again = await tasks.TextGenerator.load(join(folder, 'saved'))
    const options = { maxTokens: 40, seed: 3 }
    const written = await write(generator.generate('a dog', options))
    expect(await write(again.generate('a dog', options))).toBe(written)
    expect(await write(again.generate('', options))).toHaveLength(40)
    const classifier = tasks.TextClassifier.load(join(folder, 'saved'))
    await expect(classifier).rejects.toMatchObject({ code: 'ERR_FORMAT' })
  })

  it('goes on from its backup after an abort as if nothing had been', async () => {
    const whole = new tasks.TextGenerator({ ...small, layers: 2 })
    await whole.train(fox, training)
    const backupDir = join(folder, 'backup')
    const controller = new AbortController()
    const stopped = new tasks.TextGenerator({ ...small, layers: 2 })
    const call = stopped.train(fox, {
      ...training,
      backupDir,
      signal: controller.signal,
      onEpoch: ({ epoch }) => {
        if (epoch === 3) controller.abort()
      },
    })
    await expect(call).rejects.toMatchObject({ name: 'AbortError' })
    expect(stopped.ready).toBe(true)
    const epochs: number[] = []
    const resumed = new tasks.TextGenerator({ ...small, layers: 2 })
    await resumed.train(fox, { ...training, backupDir, onEpoch: ({ epoch }) => void epochs.push(epoch) })
    expect(epochs).toEqual([4, 5, 6, 7, 8])
    expect(resumed.model.getWeights()).toEqual(whole.model.getWeights())
  })

  it('refuses what it cannot use', async () => {
    const code = (expected: string) => expect.objectContaining({ code: expected })
    expect(() => new tasks.TextGenerator({ tokens: 'letter' as never })).toThrow(code('ERR_OPTION'))
    const generator = new tasks.TextGenerator(small)
    await expect(write(generator.generate('x'))).rejects.toBeInstanceOf(SeqloomError)
    await expect(generator.evaluate(fox)).rejects.toMatchObject({ code: 'ERR_STATE' })
    await expect(generator.train('')).rejects.toMatchObject({ code: 'ERR_DATA' })
    await expect(generator.train('too short', training)).rejects.toMatchObject({ code: 'ERR_DATA' })
    await expect(generator.train(fox, { time: 0 })).rejects.toMatchObject({ code: 'ERR_OPTION' })
    await generator.train(fox, { ...training, epochs: 1 })
    await expect(write(generator.generate(5 as never))).rejects.toMatchObject({ code: 'ERR_DATA' })
    await expect(write(generator.generate('x', { stop: '' }))).rejects.toMatchObject({ code: 'ERR_OPTION' })
  })
})

describe('text.subwordTokenizer', () => {
  it('says of a text of one character that it is too short, and halves no character', async () => {
    for (const one of ['a', '👍']) {
      await expect(new tasks.TextGenerator(small).train(one)).rejects.toMatchObject({
        code: 'ERR_DATA',
        message: expect.stringMatching(
          /^TextGenerator\.train: .* need 2 tokens, the training part has 1; give a longer/,
        ),
      })
    }
    const generator = new tasks.TextGenerator(small)
    await generator.train(`${'a'.repeat(89)}${'👍'.repeat(50)}`, { epochs: 1, validationSplit: 0.5 })
    expect(generator.tokenizer.vocabulary().map(({ token }) => token)).toEqual(['[PAD]', '[UNK]', 'a', '👍'])
  })

  it('gives every text back, and the same vocabulary every time', async () => {
    const tokenizer = await text.subwordTokenizer([fox], { maxVocabulary: 300 })
    for (const each of [fox, 'Ünïcode 漢字 🙂\n\ttabs  and spaces', '']) {
      const [ids] = await tokenizer.encode([each])
      expect(tokenizer.decode(ids as Int32Array)).toBe(each)
    }
    expect(tokenizer.vocabularySize).toBeGreaterThan(258)
    expect(tokenizer.vocabularySize).toBeLessThanOrEqual(300)
    expect((await tokenizer.encode(['the quick']))[0]?.length).toBeLessThan(9)
    expect((await text.subwordTokenizer([fox], { maxVocabulary: 300 })).toJSON()).toEqual(tokenizer.toJSON())
    expect(text.fromJSON(tokenizer.toJSON()).encodeSync([fox])).toEqual(tokenizer.encodeSync([fox]))
    await expect(text.subwordTokenizer([fox], { maxVocabulary: 100 })).rejects.toMatchObject({ code: 'ERR_OPTION' })
  })
})

describe('a stream of text', () => {
  it('holds back what may be unfinished', async () => {
    const tokenizer = await subwordTokenizer(['plain'])
    const ids = tokenizer.encodeSync(['漢 END more'])[0] as Int32Array
    const stream = new TextStream(tokenizer, Int32Array.of(5), ['END'])
    const pieces = Array.from(ids, (id) => stream.push(Int32Array.of(id)))
    expect(pieces.join('')).toBe('漢 ')
    expect(pieces[0]).toBe('')
    expect(stream.stopped).toBe(true)
    const unstopped = new TextStream(tokenizer, Int32Array.of(5), ['ENDE'])
    expect(Array.from(ids, (id) => unstopped.push(Int32Array.of(id))).join('') + unstopped.end()).toBe('漢 END more')
  })
})
