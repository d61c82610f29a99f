import { execFile, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { tasks } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seqloom, start } from '../helpers/cli.js'
import { madeUpRows, toCsv } from '../helpers/reviews.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'seqloom-cli-files-'))
const path = (...names: string[]) => join(folder, ...names)
const data = path('rows.csv')
const small = ['--units', '8', '--embedding', '8', '--learning-rate', '0.01', '--batch-size', '8', '--seed', '1']
const classify = (out: string, ...more: string[]) => [
  ...['train', 'classify', '--data', data, '--out', out, '--epochs', '3', ...small, ...more],
]
const series = path('series.csv')
const forecast = (out: string, ...more: string[]) => [
  ...['train', 'forecast', '--data', series, '--column', 'wave', '--out', out, '--units', '8', '--epochs', '2'],
  ...['--window', '16', ...more],
]
const lastRow = (stdout: string) => JSON.parse(stdout.trim().split('\n').at(-1) as string)

/** Runs a command of the shell in a folder, `$S` being seqloom. */
async function shell(command: string, cwd = folder): Promise<{ code: number; stdout: string; stderr: string }> {
  const script = command.replaceAll('$S', `'${process.execPath}' '${main}'`)
  return await promisify(execFile)('bash', ['-c', script], { cwd }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  )
}

beforeAll(async () => {
  writeFileSync(data, toCsv(madeUpRows(240)))
  writeFileSync(series, ['wave', ...Array.from({ length: 120 }, (_, t) => Math.sin(t / 3).toFixed(4))].join('\n'))
  expect((await seqloom(classify(path('intents'), '--epochs', '4'))).code).toBe(0)
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true }))

describe("the user's files", () => {
  it('stay, also those in the folder of the model and in one named backup', async () => {
    const home = path('home')
    mkdirSync(join(home, 'backup'), { recursive: true })
    const mine = ['backup/2024.zip', 'index-0123456789abcdef.js', '.x.tmp', 'weights-0123456789abcdef.safetensors']
    for (const name of mine) writeFileSync(join(home, name), name)
    const typo = await shell(`$S train classify --data '${path('typo.csv')}' --out .`, home)
    expect(typo).toMatchObject({ code: 1, stderr: expect.stringMatching(/^seqloom: ERR_IO: cannot read .*typo\.csv/) })
    const before = readdirSync(home)
    expect((await shell(`$S ${classify('.').join(' ')}`, home)).code).toBe(0)
    expect((await shell(`$S ${classify('.').join(' ')}`, home)).code).toBe(0)
    for (const name of mine) expect(readFileSync(join(home, name), 'utf8')).toBe(name)
    expect(readdirSync(join(home, 'backup'))).toEqual(['2024.zip'])
    expect(readdirSync(home)).toHaveLength(before.length + readdirSync(path('intents')).length)
  })

  it('a model.json of another library stays, and nothing is trained', async () => {
    mkdirSync(path('tfjs'))
    writeFileSync(path('tfjs', 'model.json'), '{"modelTopology":{}}')
    for (const more of [[], ['--force'], ['--resume']]) {
      const ran = await seqloom(classify(path('tfjs'), ...more))
      expect(ran).toMatchObject({ code: 1, stderr: expect.stringMatching(/^seqloom: ERR_IO: .*model\.json.*\n$/) })
    }
    mkdirSync(path('backed', 'backup'), { recursive: true })
    writeFileSync(path('backed', 'backup', 'model.json'), '[]')
    expect((await seqloom(classify(path('backed')))).code).toBe(1)
    expect(readFileSync(path('tfjs', 'model.json'), 'utf8')).toBe('{"modelTopology":{}}')
    expect(readdirSync(path('backed', 'backup'))).toEqual(['model.json'])
  })

  it('a finished model in the folder of backups stays', async () => {
    expect((await seqloom(classify(path('outer', 'backup')))).code).toBe(0)
    const ran = await seqloom(classify(path('outer')))
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringMatching(/ERR_IO: .*holds a text classifier/) })
    expect((await tasks.TextClassifier.load(path('outer', 'backup'))).labels).toEqual(['bad', 'good', 'odd'])
  })
})

