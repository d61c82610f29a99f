import { tasks } from 'seqloom'
import { beforeAll, describe, expect, it } from 'vitest'
import { Confusion } from '../../src/tasks/shared/evaluation.js'
import { entityReport, markEntities } from '../../src/tasks/tagger/entities.js'
import { coded } from '../helpers/coded.js'
import { madeUpRows } from '../helpers/reviews.js'

describe('a report by class', () => {
  it('has precision, recall, F1 and support, and their means', () => {
    const confusion = new Confusion(['cat', 'dog', 'never', 'mistaken'])
    for (const [target, predicted, times] of [
      [0, 0, 3],
      [0, 1, 1],
      [1, 1, 4],
      [1, 3, 2],
    ] as const) {
      for (let time = 0; time < times; time++) confusion.add(target, predicted)
    }
    expect(confusion.report()).toEqual({
      accuracy: 0.7,
      labels: ['cat', 'dog', 'never', 'mistaken'],
      confusion: [
        [3, 1, 0, 0],
        [0, 4, 0, 2],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
      ],
      classes: [
        { label: 'cat', precision: 1, recall: 3 / 4, f1: 6 / 7, support: 4 },
        { label: 'dog', precision: 4 / 5, recall: 4 / 6, f1: 8 / 11, support: 6 },
        { label: 'never', precision: 0, recall: 0, f1: 0, support: 0 },
        { label: 'mistaken', precision: 0, recall: 0, f1: 0, support: 0 },
      ],
      macro: { precision: 0.9, recall: expect.closeTo(17 / 24, 12), f1: expect.closeTo((6 / 7 + 8 / 11) / 2, 12) },
      weighted: {
        precision: expect.closeTo(0.88, 12),
        recall: expect.closeTo(0.7, 12),
        f1: expect.closeTo((4 * (6 / 7) + 6 * (8 / 11)) / 10, 12),
      },
    })
  })

  it('a classifier, a tagger and a question answerer give one', async () => {
    const rows = madeUpRows(60)
    const classifier = new tasks.TextClassifier({ units: 8, embedding: 8 })
    await classifier.train(rows, { epochs: 30, learningRate: 0.02, validationSplit: 0 })
    const odd = await classifier.evaluate(rows.slice(0, 30).filter(({ label }) => label !== 'odd'))
    expect(odd.classes.map(({ label, support }) => [label, support])).toEqual([
      ['bad', 10],
      ['good', 10],
      ['odd', 0],
    ])
    expect(odd.macro.recall).toBeCloseTo(((odd.classes[0]?.recall ?? 0) + (odd.classes[1]?.recall ?? 0)) / 2, 12)

    const answerer = new tasks.QuestionAnswerer({ units: 8, embedding: 8 })
    const asked = ['yes', 'no'].flatMap((answer) =>
      ['red', 'blue'].map((colour) => ({ story: `It is ${colour}.`, question: `${answer} ?`, answer })),
    )
    await answerer.train(asked, { epochs: 60, learningRate: 0.02, validationSplit: 0, classWeight: { yes: 2 } })
    const report = await answerer.evaluate(asked)
    expect(report).toMatchObject({ accuracy: 1, count: 4, macro: { precision: 1, recall: 1, f1: 1 } })
    expect(report.classes).toEqual([
      { label: 'no', precision: 1, recall: 1, f1: 1, support: 2 },
      { label: 'yes', precision: 1, recall: 1, f1: 1, support: 2 },
    ])
    await expect(answerer.train(asked, { classWeight: { maybe: 2 } })).rejects.toEqual(
      coded('ERR_OPTION', /classWeight has 'maybe', which is not one of 'no', 'yes'/),
    )
  })
})

describe('entities', () => {
  const report = (truth: string, predicted: string) => entityReport([[truth.split(' '), predicted.split(' ')]])

  it('count where their type and both ends are right, in every scheme', () => {
    expect(report('B-x I-x O B-y', 'B-x I-x O B-x')).toEqual({
      entities: { precision: 0.5, recall: 0.5, f1: 0.5 },
      entityTypes: [
        { label: 'x', precision: 0.5, recall: 1, f1: 2 / 3, support: 1 },
        { label: 'y', precision: 0, recall: 0, f1: 0, support: 1 },
      ],
    })
    const f1 = (truth: string, predicted: string) => report(truth, predicted).entities.f1
    expect(f1('B-x I-x I-x', 'B-x I-x O')).toBe(0)
    // What begins in the middle is an entity too.
    expect(f1('B-x I-x O', 'I-x I-x O')).toBe(1)
    expect(f1('I-x I-x B-x O', 'I-x I-x I-x O')).toBe(0)
    expect(f1('B-x E-x S-y O', 'B-x I-x B-y O')).toBe(1)
    expect(f1('B-x L-x U-y O', 'B-x E-x S-y O')).toBe(1)
    expect(f1('B M E S', 'B I E S')).toBe(1)
    expect(f1('B-x B-x', 'B-x I-x')).toBe(0)
    expect(f1('O O', 'O O')).toBe(0)
  })

  it('are looked for only where tags mark them', () => {
    for (const tags of ['O B-x I-x', 'I-x O', 'B I O', 'B M E S', 'O U-a B-a L-a I-a', 'B-a-b O']) {
      expect(markEntities(tags.split(' ')), tags).toBe(true)
    }
    for (const tags of ['NOUN VERB', 'O', '- 0 1 2', 'A B C', 'B-x up', 'S E']) {
      expect(markEntities(tags.split(' ')), tags).toBe(false)
    }
  })
})

