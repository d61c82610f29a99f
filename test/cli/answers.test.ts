import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PNG } from 'pngjs'
import { data, tasks } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { seqloom } from '../helpers/cli.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-answers-'))
afterAll(() => rmSync(folder, { recursive: true }))
const at = (name: string) => join(folder, name)

/** A file of objects, one a line. */
function lines(name: string, rows: readonly object[]): string {
  writeFileSync(at(name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  return at(name)
}

/** Runs a command that must succeed and gives the rows that it wrote. */
async function written(args: readonly string[], out: string): Promise<Record<string, unknown>[]> {
  const ran = await seqloom([...args, '--out', at(out)])
  expect(ran, ran.stderr).toMatchObject({ code: 0, stdout: '' })
  const read = out.endsWith('.csv') ? data.csv : out.endsWith('.parquet') ? data.parquet : data.jsonLines
  const rows: Record<string, unknown>[] = []
  for await (const row of read(at(out)) as AsyncIterable<Record<string, unknown>>) rows.push(row)
  return rows
}

const once = { epochs: 1, validationSplit: 0 } as const
const small = { units: 4, embedding: 4, seed: 1 } as const
const numbers = Array.from({ length: 12 }, (_, i) => i)

describe('a table gets an answer for each row, beside all its columns', () => {
  it('from a tagger', async () => {
    const model = at('tagger')
    const tagger = new tasks.SequenceTagger({ ...small, features: ['length'] })
    const rows = numbers.map((i) => ({
      tokens: ['Anna', 'saw', `${i}`],
      tags: ['NAME', 'VERB', 'NUMBER'],
      features: { length: [4, 3, `${i}`.length] },
    }))
    await tagger.train(rows, { ...once, epochs: 30, learningRate: 0.05 })
    await tagger.save(model)
    const args = ['predict', '--model', model, '--data']
    const table = lines('tokens.jsonl', [
      { id: 7, tokens: ['Anna', 'saw', '3'], length: [4, 3, 1] },
      { id: 8, tokens: 'Anna saw', length: '4 3' },
    ])
    const [one, two] = await written([...args, table], 'tags.jsonl')
    expect(one).toEqual({
      ...{ id: 7, tokens: ['Anna', 'saw', '3'], length: [4, 3, 1], tags: ['NAME', 'VERB', 'NUMBER'] },
      probabilities: [expect.any(Number), expect.any(Number), expect.any(Number)],
    })
    expect(two).toMatchObject({ id: 8, tags: ['NAME', 'VERB'] })
    writeFileSync(at('tokens.csv'), 'words,length\nAnna saw 3,4 3 1\n')
    const [plain] = await written([...args, at('tokens.csv'), '--tokens', 'words'], 'tags.csv')
    expect(plain).toMatchObject({ words: 'Anna saw 3', tags: 'NAME VERB NUMBER' })
    expect((await seqloom([...args, table])).stdout).toBe('Anna/NAME saw/VERB 3/NUMBER\nAnna/NAME saw/VERB\n')
    const given = await seqloom(['predict', '--model', model, 'Anna saw 3'])
    expect(given).toMatchObject({ code: 2, stderr: expect.stringMatching(/needs --data.*tokens, length/) })
    const short = lines('short.jsonl', [{ tokens: ['Anna', 'saw'], length: [4] }])
    const refused = await seqloom([...args, short])
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/short\.jsonl: line 1: .*length/) })
  }, 120_000)

  it('from a tagger of tokens alone, also given as texts and on standard input', async () => {
    const tagger = new tasks.SequenceTagger(small)
    const rows = numbers.map((i) => ({ tokens: ['Anna', 'saw', `${i}`], tags: ['NAME', 'VERB', 'NUMBER'] }))
    await tagger.train(rows, { ...once, epochs: 30, learningRate: 0.05 })
    await tagger.save(at('tokens'))
    const args = ['predict', '--model', at('tokens')]
    expect((await seqloom([...args, 'Anna saw'])).stdout).toBe('Anna/NAME saw/VERB\n')
    expect((await seqloom(args, 'Anna saw 1\nAnna saw\n')).stdout).toBe(
      'Anna/NAME saw/VERB 1/NUMBER\nAnna/NAME saw/VERB\n',
    )
    const json = JSON.parse((await seqloom([...args, '--json', 'Anna'])).stdout)
    expect(json).toEqual({ tokens: [{ token: 'Anna', tag: 'NAME', probability: expect.any(Number) }] })
    expect(await seqloom([...args, '--explain', 'Anna'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/tagger/),
    })
  }, 120_000)

  it('from a question answerer', async () => {
    const answerer = new tasks.QuestionAnswerer(small)
    const rows = numbers.map((i) => ({
      story: `Mary is in the ${i % 2 ? 'garden' : 'kitchen'}`,
      ...{ question: 'Where is Mary?', answer: i % 2 ? 'garden' : 'kitchen' },
    }))
    await answerer.train(rows, once)
    await answerer.save(at('answerer'))
    const table = lines('questions.jsonl', rows.slice(0, 3))
    const args = ['predict', '--model', at('answerer'), '--data', table]
    const found = await written(args, 'answers.parquet')
    expect(found).toHaveLength(3)
    expect(found[0]).toMatchObject({
      ...rows[0],
      'predicted answer': expect.any(String),
      probability: expect.any(Number),
    })
    expect((await seqloom(args)).stdout).toMatch(/^(.+\t0\.\d{4}\tWhere is Mary\?\n){3}$/)
    const asked = await seqloom(['predict', '--model', at('answerer'), 'Where is Mary?'])
    expect(asked).toMatchObject({ code: 2, stderr: expect.stringMatching(/needs --data.*story, question/) })
  }, 120_000)

  it('from a translator', async () => {
    const translator = new tasks.Translator(small)
    await translator.train(
      numbers.map((i) => ({ source: `eins ${i}`, target: `one ${i}` })),
      once,
    )
    await translator.save(at('translator'))
    const table = lines('german.jsonl', [
      { id: 1, german: 'eins 1' },
      { id: 2, german: 'eins 2' },
    ])
    const args = ['translate', '--model', at('translator'), '--data', table, '--source', 'german', '--best', '2']
    const found = await written(args, 'english.jsonl')
    expect(found).toHaveLength(2)
    expect(found[1]).toMatchObject({
      ...{ id: 2, german: 'eins 2', translation: expect.any(String), finished: expect.any(Boolean) },
      alternatives: [{ translation: expect.any(String) }],
    })
    expect(Object.keys((await written(args, 'english.csv'))[0] as object)).toEqual([
      'id',
      'german',
      'translation',
      'score',
      'log_probability',
      'finished',
    ])
    const unknown = await seqloom(['translate', '--model', at('translator'), '--data', table])
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringMatching(/no column 'source'|has no 'source'/) })
    expect(unknown.stderr).toMatch(/--source names another/)
  }, 120_000)

  it('from a transcriber', async () => {
    const transcriber = new tasks.Transcriber({ units: 4, seed: 1 })
    const frames = (i: number) => Array.from({ length: 6 }, (_, t) => [Math.sin(i + t), Math.cos(i * t)])
    await transcriber.train(
      numbers.map((i) => ({ frames: frames(i), text: i % 2 ? 'ab' : 'ba' })),
      once,
    )
    await transcriber.save(at('transcriber'))
    const table = lines('frames.jsonl', [{ id: 1, strokes: frames(1) }])
    const args = ['transcribe', '--model', at('transcriber'), '--data', table, '--frames', 'strokes']
    expect(await written(args, 'transcripts.jsonl')).toMatchObject([{ id: 1, transcript: expect.any(String) }])
    expect(await seqloom([...args, '[[1, 2]]'])).toMatchObject({ code: 2, stderr: expect.stringMatching(/not both/) })
    writeFileSync(at('wrong.csv'), 'frames,transcript\n"[[1, 2], [3, 4]]",ab\n[[1,ab\n')
    for (const command of ['transcribe', 'evaluate']) {
      expect(await seqloom([command, '--model', at('transcriber'), '--data', at('wrong.csv')])).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/wrong\.csv: line 3: frames must be a JSON array/),
      })
    }
  }, 120_000)

  it('from a captioner, whose images are beside the table', async () => {
    const captioner = new tasks.Captioner({ units: 4, embedding: 4, patchSize: 2, seed: 1 } as never)
    const picture = (i: number) => ({
      ...{ width: 4, height: 4, data: Uint8Array.from({ length: 48 }, (_, at) => (i * at) % 256) },
    })
    await captioner.train(
      numbers.map((i) => ({ image: picture(i), caption: i % 2 ? 'odd one' : 'even one' })),
      once,
    )
    await captioner.save(at('captioner'))
    writeFileSync(at('one.png'), PNG.sync.write(new PNG({ width: 4, height: 4 })))
    const table = lines('images.jsonl', [{ id: 1, image: 'one.png' }])
    const args = ['caption', '--model', at('captioner'), '--data', table]
    expect(await written(args, 'captions.jsonl')).toMatchObject([
      { id: 1, image: 'one.png', caption: expect.any(String) },
    ])
    for (const image of ['', 'images.jsonl']) {
      const wrong = lines('wrong.jsonl', [{ image: 'one.png' }, { image }])
      expect(await seqloom(['caption', '--model', at('captioner'), '--data', wrong])).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/wrong\.jsonl: line 2: (an image must be .* not an empty|.*is no PNG)/),
      })
    }
  }, 120_000)

  it('under other names where the table has columns that are called as those of answers, in all rows alike', async () => {
    const classifier = new tasks.TextClassifier(small)
    await classifier.train(
      numbers.map((i) => ({ text: `${i}`, label: i % 2 ? 'odd' : 'even' })),
      once,
    )
    await classifier.save(at('classifier'))
    const args = ['predict', '--model', at('classifier'), '--data']
    const answered = [{ text: '1', label: 'truth', 'predicted label': 'earlier' }, { text: '2' }]
    const found = await written([...args, lines('answered.jsonl', answered)], 'named.jsonl')
    expect(found[0]).toMatchObject({ ...answered[0], 'predicted predicted label': expect.stringMatching(/odd|even/) })
    expect(Object.keys(found[1] as object)).toEqual([
      'text',
      'predicted predicted label',
      'probability',
      'probabilities',
    ])
    const late = lines('late.jsonl', [{ text: '1' }, { text: '2', label: 'truth' }])
    expect(await seqloom([...args, late, '--out', at('lost.jsonl')])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/--data: row 1 has 'label', as the answers have, unlike the first row/),
    })
  }, 120_000)

  it('from a forecaster whose time and group are called as columns of a forecast', async () => {
    const forecaster = new tasks.Forecaster({
      ...{ variables: ['sales'], time: 'median', group: 'variable' },
      ...{ window: 6, horizon: 1, units: 4, seed: 1 },
    })
    const day = (i: number) => new Date(Date.UTC(2024, 0, 1 + i)).toISOString().slice(0, 10)
    const rows = Array.from({ length: 80 }, (_, i) => ({
      ...{ median: day(i >> 1), variable: i % 2 ? 'a' : 'b', sales: Math.sin(i) },
    }))
    await forecaster.train(rows as never, { epochs: 1 })
    await forecaster.save(at('named'))
    const found = await written(['predict', '--model', at('named')], 'named.csv')
    expect(found).toHaveLength(2)
    expect(found[0]).toMatchObject({
      ...{ median: day(40), variable: expect.stringMatching(/^[ab]$/), 'predicted variable': 'sales' },
      'predicted median': expect.stringMatching(/^-?[\d.]/),
    })
  }, 120_000)

  it('from a forecaster, whose rows are times to come', async () => {
    const forecaster = new tasks.Forecaster({ variables: ['wave'], window: 6, horizon: 2, units: 4, seed: 1 })
    await forecaster.train(
      numbers.concat(numbers, numbers).map((i) => Math.sin(i)),
      { epochs: 1 },
    )
    await forecaster.save(at('forecaster'))
    const args = ['predict', '--model', at('forecaster')]
    const found = await written(args, 'forecast.parquet')
    expect(found).toMatchObject([
      { step: 1, variable: 'wave', median: expect.any(Number) },
      { step: 2, variable: 'wave', lower: expect.any(Number), upper: expect.any(Number) },
    ])
    const again = await seqloom([...args, '--out', at('forecast.parquet')])
    expect(again).toMatchObject({ code: 1, stderr: expect.stringMatching(/forecast\.parquet/) })
    await written([...args, '--force'], 'forecast.parquet')
    expect(readFileSync(at('forecast.parquet')).subarray(0, 4).toString()).toBe('PAR1')
  }, 120_000)
})