describe('what replaces what', () => {
  it('a model of another kind stays without --force, and the message says what it is', async () => {
    const refused = await seqloom(forecast(path('intents')))
    expect(refused).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^seqloom: ERR_IO: .*holds a text classifier.*--force.*\n$/),
    })
    expect((await seqloom(classify(path('other')))).code).toBe(0)
    expect((await seqloom(forecast(path('other'), '--force'))).code).toBe(0)
    expect((await seqloom(['predict', '--model', path('other')])).stdout).toMatch(/^1\twave\t/)
    expect((await seqloom(classify(path('intents')))).code).toBe(0)
  }, 30_000)

  it('an interrupt leaves a finished model as it was, and a backup to go on from', async () => {
    const before = readFileSync(path('intents', 'model.json'), 'utf8')
    const run = start([...classify(path('intents'), '--epochs', '100000', '--json')])
    await run.says('"epoch":2')
    run.kill('SIGINT')
    const { code, stdout } = await run.done
    expect(code).toBe(130)
    expect(lastRow(stdout)).toMatchObject({ event: 'done', interrupted: true, saved: false })
    expect(readFileSync(path('intents', 'model.json'), 'utf8')).toBe(before)
    const again = start([...classify(path('intents'), '--epochs', '100000', '--resume')])
    await again.says('epoch ')
    again.kill('SIGTERM')
    const resumed = await again.done
    expect(resumed.code).toBe(130)
    expect(resumed.stderr).toMatch(/epoch [3-9]\d*\//)
    expect(resumed.stderr).toMatch(/interrupted: left the finished model in .* as it was; --resume goes on\n$/)
    expect(readFileSync(path('intents', 'model.json'), 'utf8')).toBe(before)
    // Trained to its end, it takes the place of the one that was there.
    const done = await seqloom(classify(path('intents'), '--json', '--units', '9'))
    expect(done).toMatchObject({ code: 0, stderr: expect.stringMatching(/^beginning anew: .*--resume/) })
    expect(lastRow(done.stdout)).toMatchObject({ interrupted: false, saved: true })
    expect(existsSync(path('intents', 'backup'))).toBe(false)
    expect(readFileSync(path('intents', 'model.json'), 'utf8')).not.toBe(before)
  }, 60_000)

  it('an interrupt with --force replaces a finished model once there is an epoch', async () => {
    expect((await seqloom(classify(path('forced')))).code).toBe(0)
    const run = start(classify(path('forced'), '--epochs', '100000', '--force', '--json'))
    await run.says('"epoch":2')
    run.kill('SIGINT')
    expect(lastRow((await run.done).stdout)).toMatchObject({ interrupted: true, saved: true })
    expect(JSON.parse(readFileSync(path('forced', 'model.json'), 'utf8'))).toMatchObject({ unfinished: true })
  }, 30_000)

  it('--resume without a backup says so and trains nothing', async () => {
    for (const out of [path('intents'), path('nothing', 'there')]) {
      const ran = await seqloom(classify(out, '--resume', '--json'))
      expect(ran).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(/ERR_STATE: --resume: there is no/),
      })
    }
    expect(existsSync(path('nothing'))).toBe(false)
  })

  it('a drawing replaces drawings and no other file without --force', async () => {
    writeFileSync(path('pairs.csv'), `source,target\n${'one,un\ntwo,deux\n'.repeat(20)}`)
    const train = ['train', 'translate', '--data', path('pairs.csv'), '--out', path('translator'), '--units', '8']
    expect((await seqloom([...train, '--embedding', '8', '--epochs', '1'])).code).toBe(0)
    writeFileSync(path('photo.svg'), '<svg>mine</svg>')
    const draw = (file: string, ...more: string[]) =>
      seqloom(['translate', '--model', path('translator'), '--attention-map', file, ...more, 'one'])
    expect(await draw(path('photo.svg'))).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/--force/),
    })
    expect(readFileSync(path('photo.svg'), 'utf8')).toBe('<svg>mine</svg>')
    expect((await draw(path('map.svg'))).code).toBe(0)
    expect((await draw(path('map.svg'))).code).toBe(0)
    expect((await draw(path('photo.svg'), '--force')).code).toBe(0)
    expect(readFileSync(path('photo.svg'), 'utf8')).toContain('Drawn by Seqloom')
  }, 60_000)
})

describe('checks before training', () => {
  it.each([
    ['an empty path', () => classify(''), 2, /ERR_OPTION: --out must be a path/],
    ['another scheme', () => classify('s3://bucket/model'), 2, /ERR_OPTION: --out .*s3:/],
    ['a file', () => classify(data), 1, /ERR_IO: cannot write to .*rows\.csv/],
    ['a place where no folder can be made', () => classify('/proc/nope/model'), 1, /ERR_IO: cannot write to \/proc/],
    ['a folder as data', () => ['train', 'generate', '--data', folder, '--out', path('x')], 1, /ERR_IO: cannot read/],
    ['a device as data', () => ['train', 'generate', '--data', '/dev/zero', '--out', path('x')], 1, /is a device/],
  ])('%s', async (_, args, code, message) => {
    const ran = await seqloom(args())
    expect(ran).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) })
    expect(ran.stderr.trim().split('\n')).toHaveLength(1)
  })

  it('files and folders may be file: URLs, and a pipe may be read', async () => {
    const url = (...names: string[]) => pathToFileURL(path(...names)).href
    const args = classify(url('by url')).map((arg) => (arg === data ? url('rows.csv') : arg))
    expect((await seqloom(args)).code).toBe(0)
    expect((await seqloom(['predict', '--model', url('by url'), 'a splendid film'])).stdout).toMatch(/^\w+\t/)
    expect(existsSync(path('by url', 'model.json'))).toBe(true)
    const text = `'${'the quick brown fox. '.repeat(60)}'`
    const generate = '$S train generate --units 8 --layers 1 --time 10 --batch-size 4 --epochs 1 --out piped'
    expect((await shell(`${generate} --data <(printf %s ${text})`)).code).toBe(0)
  }, 30_000)
})

