import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tasks } from 'seqloom'
import { beforeAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'

const names = ['ada', 'ben', 'cleo', 'dan', 'eve', 'fay', 'gus', 'hal']
const colours = ['red', 'green', 'blue', 'white', 'black', 'pink']

/** Stories of two people who each like a colour, and a question about one of them. */
function made(count: number, seed: number, people = names, shades = colours): tasks.AnsweredQuestion[] {
  let state = seed
  const next = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 16) % below
  }
  return Array.from({ length: count }, () => {
    const first = next(people.length)
    const who = [first, (first + 1 + next(people.length - 1)) % people.length].map((i) => people[i] as string)
    const likes = who.map(() => shades[next(shades.length)] as string)
    const asked = next(2)
    const story = who.map((name, i) => `${name} likes ${likes[i]}.`).join(' ')
    return { story, question: `What does ${who[asked]} like?`, answer: likes[asked] as string }
  })
}

const small = { units: 24, embedding: 24, seed: 3 } as const
const quick = { epochs: 12, batchSize: 16, learningRate: 0.01 } as const

describe('a trained QuestionAnswerer', () => {
  const answerer = new tasks.QuestionAnswerer(small)
  const epochs: tasks.TaskEpoch[] = []
  beforeAll(async () => {
    await answerer.train(made(1500, 1), { ...quick, onEpoch: (epoch) => void epochs.push(epoch) })
  })

  it('answers about people and colours that no training story had', async () => {
    expect(epochs.at(-1)).toMatchObject({ epoch: 12, loss: expect.any(Number), valLoss: expect.any(Number) })
    const { accuracy, loss, count } = await answerer.evaluate(
      made(100, 9, ['zoë', 'kim', 'lars'], ['mauve', 'teal', 'ochre']),
    )
    expect(count).toBe(100)
    expect(accuracy).toBeGreaterThan(0.9)
    expect(loss).toBeLessThan(0.5)
  })

  it('gives the answer’s probability and where it looked', async () => {
    const questions = [{ story: 'Ben likes red. Zoë likes teal.', question: 'What does Zoë like?' }]
    const [answer] = await answerer.predict(questions)
    expect(answer?.answer).toBe('teal')
    expect(answer?.attention.map(({ word }) => word)).toEqual(['ben', 'likes', 'red', '.', 'zoë', 'likes', 'teal', '.'])
    const weights = answer?.attention.map(({ weight }) => weight) as number[]
    expect(weights.reduce((sum, weight) => sum + weight)).toBeCloseTo(1, 5)
    expect(answer?.probability).toBe(weights[6])
    const among = await answerer.predict([...made(3, 5), ...questions])
    expect(among[3]?.probability).toBeCloseTo(answer?.probability as number, 5)
  })

  it('comes back from a folder as it was', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'seqloom-answerer-'))
    try {
      await answerer.save(folder)
      const again = await tasks.QuestionAnswerer.load(folder)
      expect(await again.predict(made(9, 4))).toEqual(await answerer.predict(made(9, 4)))
      await answerer.model.save(folder)
      await expect(tasks.QuestionAnswerer.load(folder)).rejects.toEqual(coded('ERR_FORMAT', /no question answerer/))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('refuses to train on answers that it cannot give', async () => {
    const rows = [{ story: 'Ada likes red.', question: 'What does Ada like?', answer: 'bananas' }]
    await expect(answerer.train(rows, quick)).rejects.toEqual(
      coded('ERR_DATA', /row 0: the answer 'bananas' is not in/),
    )
  })
})

it('answers that are in no story are learned too', async () => {
  const rows = made(400, 2).map(({ story, answer }, index) => {
    const colour = index % 2 === 0 ? answer : 'grey'
    return { story, question: `Does anybody like ${colour}?`, answer: index % 2 === 0 ? 'Yes' : 'No' }
  })
  const answerer = new tasks.QuestionAnswerer({ ...small, hops: 2 })
  await answerer.train(rows, quick)
  expect((await answerer.evaluate(rows)).accuracy).toBeGreaterThan(0.9)
  const [answer] = await answerer.predict([{ story: 'Ada likes red.', question: 'Does anybody like grey?' }])
  expect(answer?.answer).toBe('no')
})

it('bad input is refused with a code and the place', async () => {
  const train = (rows: unknown, more = {}) => new tasks.QuestionAnswerer(small).train(rows as never, more)
  const row = { story: 'a b', question: 'c?', answer: 'a' }
  await expect(train([])).rejects.toEqual(coded('ERR_DATA', /no rows/))
  await expect(train([row, { ...row, story: ' ' }])).rejects.toEqual(coded('ERR_DATA', /row 1 .*its story/))
  await expect(train([row, { story: 'a', question: 'b' }])).rejects.toEqual(coded('ERR_DATA', /row 1 .*its answer/))
  await expect(train([{ ...row, answer: 'a b' }])).rejects.toEqual(coded('ERR_DATA', /one word, not 'a b'/))
  await expect(train([row], { epochs: 0 })).rejects.toEqual(coded('ERR_OPTION', /QuestionAnswerer.train: epochs/))
  expect(() => new tasks.QuestionAnswerer({ hops: 0 })).toThrow(coded('ERR_OPTION', /hops/))
  await expect(new tasks.QuestionAnswerer().predict([row])).rejects.toEqual(coded('ERR_STATE'))
})