describe('a tagger of entities', () => {
  const people = ['ada', 'ben', 'cleo', 'dan', 'eve', 'fay']
  const places = ['paris', 'rome', 'oslo', 'lima', 'bonn', 'kyiv']
  const rows = people.flatMap((name, i) =>
    places.map((place, j) => ({
      tokens: [name, 'smith', (i + j) % 2 ? 'lives' : 'is', 'in', place],
      tags: ['B-PER', 'I-PER', 'O', 'O', 'B-LOC'],
    })),
  )
  const tagger = new tasks.SequenceTagger({ units: 12, embedding: 12, seed: 1 })
  beforeAll(async () => {
    await tagger.train(rows, { epochs: 30, learningRate: 0.02, batchSize: 8, classWeight: 'balanced' })
  })

  it('is measured by them, without padding', async () => {
    const longer = {
      tokens: ['ada', 'smith', 'is', 'in', 'rome', 'in', 'rome'],
      tags: [...(rows[0]?.tags ?? []), 'O', 'B-LOC'],
    }
    const result = await tagger.evaluate([...rows, longer])
    expect(result).toMatchObject({ labels: ['B-LOC', 'B-PER', 'I-PER', 'O'], count: 36 * 5 + 7, sequences: 37 })
    expect(result.classes.map(({ support }) => support)).toEqual([38, 37, 37, 75])
    expect(result.entities?.f1).toBeGreaterThan(0.9)
    expect(result.entityTypes?.map(({ label, support }) => [label, support])).toEqual([
      ['LOC', 38],
      ['PER', 37],
    ])
    const words = new tasks.SequenceTagger({ units: 4 })
    await words.train([{ tokens: ['a', 'b'], tags: ['NOUN', 'VERB'] }], { epochs: 1 })
    expect(await words.evaluate([{ tokens: ['a'], tags: ['NOUN'] }])).not.toHaveProperty('entities')
  })
})

describe('classWeight', () => {
  const rows = [
    ...Array.from({ length: 45 }, (_, i) => ({ text: `word${i % 5} plain`, label: 'common' })),
    ...Array.from({ length: 5 }, (_, i) => ({ text: `word${i} plain`, label: 'rare' })),
  ]
  const recallOfRare = async (classWeight: tasks.LabelWeights | undefined) => {
    const classifier = new tasks.TextClassifier({ units: 8, embedding: 8 })
    await classifier.train(rows, {
      epochs: 20,
      learningRate: 0.01,
      validationSplit: 0,
      ...(classWeight && { classWeight }),
    })
    return (await classifier.evaluate(rows)).classes[1]?.recall
  }

  it('makes a rare class count, by label or balanced', async () => {
    // The texts do not tell the classes apart: what weighs more wins.
    expect(await recallOfRare(undefined)).toBe(0)
    expect(await recallOfRare({ rare: 30 })).toBe(1)
    expect(await recallOfRare({ rare: 20, common: 0 })).toBe(1)
    expect(await recallOfRare('balanced')).not.toBeUndefined()
  })

  it('refuses what is no label and no factor', async () => {
    const train = (classWeight: unknown) =>
      new tasks.TextClassifier({ units: 4 }).train(rows, { classWeight: classWeight as never })
    await expect(train({ raar: 2 })).rejects.toEqual(coded('ERR_OPTION', /'raar'.*'common', 'rare'/))
    for (const wrong of [{ rare: -1 }, { rare: Number.NaN }, { rare: '2' }, 'even', [1, 2]]) {
      await expect(train(wrong)).rejects.toEqual(coded('ERR_OPTION', /classWeight must be 'balanced' or an object/))
    }
    const tagger = new tasks.SequenceTagger({ units: 4 })
    const tagged = [{ tokens: ['a', 'b'], tags: ['x', 'y'] }]
    await expect(tagger.train(tagged, { classWeight: { z: 1 } })).rejects.toEqual(coded('ERR_OPTION', /'z'/))
  })
})
