import { spawnSync } from 'node:child_process'
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tasks } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seqloom } from '../helpers/cli.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'seqloom-cli-mistakes-'))
const path = (name: string) => join(folder, name)
const file = (name: string, content: string) => {
  writeFileSync(path(name), content)
  return path(name)
}
const small = { units: 4, embedding: 4 } as const
const once = { epochs: 1, validationSplit: 0 }
const refused = (ran: object, code: number, message: RegExp) =>
  expect(ran).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) })

beforeAll(async () => {
  const classifier = new tasks.TextClassifier(small)
  await classifier.train(
    ['win money', 'see you', 'free money'].map((text, n) => ({ text, label: n === 1 ? 'ham' : 'spam' })),
    once,
  )
  await classifier.save(path('classifier'))
  const translator = new tasks.Translator(small)
  await translator.train([{ source: 'one', target: 'un' }], once)
  await translator.save(path('translator'))
  const tagger = new tasks.SequenceTagger(small)
  await tagger.train([{ tokens: ['a', 'b'], tags: ['A', 'B'] }], once)
  await tagger.save(path('tagger'))
  const generator = new tasks.TextGenerator({ ...small, layers: 1 })
  await generator.train('one line\r\nand another\u001b[31m\u202e\r\n'.repeat(10), { ...once, epochs: 30 })
  await generator.save(path('generator'))
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true }))

describe('options', () => {
  it.each([
    [['predict', '--mdoel', 'x', 'text'], /unknown option '--mdoel' \(Did you mean --model\?\)/],
    [['train', 'classify', '--dta', 'x'], /unknown option '--dta' \(Did you mean --data\?\)/],
    [['train', 'forecast', '--data', 'x', '--colunm', 'y'], /unknown option '--colunm' \(Did you mean --column\?\)/],
    [['predict', 'text'], /required option '--model <folder>' not specified/],
    [['evaluate', '--model', 'x'], /required option '--data <file>' not specified/],
    [['train', 'forecast', '--data', 'x'], /required option '--column <names...>' not specified/],
  ])('%s', async (args, message) => {
    refused(await seqloom(args), 2, message)
  })

  it('that name columns are told where one is missing', async () => {
    const csv = file('mails.csv', 'Subject,Queue\nhello,a\n')
    const lines = file('mails.jsonl', '{"Subject":"hello"}\n')
    const model = ['--model', path('classifier')]
    refused(await seqloom(['train', 'classify', '--data', csv]), 1, /'Subject', 'Queue'; --text names another\n$/)
    const asked = ['train', 'classify', '--data', csv, '--text', 'Subject', '--label', 'queue']
    refused(await seqloom(asked), 1, /has no column 'queue'; .*; --label names another\n$/)
    refused(await seqloom(['predict', ...model, '--data', csv]), 1, /; --text names another\n$/)
    refused(await seqloom(['predict', ...model, '--data', lines]), 1, /it has 'Subject'; --text names another\n$/)
  })

  it('may call a tab by its name', async () => {
    const args = ['predict', '--model', path('classifier'), '--data', file('tabs.txt', 'text\tx\na,b;c\td\n'), '--json']
    const ran = await seqloom([...args, '--delimiter', 'tab'])
    expect(JSON.parse(ran.stdout)).toMatchObject({ text: 'a,b;c' })
  })
})

describe('a model of another kind', () => {
  it.each([
    [
      'predict',
      'translator',
      /translator is no question answerer, text classifier, .*: it holds a translator, which 'seqloom translate' takes/,
    ],
    ['predict', 'generator', /it holds a text generator, which 'seqloom generate' takes/],
    ['translate', 'tagger', /it holds a sequence tagger, which 'seqloom predict' takes/],
    ['translate', 'classifier', /classifier is no translator: .* which 'seqloom predict' takes/],
    ['generate', 'translator', /is no text generator: .* which 'seqloom translate' takes/],
    ['caption', 'generator', /is no captioner: .* which 'seqloom generate' takes/],
  ])('%s says what takes a %s', async (command, model, message) => {
    refused(await seqloom([command, '--model', path(model), 'text']), 1, message)
  })
})

describe('generate', () => {
  it('prints nothing before it is sure that it can', async () => {
    const args = ['generate', '--model', path('generator'), 'one']
    refused(await seqloom([...args, '--top-p', '2']), 2, /topP must be/)
    refused(await seqloom([...args, '--stop', '']), 2, /stop must be/)
  })

  it('writes out what a terminal would obey, and ends lines as usual', async () => {
    const args = ['generate', '--model', path('generator'), '--temperature', '0', '--max-tokens', '80']
    const { stdout } = await seqloom([...args, '\u001b]0;title\u0007\r\none'])
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
    expect(stdout).toMatch(/^\\u001b\]0;title\\u0007\none/)
    const pieces = await seqloom([...args, '--json', 'one'])
    const texts = pieces.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).text ?? '')
    expect(
      `one${texts.join('')}`.replaceAll('\r\n', '\n').replaceAll('\u001b', '\\u001b').replaceAll('\u202e', '\\u202e'),
    ).toBe((await seqloom([...args, 'one'])).stdout.slice(0, -1))
  })
})

describe('reading', () => {
  it('of numbers as texts is alike in training and use', async () => {
    const data = file('codes.jsonl', '{"text":404,"label":true}\n{"text":null,"label":false}\n')
    const { stdout } = await seqloom(['predict', '--model', path('classifier'), '--data', data, '--json'])
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).text),
    ).toEqual(['404', ''])
  })

  it('names both lines where two rows do not go together', async () => {
    const data = file('twice.csv', 'day,sales\n\n2024-01-01,1\n\n2024-01-01,2\n2024-01-02,3\n')
    const args = ['train', 'forecast', '--data', data, '--time', 'day', '--column', 'sales', '--out', path('twice')]
    refused(await seqloom(args), 1, /twice\.csv: lines 3 and 5: rows 0 and 1 are both of 2024-01-01/)
  })

  it.skipIf(process.platform === 'win32')('of a folder as standard input is refused', () => {
    const stdin = openSync(folder, 'r')
    const { status, stderr } = spawnSync(process.execPath, [main, 'predict', '--model', path('classifier')], {
      stdio: [stdin, 'pipe', 'pipe'],
      encoding: 'utf8',
    })
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: 'seqloom: ERR_IO: cannot read standard input: it is a folder, not a file\n',
    })
  })
})
