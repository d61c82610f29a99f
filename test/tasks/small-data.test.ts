import { tasks } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { madeUpRows } from '../helpers/reviews.js'
import { warnings } from '../helpers/warnings.js'

const phrases: Readonly<Record<string, readonly string[]>> = {
  greet: ['hello there', 'good morning to you', 'hi bot'],
  bye: ['goodbye now', 'see you later', 'i have to go'],
  order: ['i want to buy a phone', 'order two pizzas please', 'put this in my basket'],
  cancel: ['cancel my order', 'i do not want it any more', 'stop the delivery'],
  refund: ['give me my money back', 'i want a refund', 'return the shoes'],
  hours: ['when do you open', 'are you open on sunday', 'what are your hours'],
  human: ['let me talk to a person', 'connect me with an agent', 'i need real help'],
  thanks: ['thank you', 'thanks a lot', 'that was helpful'],
}
const intents = Object.entries(phrases).flatMap(([label, texts]) => texts.map((text) => ({ text, label })))

describe('data too few to tell epochs apart', () => {
  it.each([0, 1, 2])('all phrases that are shown are learned, and the last epoch is kept: seed %i', async (seed) => {
    const classifier = new tasks.TextClassifier({ seed })
    let last: tasks.ClassifierEpoch | undefined
    const told = await warnings(() =>
      classifier.train(intents, {
        ...{ epochs: 60, learningRate: 0.01 },
        onEpoch: (epoch) => {
          last = epoch
        },
      }),
    )
    expect((await classifier.evaluate(intents)).accuracy).toBe(1)
    expect(last).toMatchObject({ epoch: 60, best: 60 })
    expect(told).toEqual([
      expect.objectContaining({
        name: 'SeqloomWarning',
        code: 'WARN_VALIDATION',
        message: expect.stringMatching(/^TextClassifier\.train: 24 rows .* last epoch is kept.*validationData/),
      }),
    ])
  })

  it('what was held out on demand is measured, but decides nothing unless it is asked to', async () => {
    const train = async (options: tasks.TrainClassifierOptions) => {
      const classifier = new tasks.TextClassifier({ units: 8, embedding: 8 })
      const epochs: tasks.ClassifierEpoch[] = []
      const told = await warnings(() =>
        classifier.train(intents, { epochs: 12, onEpoch: (epoch) => void epochs.push(epoch), ...options }),
      )
      expect(epochs.every(({ valAccuracy }) => valAccuracy !== undefined)).toBe(true)
      return { best: epochs.at(-1)?.best, told, epochs }
    }
    for (const options of [{ validationSplit: 0.2 }, { validationData: intents.slice(0, 9) }]) {
      const { best, told } = await train(options)
      expect(best).toBe(12)
      expect(told.map(({ message }) => message)).toEqual([expect.stringMatching(/restoreBest: true/)])
    }
    const { best, told, epochs } = await train({ validationSplit: 0.2, restoreBest: true, learningRate: 0.05 })
    const reached = epochs.map(({ valAccuracy }) => valAccuracy as number)
    expect(reached[(best as number) - 1]).toBe(Math.max(...reached))
    expect(told).toEqual([])
    expect(await warnings(() => new tasks.TextClassifier().train(intents, { validationSplit: 0, epochs: 1 }))).toEqual(
      [],
    )
  })

  it('few rows get enough steps by default; the number of epochs given is obeyed', async () => {
    const rows = madeUpRows(40)
    const classifier = new tasks.TextClassifier()
    const { epoch } = await classifier.train(rows)
    expect((await classifier.evaluate(rows)).accuracy).toBeGreaterThanOrEqual(0.95)
    expect(epoch.length).toBeGreaterThan(8)
    expect((await new tasks.TextClassifier({ units: 4 }).train(rows, { epochs: 3 })).epoch).toHaveLength(3)
    const many = await new tasks.TextClassifier({ units: 4, embedding: 4 }).train(madeUpRows(2000))
    expect(many.epoch).toHaveLength(8)
  })

  it('a tagger, a question answerer, a translator, a captioner and a generator likewise', async () => {
    const tagged = ['rex barks', 'tom sings', 'rex sings', 'tom barks'].map((line) => {
      const tokens = line.split(' ')
      return { tokens, tags: tokens.map((token) => (['rex', 'tom'].includes(token) ? 'NOUN' : 'VERB')) }
    })
    const tagger = new tasks.SequenceTagger({ units: 16 })
    expect(await warnings(() => tagger.train(tagged))).toHaveLength(1)
    expect((await tagger.evaluate(tagged)).accuracy).toBe(1)

    const asked = ['red', 'green', 'blue', 'white'].flatMap((colour) =>
      ['ada', 'ben'].map((name) => ({
        story: `${name} likes ${colour}.`,
        question: `What does ${name} like?`,
        answer: colour,
      })),
    )
    const answerer = new tasks.QuestionAnswerer({ units: 16, embedding: 16 })
    expect(await warnings(() => answerer.train(asked))).toHaveLength(1)
    expect((await answerer.evaluate(asked)).accuracy).toBe(1)

    const pairs = ['one', 'two', 'three', 'four'].map((source, index) => ({
      source,
      target: ['eins', 'zwei', 'drei', 'vier'][index] as string,
    }))
    const translator = new tasks.Translator({ units: 16, embedding: 16 })
    expect(await warnings(() => translator.train(pairs))).toHaveLength(1)
    expect((await translator.translate(pairs.map(({ source }) => source))).map(({ text }) => text)).toEqual(
      pairs.map(({ target }) => target),
    )

    const images = [0, 85, 170, 255].map((grey, index) => ({
      image: { data: new Uint8Array(16).fill(grey), width: 4, height: 4 },
      caption: ['black', 'dark', 'light', 'white'][index] as string,
    }))
    const captioner = new tasks.Captioner({ patchSize: 2, units: 16, annotationSize: 16, embedding: 16 })
    expect(await warnings(() => captioner.train(images))).toHaveLength(1)
    expect((await captioner.evaluate(images)).exactMatch).toBe(1)

    const generator = new tasks.TextGenerator({ units: 24, layers: 1, embedding: 12 })
    const fox = 'the quick brown fox jumps over the lazy dog. '
    expect(await warnings(() => generator.train(fox.repeat(4)))).toHaveLength(1)
    let written = ''
    for await (const piece of generator.generate('the quick', { temperature: 0, maxTokens: 20 })) written += piece
    expect(written).toBe(' brown fox jumps ove')
  }, 60_000)
})
