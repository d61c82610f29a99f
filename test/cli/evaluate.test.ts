import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { layers, sequential, tasks } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { confusionTable, reportTable, table } from '../../src/cli/table.js'
import { Confusion } from '../../src/tasks/shared/evaluation.js'
import { seqloom } from '../helpers/cli.js'
import { madeUpRows, toCsv } from '../helpers/reviews.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-cli-evaluate-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const path = (name: string) => join(folder, name)
const write = (name: string, content: string) => {
  writeFileSync(path(name), content)
  return path(name)
}
const small = ['--units', '8', '--embedding', '8', '--learning-rate', '0.02', '--seed', '1']

describe('seqloom evaluate', () => {
  it('prints a report by class, and of few rows says that all are trained on', async () => {
    const data = write('few.csv', toCsv(madeUpRows(24)))
    const trained = await seqloom([
      'train',
      'classify',
      '--data',
      data,
      '--out',
      path('few'),
      '--epochs',
      '40',
      ...small,
    ])
    expect(trained.code).toBe(0)
    const [warning, ...lines] = trained.stderr.trim().split('\n')
    expect(warning).toMatch(/^seqloom: warning: TextClassifier\.train: 24 rows are too few .* the last epoch is kept/)
    expect(lines.filter((line) => line.startsWith('seqloom: warning'))).toEqual([])
    expect(lines.at(-1)).toMatch(/^saved the model of epoch 40 \(training accuracy /)
    const { code, stdout } = await seqloom(['evaluate', '--model', path('few'), '--data', data])
    expect(code).toBe(0)
    expect(stdout).toBe(
      `${stdout.split('\n')[0]}
true \\ predicted  bad  good  odd
bad                 8     0    0
good                0     8    0
odd                 0     0    8

label            precision  recall      f1  support
bad                 1.0000  1.0000  1.0000        8
good                1.0000  1.0000  1.0000        8
odd                 1.0000  1.0000  1.0000        8
(macro mean)        1.0000  1.0000  1.0000       24
(weighted mean)     1.0000  1.0000  1.0000       24
`,
    )
    const { stdout: json } = await seqloom(['evaluate', '--model', path('few'), '--data', data, '--json'])
    expect(JSON.parse(json)).toMatchObject({
      event: 'evaluation',
      macro: { precision: 1, recall: 1, f1: 1 },
      classes: [{ label: 'bad', support: 8 }, { label: 'good' }, { label: 'odd' }],
    })
  })

  it('classes are weighed with --class-weight', async () => {
    const data = write('weighed.csv', toCsv(madeUpRows(30)))
    const train = (...more: string[]) =>
      seqloom(['train', 'classify', '--data', data, '--out', path('weighed'), '--epochs', '1', ...small, ...more])
    expect((await train('--class-weight', 'good=2', 'bad=0.5')).code).toBe(0)
    expect((await train('--class-weight', 'balanced')).code).toBe(0)
    expect(await train('--class-weight', 'better=2')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/'better'/),
    })
    expect(await train('--class-weight', 'good')).toMatchObject({ code: 2, stderr: expect.stringMatching(/spam=5/) })
  })

  it('measures taggers, question answerers and generators', async () => {
    const tagger = new tasks.SequenceTagger({ units: 8, embedding: 8 })
    const rows = [
      { tokens: ['ada', 'lives', 'in', 'rome'], tags: ['B-PER', 'O', 'O', 'B-LOC'] },
      { tokens: ['[', 'ben', ']'], tags: ['O', 'B-PER', 'O'] },
    ]
    await tagger.train(rows, { epochs: 120, learningRate: 0.02, validationSplit: 0 })
    await tagger.save(path('tagger'))
    const lines = write('tagged.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'))
    const table = write(
      'tagged.csv',
      ['tokens,tags', 'ada lives in rome,B-PER O O B-LOC', '[ ben ],O B-PER O'].join('\n'),
    )
    const tagged = await seqloom(['evaluate', '--model', path('tagger'), '--data', lines])
    expect(tagged, tagged.stderr).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /^accuracy 1\.0000 {2}loss \d\.\d{4} {2}7 tokens {2}1\.0000 of 2 sequences\ntrue[\s\S]*\nentities: precision 1\.0000 {2}recall 1\.0000 {2}f1 1\.0000\nentity .*\nLOC .* 1\nPER .* 2\n$/,
      ),
    })
    expect((await seqloom(['evaluate', '--model', path('tagger'), '--data', table])).stdout).toBe(tagged.stdout)
    const bad = write('bad.csv', 'tokens,tags\nada,O\nada lives,O\n')
    expect(await seqloom(['evaluate', '--model', path('tagger'), '--data', bad])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/bad\.csv: line 3: .*2 tokens but 1 tags/),
    })

    const answerer = new tasks.QuestionAnswerer({ units: 8, embedding: 8 })
    await answerer.train([{ story: 'It is red.', question: 'What is it?', answer: 'red' }], { epochs: 5 })
    await answerer.save(path('answerer'))
    const questions = write('questions.csv', 'story,question,answer\nIt is red.,What is it?,red\n')
    expect((await seqloom(['evaluate', '--model', path('answerer'), '--data', questions])).stdout).toMatch(
      /^accuracy [01]\.0000 {2}loss \d+\.\d{4} {2}1 questions\n/,
    )

    const generator = new tasks.TextGenerator({ units: 8, layers: 1, embedding: 8 })
    await generator.train('the quick brown fox. '.repeat(20), { epochs: 2 })
    await generator.save(path('generator'))
    const text = write('text.txt', 'the quick brown fox.')
    const measured = await generator.evaluate('the quick brown fox.')
    expect((await seqloom(['evaluate', '--model', path('generator'), '--data', text])).stdout).toBe(
      `perplexity ${measured.perplexity.toFixed(4)}  loss ${measured.loss.toFixed(4)}  19 tokens\n`,
    )
  })

  it('says of a model that is no task’s what it is, and knows folders that do not name their task', async () => {
    await sequential([layers.dense({ units: 1, inputShape: [2] })]).save(path('plain'))
    expect(
      await seqloom(['evaluate', '--model', path('plain'), '--data', write('x.csv', 'text,label\na,b\n')]),
    ).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^seqloom: ERR_UNSUPPORTED: .*plain holds a model that is no task's/),
    })
    const file = join(path('few'), 'model.json')
    const { metadata: _, ...description } = JSON.parse(readFileSync(file, 'utf8'))
    writeFileSync(file, JSON.stringify(description))
    const old = await seqloom(['evaluate', '--model', path('few'), '--data', path('few.csv')])
    expect(old).toMatchObject({ code: 0, stdout: expect.stringMatching(/^accuracy 1\.0000/) })
  })
})

describe('tables', () => {
  it('align wide characters, shorten long labels and hide what a terminal obeys', () => {
    expect(
      table([
        ['良い', '1'],
        ['a', '22'],
      ]),
    ).toBe('良い   1\na     22')
    const report = (labels: readonly string[]) => {
      const confusion = new Confusion(labels)
      labels.forEach((_, index) => {
        confusion.add(index, index)
      })
      confusion.add(0, 1)
      confusion.add(0, 1)
      return confusion.report()
    }
    const long = report(['x'.repeat(100), '\u001b[31mred\nnext'])
    for (const hidden of ['\u001b', '\nnext']) expect(confusionTable(long)).not.toContain(hidden)
    expect(
      Math.max(
        ...reportTable(long, 'label')
          .split('\n')
          .map((line) => line.length),
      ),
    ).toBeLessThan(80)
    const many = confusionTable(report(Array.from({ length: 30 }, (_, index) => `label${index}`)))
    expect(many).toBe('true    mistaken for  times\nlabel0        label1      2')
  })
})
