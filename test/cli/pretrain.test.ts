import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { languageOf } from '../helpers/language.js'
import { runCli as run } from '../helpers/process.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-pretrain-'))
afterAll(() => rmSync(folder, { recursive: true }))

const at = (name: string) => join(folder, name)
const texts = languageOf(80, 3)
writeFileSync(at('texts.txt'), `${texts.join('\n')}\n\n`)
writeFileSync(at('texts.csv'), `id,body\n${texts.map((text, id) => `${id},${text}`).join('\n')}\n`)
writeFileSync(at('tokens.jsonl'), texts.map((text) => JSON.stringify({ text: text.split(' ') })).join('\n'))
writeFileSync(
  at('few.csv'),
  `text,label\n${texts
    .slice(0, 20)
    .map((text) => `${text},${text.includes('dog') ? 'dog' : 'cat'}`)
    .join('\n')}\n`,
)
const small = ['--units', '6', '--embedding', '6', '--epochs', '2']

describe('seqloom pretrain', () => {
  it.each([
    ['texts.txt', []],
    ['texts.csv', ['--text', 'body']],
    ['tokens.jsonl', ['--objective', 'nextToken', '--no-bidirectional']],
  ] as const)('learns from %s, and is measured', async (file, more) => {
    const out = at(`from-${file}`)
    const trained = await run(['pretrain', '--data', at(file), '--out', out, ...small, '--json', ...more])
    expect(trained.code).toBe(0)
    const events = trained.stdout
      .trim()
      .split('\n')
      .map((line: string) => JSON.parse(line))
    expect(events[0]).toMatchObject({ event: 'epoch', epoch: 1, perplexity: expect.any(Number) })
    expect(events.at(-1)).toMatchObject({ event: 'done', model: out })
    const measured = await run(
      ['evaluate', '--model', out, '--data', at(file), ...more.slice(0, 2), '--json'].filter(
        (flag) => !/objective|nextToken/.test(flag),
      ),
    )
    expect(JSON.parse(measured.stdout)).toMatchObject({ event: 'evaluation', perplexity: expect.any(Number) })
  })

  it('gives what other commands begin with', async () => {
    const encoder = at('from-texts.txt')
    const out = at('classifier')
    const trained = await run([
      'train',
      'classify',
      '--data',
      at('few.csv'),
      '--encoder',
      encoder,
      '--out',
      out,
      '--epochs',
      '4',
      '--unfreeze-every',
      '1',
    ])
    expect(trained.code).toBe(0)
    expect(existsSync(join(out, 'model.json'))).toBe(true)
    const refused = await run([
      'train',
      'classify',
      '--data',
      at('few.csv'),
      '--encoder',
      encoder,
      '--units',
      '9',
      '--out',
      at('other'),
    ])
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain("units is 9, but its encoder's is 6")
  })
})