describe('closed pipes', () => {
  it('do not keep a training from ending and being saved', async () => {
    const { code, stdout } = await shell(`set -o pipefail; $S ${classify('headed', '--json').join(' ')} | head -1`)
    expect({ code, rows: stdout.trim().split('\n').length }).toEqual({ code: 0, rows: 1 })
    expect(existsSync(path('headed', 'model.json'))).toBe(true)
    for (const [out, redirect] of [
      ['no-stderr', '2>&-'],
      ['deaf-stderr', '2> >(exit)'],
      ['no-output', '>&- 2>&-'],
    ] as const) {
      expect((await shell(`$S ${classify(out).join(' ')} ${redirect}`)).code).toBe(0)
      expect(existsSync(path(out, 'model.json'))).toBe(true)
    }
  }, 60_000)

  it('end what only prints, quietly', async () => {
    const command = `set -o pipefail; $S predict --model intents --data rows.csv --json | head -1`
    expect(await shell(command)).toMatchObject({ code: 0, stderr: '' })
  })

  it.skipIf(!existsSync('/dev/full'))(
    'a full disk is a failure',
    async () => {
      const predict = await shell('$S predict --model intents --data rows.csv > /dev/full')
      expect(predict).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^seqloom: ERR_IO: cannot write to standard/),
      })
      const train = await shell(`$S ${classify('full', '--json').join(' ')} > /dev/full`)
      expect(train).toMatchObject({ code: 1, stderr: expect.stringMatching(/ERR_IO: cannot write to standard/) })
      expect(existsSync(path('full', 'model.json'))).toBe(true)
    },
    30_000,
  )
})

describe('control characters', () => {
  const nasty = 'a\u001b[31mred\u202eevil\u0007'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
  const raw = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

  it('of labels, texts, names and files are written out', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => (i % 2 ? `fine and well,${nasty}` : 'sad and ill,plain'))
    writeFileSync(path('nasty.csv'), `text,label\n${rows.join('\n')}\n`)
    const out = path(`nasty\u001b[2J`)
    const train = await seqloom(classify(out).map((arg) => (arg === data ? path('nasty.csv') : arg)))
    expect(train.code).toBe(0)
    const evaluate = ['evaluate', '--model', out, '--data', path('nasty.csv')]
    const runs = [
      train,
      await seqloom(evaluate),
      await seqloom([...evaluate, '--json']),
      await seqloom(['predict', '--model', out, `fine \u009b31m\u2066 ${nasty}`]),
      await seqloom(['predict', '--model', out, '--json', `fine \u009b31m\u2066 ${nasty}`]),
      await seqloom(['predict', '--model', path('no\u001b]0;title\u0007'), 'x']),
      await seqloom(['train', 'classify', '--data', path('nasty.csv'), '--label', nasty]),
      await seqloom(['summary', '--model', out]),
      await seqloom([`\u001b[31m`]),
    ]
    for (const { stdout, stderr } of runs) expect(`${stdout}${stderr}`).not.toMatch(raw)
    expect(runs[3]?.stdout).toContain('a\\u001b[31mred\\u202eevil\\u0007')
    expect(JSON.parse(runs[4]?.stdout as string).text).toBe(`fine \u009b31m\u2066 ${nasty}`)
  }, 60_000)
})

describe('standard input', () => {
  it('of one endless line is refused', async () => {
    const child = spawn(process.execPath, [main, 'predict', '--model', path('intents')], { stdio: 'pipe' })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk
    })
    const line = 'x'.repeat(1 << 20)
    const done = new Promise<number | null>((resolve) => child.on('close', resolve))
    child.stdin.on('error', () => undefined)
    for (let i = 0; i < 20 && child.exitCode === null; i++) {
      if (!child.stdin.write(line)) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    child.stdin.end()
    expect(await done).toBe(1)
    expect(stderr).toMatch(/ERR_DATA: standard input has a line of more than/)
  }, 30_000)

  it('of links to the model is followed', async () => {
    symlinkSync(path('intents'), path('latest'))
    expect((await seqloom(['predict', '--model', path('latest'), 'a splendid film'])).code).toBe(0)
  })
})
